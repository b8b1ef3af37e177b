"""The slots of one department's tasks that still take files today: where many files can be sorted to at once."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tracker.domain.sorting import Target
from tracker.models import Event, Obligation, Period, Slot, Task, task_cooperation

AGREED = ("filled", "submitted")  # nothing is asked for there, unless it is about to expire


@dataclass(frozen=True)
class Place:
    """One slot in one cycle of a period."""

    obligation_id: int
    slot_code: str
    slot_zh: str
    slot_en: str
    kind: str
    task_id: int
    task_code: str
    title_zh: str
    title_en: str
    plan_year: int
    period_no: str
    cycle_no: str  # empty when the cycle is the period itself
    start: date
    end: date
    due: date
    required: bool
    missing: int
    light: str
    owned: bool
    reference: str  # of the event, where the period is one's

    def target(self) -> Target:
        return Target(
            obligation_id=self.obligation_id, task_code=self.task_code, task_title=self.title_zh,
            slot_code=self.slot_code, slot_name=self.slot_zh, kind=self.kind, start=self.start, end=self.end,
            due=self.due, reference=self.reference,
        )  # fmt: skip


def open_places(
    session: Session, *, office_id: int, department_id: int | None, year: int, today: date
) -> tuple[Place, ...]:
    """Begun and not yet answered, by task (own ones first) and due date; one statement."""
    if department_id is None:
        return ()
    helps = select(task_cooperation.c.task_id).where(task_cooperation.c.department_id == department_id)
    # Last year's periods may still be supplemented in January, and some reports are due in the following spring.
    late = Period.due >= today if today.month > 1 else Period.plan_year == year - 1
    rows = session.execute(
        select(Obligation, Slot, Task, Period.plan_year, Period.period_no, Event.reference)
        .join(Slot, Slot.id == Obligation.slot_id)
        .join(Period, Period.id == Obligation.period_id)
        .join(Task, Task.id == Period.task_id)
        .outerjoin(Event, Event.period_id == Period.id)
        .where(Task.office_id == office_id, Task.active.is_(True))
        .where(or_(Task.owner_id == department_id, Task.id.in_(helps)))
        .where(or_(Period.plan_year >= year, (Period.plan_year == year - 1) & late))
        .where(Period.waived.is_(False), Period.start <= today, Obligation.start <= today)
        .where(Obligation.zero_report.is_(False))
        .where(or_(Obligation.state.not_in(AGREED), Obligation.soon_stale.is_(True)))
        .order_by(Task.position, Task.id, Obligation.due, Slot.position, Obligation.id)
    ).all()
    found = [
        Place(
            obligation_id=owed.id, slot_code=slot.code, slot_zh=slot.name_zh, slot_en=slot.name_en, kind=slot.kind,
            task_id=task.id, task_code=task.code, title_zh=task.title_zh, title_en=task.title_en, plan_year=plan_year,
            period_no=period_no, cycle_no=owed.cycle_no if owed.cycle_no != period_no else "", start=owed.start,
            end=owed.end, due=owed.due, required=owed.required, missing=owed.missing, light=owed.light,
            owned=task.owner_id == department_id, reference=reference or "",
        )
        for owed, slot, task, plan_year, period_no, reference in rows
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda place: not place.owned))
