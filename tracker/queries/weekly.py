"""The leaders' page of the week: what is red, how far each department is, what turns red next."""

from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.notices import reference
from tracker.models import Notice, Office, Period, Task
from tracker.queries.overview import AHEAD, Item, Overview, read_overview

SHOWN = 15


@dataclass(frozen=True, slots=True)
class Weekly:
    """`years`: the figures of each plan year that has something open, the oldest first, with the pages' own year.

    In January last year's work is not over: what of it is red stays in the list. `notices`: period id →
    督办〔2026〕3号, of notices that are numbered and open; `ahead` in days.
    """

    years: tuple[tuple[int, Overview], ...]
    notices: dict[int, str]
    ahead: int = AHEAD

    @property
    def red(self) -> list[tuple[int, Item]]:
        """(plan year, period) of those that are red for longest, over all years."""
        return _first([(year, item) for year, found in self.years for item in found.red])

    @property
    def red_total(self) -> int:
        return sum(found.red_total for _, found in self.years)

    @property
    def soon(self) -> list[tuple[int, Item]]:
        return _first([(year, item) for year, found in self.years for item in found.soon])

    @property
    def soon_total(self) -> int:
        return sum(found.soon_total for _, found in self.years)


def _first(items: list[tuple[int, Item]]) -> list[tuple[int, Item]]:
    key = attrgetter("due", "task_code", "period_id")
    return sorted(items, key=lambda pair: key(pair[1]))[:SHOWN]


def read_weekly(session: Session, office_id: int, today: date, zone: ZoneInfo) -> Weekly:
    """The page of one office as of `today`: three statements, and those of an overview for each year with something
    open.
    """
    shown = session.scalars(select(Office.plan_year).where(Office.id == office_id)).one()
    begun = session.scalars(
        select(Period.plan_year)
        .join(Task, Task.id == Period.task_id)
        .where(Period.office_id == office_id, Period.complete.is_(False), Period.waived.is_(False))
        .where(Period.start <= today, Task.active.is_(True))
        .distinct()
    )
    years = sorted({shown, *begun})
    found = tuple((year, read_overview(session, office_id, year, today, zone, shown=SHOWN)) for year in years)
    red = [item.period_id for _, overview in found for item in overview.red]
    rows = session.execute(
        select(Notice.open_period_id, Notice.year, Notice.number).where(
            Notice.open_period_id.in_(red), Notice.number.is_not(None)
        )
    )
    numbers = {period_id: reference(year, number) for period_id, year, number in rows if period_id and year and number}
    return Weekly(found, numbers)
