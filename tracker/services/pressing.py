"""催办 by hand: the legal office presses a department; one rung a day, told by the day's one digest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.escalation import legal_departments
from tracker.domain.permissions import Action, Actor
from tracker.domain.reminders import QUIET_FROM
from tracker.domain.telling import Kind
from tracker.errors import Conflict, InvalidInput, NotFound
from tracker.models import Digest, Period, Reminder, Task, User
from tracker.queries.calendar import load_calendar
from tracker.queries.subjects import require
from tracker.services import audit
from tracker.services.assessment import OFFICE_ZONE
from tracker.services.telling import recipients, remind

NOTE_MOST = 200
MOST_AT_ONCE = 200


@dataclass(frozen=True)
class Pressed:
    """Who is told. `later`: not by today's digest but by that of `on`, the next working day."""

    period_id: int
    people: tuple[str, ...]
    on: date
    later: bool


@dataclass(frozen=True)
class PressedMany:
    """What a selection led to; periods that were left out by their reason."""

    pressed: tuple[Pressed, ...]
    already: tuple[int, ...]
    nothing: tuple[int, ...]


def press(
    session: Session,
    *,
    actor: Actor,
    period_id: int,
    note: str,
    now: datetime,
    zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> Pressed:
    """Presses clerk and head of the owner (the deputy leader for the legal office's own tasks).

    Obeys the budget: the line goes into the day's one digest, or into the next working day's. Conflict
    ("already_pressed", name) on the second time of a day, Conflict("nothing_to_press") when nobody owes anything;
    InvalidInput("text_long").
    """
    require(actor, Action.PRESS)
    note = " ".join(note.split())
    if len(note) > NOTE_MOST:
        raise InvalidInput("text_long", field="note", limit=NOTE_MOST)
    period = session.scalar(
        select(Period).where(Period.id == period_id, Period.office_id == actor.office_id).with_for_update(of=Period)
    )
    if period is None:
        raise NotFound("not_found")
    today = local_date(now, zone)
    if not is_pressable(period, today):
        raise Conflict("nothing_to_press")
    rung = f"press/{today}"
    earlier = session.scalar(
        select(User.name)
        .join(Reminder, Reminder.pressed_by_id == User.id)
        .where(Reminder.period_id == period.id, Reminder.rung == rung)
        .limit(1)
    )
    if earlier is not None:
        raise Conflict("already_pressed", name=earlier)
    people = recipients(session, period.task, _steps(session, period.task), today)
    remind(
        session, people, office_id=period.office_id, rung=rung, owed_on=today, kind=Kind.PRESS, now=now,
        period_id=period.id, pressed_by_id=actor.id, note=note,
    )  # fmt: skip
    audit.record(
        session, now=now, actor=actor, action="period.pressed", subject="period", subject_id=period.id,
        office_id=period.office_id, address=address, people=[person.id for person in people], note=note,
    )  # fmt: skip
    on = _told_on(session, people, now, today, zone)
    return Pressed(period.id, tuple(person.name for person in people), on, on > today)


def press_many(
    session: Session,
    *,
    actor: Actor,
    period_ids: Iterable[int],
    note: str,
    now: datetime,
    zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> PressedMany:
    """Presses a selection; what cannot be pressed is left out and named. InvalidInput("press_none"), ("press_many")."""
    wanted = sorted(set(period_ids))
    if not wanted:
        raise InvalidInput("press_none")
    if len(wanted) > MOST_AT_ONCE:
        raise InvalidInput("press_many", limit=MOST_AT_ONCE)
    pressed, left = [], {"already_pressed": list[int](), "nothing_to_press": list[int]()}
    for period_id in wanted:
        try:
            pressed.append(
                press(session, actor=actor, period_id=period_id, note=note, now=now, zone=zone, address=address)
            )
        except Conflict as refused:
            left[refused.code].append(period_id)
    return PressedMany(tuple(pressed), tuple(left["already_pressed"]), tuple(left["nothing_to_press"]))


def is_pressable(period: Period, today: date) -> bool:
    """Whether the owner has anything to do: begun, and neither complete, waived, retired nor waiting for review."""
    states = {duty.state for duty in period.obligations if duty.required}
    waits = "submitted" in states and states <= {"submitted", "filled"}  # also where it came late
    return period.task.active and period.start <= today and not (period.complete or period.waived or waits)


def _steps(session: Session, task: Task) -> tuple[str, ...]:
    heads = session.scalars(
        select(User).where(User.office_id == task.office_id, User.role == "legal_head", User.active.is_(True))
    )
    return ("contact", "deputy") if task.owner_id in legal_departments(heads) else ("contact", "dept_head")


def _told_on(session: Session, people: Sequence[User], now: datetime, today: date, zone: ZoneInfo) -> date:
    """The day whose digest tells the last of them: one that was begun today tells nothing new."""
    calendar = load_calendar(session)
    begun = session.scalar(
        select(Digest.id)
        .where(Digest.recipient_id.in_([person.id for person in people]), Digest.local_date == today)
        .limit(1)
    )
    today_still = calendar.is_workday(today) and now.astimezone(zone).time() < QUIET_FROM
    return today if begun is None and today_still else calendar.next_workday(date.fromordinal(today.toordinal() + 1))
