"""Fixtures: a database, an application, an office, a store, a mailbox and a browser for every test that asks.

Tests below tests/integration and tests/faults run on SQLite and on PostgreSQL where they use a database, the
others on SQLite.
The object store is a real S3 server, except below tests/unit.
"""

import gc
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from tests.support import office as offices
from tests.support import postgres
from tests.support.clock import FROZEN, FrozenClock
from tests.support.databases import Database, PostgresTemplates, SqliteTemplates
from tests.support.folder_store import FolderStore
from tests.support.office import PASSWORD, OfficeKit
from tests.support.stage import Stage
from tracker.adapters.embedded import mailsink, seaweed
from tracker.adapters.embedded.process import LOOPBACK, free_port
from tracker.adapters.objects import MinioStore
from tracker.config import Settings, StoreSettings, parse_smtp
from tracker.ports import ObjectStore

Login = Callable[..., FlaskClient]


def _room(item: Any) -> str:
    """The folder below tests/ that a test lives in."""
    parts = Path(str(item.path)).parts
    return parts[parts.index("tests") + 1]


def pytest_configure(config: pytest.Config) -> None:
    # Half a million objects of modules, routes and tests live to the end: an eighth of the time went into looking at
    # them again and again.
    gc.set_threshold(50_000, 20, 100)
    config.addinivalue_line("markers", "alone: measures seconds of the whole product; runs with nothing beside it")
    config.addinivalue_line("markers", "empty_database: a database with schema and calendars, but no office")
    config.addinivalue_line(
        "markers",
        "filled(fill): the office and what fill(session, office) made of it once; or none",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files whose single tests last longest come first, so that all workers end together."""
    files = {"test_year.py", "test_catalogue_year.py", "test_matrix.py"}
    items.sort(key=lambda item: item.path.name not in files)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.support.scheduling import MixedScheduling

    return MixedScheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_kind" in metafunc.fixturenames:
        both = _room(metafunc.definition) in {"integration", "faults"}
        metafunc.parametrize("database_kind", ["sqlite", "postgresql"] if both else ["sqlite"])


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("TRACKER_"):
            monkeypatch.delenv(name)


# -- database ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def sqlite_templates(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplates:
    return SqliteTemplates(tmp_path_factory.mktemp("templates"))


@pytest.fixture(scope="session")
def postgres_templates() -> Iterator[PostgresTemplates]:
    # Not below pytest's own folder: every start of another pytest takes away the right to enter it.
    with tempfile.TemporaryDirectory(prefix="tracker-postgres-", dir=postgres.in_memory()) as folder:
        server = postgres.start(Path(folder))
        yield PostgresTemplates(server.url)
        server.stop()


Templates = SqliteTemplates | PostgresTemplates


def _empty(templates: Templates) -> str:
    templates.template("empty", lambda session: offices.prepare_empty(session, FROZEN))
    return "empty"


def plain_office(templates: Templates) -> OfficeKit:
    """The small office, in the template "office"."""
    kit: OfficeKit = templates.template(
        "office", lambda session: offices.build(session, FROZEN), base=_empty(templates)
    )
    return kit


def _office(templates: Templates, request: pytest.FixtureRequest) -> tuple[str, OfficeKit]:
    """Name of the template that the test's database is a copy of, and the office in it."""
    kit = plain_office(templates)
    marked = request.node.get_closest_marker("filled")
    if marked is None or not marked.args:
        return "office", kit
    more = marked.args[0]
    name = f"{more.__module__}_{more.__name__}".replace(".", "_")
    templates.template(name, lambda session: more(session, kit), base="office")
    return name, kit


@pytest.fixture
def templates(database_kind: str, request: pytest.FixtureRequest) -> Templates:
    made: Templates = request.getfixturevalue(
        "postgres_templates" if database_kind == "postgresql" else "sqlite_templates"
    )
    return made


@pytest.fixture
def database(templates: Templates, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database with the small office; without any office for tests marked `empty_database`."""
    empty = request.node.get_closest_marker("empty_database") is not None
    made = templates.copy(_empty(templates) if empty else _office(templates, request)[0], tmp_path)
    yield made
    templates.drop(made)


@pytest.fixture(scope="session")
def stage() -> Stage:
    return Stage()


@pytest.fixture
def engine(stage: Stage, database: Database) -> Iterator[Engine]:
    with stage.engine(database) as made:
        yield made


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session of the test's own, apart from the application's: commit to be seen, `rollback()` to see."""
    with Session(engine) as made:
        yield made


@pytest.fixture
def office(templates: Templates, database: Database, request: pytest.FixtureRequest) -> OfficeKit:
    """Identifiers of the small office that `database` holds."""
    return _office(templates, request)[1]


# -- the outside -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[seaweed.Handle]:
    """A real S3 server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOGC", "400")  # memory is no matter here, and every worker has one: a sixth less work
        server = seaweed.start(tmp_path_factory.mktemp("s3"))
    yield server
    server.stop()


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if _room(request.node) == "unit":
        return FolderStore(tmp_path / "objects")
    server: seaweed.Handle = request.getfixturevalue("s3")
    return MinioStore(StoreSettings(server.endpoint, server.access, server.secret))


@pytest.fixture
def smtp_sink(tmp_path: Path) -> Iterator[mailsink.Handle]:
    """A real SMTP server that keeps what it gets in a Maildir; `smtp_sink.sink.fault` makes it refuse."""
    sink = mailsink.start(tmp_path / "mail")
    yield sink
    sink.stop()


# -- application -------------------------------------------------------------------------------------------------------


@pytest.fixture
def frozen() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return Settings(
        data=tmp_path,
        host=LOOPBACK,
        port=8000,
        base_url=f"http://{LOOPBACK}:8000",
        secret_key="only-for-the-tests",
        database_url=database.url,
        redis_url=None,
        store=None,
        smtp=parse_smtp(f"smtp://{LOOPBACK}:1"),  # nobody listens there: no test sends mail by accident
        mail_from="tracker@office.example",
        timezone=ZoneInfo("Asia/Shanghai"),
        max_upload=32 << 20,
        demo=False,
        idle_minutes=15,
        session_hours=8,
    )


@pytest.fixture
def app(stage: Stage, settings: Settings, store: ObjectStore, frozen: FrozenClock) -> Iterator[Flask]:
    """The application on the test's database and clock; forms need no token (one test of their own asks for it)."""
    with stage.app(settings, store) as made:
        made.config.update(CLOCK=frozen, WTF_CSRF_ENABLED=False)
        yield made


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def login(client: FlaskClient, who: str) -> FlaskClient:
    """Signs `who` (a key of support.office.PEOPLE) in through the login form; the same client."""
    answer = client.post("/login", data={"email": f"{who}@office.example", "password": PASSWORD})
    assert answer.status_code == 302, f"{who} could not sign in"
    return client


@pytest.fixture(name="login")
def login_fixture(client: FlaskClient) -> Login:
    """`login("contact")` for the test's client, `login("reviewer", other_client)` for another one."""

    def sign_in(who: str, other: FlaskClient | None = None) -> FlaskClient:
        return login(other or client, who)

    return sign_in


# -- browser -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def live_server(app: Flask) -> Iterator[str]:
    """The application on a real port, with its forms' tokens; the address without a slash at its end."""
    from werkzeug.serving import make_server

    app.config["WTF_CSRF_ENABLED"] = True
    port = free_port()
    server = make_server(LOOPBACK, port, app, threaded=True)
    # A request that outlives its test would be answered from the next one's database: closing waits for them all.
    vars(server).update(daemon_threads=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://{LOOPBACK}:{port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A real Chromium from the system's packages (`make browser`); it never asks anything outside."""
    from shutil import which

    from playwright.sync_api import sync_playwright

    # The shell that is made for this starts quicker than the whole browser does.
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(which, names)), None)
    assert path, "no Chromium: type `make browser`"
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=flags)
        yield launched
        launched.close()


@pytest.fixture
def browser(chromium: Any, live_server: str) -> Iterator[Any]:
    """A browser context that speaks Chinese, wide; `browser.new_page()`. Relative addresses go to `live_server`."""
    context = chromium.new_context(
        base_url=live_server, locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": 1366, "height": 900}
    )
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def phone(chromium: Any, live_server: str) -> Iterator[Any]:
    """The same on a phone."""
    context = chromium.new_context(
        base_url=live_server, locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": 390, "height": 844},
        has_touch=True, is_mobile=True, device_scale_factor=2,
    )  # fmt: skip
    context.set_default_timeout(10_000)
    yield context
    context.close()
