"""A small office with a little of everything: departments, an account for each role, tasks of every kind."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.permissions import Actor, Role
from tracker.models import Department, Indicator, Obligation, Office, Part, Period, Slot, Task, User
from tracker.queries.subjects import actor_of
from tracker.services.accounts import hash_password
from tracker.services.plan import generate_year
from tracker.services.setup import load_calendars, prepare

PASSWORD = "Chun-qiu-2026"
CATALOGUES = Path(__file__).resolve().parents[2] / "tracker" / "catalogues"
DEPARTMENTS = (
    ("fzb", "法制办", "Legal office"),
    ("zzxf", "综治信访办", "Petition office"),
    ("sfs", "司法所", "Justice office"),
    ("dzb", "党政办公室", "Party and administration office"),
)

# key -> (role, department); the key is also the local part of the e-mail address
PEOPLE: dict[str, tuple[Role, str | None]] = {
    "contact": (Role.CONTACT, "zzxf"),
    "dept_head": (Role.DEPT_HEAD, "zzxf"),
    "contact_sfs": (Role.CONTACT, "sfs"),
    "contact_dzb": (Role.CONTACT, "dzb"),
    "reviewer": (Role.REVIEWER, "fzb"),
    "reviewer2": (Role.REVIEWER, "fzb"),
    "legal_head": (Role.LEGAL_HEAD, "fzb"),
    "deputy": (Role.DEPUTY, None),
    "director": (Role.DIRECTOR, None),
    "secretary": (Role.SECRETARY, None),
    "inspector": (Role.INSPECTOR, None),
    "archivist": (Role.ARCHIVIST, None),
    "sysadmin": (Role.SYSADMIN, None),
    "secadmin": (Role.SECADMIN, None),
    "auditadmin": (Role.AUDITADMIN, None),
}


@dataclass(frozen=True)
class S:
    """A slot of the small catalogue."""

    code: str
    name: str
    coverage: str
    cycle: str
    kind: str = "document"
    validity: int = 396
    count: int = 1
    required: bool = True
    must_show: tuple[str, ...] = ("写明日期", "有签字盖章")


@dataclass(frozen=True)
class T:
    """A task of the small catalogue."""

    code: str
    part: str
    title: str
    owner: str
    deadline: dict[str, Any]
    slots: tuple[S, ...]
    helps: tuple[str, ...] = ()
    weight: int = 1
    indicators: tuple[tuple[str, float], ...] = field(default_factory=tuple)


TASKS = (
    T("T01", "P01", "信访矛盾排查化解", "zzxf", {"kind": "quarterly"}, (
        S("T01-E1", "年度工作方案", "standing", "annual"),
        S("T01-E2", "排查会议记录", "point", "quarterly", "minutes", 107),
        S("T01-E3", "排查台账", "period", "monthly", "ledger", 46),
    ), ("sfs",), 3, (("T01-I1", 4.0),)),
    T("T02", "P01", "网格巡查月报", "zzxf", {"kind": "monthly"}, (
        S("T02-E1", "巡查台账", "period", "monthly", "ledger", 46),
    )),
    T("T03", "P02", "法治宣传活动", "sfs", {"kind": "annual", "due": ["12-15"]}, (
        S("T03-E1", "活动照片", "point", "annual", "photo", 396, 2),
        S("T03-E2", "工作制度", "standing", "once", "document", 1095),
        S("T03-E3", "宣传材料样张", "point", "annual", required=False),
    ), ("zzxf",), 2),
    T("T04", "P02", "合法性审查", "fzb", {"kind": "half_yearly"}, (
        S("T04-E1", "审查意见汇总", "period", "half_yearly", "statistics", 198),
    )),
    T("T05", "P02", "重大事项报告", "zzxf", {"kind": "event", "event_mode": "bulk", "year_close": "12-31"}, (
        S("T05-E1", "全年汇总表", "point", "annual", "statistics"),
    )),
)  # fmt: skip


@dataclass(frozen=True)
class OfficeKit:
    """What was made, by plain identifiers, so that every session can use it."""

    office_id: int
    departments: dict[str, int]
    users: dict[str, int]

    def user(self, session: Session, key: str) -> User:
        return session.get_one(User, self.users[key])

    def actor(self, session: Session, key: str) -> Actor:
        return actor_of(self.user(session, key))

    def obligation(self, session: Session, slot_code: str, cycle_no: str, period_no: str | None = None) -> Obligation:
        """The obligation of a slot in a cycle (Y, H1, Q4, M11); `period_no` where a slot asks in several periods."""
        found = (
            select(Obligation)
            .join(Slot, Slot.id == Obligation.slot_id)
            .join(Period, Period.id == Obligation.period_id)
            .where(
                Slot.code == slot_code,
                Obligation.cycle_no == cycle_no,
                Period.period_no == (period_no or Period.period_no),
            )
        )
        return session.scalars(found).one()

    def period(self, session: Session, task_code: str, period_no: str) -> Period:
        return session.scalars(
            select(Period)
            .join(Task, Task.id == Period.task_id)
            .where(Task.code == task_code, Period.period_no == period_no)
        ).one()


@cache
def password_hash() -> str:
    """One hash for all: hashing is slow on purpose."""
    return hash_password(PASSWORD)


def calendars() -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(CATALOGUES.glob("calendar-*.json"))]


def prepare_empty(session: Session, now: datetime) -> None:
    """What `tracker init` leaves: chain head and calendars."""
    prepare(session)
    load_calendars(session, calendars(), now=now)


def add_person(
    session: Session, office_id: int, key: str, role: Role, department_id: int | None, now: datetime
) -> User:
    person = User(
        office_id=office_id, department_id=department_id, email=f"{key}@office.example", name=f"账户 {key}",
        role=role.value, password_hash=password_hash(), password_changed_at=now, created_at=now,
    )  # fmt: skip
    session.add(person)
    return person


def build(session: Session, now: datetime, people: Iterable[str] = tuple(PEOPLE)) -> OfficeKit:
    """The office with the plan year of `now`, its periods judged at `now`."""
    office = Office(name_zh="测试街道", name_en="Test Subdistrict", plan_year=now.year, created_at=now)
    session.add(office)
    session.flush()
    departments = {
        code: Department(office_id=office.id, code=code, name_zh=zh, name_en=en, position=position)
        for position, (code, zh, en) in enumerate(DEPARTMENTS)
    }
    session.add_all(departments.values())
    session.flush()
    users = {}
    for key in people:
        role, code = PEOPLE[key]
        users[key] = add_person(session, office.id, key, role, departments[code].id if code else None, now)
    parts = {
        code: Part(
            office_id=office.id, plan_year=now.year, code=code, no_zh=no, title_zh=title, title_en="", position=n
        )
        for n, (code, no, title) in enumerate((("P01", "一", "矛盾化解"), ("P02", "二", "依法行政")))
    }  # fmt: skip
    session.add_all(parts.values())
    session.flush()
    for position, wanted in enumerate(TASKS):
        session.add(_task(wanted, position, office, parts, departments, now.year))
    session.flush()
    generate_year(session, office_id=office.id, year=now.year, now=now)
    return OfficeKit(
        office.id, {code: row.id for code, row in departments.items()}, {key: row.id for key, row in users.items()}
    )


def _task(
    wanted: T, position: int, office: Office, parts: dict[str, Part], departments: dict[str, Department], year: int
) -> Task:
    slots = [
        Slot(
            code=slot.code, position=number, name_zh=slot.name, name_en="", kind=slot.kind, required=slot.required,
            coverage=slot.coverage, refresh_cycle=slot.cycle, validity_days=slot.validity, min_count=slot.count,
            must_show=list(slot.must_show), rejections=[{"code": "R02", "text_zh": "缺少签字盖章"}],
        )
        for number, slot in enumerate(wanted.slots)
    ]  # fmt: skip
    indicators = [
        Indicator(
            code=code,
            name_zh="排查次数",
            name_en="Rounds",
            unit="次",
            kind="count",
            cycle="year",
            target_op=">=",
            target=target,
        )
        for code, target in wanted.indicators
    ]  # fmt: skip
    return Task(
        office_id=office.id, plan_year=year, part=parts[wanted.part], owner=departments[wanted.owner],
        cooperating=[departments[code] for code in wanted.helps], code=wanted.code, position=position,
        title_zh=wanted.title, title_en="", weight=wanted.weight, deadline_kind=wanted.deadline["kind"],
        deadline=wanted.deadline, slots=slots, indicators=indicators,
    )  # fmt: skip
