"""What the demo office holds: somebody in every role, and material in every state that a visitor wants to see."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import office as offices
from tests.support.clock import FROZEN
from tests.support.databases import SqliteTemplates
from tests.support.folder_store import FolderStore
from tracker.app import create_app
from tracker.config import Settings, parse_smtp
from tracker.db import db
from tracker.demo import seed
from tracker.domain.calendar import local_date
from tracker.domain.permissions import Role
from tracker.models import Department, Obligation, Period, Task, User, Version
from tracker.services.assessment import OFFICE_ZONE

TODAY = local_date(FROZEN, OFFICE_ZONE)


@dataclass(frozen=True)
class Demo:
    app: Flask
    folder: Path

    def client(self, role: Role) -> FlaskClient:
        client = self.app.test_client()
        with self.app.app_context():
            person = db.session.scalars(select(User.id).where(User.role == role.value).order_by(User.id)).first()
            db.session.rollback()
        assert client.post("/demo-login", data={"user": person}).status_code == 302, role
        return client


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, sqlite_templates: SqliteTemplates) -> Iterator[Demo]:
    """The office as `tracker up --demo` fills it, seeded once: that takes longer than all the tests."""
    folder = tmp_path_factory.mktemp("demo-content")
    store = FolderStore(folder / "objects")
    sqlite_templates.template("empty", lambda session: offices.prepare_empty(session, FROZEN))
    database = sqlite_templates.copy("empty", folder)
    settings = Settings(
        data=folder, host="127.0.0.1", port=8000, base_url="http://127.0.0.1:8000", secret_key="only-for-the-tests",
        database_url=database.url, redis_url=None, store=None, smtp=parse_smtp("smtp://127.0.0.1:1"),
        mail_from="tracker@office.example", timezone=ZoneInfo("Asia/Shanghai"), max_upload=32 << 20, demo=True,
        idle_minutes=15, session_hours=8,
    )  # fmt: skip
    app = create_app(settings, store=store, testing=True)
    app.config.update(CLOCK=lambda: FROZEN, WTF_CSRF_ENABLED=False)
    with app.app_context(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("tracker.demo.hash_password", lambda _word: "*")  # nobody types one here; hashing is slow
        session = db.session()
        session.connection(execution_options={"write": True})
        seed(session, store, FROZEN, folder)
        session.commit()
    yield Demo(app, folder)
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def session(demo: Demo) -> Iterator[Session]:
    with demo.app.app_context():
        yield db.session()
        db.session.rollback()


# ---------------------------------------------------------------------- somebody in every role


def test_every_role_has_somebody_to_sign_in_as(demo: Demo, session: Session) -> None:
    """The first page offers them by role; a click opens the office as that person sees it."""
    people = session.scalars(select(User)).all()
    assert {user.role for user in people} == {role.value for role in Role}
    offered = {int(key) for key in re.findall(r'name="user" value="(\d+)"', demo.app.test_client().get("/login").text)}
    assert offered == {user.id for user in people}
    for role in Role:
        assert demo.client(role).get("/", follow_redirects=True).status_code == 200, role


def test_every_account_works_today_and_is_written_down(demo: Demo, session: Session) -> None:
    written = [line.split("\t") for line in (demo.folder / "accounts.txt").read_text(encoding="utf-8").splitlines()]
    people = session.scalars(select(User)).all()
    assert sorted(line[0] for line in written) == sorted(user.email for user in people)
    assert len({line[1] for line in written}) == len(people), "a password of one's own for each"
    for user in people:
        assert user.active, user.email
        assert user.valid_until is None or user.valid_until > TODAY, user.email


def test_every_department_with_tasks_has_somebody_who_brings_material(session: Session) -> None:
    owners = set(session.scalars(select(Task.owner_id)))
    contacts = set(session.scalars(select(User.department_id).where(User.role == Role.CONTACT.value)))
    legal = set(session.scalars(select(Department.id).where(Department.code == "fzb")))
    assert len(owners) > 10
    assert owners - legal == contacts, "the legal office brings its own"


# ---------------------------------------------------------------------- material in every state

STATES: dict[str, Callable[[Obligation], bool]] = {
    "good": lambda owed: owed.state == "filled" and owed.light == "green",
    "due soon": lambda owed: owed.state != "filled" and owed.light == "yellow" and owed.due >= TODAY,
    "stale": lambda owed: owed.state == "stale" and bool(owed.stale_reasons),
    "returned": lambda owed: owed.state == "returned",
    "missing": lambda owed: owed.state == "missing" and owed.light == "red" and owed.due < TODAY,
    "waiting": lambda owed: owed.state == "submitted",
    "draft": lambda owed: owed.state == "draft",
}


@pytest.mark.parametrize("state", STATES)
def test_material_is_there_in_every_state(demo: Demo, session: Session, state: str) -> None:
    required = session.scalars(select(Obligation).where(Obligation.required.is_(True))).all()
    assert len(required) > 300
    found = [owed for owed in required if STATES[state](owed)]
    assert found, f"nothing is {state}"


def test_most_of_what_was_owed_is_good(demo: Demo, session: Session) -> None:
    """An office as it is: some trouble, and not nothing but trouble."""
    owed = session.scalars(select(Obligation).where(Obligation.required.is_(True), Obligation.due < TODAY)).all()
    good = sum(one.state == "filled" for one in owed)
    assert len(owed) / 2 < good < len(owed)


@pytest.mark.parametrize(
    ("light", "word"),
    [("green", "完成"), ("yellow", "临期"), ("yellow", "退回"), ("blue", "待审"), ("red", "逾期"), ("red", "已过期")],
)
def test_the_board_shows_it(demo: Demo, light: str, word: str) -> None:
    page = demo.client(Role.LEGAL_HEAD).get("/board").text
    assert word in re.findall(rf'class="t {light}[^>]*><i>[^<]*</i><b>([^<]*)</b>', page)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("late", "缺 1 份"),
        ("stale", "S1 有效期已过"),
        ("stale", "S5 所依据的规定、名单或合同已失效"),
        ("insufficient", "I4 有必须体现的要点没有体现"),
    ],
)
def test_the_lists_of_what_needs_somebody_show_it(demo: Demo, kind: str, words: str) -> None:
    page = demo.client(Role.LEGAL_HEAD).get(f"/attention?list={kind}").text
    assert words in page.partition("<tbody>")[2]


def test_lights_of_every_colour_are_on_the_board(session: Session) -> None:
    assert set(session.scalars(select(Period.light))) == {"red", "yellow", "blue", "green", "grey"}


@pytest.mark.parametrize("state", ["accepted", "submitted", "returned", "superseded"])
def test_a_file_of_each_state_opens(demo: Demo, session: Session, state: str) -> None:
    """Real bytes lie behind it, and the reviewer reads why it came back."""
    version = session.scalars(
        select(Version).where(Version.state == state, Version.kind == "file").order_by(Version.id)
    ).first()
    assert version is not None
    assert version.blob is not None
    client = demo.client(Role.LEGAL_HEAD)
    assert hashlib.sha256(client.get(f"/files/{version.id}").data).hexdigest() == version.blob.sha256
    page = client.get(f"/review/{version.id}").text
    assert version.file_name in page
    if state == "returned":
        assert version.review is not None
        assert version.review.comment
        assert version.review.comment in page
