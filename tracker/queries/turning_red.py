"""What turns red by the mere passing of time: at the deadline of a period or of a cycle in it, or as material ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from tracker.domain.facts import ObligationState
from tracker.domain.freshness import serves_every_period
from tracker.domain.looks import ANSWERED
from tracker.models import Obligation, Period, Slot, Task

# Red or nobody's turn already: another day does not make them red.
SETTLED_LIGHTS = ("red", "blue")


@dataclass(frozen=True, slots=True)
class Turning:
    """`on`: the last day before it is red. `expires`: because material is in force no longer than that."""

    on: date
    expires: bool = False


def turning_red(
    session: Session, office_id: int, year: int, open_periods: Mapping[int, date], today: date, until: date
) -> dict[int, Turning]:
    """Period id → when, of those that turn red after a day from `today` to `until`; one statement.

    `open_periods`: id → deadline of those that are not complete, waived, red or blue. A period whose own deadline
    falls into the time is among them even when only an indicator is wanting.
    """
    rows = session.execute(
        select(
            Obligation.period_id, Obligation.state, Obligation.start, Obligation.end, Obligation.due,
            Obligation.expires_on, Slot.coverage, Slot.refresh_cycle,
        )
        .join(Period, Period.id == Obligation.period_id)
        .join(Task, Task.id == Period.task_id)
        .join(Slot, Slot.id == Obligation.slot_id)
        .where(
            Obligation.office_id == office_id, Period.plan_year == year, Task.active.is_(True),
            Obligation.required.is_(True), Period.light.not_in(SETTLED_LIGHTS), Period.waived.is_(False),
            or_(
                Obligation.due.between(today, until),
                and_(Obligation.expires_on.between(today, until), Obligation.expires_on < Obligation.end),
                and_(Obligation.due > Period.due, Period.due.between(today, until)),
            ),
        )
    )  # fmt: skip
    found: dict[int, Turning] = {}
    judged = {key: due for key, due in open_periods.items() if today <= due <= until}
    for row in rows:
        if row.period_id in judged:  # as a whole it is judged when the last of it was owed
            judged[row.period_id] = max(judged[row.period_id], row.due)
        for one in _of(row, today, until):
            known = found.get(row.period_id)
            if known is None or one.on < known.on:
                found[row.period_id] = one
    for key, day in judged.items():
        if key not in found and day <= until:
            found[key] = Turning(day)
    return found


def _of(row: Any, today: date, until: date) -> list[Turning]:
    """The days after which this obligation is red."""
    state, found = ObligationState(row.state), []
    if state not in ANSWERED and today <= row.due <= until:
        found.append(Turning(row.due))
    ages = serves_every_period(row.coverage, row.refresh_cycle) and state not in {
        ObligationState.SUBMITTED, ObligationState.RETURNED
    }  # fmt: skip
    if ages and row.expires_on is not None and today <= row.expires_on < row.end:
        last = max(row.expires_on, row.start - timedelta(1))  # before it begins nothing is asked of it
        if last <= until:
            found.append(Turning(last, expires=True))
    return found
