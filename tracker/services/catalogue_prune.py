"""Takes away what a changed catalogue no longer asks for, as far as nobody has worked on it."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, selectinload

from tracker.domain.calendar import WorkCalendar
from tracker.domain.obligations import plan_obligations
from tracker.domain.periods import plan_periods, rule_from_catalogue
from tracker.models import Obligation, Period, Slot, Task, task_cooperation
from tracker.queries import traces
from tracker.queries.calendar import load_calendar
from tracker.services.assessment import slot_rule


def forget_slot(session: Session, slot: Slot) -> None:
    """Deletes a slot that nothing names, with what it owed."""
    session.execute(delete(Obligation).where(Obligation.slot_id == slot.id))
    slot.task.slots.remove(slot)
    session.delete(slot)


def forget_task(session: Session, task: Task) -> None:
    """Deletes a task that has no history at all: nothing names it or what it owed."""
    periods = select(Period.id).where(Period.task_id == task.id)
    session.flush()
    session.execute(delete(Obligation).where(Obligation.period_id.in_(periods)))
    session.execute(delete(Period).where(Period.task_id == task.id))
    session.execute(delete(task_cooperation).where(task_cooperation.c.task_id == task.id))
    task_id = task.id
    for item in (*task.slots, *task.indicators):
        session.delete(item)
    session.flush()
    session.expunge(task)
    session.execute(delete(Task).where(Task.id == task_id))


def prune(session: Session, office_id: int, year: int) -> None:
    """Periods and obligations that follow from no rule any more.

    Without a trace (queries.traces) they are deleted; with one they stay as history and owe nothing.
    """
    calendar = load_calendar(session)
    tasks = session.scalars(
        select(Task)
        .where(Task.office_id == office_id, Task.plan_year == year, Task.active.is_(True))
        .options(selectinload(Task.slots), selectinload(Task.periods).selectinload(Period.obligations))
    ).all()
    periods = [period for task in tasks for period in task.periods]
    linked = traces.named(
        session, "obligation", [obligation.id for period in periods for obligation in period.obligations]
    )
    spoken_of = traces.named(session, "period", [period.id for period in periods])
    for task in tasks:
        _prune_task(session, task, calendar, linked, spoken_of)
    session.flush()
    session.expire_all()


def _prune_task(session: Session, task: Task, calendar: WorkCalendar, linked: set[int], spoken_of: set[int]) -> None:
    rule = rule_from_catalogue(task.deadline)
    plans = plan_periods(rule, task.plan_year, calendar)
    slots = {slot.code: slot.id for slot in task.slots}
    wanted = {
        (plan.period_no, slots[slot.code], plan.cycle_no)
        for slot in task.slots
        for plan in plan_obligations(rule, slot_rule(slot), plans, task.plan_year, calendar)
    }
    numbers = {plan.period_no for plan in plans}
    for period in list(task.periods):
        if period.ladder.startswith("event"):
            continue  # follows from a registered event, not from the rule (services.events.owe_again)
        left = 0
        for obligation in list(period.obligations):
            if (period.period_no, obligation.slot_id, obligation.cycle_no) in wanted:
                left += 1
            elif obligation.id in linked:
                obligation.required = False
                left += 1
            else:
                session.delete(obligation)
        if period.period_no not in numbers and not left and period.id not in spoken_of:
            session.flush()
            session.execute(delete(Period).where(Period.id == period.id))
            session.expunge(period)
