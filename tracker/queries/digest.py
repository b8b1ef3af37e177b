"""What one person has open, as the lines of a digest, in the order of rules.md section 11."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import literal, or_, select
from sqlalchemy.orm import Session

from tracker.models import Obligation, Period, Slot, Task, User

# Order of the groups; statutory deadlines and supervision notices join with their own features.
ORDER = ("overdue", "due_now", "returned", "stale", "soon_stale", "due_later")
SOON_DAYS = 3


@dataclass(frozen=True)
class Missing:
    """A slot and how many pieces nobody has submitted yet."""

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
    due: date
    missing: tuple[Missing, ...]
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
            Period.id, Period.plan_year, Period.period_no, Period.due, Period.reasons, Period.light,
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
    gaps = _missing(session, [row.id for row in rows], today)
    lines = []
    for row in rows:
        group = _group(row.reasons, row.due, today)
        # Heads are told of what is pressing; the rest is their clerks' business.
        quiet = person.role == "dept_head" and group in {"soon_stale", "due_later"}
        if group is None or (quiet and row.id not in wanted):
            continue
        lines.append(
            Line(
                group, row.id, row.code, row.title_zh, row.title_en, row.plan_year, row.period_no, row.due,
                gaps[row.id], row.id in early,
            )
        )  # fmt: skip
    return sorted(lines, key=lambda line: (ORDER.index(line.group), line.due, line.code))


def _group(reasons: list[str], due: date, today: date) -> str | None:
    known = set(reasons)
    if known & {"overdue", "insufficient", "damaged"}:
        return "overdue"
    if "complete" in known and not known & {"returned", "soon_stale"}:
        return None
    if "returned" not in known and today <= due <= today + timedelta(SOON_DAYS):
        return "due_now"
    for reason in ("returned", "stale", "soon_stale"):
        if reason in known:
            return reason
    return "due_later"


def _missing(session: Session, period_ids: list[int], today: date) -> dict[int, tuple[Missing, ...]]:
    found: dict[int, list[Missing]] = defaultdict(list)
    rows = session.execute(
        select(Obligation.period_id, Slot.name_zh, Slot.name_en, Obligation.missing, Obligation.state)
        .join(Slot, Slot.id == Obligation.slot_id)
        .where(Obligation.period_id.in_(period_ids), Obligation.required.is_(True), Obligation.start <= today)
        .where(or_(Obligation.missing > 0, Obligation.state == "returned"))
        .order_by(Obligation.due, Slot.position)
    )
    for row in rows:
        found[row.period_id].append(Missing(row.name_zh, row.name_en, max(row.missing, 1)))
    return defaultdict(tuple, {key: tuple(values) for key, values in found.items()})
