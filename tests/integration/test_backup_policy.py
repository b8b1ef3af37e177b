"""Backups as a policy: which of them stay, what their commands say, what one holds that is made while people work,
and how its age is told.
"""

import hashlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Condition, Event, Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from tests.conftest import Login, plain_office
from tests.support import files
from tests.support.clock import FROZEN, FrozenClock
from tests.support.databases import Database, PostgresTemplates, SqliteTemplates
from tests.support.evidence import received, submitted
from tests.support.folder_store import FolderStore
from tests.support.killing import ROOT, environment
from tests.support.office import OfficeKit
from tracker import clock, passes
from tracker.adapters import backup_crypto
from tracker.adapters.backup_folder import BackupFolder, Snapshot
from tracker.adapters.embedded import seaweed
from tracker.cli.doctor import examine
from tracker.cli.main import cli
from tracker.config import BackupSettings, Settings
from tracker.domain.backups import Keep, parse_keep, to_keep
from tracker.errors import InvalidInput, Unavailable
from tracker.models import BackupRun, Blob, Version
from tracker.ports import ObjectStore
from tracker.services import backup, restore
from tracker.services.jobs import write

ZONE = ZoneInfo("Asia/Shanghai")
WORDS = "one long passphrase 春秋"


def at(year: int, month: int, day: int, hour: int = 1, minute: int = 30) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=ZONE)


# -- which stay --------------------------------------------------------------------------------------------------------


def test_the_newest_of_each_day_month_and_year_stays() -> None:
    kept = {at(2026, 11, 23, 14), at(2026, 11, 22), at(2026, 10, 31), at(2025, 12, 31)}
    gone = {at(2026, 11, 23), at(2026, 11, 21), at(2026, 11, 1), at(2026, 10, 2), at(2026, 9, 30), at(2025, 1, 1),
            at(2024, 6, 1)}  # fmt: skip
    assert to_keep(kept | gone, Keep(2, 2, 2), ZONE) == kept


def test_days_are_those_of_the_office() -> None:
    made = {datetime(2026, 11, 22, hour, 30, tzinfo=ZoneInfo("UTC")) for hour in (15, 16)}  # half before, half past 0
    assert to_keep(made, Keep(5, 0, 0), ZONE) == made
    assert to_keep(made, Keep(5, 0, 0), ZoneInfo("UTC")) == {max(made)}


def test_a_time_without_backups_uses_up_nothing() -> None:
    """Who was away for two months still has the last three days that there are."""
    made = [at(2026, 11, 23), at(2026, 9, 10), at(2026, 9, 9), at(2026, 9, 8)]
    assert to_keep(made, Keep(3, 1, 1), ZONE) == set(made[:3])


def test_the_newest_stays_whatever_was_asked_for() -> None:
    assert to_keep([at(2026, 11, 22), at(2026, 11, 23)], Keep(0, 0, 0), ZONE) == {at(2026, 11, 23)}
    assert to_keep([], Keep(), ZONE) == set()


def test_night_after_night_the_same_stay_as_if_all_were_there_to_choose_from() -> None:
    made, there, first = [], set[datetime](), at(2023, 2, 27)
    for night in range(1200):
        made.append(first + timedelta(night))
        there = to_keep(there | {made[-1]}, Keep(), ZONE)
        if night % 100 == 99:
            assert there == to_keep(made, Keep(), ZONE)
    years = [at(2023, 12, 31), at(2024, 12, 31), at(2025, 12, 31)]
    assert sorted(there)[:3] == [years[0], years[1], at(2025, 7, 31)]
    assert years[2] in there
    assert made[-1] == at(2026, 6, 10)
    # 30 days, of which one is the last of May; ten months before that; two years before those.
    assert len(there) == 30 + 10 + 2


@pytest.mark.parametrize(
    ("text", "keep"), [("30,12,10", Keep()), (" 7, 0 ,0", Keep(7, 0, 0)), ("0,0,1", Keep(0, 0, 1))]
)
def test_what_stays_is_said_in_three_numbers(text: str, keep: Keep) -> None:
    assert parse_keep(text) == keep


@pytest.mark.parametrize(
    "text", ["", "30", "30,12", "30,12,10,1", "a,b,c", "-1,2,3", "1.5,2,3", "30;12;10", "0,0,0", "²,1,1"]
)
def test_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse_keep(text)
    assert raised.value.code == "keep_invalid"


# -- commands ----------------------------------------------------------------------------------------------------------


class Shell:
    """`tracker …` in this process, on the test's database, store and clock."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env

    def run(self, *arguments: str, typed: str | None = None, **env: str) -> Result:
        return CliRunner().invoke(cli, arguments, input=typed, env=self.env | env)

    def said(self, *arguments: str, status: int = 0, typed: str | None = None, **env: str) -> dict[str, Any]:
        """The answer for machines of a command that ends with `status`."""
        result = self.run(*arguments, "--json", typed=typed, **env)
        assert result.exit_code == status, result.output
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer


@pytest.fixture
def frozen(frozen: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> FrozenClock:
    """Commands and passes have the pages' clock."""
    monkeypatch.setattr(clock, "now", frozen)
    return frozen


def settings_of_processes(database: Database, s3: seaweed.Handle, data: Path) -> dict[str, str]:
    return {
        "TRACKER_DATA": str(data), "TRACKER_DATABASE_URL": database.url, "TRACKER_SECRET_KEY": "only-for-the-tests",
        "TRACKER_S3_ENDPOINT": s3.endpoint, "TRACKER_S3_ACCESS_KEY": s3.access, "TRACKER_S3_SECRET_KEY": s3.secret,
    }  # fmt: skip


def fill(session: Session, office: OfficeKit, store: ObjectStore) -> list[str]:
    """Two documents; their digests."""
    for cycle in ("M09", "M10"):
        owed = office.obligation(session, "T02-E1", cycle)
        submitted(session, office, owed, received(store, files.pdf(cycle)), FROZEN)
    session.commit()
    digests = list(session.scalars(select(Blob.sha256)))
    session.rollback()
    return digests


@pytest.fixture
def filled(session: Session, office: OfficeKit, store: ObjectStore) -> list[str]:
    return fill(session, office, store)


@pytest.fixture
def house(sqlite_templates: SqliteTemplates, store: ObjectStore, tmp_path: Path) -> tuple[Database, list[str]]:
    """A filled database for what the commands do with a folder, which is the same beside every kind of database."""
    kit = plain_office(sqlite_templates)
    database = sqlite_templates.copy("office", tmp_path)
    engine = database.engine()
    with Session(engine) as session:
        digests = fill(session, kit, store)
    engine.dispose()
    return database, digests


@pytest.fixture
def shell(house: tuple[Database, list[str]], s3: seaweed.Handle, tmp_path: Path, frozen: FrozenClock) -> Shell:
    assert clock.now is frozen
    return Shell(settings_of_processes(house[0], s3, tmp_path))


def spoil(folder: BackupFolder, sha256: str) -> None:
    """One bit of the copy, its size stays."""
    path = folder._at(folder.vault.name(sha256))
    raw = path.read_bytes()
    path.write_bytes(raw[:60] + bytes([raw[60] ^ 1]) + raw[61:])


def stamps(shell: Shell, *arguments: str) -> list[str]:
    return [one["stamp"] for one in shell.said("backup", "list", *arguments)["backups"]]


def test_a_key_a_backup_and_what_is_found_wrong_in_it(
    shell: Shell, house: tuple[Database, list[str]], frozen: FrozenClock, tmp_path: Path
) -> None:
    filled = house[1]
    key, out = tmp_path / "key", tmp_path / "out"
    assert shell.said("backup", "key", "--out", str(key)) == {"key_file": str(key)}
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    content = key.read_bytes()
    assert shell.said("backup", "key", "--out", str(key), status=1)["error"] == "key_file_not_made"
    nowhere = shell.said("backup", "key", "--out", str(tmp_path / "no" / "key"), status=1)
    assert nowhere["error"] == "key_file_not_made"
    assert key.read_bytes() == content  # the only one that opens the backups: never written over

    made = shell.said("backup", "--out", str(out), "--key-file", str(key))
    assert (made["encrypted"], made["objects"], made["new_objects"], made["lacking"]) == (True, 2, 2, [])
    where = ("--from", str(out))
    assert shell.said("backup", "list", *where, status=1)["error"] == "backup_key_missing"
    (tmp_path / "other").write_text(backup_crypto.new_key(), encoding="ascii")
    other = shell.said("backup", "list", *where, "--key-file", str(tmp_path / "other"), status=1)
    assert other["error"] == "backup_key_wrong"
    shell.env["TRACKER_BACKUP_KEY_FILE"] = str(key)  # from now on it need not be named
    assert shell.said("backup", "list", *where)["backups"] == [{"stamp": made["stamp"], "made_at": FROZEN.isoformat()}]
    assert shell.run("backup", "list", *where).stdout == f"{made['stamp']}  {FROZEN.isoformat()}\n"

    good = shell.said("backup", "verify", *where)["backups"]
    assert good == [{"stamp": made["stamp"], "rows": made["rows"], "objects": 2, "bad_objects": []}]
    assert shell.said("backup", "verify", *where, "--stamp", "20200101", status=1)["error"] == "backup_missing"
    opened = BackupFolder.open_at(out, backup_crypto.key_file(key))
    spoil(opened, filled[0])
    assert shell.said("backup", "verify", *where, "--quick")["backups"][0]["bad_objects"] == []
    bad = shell.said("backup", "verify", *where, status=1)["backups"][0]
    assert (bad["bad_objects"], "dropped" in bad) == ([filled[0]], False)
    bad = shell.said("backup", "verify", *where, "--drop", status=1)["backups"][0]
    assert (bad["bad_objects"], bad["dropped"]) == ([filled[0]], [filled[0]])
    assert "bad_objects" in shell.run("backup", "verify", *where).stdout  # a line a field, for people

    frozen.advance(days=1)
    again = shell.said("backup", "--out", str(out))
    assert (again["objects"], again["new_objects"]) == (2, 1)
    both = shell.said("backup", "verify", *where, "--all")["backups"]
    assert [(one["stamp"], one["bad_objects"]) for one in both] == [(made["stamp"], []), (again["stamp"], [])]
    spoil_snapshot = opened.snapshots_at / f"{made['stamp']}.backup"
    spoil_snapshot.write_bytes(spoil_snapshot.read_bytes()[:-1])
    assert shell.said("backup", "verify", *where, "--all", status=1)["error"] == "backup_damaged"
    assert shell.said("backup", "verify", *where)["backups"][0]["stamp"] == again["stamp"]  # the newest is good


def test_a_passphrase_is_asked_for_twice_when_the_folder_is_new(
    shell: Shell, frozen: FrozenClock, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    asking = ("backup", "--out", str(out), "--passphrase")
    short = shell.run(*asking, typed="too short\ntoo short\n")
    assert (short.exit_code, "passphrase_short" in short.stderr, out.exists()) == (1, True, False)
    assert shell.run(*asking, typed=f"{WORDS}\nsomething else\n").exit_code != 0  # nobody answers the next question
    assert not out.exists()

    made = shell.said(*asking, typed=f"{WORDS}\n{WORDS}\n")
    assert (made["encrypted"], made["objects"]) == (True, 2)
    assert WORDS.encode() not in (out / "backup.json").read_bytes()
    frozen.advance(days=1)
    shell.said(*asking, typed=f"{WORDS}\n")  # once: the folder knows whether it is right
    wrong = shell.said(*asking, typed="some other passphrase\n", status=1)
    assert wrong["error"] == "backup_key_wrong"

    where = ("--from", str(out))
    for command in ("list", "verify"):  # nobody sits at the terminal: it does not wait for ever
        assert shell.said("backup", command, *where, status=1)["error"] == "backup_key_missing"
    other = shell.said("backup", "list", *where, status=1, TRACKER_BACKUP_PASSPHRASE="some other passphrase")
    assert other["error"] == "backup_key_wrong"
    shell.env["TRACKER_BACKUP_PASSPHRASE"] = WORDS
    assert len(stamps(shell, *where)) == 2
    found = shell.said("backup", "verify", *where, "--all")["backups"]
    assert [one["bad_objects"] for one in found] == [[], []]


def test_at_a_terminal_the_passphrase_is_asked_for_and_not_shown(tmp_path: Path) -> None:
    folder = BackupFolder.create(tmp_path / "out", backup_crypto.passphrase(WORDS))
    with folder.writing():
        stamp = folder.write_snapshot(FROZEN, lambda _line: [])[0].stamp
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "tracker.cli.main", "backup", "list", "--from", str(folder.path)]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, start_new_session=True,
        env=environment(tmp_path, Database("sqlite://"), "smtp://127.0.0.1:1"),
    ) as process:  # fmt: skip
        os.close(theirs)
        assert process.stderr
        assert process.stdout
        asked = b""
        while not asked.endswith(b": ") and (more := process.stderr.read(1)):
            asked += more
        assert "口令 / passphrase" in asked.decode()
        os.write(ours, WORDS.encode() + b"\n")
        said = process.stdout.read().decode()
        assert process.wait(30) == 0, process.stderr.read()
    os.set_blocking(ours, False)
    try:
        shown = os.read(ours, 1000)
    except OSError:
        shown = b""
    os.close(ours)
    assert said == f"{stamp}  {FROZEN.isoformat()}\n"
    assert WORDS.encode() not in shown


def seeded(folder: BackupFolder, days: Iterable[date]) -> None:
    """Whole backups of nothing, made on these nights."""
    with folder.writing():
        for day in sorted(days):
            folder.write_snapshot(at(day.year, day.month, day.day), lambda _line: [])


def nights(folder: BackupFolder) -> list[date]:
    return [one.made_at.astimezone(ZONE).date() for one in folder.snapshots()]


def test_keep_says_what_stays_after_the_command(shell: Shell, tmp_path: Path) -> None:
    out, today = tmp_path / "out", FROZEN.date()
    bad = shell.said("backup", "--out", str(out), "--keep", "30,12", status=1)
    assert (bad["error"], out.exists()) == ("keep_invalid", False)
    folder = BackupFolder.create(out, None)
    seeded(folder, [today - timedelta(n) for n in (1, 2, 3, 30, 31, 400)])
    made = shell.said("backup", "--out", str(out), "--keep", "3,2,1")
    assert (made["encrypted"], made["removed_backups"]) == (False, 3)
    assert nights(folder) == [today - timedelta(n) for n in (30, 2, 1, 0)]
    assert shell.said("backup", "verify", "--from", str(out))["backups"][0]["objects"] == 2


# -- the night's backup ------------------------------------------------------------------------------------------------


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return replace(settings, backup=BackupSettings(tmp_path / "backups"))


def test_the_nights_backup_keeps_thirty_days_twelve_months_ten_years(
    app: Flask, filled: list[str], frozen: FrozenClock, tmp_path: Path
) -> None:
    folder, tonight = BackupFolder.create(tmp_path / "backups", None), date(2026, 11, 23)
    days = {tonight - timedelta(n) for n in range(1, 35)}
    firsts = {date(2025 + n // 12, n % 12 + 1, 1) for n in range(10, 22)}  # from November 2025 to October 2026
    ends = {one - timedelta(1) for one in firsts}
    decembers = {date(year, 12, 31) for year in range(2014, 2025)}
    seeded(folder, days | firsts | ends | decembers)
    with app.app_context():
        result = passes.run_backup(app, frozen.now)
    kept = {tonight} | {tonight - timedelta(n) for n in range(1, 30)}
    kept |= {one for one in ends if date(2025, 12, 31) <= one < date(2026, 10, 1)}  # with November and October: twelve
    kept |= {date(year, 12, 31) for year in range(2017, 2025)}  # with 2026 and 2025: ten
    assert nights(folder) == sorted(kept)
    assert result["removed_backups"] == len(days | firsts | ends | decembers) + 1 - len(kept)
    assert backup.check_again(folder, folder.latest().stamp)["bad_objects"] == []


# -- while people work -------------------------------------------------------------------------------------------------


class Uploader(Thread):
    """Hands in one document after the other through the services, until it is told to stop."""

    def __init__(self, engine: Engine, kit: OfficeKit, store: ObjectStore) -> None:
        super().__init__(daemon=True)
        self.engine, self.kit, self.store = engine, kit, store
        self.done, self.moved, self.end = 0, Condition(), Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            with Session(self.engine) as session:
                while not self.end.is_set():
                    file = received(self.store, files.pdf(f"{id(self)} {self.done}"))
                    write(session)
                    owed = self.kit.obligation(session, "T02-E1", f"M{self.done % 10 + 1:02}")
                    submitted(session, self.kit, owed, file, FROZEN)
                    session.commit()
                    with self.moved:
                        self.done += 1
                        self.moved.notify_all()
        except BaseException as error:  # noqa: BLE001 - the test's own thread raises it
            self.error = error

    def another(self) -> None:
        """Waits until one more is committed."""
        with self.moved:
            before = self.done
            assert self.moved.wait_for(lambda: self.done > before or self.error, 30), "nobody uploads"
        if self.error:
            raise self.error


class Slow(BackupFolder):
    """A folder that lets somebody else come between: at some tables of the dump, and at every object."""

    tables = ("blob", "audit_event", "evidence_version", "outbox")
    between: Callable[[], object]
    waits = 0

    def _wait(self) -> None:
        self.waits += 1
        self.between()

    def write_snapshot(
        self, made_at: datetime, write: Callable[[Callable[[str], None]], Iterable[str]]
    ) -> tuple[Snapshot, str]:
        def slowly(write_line: Callable[[str], None]) -> Iterable[str]:
            def line(text: str) -> None:
                write_line(text)
                if text.startswith('{"table"') and json.loads(text)["table"] in self.tables:
                    self._wait()

            return write(line)

        return super().write_snapshot(made_at, slowly)

    def store(self, sha256: str, chunks: Iterable[bytes]) -> bool:
        self._wait()
        return super().store(sha256, chunks)


@pytest.fixture
def empty_house(templates: SqliteTemplates | PostgresTemplates, tmp_path: Path) -> Iterator[Engine]:
    """A database of the same kind, with schema and calendars only."""
    templates.template("void", lambda _session: None)
    (tmp_path / "empty").mkdir()
    copy = templates.copy("void", tmp_path / "empty")
    engine = copy.engine()
    yield engine
    engine.dispose()
    templates.drop(copy)


def test_a_backup_made_while_people_upload_is_one_moment_of_rows_and_objects(
    app: Flask, engine: Engine, session: Session, office: OfficeKit, filled: list[str], store: ObjectStore,
    frozen: FrozenClock, empty_house: Engine, tmp_path: Path,
) -> None:  # fmt: skip
    folder = Slow.create(tmp_path / "slow", backup_crypto.Secret("key", b"k" * 40))
    assert isinstance(folder, Slow)
    uploader = Uploader(engine, office, store)
    folder.between = uploader.another
    uploader.start()
    try:
        uploader.another()
        at_first = uploader.done
        with app.app_context():
            result = passes.back_up(app, folder, frozen.now)
        at_last = uploader.done
    finally:
        uploader.end.set()
        uploader.join(30)
    assert uploader.error is None
    assert folder.waits > len(Slow.tables)
    assert result.lacking == []
    assert len(filled) + at_first <= result.objects < len(filled) + at_last - len(Slow.tables)

    copies = FolderStore(tmp_path / "copies")
    found = restore.restore(empty_house, copies, folder, result.stamp, clock=frozen, zone=ZONE)
    assert found.good, found
    assert (found.objects, found.lacking, found.differences, found.missing) == (result.objects, [], [], 0)
    with Session(empty_house) as back:
        blobs = back.scalars(select(Blob)).all()
        assert len(blobs) == result.objects
        for blob in blobs:
            assert hashlib.sha256(b"".join(copies.read(blob.object_key))).hexdigest() == blob.sha256
        # Whole acts, none of them by half: every document that is there was handed in, and has its bytes.
        versions = back.scalars(select(Version)).all()
        assert {one.state for one in versions} == {"submitted"}
        assert sorted(one.blob_id or 0 for one in versions) == sorted(blob.id for blob in blobs)

    # What came meanwhile is in the next one, and nothing twice.
    folder.between = lambda: None
    live = session.scalar(select(func.count(Blob.id))) or 0
    session.rollback()
    frozen.advance(days=1)
    with app.app_context():
        following = passes.back_up(app, folder, frozen.now)
    assert (following.objects, following.new_objects) == (live, live - result.objects)


# -- its age -----------------------------------------------------------------------------------------------------------


def told(app: Flask, login: Login) -> tuple[str, str, float]:
    """What the system page, the custody page and monitoring say of the last backup."""
    client: FlaskClient = login("sysadmin", app.test_client())
    system = client.get("/admin/system").get_data(as_text=True)
    custody = client.get("/custody").get_data(as_text=True)
    (line,) = [
        text for text in client.get("/metrics").get_data(as_text=True).splitlines()
        if text.startswith("tracker_last_backup_age_seconds ")
    ]  # fmt: skip
    return system, custody, float(line.partition(" ")[2])


def doctor(app: Flask) -> tuple[list[str], float | None]:
    """(what it complains of about backups, their age in seconds)."""
    with app.app_context():
        report = examine(app)
    return [one for one in report["problems"] if one.startswith("backup")], report["last_backup_seconds"]


def back_up(app: Flask) -> dict[str, Any]:
    """The night's pass, now."""
    with app.app_context():
        return passes.run_backup(app, clock.now())


NEVER, OLD = "还没有备份过", "太久没有备份"


def test_the_age_of_the_last_backup_is_told_wherever_somebody_looks(
    app: Flask, login: Login, settings: Settings, database: Database, s3: seaweed.Handle, filled: list[str],
    frozen: FrozenClock, tmp_path: Path,
) -> None:  # fmt: skip
    system, custody, age = told(app, login)
    assert (NEVER in system, NEVER in custody, age != age) == (True, True, True)
    assert doctor(app) == (["backup: never made"], None)
    app.extensions["settings"] = replace(settings, backup=None)
    assert doctor(app) == ([], None)  # nobody has asked for any
    app.extensions["settings"] = settings

    assert back_up(app)["objects"] == len(filled)
    for hours, old in ((0, False), (47, False), (49, True)):
        frozen.now = FROZEN + timedelta(hours=hours)
        system, custody, age = told(app, login)
        assert age == hours * 3600
        assert (NEVER in system, OLD in system, OLD in custody) == (False, old, old)
        assert doctor(app) == (["backup: older than two days"] if old else [], age)
    said = Shell(settings_of_processes(database, s3, tmp_path)).run("doctor")
    assert said.exit_code == 1
    assert "49.0 小时前" in said.stdout
    assert "backup: older than two days" in said.stdout

    # One that failed makes none younger; the next good one does.
    lock = tmp_path / "backups" / "lock"
    lock.unlink()
    lock.mkdir()  # nobody can open it for writing
    with pytest.raises(Unavailable):
        back_up(app)
    system, custody, age = told(app, login)
    assert (OLD in system, OLD in custody, age) == (True, True, 49 * 3600)
    aged, wrong = doctor(app)[0]
    assert aged == "backup: older than two days"
    assert wrong.startswith("backup: the last one went wrong: ")
    lock.rmdir()
    frozen.advance(hours=3)  # after which one that failed is tried again
    assert back_up(app)["new_objects"] == 0
    system, custody, age = told(app, login)
    assert (OLD in system, OLD in custody, age) == (False, False, 0)
    assert doctor(app) == ([], 0)


def test_a_first_backup_that_failed_is_no_backup(
    app: Flask, login: Login, session: Session, frozen: FrozenClock, tmp_path: Path
) -> None:
    BackupFolder.create(tmp_path / "backups", None)
    (tmp_path / "backups" / "lock").mkdir()
    assert clock.now() == frozen.now
    with pytest.raises(Unavailable):
        back_up(app)
    system, _custody, age = told(app, login)
    assert ("备份目录写不进去" in system, age != age) == (True, True)
    never, wrong = doctor(app)[0]
    assert never == "backup: never made"
    assert wrong.startswith("backup: the last one went wrong: ")
    session.rollback()
    assert session.scalars(select(BackupRun.manifest_sha256)).all() == [""]
