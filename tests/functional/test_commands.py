"""`tracker init`, `audit verify` and `doctor`: what they say and with which exit status they end."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, text

from tracker.adapters.embedded.process import free_port
from tracker.cli.main import COMMANDS, cli

ENV = {"TRACKER_SECRET_KEY": "a key that is only for tests"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path


def run(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, env=ENV | {"TRACKER_DATA": str(data)}, catch_exceptions=False)


def change(data: Path, statement: str) -> None:
    engine = create_engine(f"sqlite:///{data / 'tracker.db'}")
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_init_can_be_run_again_and_tells_the_password_once(data: Path) -> None:
    first = json.loads(run(data, "init", "--json", "--admin-email", "Admin@Office.example").stdout)
    assert first["calendars_added"] == 4
    assert first["administrator"] == "Admin@Office.example"
    assert len(first["password"]) >= 10
    again = json.loads(run(data, "init", "--json").stdout)
    assert again == {"schema": first["schema"], "calendars_added": 0}


def test_init_without_an_administrator_gives_the_code_for_the_first_page(data: Path) -> None:
    result = json.loads(run(data, "init", "--json").stdout)
    assert len(result["setup_code"]) == 8
    assert result["setup_code"] in run(data, "init", "--quiet").stdout


def test_the_log_is_intact_until_somebody_edits_it(data: Path) -> None:
    run(data, "init", "--admin-email", "admin@office.example")
    good = run(data, "audit", "verify", "--json")
    assert (good.exit_code, json.loads(good.stdout)["broken_at"]) == (0, None)
    for what in ("update", "delete"):  # the database refuses; whoever owns it can take the refusal away
        change(data, f"DROP TRIGGER audit_event_no_{what}")
    change(data, "UPDATE audit_event SET actor = 'somebody else' WHERE seq = 1")
    bad = run(data, "audit", "verify", "--json")
    assert (bad.exit_code, json.loads(bad.stdout)["broken_at"]) == (1, 1)
    assert "broken at event 1" in run(data, "audit", "verify").stdout
    change(data, "DELETE FROM audit_event")
    assert run(data, "audit", "verify").exit_code == 1


def test_doctor_names_what_is_missing(data: Path) -> None:
    run(data, "init", "--admin-email", "admin@office.example")
    result = run(data, "doctor", "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 1  # no store, no Redis, no mail in these settings
    assert report["components"] == {
        "database": "ok",
        "migrations": "ok",
        "store": "store_down",
        "redis": "not_configured",
    }
    assert report["differences"] == []
    assert "sweep: never ran" in report["problems"]
    change(data, "UPDATE alembic_version SET version_num = '0000'")
    report = json.loads(run(data, "doctor", "--json").stdout)
    assert report["components"]["migrations"].startswith("at 0000")


def commands() -> Iterator[tuple[str, ...]]:
    """Every command that does something, by its words."""
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        inner = command.list_commands(context) if isinstance(command, click.Group) else []
        if not inner or (isinstance(command, click.Group) and command.invoke_without_command):
            yield (name,)
        yield from ((name, one) for one in inner)


@pytest.mark.parametrize("words", tuple(commands()), ids=" ".join)
def test_every_command_has_help_in_both_languages_and_an_answer_for_machines(
    data: Path, words: tuple[str, ...]
) -> None:
    said = run(data, *words, "--help").stdout
    assert any("\u4e00" <= character <= "\u9fff" for character in said)
    assert sum(word.isascii() and word.isalpha() for word in said.split()) > 5
    assert "--json" in said
    command = cli.get_command(click.Context(cli), words[0])
    for word in words[1:]:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command is not None
    told = [option for option in command.params if isinstance(option, click.Option) and option.name != "help"]
    assert [option.name for option in told if " / " not in (option.help or "")] == []
    assert run(data, *words, "--no-such-option").exit_code == 2


NEED_ROWS = (
    ("sweep",), ("deliver",), ("user", "list"), ("department", "list"), ("rehearse",), ("audit", "verify"),
    ("archive", "check"), ("catalogue", "export", "out.yaml"),
    ("package", "create", "--year", "2026", "--out", "p.zip"),
    ("user", "add", "--email", "a@b.example", "--name", "甲", "--role", "director"),
)  # fmt: skip


@pytest.mark.parametrize("words", NEED_ROWS, ids=" ".join)
def test_a_database_that_was_never_set_up_is_a_sentence(
    data: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data)
    said = run(data, *words)
    assert (said.exit_code, said.stdout) == (1, "")
    assert "tracker init" in said.stderr.splitlines()[-1]
    assert "Traceback" not in said.output
    machine = run(data, *words, "--json")
    assert machine.exit_code == 1
    assert json.loads(machine.stdout)["error"] == "database_missing"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("words", [("sweep",), ("deliver",), ("user", "list"), ("init",)], ids=" ".join)
def test_a_database_that_is_down_is_a_sentence(data: Path, words: tuple[str, ...], kind: str) -> None:
    url = (
        f"sqlite:///{data}/nowhere/t.db"
        if kind == "sqlite"
        else f"postgresql+psycopg://me:s3cret@127.0.0.1:{free_port()}/t"
    )
    environment = ENV | {"TRACKER_DATA": str(data), "TRACKER_DATABASE_URL": url}
    said = CliRunner().invoke(cli, words, env=environment, catch_exceptions=False)
    assert (said.exit_code, said.stdout) == (1, "")
    assert "the database cannot be used" in said.stderr
    assert "s3cret" not in said.output
    machine = CliRunner().invoke(cli, [*words, "--json"], env=environment, catch_exceptions=False)
    assert (machine.exit_code, json.loads(machine.stdout)["error"]) == (1, "database_down")


def test_what_is_not_there_yet_is_named_for_machines_too(data: Path) -> None:
    run(data, "init", "--admin-email", "admin@office.example")
    change(data, "DELETE FROM user_account")
    change(data, "DELETE FROM office")
    assert json.loads(run(data, "user", "list", "--json").stdout)["error"] == "no_office"
    assert "no office yet" in run(data, "user", "list").stderr


def test_a_wrong_use_ends_with_2(data: Path) -> None:
    assert run(data, "nothing").exit_code == 2
    assert run(data, "init", "--nothing").exit_code == 2


def test_rehearse_counts_and_draws_and_writes_nothing(data: Path) -> None:
    run(data, "init", "--admin-email", "admin@office.example")
    empty = run(data, "rehearse", "--json")
    assert empty.exit_code == 1  # neither office nor tasks
    assert run(data, "rehearse", "--assume", "somehow").exit_code == 2
    assert "预演一年" in run(data, "rehearse", "--help").stdout
    assert "Rehearses a year" in run(data, "rehearse", "--help").stdout
