"""Reasons in words where people read them: why insufficient, why stale, what the reviewer is warned of; two years."""

import io
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from docx import Document
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import Workbook
from pypdf import PdfWriter
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import evidence as acts
from tests.support import files
from tests.support.clock import FROZEN
from tests.support.folder_store import FolderStore
from tests.support.office import PASSWORD, OfficeKit
from tracker.models import Department, Indicator, Part, Period, Slot, Task, User, Version
from tracker.ports import ObjectStore
from tracker.services import evidence, flagging, indicators, people, review
from tracker.services.assessment import reassess
from tracker.services.plan import generate_year

Login = Callable[..., FlaskClient]
MONTHS = ("M07", "M08", "M09")  # of the third quarter, which is over
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return FolderStore(tmp_path / "objects")


class Giver:
    """Gives the office's material, every file with bytes of its own."""

    def __init__(self, session: Session, office: OfficeKit, store: ObjectStore) -> None:
        self.session, self.office, self.store, self.given = session, office, store, 0

    def file(self) -> evidence.ReceivedFile:
        self.given += 1
        return acts.received(self.store, files.pdf(str(self.given)), f"材料{self.given}.pdf")

    def accepted(self, slot: str, cycle: str, now: datetime = FROZEN, day: date | None = None) -> Version:
        owed = self.office.obligation(self.session, slot, cycle)
        return acts.accepted(self.session, self.office, owed, self.file(), now, day=day)

    def quarter(self, minutes: tuple[int, ...] = (0, 1)) -> Version:
        """All that the third quarter of T01 asks for; `minutes` are the points that its minutes show."""
        self.accepted("T01-E1", "Q3", day=date(2026, 1, 5))
        for month in MONTHS:
            self.accepted("T01-E3", month)
        owed = self.office.obligation(self.session, "T01-E2", "Q3")
        version = acts.submitted(self.session, self.office, owed, self.file(), FROZEN, day=date(2026, 9, 20))
        return review.decide(
            self.session, actor=self.office.actor(self.session, "reviewer"), version_id=version.id,
            verdict="accepted", ticked=minutes, now=FROZEN,
        )  # fmt: skip

    def judged(self) -> None:
        """Everything as it stands at FROZEN, for others to see."""
        self.session.flush()
        reassess(self.session, self.session.scalars(select(Period.id)).all(), now=FROZEN)
        self.session.commit()


@pytest.fixture
def giver(session: Session, office: OfficeKit, store: ObjectStore) -> Giver:
    return Giver(session, office, store)


def rows(page: str) -> list[str]:
    """The lines of a page's list."""
    return page.rpartition("<tbody>")[2].partition("</tbody>")[0].split("<tr>")[1:]


def row_of(page: str, *words: str) -> str:
    """The only line with all these words."""
    found = [row for row in rows(page) if all(word in row for word in words)]
    assert len(found) == 1, (words, len(found))
    return found[0]


def said(row: str, letter: str) -> list[str]:
    """Codes with their words, in order: `I2 指标没有达到目标`."""
    return [text.strip() for text in re.findall(rf">({letter}\d [^<]*)<", row)]


# ---------------------------------------------------------------------- why a period is insufficient


def counts_by_the_quarter(session: Session) -> Indicator:
    found = session.scalars(select(Indicator).where(Indicator.code == "T01-I1")).one()
    found.cycle = "quarter"
    return found


def miss_the_target(giver: Giver) -> None:
    """Two rounds, and four are the target."""
    session, office = giver.session, giver.office
    proof, indicator = giver.quarter(), counts_by_the_quarter(session)
    indicators.record_value(
        session, actor=office.actor(session, "contact"), indicator_id=indicator.id,
        period_id=office.period(session, "T01", "Q3").id, value=2, qualifier="exact", as_of=date(2026, 9, 30),
        version_id=proof.id, now=FROZEN,
    )  # fmt: skip


def leave_out_the_value(giver: Giver) -> None:
    giver.quarter()
    counts_by_the_quarter(giver.session)


def leave_out_a_point(giver: Giver) -> None:
    giver.quarter(minutes=(0,))


@pytest.mark.parametrize(
    ("fault", "chinese", "english"),
    [
        (miss_the_target, "I2 指标没有达到目标", "I2 The indicator misses its target"),
        (
            leave_out_the_value, "I3 指标没有数值，或数值没有材料证明",
            "I3 The indicator has no value, or its value is not proved",
        ),
        (leave_out_a_point, "I4 有必须体现的要点没有体现", "I4 A must-show point is not shown"),
    ],
)  # fmt: skip
def test_an_insufficient_period_is_listed_with_its_reason(
    login: Login, giver: Giver, fault: Callable[[Giver], None], chinese: str, english: str
) -> None:
    fault(giver)
    giver.judged()
    client = login("reviewer")
    page = client.get("/attention?list=insufficient").text
    assert said(row_of(page, "T01 信访矛盾排查化解", "period=Q3"), "I") == [chinese]
    assert len(rows(page)) == 1
    page = client.get("/attention?list=insufficient", headers=ENGLISH).text
    assert said(row_of(page, "period=Q3"), "I") == [english]


def test_several_reasons_stand_one_below_the_other(login: Login, giver: Giver) -> None:
    giver.quarter(minutes=())
    counts_by_the_quarter(giver.session)
    giver.judged()
    row = row_of(login("reviewer").get("/attention?list=insufficient").text, "period=Q3")
    assert [text[:2] for text in said(row, "I")] == ["I3", "I4"]


def test_a_period_with_everything_is_not_listed(login: Login, giver: Giver) -> None:
    giver.quarter()
    giver.judged()
    page = login("reviewer").get("/attention?list=insufficient").text
    assert "没有不充分的期次" in page
    assert "不充分 <b>0</b>" in page


@pytest.mark.parametrize(
    ("given", "reasons"),
    [
        ([], ["I1 采纳的份数不够"]),
        ([("T01-E3", month) for month in MONTHS], ["I1 采纳的份数不够", "I5 材料种类单一"]),
        ([("T01-E1", "Q3")], ["I1 采纳的份数不够", "I5 材料种类单一", "I6 只有文件，没有落实记录"]),
    ],
)
def test_what_is_late_as_well_says_it_in_its_tile(
    login: Login, giver: Giver, given: list[tuple[str, str]], reasons: list[str]
) -> None:
    """Where a file is missing altogether, the period is late first of all; its tile names the rest."""
    for slot, cycle in given:
        giver.accepted(slot, cycle)
    giver.judged()
    client = login("reviewer")
    period = giver.office.period(giver.session, "T01", "Q3")
    assert said(client.get(f"/board/period/{period.id}?fragment=1").text, "I") == reasons
    assert "期限已过，材料或指标不充分" in client.get(f"/board/period/{period.id}").text


# ---------------------------------------------------------------------- why material is stale


def expire(giver: Giver) -> None:
    """S1: a plan with an end of its own."""
    session, office = giver.session, giver.office
    owed = office.obligation(session, "T01-E1", "Q4")
    version = acts.draft(session, office, owed, giver.file(), FROZEN)
    told = acts.entry(version, owed, date(2026, 1, 5), valid_to=date(2026, 11, 20))
    evidence.submit(session, actor=office.actor(session, "contact"), entries=[told], now=FROZEN)
    review.decide(
        session, actor=office.actor(session, "reviewer"), version_id=version.id, verdict="accepted", ticked=[0, 1],
        now=FROZEN,
    )  # fmt: skip


def stop_renewing(giver: Giver) -> None:
    """S2: September's ledger, and none of October."""
    giver.accepted("T02-E1", "M09")


def give_an_older_one(giver: Giver) -> None:
    """S3: what was given for October turned out to be September's."""
    version = giver.accepted("T02-E1", "M10")
    version.covered_from, version.covered_to = date(2026, 9, 1), date(2026, 9, 30)
    version.doc_date = date(2026, 9, 30)


def ask_for_more(giver: Giver) -> None:
    """S4: thirty days ago another requirement came, and nobody confirmed the plan."""
    session, october = giver.session, FROZEN - timedelta(45)
    version = giver.accepted("T01-E1", "Q4", october, date(2026, 1, 5))
    marked = flagging.flag_requirement(
        session, actor=giver.office.actor(session, "legal_head"), office_id=giver.office.office_id,
        slots=[version.evidence.slot], now=october,
    )  # fmt: skip
    assert marked == [version]


def repeal(giver: Giver) -> None:
    session = giver.session
    version = giver.accepted("T01-E1", "Q4", day=date(2026, 1, 5))
    reviewer = giver.office.actor(session, "reviewer")
    review.flag(session, actor=reviewer, version_id=version.id, flag="S5", reason="办法已废止", now=FROZEN)


def lose_a_member(giver: Giver) -> None:
    """S6: the head of the department left, and the plan names who is in charge."""
    session, office = giver.session, giver.office
    giver.accepted("T01-E1", "Q4", day=date(2026, 1, 5)).evidence.slot.names_people = True
    people.disable_user(session, actor=office.actor(session, "sysadmin"), user_id=office.users["dept_head"], now=FROZEN)


PLAN, LEDGER = ("年度工作方案", "period=Q4"), ("巡查台账", "period=M10")


@pytest.mark.parametrize(
    ("fact", "where", "chinese", "english"),
    [
        (expire, PLAN, "S1 有效期已过", "S1 Validity expired"),
        (stop_renewing, LEDGER, "S2 到期没有更新", "S2 Not renewed when due"),
        (give_an_older_one, LEDGER, "S3 只有以前期次的材料", "S3 Only material of earlier periods"),
        (
            ask_for_more, PLAN, "S4 佐证要求已变更，须重新确认",
            "S4 The requirement has changed and must be confirmed anew",
        ),
        (
            repeal, PLAN, "S5 所依据的规定、名单或合同已失效",
            "S5 The rule, list or contract it rests on is no longer valid",
        ),
        (lose_a_member, PLAN, "S6 名单上的人员已变动", "S6 People on the roster have changed"),
    ],
)  # fmt: skip
def test_stale_material_is_listed_with_its_reason(
    login: Login, giver: Giver, fact: Callable[[Giver], None], where: tuple[str, str], chinese: str, english: str
) -> None:
    client = login("reviewer")
    assert "没有失效的材料" in client.get("/attention?list=stale").text
    fact(giver)
    giver.judged()
    assert said(row_of(client.get("/attention?list=stale").text, *where), "S") == [chinese]
    page = client.get("/attention?list=stale", headers=ENGLISH).text
    assert said(row_of(page, *where), "S") == [english]


# ---------------------------------------------------------------------- a board with two years

NOW_TITLES = {"信访矛盾排查化解", "网格巡查月报", "法治宣传活动", "合法性审查", "重大事项报告"}
MEDIATION, LESSONS, REVIEWS = "上年调解回访", "上年普法课堂", "上年文件清理"

FILTERS: dict[str, set[str]] = {
    "": NOW_TITLES,
    "year=2026": NOW_TITLES,
    "year=2025": {MEDIATION, LESSONS, REVIEWS},
    "year=2024": set(),
    "year=2025&part=P01": {MEDIATION},
    "year=2025&part=P02": {LESSONS, REVIEWS},
    "year=2026&part=P01": {"信访矛盾排查化解", "网格巡查月报"},
    "year=2025&dept=zzxf": {MEDIATION, REVIEWS},
    "year=2025&dept=sfs": {LESSONS},
    "year=2025&dept=fzb": set(),
    "year=2026&dept=sfs": {"法治宣传活动"},
    "year=2025&light=red": {MEDIATION, LESSONS},
    "year=2025&light=green": {REVIEWS},
    "year=2025&light=yellow": set(),
    "year=2025&light=red&dept=zzxf": {MEDIATION},
    "year=2025&light=red&part=P02&dept=zzxf": set(),
}


@pytest.fixture
def last_year(giver: Giver) -> None:
    """Three tasks of 2025 under the same codes: two of one department, two in one part; one is done."""
    session, office = giver.session, giver.office
    parts = {
        code: Part(
            office_id=office.office_id, plan_year=2025, code=code, no_zh=no, title_zh=title, title_en="", position=n
        )
        for n, (code, no, title) in enumerate((("P01", "一", "上年化解"), ("P02", "二", "上年普法")))
    }  # fmt: skip
    session.add_all(parts.values())
    for number, (title, part, owner) in enumerate(
        ((MEDIATION, "P01", "zzxf"), (LESSONS, "P02", "sfs"), (REVIEWS, "P02", "zzxf")), 1
    ):
        slot = Slot(
            code=f"T0{number}-L", position=0, name_zh="总结", name_en="", kind="document", required=True,
            coverage="point", refresh_cycle="annual", validity_days=396, min_count=1, must_show=[],
        )  # fmt: skip
        task = Task(
            office_id=office.office_id, plan_year=2025, part=parts[part], code=f"T0{number}", position=number,
            owner=session.get_one(Department, office.departments[owner]), title_zh=title, title_en="", weight=1,
            deadline_kind="annual", deadline={"kind": "annual", "due": ["12-15"]}, slots=[slot],
        )  # fmt: skip
        session.add(task)
    session.flush()
    generate_year(session, office_id=office.office_id, year=2025, now=FROZEN)
    giver.accepted("T03-L", "Y", day=date(2025, 11, 3))
    giver.judged()


def test_the_board_shows_the_tasks_of_its_filter_and_no_others(login: Login, last_year: None) -> None:
    client = login("reviewer")
    for asked, titles in FILTERS.items():
        page = client.get(f"/board?{asked}").text
        assert {title for title in NOW_TITLES | {MEDIATION, LESSONS, REVIEWS} if title in page} == titles, asked
        table = client.get(f"/board/export.csv?{asked}").data.decode("utf-8-sig")
        assert {line.split(",")[1] for line in table.splitlines()[1:]} == titles, asked


# ---------------------------------------------------------------------- what the reviewer is warned of

WIDELY = "这份文件已用于三个以上的佐证要求"


def test_the_fourth_use_of_one_file_warns_the_reviewer(login: Login, giver: Giver) -> None:
    session, office = giver.session, giver.office
    same = giver.file()
    given = []
    for slot, cycle in (("T01-E1", "Q4"), ("T01-E2", "Q4"), ("T02-E1", "M10"), ("T05-E1", "Y")):
        owed = office.obligation(session, slot, cycle)
        given.append(acts.submitted(session, office, owed, same, FROZEN, day=date(2026, 11, 2)))
    session.commit()
    assert ["shared_widely" in version.warnings for version in given] == [False, False, False, True]
    client = login("reviewer")
    assert WIDELY in client.get(f"/review/{given[3].id}").text
    assert WIDELY not in client.get(f"/review/{given[2].id}").text
    assert client.get("/review").text.count(WIDELY) == 1
    english = client.get(f"/review/{given[3].id}", headers=ENGLISH).text
    assert "This file serves more than three slots" in english


def dated_pdf(day: date) -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    writer.add_metadata({"/CreationDate": f"D:{day:%Y%m%d}093000+08'00'"})
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def dated_docx(day: date) -> bytes:
    document = Document()
    document.add_paragraph("巡查记录")
    document.core_properties.created = datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def dated_xlsx(day: date) -> bytes:
    book = Workbook()
    book.properties.created = datetime(day.year, day.month, day.day, 3)  # noqa: DTZ001 - openpyxl writes it as UTC
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


@pytest.mark.parametrize(("days", "warned"), [(7, False), (8, True)])
@pytest.mark.parametrize(("ending", "make"), [("pdf", dated_pdf), ("docx", dated_docx), ("xlsx", dated_xlsx)])
def test_a_file_made_long_after_its_date_warns_the_reviewer(
    app: Flask, login: Login, session: Session, office: OfficeKit, ending: str, make: Callable[[date], bytes],
    days: int, warned: bool,
) -> None:  # fmt: skip
    owed, stated = office.obligation(session, "T02-E1", "M10"), date(2026, 11, 2)
    body: Any = login("contact").post(
        f"/obligations/{owed.id}/files", data=make(stated + timedelta(days)), content_type="application/octet-stream",
        headers={"X-Requested-With": "XMLHttpRequest", "X-File-Name": quote(f"巡查台账.{ending}")},
    ).get_json()  # fmt: skip
    session.rollback()
    version = session.get_one(Version, body["version_id"])
    told = acts.entry(version, office.obligation(session, "T02-E1", "M10"), stated)
    evidence.submit(session, actor=office.actor(session, "contact"), entries=[told], now=FROZEN)
    session.commit()
    assert version.warnings == (["backdated"] if warned else [])
    client = login("reviewer", app.test_client())
    for path in (f"/review/{version.id}", "/review"):
        assert ("疑似倒签：文件内嵌的创建日期比形成日期晚 7 天以上。" in client.get(path).text) is warned, path
    assert ("Possibly backdated" in client.get("/review", headers=ENGLISH).text) is warned


# ---------------------------------------------------------------------- what is kept of a password


def test_passwords_are_kept_as_argon2id(login: Login, session: Session, office: OfficeKit) -> None:
    client, new = login("sysadmin"), "Qiu-shou-dong-cang-9"
    place = str(office.departments["sfs"])
    form = {"email": "new@office.example", "name": "司法所经办二", "role": "contact", "department": place}
    assert client.post("/admin/people/new", data=form).status_code == 200
    changed = client.post("/password", data={"old": PASSWORD, "password": new, "again": new})
    assert changed.status_code == 302
    made = session.scalars(select(User).where(User.email.in_(["new@office.example", "sysadmin@office.example"]))).all()
    kept = [word for user in made for word in (user.password_hash, *user.former_passwords)]
    assert len(kept) == 3, "the new account's, the changed one and the one before it"
    assert len(set(kept)) == 3
    for word in kept:
        # The least that OWASP asks for: 19 MiB, two passes, one lane.
        assert re.fullmatch(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}", word), word[:30]
        assert PASSWORD not in word
