"""What one person has open, as the lines of a digest, in the order of rules.md section 11."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import literal, or_, select
from sqlalchemy.orm import Session

from tracker.models import Obligation, Period, Slot, Task, User

# Order of the groups; statutory deadlines and supervision notices join with their own features.
ORDER = ("overdue", "due_now", "returned", "stale", "insufficient", "soon_stale", "due_later")
SOON_DAYS = 3
NEAR_DAYS = 30  # what is owed later than this is not yet called missing


@dataclass(frozen=True)
class Missing:
    """A slot and how many pieces nobody has submitted yet, over all its cycles that are near or over."""

    name_zh: str
    name_en: str
    count: int


@dataclass(frozen=True)
class Line:
    """One period that needs something from the reader. No personal data: code, title, slots, dates."""

    group: str
    period_id: int
    code: str
    title_zh: str
    title_en: str
    plan_year: int
    period_no: str
    due: date  # of the most urgent thing in it: a year's task may owe a ledger each month
    missing: tuple[Missing, ...]
    insufficient: tuple[str, ...] = ()  # I1..I8: what is wrong with a period that lacks no piece
    pre_holiday: bool = False


def open_lines(
    session: Session, person: User, today: date, triggered: Iterable[int], pre_holiday: Iterable[int] = ()
) -> list[Line]:
    """The reader's open periods; those in `triggered` always, the others where they are urgent."""
    wanted, early = set(triggered), set(pre_holiday)
    mine = or_(
        Task.contact_id.is_(None), Task.contact_id == person.id, literal(person.role in {"dept_head", "legal_head"})
    )
    rows = session.execute(
        select(
            Period.id, Period.plan_year, Period.period_no, Period.due, Period.reasons, Period.insufficient,
            Task.code, Task.title_zh, Task.title_en,
        )
        .join(Task, Task.id == Period.task_id)
        .where(Period.office_id == person.office_id, Task.active.is_(True))
        .where(
            or_(
                (Task.owner_id == person.department_id) & mine & Period.light.in_(("red", "yellow")),
                Period.id.in_(wanted),
            )
        )
        .order_by(Period.due, Task.position)
    ).all()  # fmt: skip
    gaps = _gaps(session, [row.id for row in rows], today)
    lines = []
    for row in rows:
        gap = gaps.get(row.id, _Gap())
        due = min(gap.due or row.due, row.due)
        group = _group(row.reasons, due, today)
        if group == "soon_stale":
            due = gap.expires_on or due
        # Heads are told of what is pressing; the rest is their clerks' business.
        quiet = person.role == "dept_head" and group in {"soon_stale", "due_later"}
        if group is None or (quiet and row.id not in wanted):
            continue
        lines.append(
            Line(
                group, row.id, row.code, row.title_zh, row.title_en, row.plan_year, row.period_no, due,
                tuple(Missing(*names, count) for names, count in gap.pieces.items()),
                tuple(row.insufficient), row.id in early,
            )
        )  # fmt: skip
    return sorted(lines, key=lambda line: (ORDER.index(line.group), line.due, line.code))


def _group(reasons: list[str], due: date, today: date) -> str | None:
    known = set(reasons)
    if known & {"overdue", "damaged"}:
        return "overdue"
    if "complete" in known and not known & {"returned", "soon_stale"}:
        return None
    if "returned" not in known and today <= due <= today + timedelta(SOON_DAYS):
        return "due_now"
    for reason in ("returned", "stale", "insufficient", "soon_stale"):
        if reason in known:
            return reason
    return "due_later"


@dataclass
class _Gap:
    """What one period lacks: the most urgent deadline, the first expiry ahead, and pieces by slot name."""

    due: date | None = None
    expires_on: date | None = None
    pieces: dict[tuple[str, str], int] = field(default_factory=dict)


def _gaps(session: Session, period_ids: list[int], today: date) -> dict[int, _Gap]:
    rows = session.execute(
        select(
            Obligation.period_id, Obligation.due, Obligation.expires_on, Obligation.missing, Obligation.state,
            Slot.name_zh, Slot.name_en,
        )
        .join(Slot, Slot.id == Obligation.slot_id)
        .where(Obligation.period_id.in_(period_ids), Obligation.required.is_(True), Obligation.start <= today)
        .where(or_(Obligation.light.in_(("red", "yellow")), Obligation.due <= today + timedelta(NEAR_DAYS)))
        .where(or_(Obligation.missing > 0, Obligation.state == "returned", Obligation.soon_stale.is_(True)))
        .order_by(Obligation.due, Slot.position)
    ).all()  # fmt: skip
    found: dict[int, _Gap] = defaultdict(_Gap)
    for row in rows:
        gap, name = found[row.period_id], (row.name_zh, row.name_en)
        if row.missing or row.state == "returned":
            gap.due = min(gap.due or row.due, row.due)
        elif row.expires_on:
            gap.expires_on = min(gap.expires_on or row.expires_on, row.expires_on)
        gap.pieces[name] = gap.pieces.get(name, 0) + max(row.missing, 1)
    return dict(found)
