"""The demo office, page by page: every task with every period, and the bar of every role, in both languages."""

import html
import re
from collections.abc import Iterator
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
from tracker.adapters.embedded import seaweed
from tracker.adapters.objects import MinioStore
from tracker.app import create_app
from tracker.config import Settings, StoreSettings, parse_smtp
from tracker.db import db
from tracker.demo import seed
from tracker.domain.permissions import Role
from tracker.models import Base, Period, Task, User

CHINESE = re.compile(r"[\u3001-\u303f\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff60]+")
LINK = re.compile(r'href="(/[^"#]*)')
BAR = re.compile(r"<nav.*?</nav>", re.DOTALL)
SCRIPT = re.compile(r"<script.*?</script>|<pre.*?</pre>", re.DOTALL)
READ_ALOUD = re.compile(r'(?:title|aria-label|placeholder|alt|data-[a-z-]+)="([^"]*)"')
# Files, and what ends the session.
# Reckon a whole year, or a whole morning's mail: one role in each language opens them.
LONG = ("/rehearsal", "/tomorrow")
# Numbers of official papers, subjects in the language of who gets the mail, names inside a package, brackets as signs.
IN_CHINESE = re.compile(r"督办〔\d+〕\d+号|【法治任务】.*|打开目录\.html|〔〕|中文")
NO_PAGE = re.compile(r"^/(static|files|logout)|export|\.(yaml|xlsx|csv|docx|ics|zip|pdf)")


class Demo:
    """The seeded office and whoever looks at it."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        with app.app_context():
            session = db.session()
            people = list(session.scalars(select(User).order_by(User.id)))
            self.people = {Role(user.role): user.id for user in reversed(people)}
            rows = session.execute(
                select(Task.plan_year, Task.code, Period.period_no).join(Task.periods).order_by(Task.code)
            )
            self.periods = [f"/tasks/{year}/{code}?period={number}" for year, code, number in rows]
            self.tasks = sorted({path.partition("?")[0] for path in self.periods})
            self.exactly = self._words(session)
            self.known = sorted((word for word in self.exactly if len(word) > 1), key=len, reverse=True)
            session.rollback()
        self._checked: dict[str, str] = {}

    def _words(self, session: Session) -> set[str]:
        """Every text of the database in Chinese: names, titles, what somebody wrote."""
        found: set[str] = set()

        def take(value: object) -> None:
            if isinstance(value, str):
                if CHINESE.search(value):  # a file's name, too, is shown without its ending
                    found.update((" ".join(value.split()), Path(value).stem if len(value) < 250 else ""))
            elif isinstance(value, dict):
                for one in (*value, *value.values()):
                    take(one)
            elif isinstance(value, list):
                for one in value:
                    take(one)

        for table in Base.metadata.sorted_tables:
            for row in session.execute(select(table)):
                for value in row:
                    take(value)
        return found

    def client(self, role: Role, language: str) -> FlaskClient:
        client = self.app.test_client()
        assert client.post("/demo-login", data={"user": self.people[role]}).status_code == 302
        assert client.post("/language", data={"locale": language, "next": "/"}).status_code == 302
        return client

    def untranslated(self, page: str) -> list[str]:
        """Chinese on an English page that is nobody's own words."""
        page = SCRIPT.sub("", page)
        texts = [*re.findall(r">([^<]+)<", page), *READ_ALOUD.findall(page)]
        return [left for text in texts if CHINESE.search(text) and (left := self._left_of(html.unescape(text)))]

    def _left_of(self, text: str) -> str:
        text = " ".join(text.split())
        if text not in self._checked:
            left = "" if text in self.exactly else IN_CHINESE.sub("", text)
            left = re.sub(r"\(([^()]+)\)", lambda unit: "" if unit[1] in self.exactly else unit[0], left)
            for known in self.known:
                if not CHINESE.search(left):
                    left = ""
                    break
                left = left.replace(known, "")
            self._checked[text] = text if CHINESE.search(left) else ""
        return self._checked[text]


@pytest.fixture(scope="module")
def demo(
    tmp_path_factory: pytest.TempPathFactory, sqlite_templates: SqliteTemplates, s3: seaweed.Handle
) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    store = MinioStore(StoreSettings(s3.endpoint, s3.access, s3.secret))
    sqlite_templates.template("empty", lambda session: offices.prepare_empty(session, FROZEN))
    database = sqlite_templates.copy("empty", folder)
    app = create_app(_settings(folder, database.url), store=store, testing=True)
    app.config.update(CLOCK=lambda: FROZEN, WTF_CSRF_ENABLED=False)
    with app.app_context(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("tracker.demo.hash_password", lambda _word: "*")  # nobody types one here; hashing is slow
        session = db.session()
        session.connection(execution_options={"write": True})
        seed(session, store, FROZEN, folder)
        session.commit()
    yield Demo(app)
    with app.app_context():
        db.engine.dispose()


def _settings(folder: Path, url: str) -> Settings:
    return Settings(
        data=folder, host="127.0.0.1", port=8000, base_url="http://127.0.0.1:8000", secret_key="only-for-the-tests",
        database_url=url, redis_url=None, store=None, smtp=parse_smtp("smtp://127.0.0.1:1"),
        mail_from="tracker@office.example", timezone=ZoneInfo("Asia/Shanghai"), max_upload=32 << 20, demo=True,
        idle_minutes=15, session_hours=8,
    )  # fmt: skip


def test_every_task_opens_with_every_period(demo: Demo) -> None:
    client = demo.client(Role.LEGAL_HEAD, "zh")
    assert len(demo.periods) > 150
    found = {path: client.get(path).status_code for path in demo.periods}
    assert {path: status for path, status in found.items() if status != 200} == {}


def test_every_task_is_english_in_english(demo: Demo) -> None:
    """With the period that is shown without asking: the most pressing one."""
    client = demo.client(Role.LEGAL_HEAD, "en")
    assert len(demo.tasks) == 51
    chinese = set[str]()
    for path in demo.tasks:
        answer = client.get(path)
        assert answer.status_code == 200, path
        chinese |= {f"{path}: {left}" for left in demo.untranslated(answer.text)}
    assert sorted(chinese) == []


def _kind(path: str) -> str:
    """The same for pages of one kind: figures and codes of tasks tell them apart."""
    return re.sub(r"T\d\d|\d+", "N", path.partition("?")[0])


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_role_gets_through_its_bar_and_one_page_of_each_kind_behind_it(demo: Demo, language: str) -> None:
    """The whole bar and the tabs of each role; of what these pages link to, one of each kind over all roles."""
    broken, chinese, seen = [], set[str](), set[str]()
    for role in demo.people:
        client, mine = demo.client(role, language), set[str]()
        waiting = ["/"]
        while waiting:
            path = waiting.pop(0)
            answer = client.get(path, follow_redirects=True)
            if answer.status_code != 200:
                broken.append((role.value, path, answer.status_code))
                continue
            if answer.mimetype != "text/html":
                continue
            if language == "en":
                chinese |= {f"{_kind(path)}: {left}" for left in demo.untranslated(answer.text)}
            bar = {html.unescape(link) for nav in BAR.findall(answer.text) for link in LINK.findall(nav)}
            for link in map(html.unescape, LINK.findall(answer.text)):
                kind = _kind(link)
                known = seen if link not in bar or kind in LONG else mine
                if NO_PAGE.search(link) or kind in known:
                    continue
                mine.add(kind)
                seen.add(kind)
                waiting.append(link)
    assert broken == []
    assert sorted(chinese) == []
    assert len(seen) > 50
