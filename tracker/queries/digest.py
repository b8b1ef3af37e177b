"""What many people are told of, as the lines of their digests, in the order of rules.md section 11.

A fixed number of statements, however many people are asked for at once: delivery comes in chunks.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from tracker.domain.evidence import mend_by
from tracker.domain.looks import OFFICE_ZONE
from tracker.domain.notices import reference, stage
from tracker.domain.permissions import LEGAL, OWNERS
from tracker.domain.reminders import plain_rung, read_rung
from tracker.domain.telling import Kind, is_switched_off
from tracker.models import User
from tracker.queries import digest_rows as read
from tracker.queries.calendar import load_calendar
from tracker.queries.digest_rows import Gap, PeriodRow
from tracker.queries.office_rules import load_rules

# The order of a mail (rules.md 11.2). What 11.2 does not name stands where its urgency puts it: signing on after
# what is due now, a request that waits for the reader after what he owes himself.
ORDER = (
    "custody", "notice", "statutory", "overdue", "due_now", "sign", "returned", "stale", "insufficient", "soon_stale",
    "due_later", "asked", "decided", "accepted", "system", "weekly",
)  # fmt: skip
LATE_GROUPS = frozenset({"notice", "statutory", "overdue", "sign"})
SOON_DAYS = 3
EARLY, EARLY_DAYS = re.compile(r"T-(\d+)"), 7  # steps so many days before the deadline say what material must show
EVENT = "E"  # period numbers of registered events
WORKING = {role.value for role in OWNERS | LEGAL}  # who does the tasks of his department


@dataclass(frozen=True, slots=True)
class Missing:
    """A slot and how many pieces nobody has submitted yet, over all its cycles that are near or over."""

    name_zh: str
    name_en: str
    count: int
    lacks: tuple[tuple[str, str], ...] = ()  # (zh, en) of the pieces of its recipe that are lacking
    points: tuple[str, ...] = ()  # what it must show, in the steps that come early enough to prepare it


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that the reader is told. No personal data: code, title, slots, dates, a path to land on.

    `stage`: state of a notice, state of a request, or what happened to a version. `reference`: 督办〔2026〕3号.
    `subject`: kind of a request or of a clock. `department_*`: whose it is, where that is not the reader's own.
    `rung`: what rang, without the prefix of a cycle: T-7, T+3, week, press, start; "" for what joins another's
    trigger. `copied`: steps above the department that were told the same: legal, deputy, first. `stood_in_for`:
    the account in whose place the reader is told.
    """

    group: str
    link: str  # path and query on this site
    code: str = ""
    title_zh: str = ""
    title_en: str = ""
    plan_year: int = 0
    period_no: str = ""
    period_id: int | None = None
    # Of the most urgent thing in it: a year's task may owe a ledger each month. Of a return: the last day to mend it.
    due: date | None = None
    late: bool = False
    missing: tuple[Missing, ...] = ()
    insufficient: tuple[str, ...] = ()  # I1..I8: what is wrong with a period that lacks no piece
    stage: str = ""
    reference: str = ""
    subject: str = ""
    department_zh: str = ""
    department_en: str = ""
    rung: str = ""
    copied: tuple[str, ...] = ()
    pre_holiday: bool = False
    stood_in_for: str = ""
    milestone: str = ""  # what is to be done by `due`, where that is a date on the way and not the deadline


@dataclass(frozen=True, slots=True)
class _Facts:
    """Everything that was read, by id."""

    today: date
    periods: Mapping[int, PeriodRow]
    gaps: Mapping[int, Gap]
    rungs: Mapping[int, Any]
    copied: Mapping[tuple[str, int, str], set[tuple[str, int | None]]]
    clocks: Mapping[int, Any]
    notices: Mapping[int, Any]
    requests: Mapping[int, Any]
    versions: Mapping[int, Any]
    names: Mapping[int, str]
    mend_by: Mapping[int, date]  # the last day on which what was returned in a period keeps its place


def lines_for(
    session: Session, people: Sequence[User], rows: Mapping[int, Sequence[Any]], today: date
) -> dict[int, list[Line]]:
    """Person id → the lines of that person's digest of `today`, in their order.

    `rows`: person id → his outbox rows that are still true (rows of the table or anything with its columns). A
    person with no row gets no line; with one, the other red and yellow periods of his department join.
    """
    told = [row for person in people for row in rows.get(person.id, ())]
    triggered = [person for person in people if rows.get(person.id)]
    facts = _read(session, told, {person.department_id for person in triggered if person.department_id}, today)
    own: dict[int, list[PeriodRow]] = defaultdict(list)
    for period in facts.periods.values():
        if period.light in read.PRESSING:
            own[period.owner_id].append(period)
    return {
        person.id: sorted(
            _lines(person, rows[person.id], own.get(person.department_id or 0, ()), facts), key=_place
        )
        for person in triggered
    }  # fmt: skip


def _read(session: Session, told: Sequence[Any], departments: Collection[int], today: date) -> _Facts:
    def ids(name: str) -> set[int]:
        return {value for row in told if (value := getattr(row, name)) is not None}

    rungs = read.rungs(session, ids("reminder_id"))
    clocks = read.clocks(session, ids("clock_id"))
    periods = read.periods(session, ids("period_id"), departments)
    returned = read.returns(session, [period.id for period in periods.values() if "returned" in period.reasons])
    return _Facts(
        today=today,
        periods=periods,
        gaps=read.gaps(session, periods.keys(), today),
        rungs=rungs,
        copied=read.copied(session, rungs.values()),
        clocks=clocks,
        notices=read.notices(session, ids("notice_id") | {row.notice_id for row in clocks.values() if row.notice_id}),
        requests=read.requests(session, ids("request_id")),
        versions=read.versions(session, ids("version_id")),
        names=read.names(session, ids("stood_in_for_id")),
        mend_by={
            key: mend_by(at, load_calendar(session), OFFICE_ZONE, load_rules(session, periods[key].office_id).fix_days)
            for key, at in returned.items()
        },
    )


def _place(line: Line) -> tuple[int, date, str, str]:
    return ORDER.index(line.group), line.due or date.max, line.code, line.period_no


def _lines(person: User, rows: Sequence[Any], own: Iterable[PeriodRow], facts: _Facts) -> Iterable[Line]:
    """Every line of one person, in no order; several rows about one thing make one line."""
    things: dict[tuple[str, Any], list[Any]] = defaultdict(list)
    for row in rows:
        things[_thing(row, facts)].append(row)
    makers: dict[str, Callable[..., Line | None]] = {
        "notice": _notice, "sign": _sign, "request": _request, "accepted": _accepted, "period": _period,
        "milestone": _milestone,
    }  # fmt: skip
    for (name, key), members in things.items():
        if name in makers:
            line = makers[name](person, key, members, facts)
            if line is not None:
                yield line
        elif name == "weekly":
            yield Line("weekly", "/overview")
        elif name == "custody":
            yield Line("custody", "/custody#findings", stage=str(len(members)))
        else:
            yield Line("system", SYSTEM_PAGES.get(key, "/admin/system"), subject=key)
    known = {key for name, key in things if name == "period"}
    for period in own:
        if period.id not in known and _joins(person, period, facts):
            line = _period(person, period.id, (), facts)
            if line is not None:
                yield line


# What the administrator is told of, by the beginning of its `once`.
SYSTEM_PAGES = {"removal": "/removals", "calendar": "/admin/calendar", "mailbox": "/mail#mailboxes"}


def _thing(row: Any, facts: _Facts) -> tuple[str, Any]:
    """What a row is about."""
    clock = facts.clocks.get(row.clock_id) if row.clock_id is not None else None
    notice_id = row.notice_id or (clock.notice_id if clock else None)
    if notice_id is not None:
        return "notice", notice_id
    if row.request_id is not None:
        return "request", row.request_id
    if clock is not None:
        return "sign", row.clock_id
    if row.kind == Kind.ACCEPTED:
        return "accepted", row.period_id
    if row.kind == Kind.WEEKLY:
        return "weekly", None
    if row.kind == Kind.CUSTODY:
        return "custody", None
    if row.period_id is not None:
        rang = facts.rungs.get(row.reminder_id)
        day = read_rung(rang.rung).milestone if rang is not None else None
        return ("period", row.period_id) if day is None else ("milestone", (row.period_id, day))
    return "system", (row.once or "").partition("/")[0]


def _joins(person: User, period: PeriodRow, facts: _Facts) -> bool:
    """Whether a period that nothing new was said about belongs in this person's mail: he works on his department's."""
    if person.role not in WORKING:
        return False
    heads = person.role in {"dept_head", "legal_head"}
    if period.office_id != person.office_id or not (heads or period.contact_id in {None, person.id}):
        return False
    gap = facts.gaps.get(period.id) or Gap()
    group = _group(period, gap, facts.today)
    if group == "overdue" and gap.late is not None and not gap.pieces:
        return False  # all came, if late: it waits for the reviewer
    if group == "soon_stale" and is_switched_off(Kind.SOON_STALE, person.quiet):
        return False
    # Heads are told of what is pressing; the rest is their clerks' business.
    return not (person.role == "dept_head" and group in {"soon_stale", "due_later"})


def _period(person: User, period_id: int, rows: Sequence[Any], facts: _Facts) -> Line | None:
    period = facts.periods.get(period_id)
    if period is None:
        return None
    gap = facts.gaps.get(period_id) or Gap()
    group = _group(period, gap, facts.today)
    rejected = any(row.kind == Kind.REJECTED for row in rows)
    voided = any(row.kind == Kind.VOIDED for row in rows)
    if (rejected or voided) and group in {None, "due_later", "soon_stale", "insufficient"}:
        group = "returned"
    if group is None:
        return None
    due = gap.due or period.due  # a year's last ledger may fall due after the year
    if group == "overdue":
        due = gap.late or due
    elif group == "soon_stale":
        due = gap.expires_on or due
    elif group == "returned" and not rejected and not voided:
        due = facts.mend_by.get(period_id, due)
    # A statutory deadline aims at a workday before its last day; once that has passed, the law's own day counts.
    last = period.overdue_after or due
    if group == "statutory" and due < facts.today:
        due = last
    rung = _rung(person, "period", period_id, period.owner_id, rows, facts)
    return Line(
        group, _task_link(period.plan_year, period.code, period.period_no), period.code, period.title_zh,
        period.title_en, period.plan_year, period.period_no, period_id, due,
        late=group == "overdue" or (group == "statutory" and facts.today > last),
        missing=_missing(gap, rung),
        insufficient=tuple(period.insufficient),
        stage="voided" if voided else "rejected" if rejected else "",
        **_whose(person, period.owner_id, period.owner_zh, period.owner_en),
        **rung,
    )  # fmt: skip


def _missing(gap: Gap, rung: Mapping[str, Any]) -> tuple[Missing, ...]:
    """The slots with what is missing; in T-30, T-14 and T-7 with what they must show (rules.md 10)."""
    step = EARLY.fullmatch(rung.get("rung", ""))
    tells = step is not None and int(step[1]) >= EARLY_DAYS
    return tuple(
        Missing(*name, count, gap.lacks.get(name, ()), gap.points.get(name, ()) if tells else ())
        for name, count in gap.pieces.items()
    )


def _milestone(person: User, key: tuple[int, date], rows: Sequence[Any], facts: _Facts) -> Line | None:
    """A date on the way: told of beforehand, never late by itself."""
    period_id, day = key
    period = facts.periods.get(period_id)
    if period is None:
        return None
    gap, rung = facts.gaps.get(period_id) or Gap(), _rung(person, "period", period_id, period.owner_id, rows, facts)
    return Line(
        "due_now" if day <= facts.today + timedelta(SOON_DAYS) else "due_later",
        _task_link(period.plan_year, period.code, period.period_no), period.code, period.title_zh, period.title_en,
        period.plan_year, period.period_no, period_id, day, milestone=period.milestone(day),
        missing=_missing(gap, rung),
        **_whose(person, period.owner_id, period.owner_zh, period.owner_en),
        **rung,
    )  # fmt: skip


def _group(period: PeriodRow, gap: Gap, today: date) -> str | None:
    known = set(period.reasons)
    if "complete" in known and not known & {"returned", "soon_stale", "damaged", "overdue"}:
        return None
    if period.period_no.startswith(EVENT) and "complete" not in known:
        return "statutory"
    if known & {"overdue", "damaged"}:
        return "overdue"
    due = gap.due or period.due
    if "returned" not in known and today <= due <= today + timedelta(SOON_DAYS):
        return "due_now"
    for reason in ("returned", "stale", "insufficient", "soon_stale"):
        if reason in known:
            return reason
    return "due_later"


def _notice(person: User, notice_id: int, rows: Sequence[Any], facts: _Facts) -> Line | None:
    notice = facts.notices.get(notice_id)
    if notice is None:
        return None
    clock = next((facts.clocks[row.clock_id] for row in rows if row.clock_id in facts.clocks), None)
    due = clock.due if clock else notice.due
    waits = notice.state != "closed" and not notice.waived
    return Line(
        "notice", f"/notices/{notice_id}", notice.code, notice.title_zh, notice.title_en, notice.plan_year,
        notice.period_no, due=due, late=due is not None and due < facts.today and waits,
        stage=stage(notice.state, waived=notice.waived), subject=clock.kind if clock else "",
        reference=reference(notice.year, notice.number) if notice.year and notice.number else "",
        **_whose(person, notice.department_id, notice.name_zh, notice.name_en),
        **_rung(person, "clock", clock.id if clock else 0, notice.department_id, rows, facts),
    )  # fmt: skip


def _sign(person: User, clock_id: int, rows: Sequence[Any], facts: _Facts) -> Line | None:
    clock = facts.clocks[clock_id]
    if clock.code is None:
        return None
    return Line(
        "sign", f"/tasks/{clock.plan_year}/{clock.code}", clock.code, clock.title_zh, clock.title_en, clock.plan_year,
        "Y", due=clock.due, late=clock.due < facts.today, subject=clock.kind,
        **_whose(person, clock.department_id, clock.name_zh, clock.name_en),
        **_rung(person, "clock", clock_id, clock.department_id, rows, facts),
    )  # fmt: skip


def _request(person: User, request_id: int, rows: Sequence[Any], facts: _Facts) -> Line | None:
    asked = facts.requests.get(request_id)
    if asked is None:
        return None
    decided = all(row.kind == Kind.DECIDED for row in rows)
    whose = _whose(person, asked.owner_id, asked.name_zh or "", asked.name_en or "") if asked.code else {}
    return Line(
        "decided" if decided else "asked", f"/requests/{request_id}", asked.code or "", asked.title_zh or "",
        asked.title_en or "", asked.plan_year or 0, asked.period_no or "", stage=asked.state, subject=asked.kind,
        **whose, stood_in_for=_stood_in_for(rows, facts),
    )  # fmt: skip


def _accepted(person: User, period_id: int, rows: Sequence[Any], facts: _Facts) -> Line | None:
    period = facts.periods.get(period_id)
    if period is None:
        return None
    pieces: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        if (version := facts.versions.get(row.version_id)) is not None:
            pieces[version.name_zh, version.name_en] += 1
    return Line(
        "accepted", _task_link(period.plan_year, period.code, period.period_no), period.code, period.title_zh,
        period.title_en, period.plan_year, period.period_no, period_id,
        missing=tuple(Missing(*name, count) for name, count in pieces.items()), stage="accepted",
        **_whose(person, period.owner_id, period.owner_zh, period.owner_en), stood_in_for=_stood_in_for(rows, facts),
    )  # fmt: skip


def _task_link(year: int, code: str, period_no: str) -> str:
    return f"/tasks/{year}/{code}?period={period_no}"


def _whose(person: User, owner_id: int, name_zh: str, name_en: str) -> dict[str, Any]:
    if owner_id == person.department_id:
        return {}
    return {"department_zh": name_zh, "department_en": name_en}


def _rung(person: User, what: str, key: int, owner_id: int, rows: Sequence[Any], facts: _Facts) -> dict[str, Any]:
    """The latest rung that rang for the reader, who else heard it, and in whose place the reader is told."""
    rang = [facts.rungs[row.reminder_id] for row in rows if row.reminder_id in facts.rungs]
    latest = max(rang, key=lambda row: row.id, default=None)
    if latest is None:
        return {"stood_in_for": _stood_in_for(rows, facts)}
    above = {
        step
        for step, department_id in facts.copied.get((what, key, latest.rung), set())
        if department_id is None or department_id != owner_id
    }
    return {
        "rung": plain_rung(latest.rung),
        "copied": tuple(step for step in ("legal", "deputy", "first") if step in above - {read.ABOVE.get(person.role)}),
        "pre_holiday": any(row.pre_holiday for row in rang),
        "stood_in_for": _stood_in_for(rows, facts),
    }


def _stood_in_for(rows: Sequence[Any], facts: _Facts) -> str:
    """The account in whose place the reader is told; "" when any of it is his own."""
    whose = [row.stood_in_for_id for row in rows]
    return facts.names.get(whose[0], "") if whose and None not in whose else ""
