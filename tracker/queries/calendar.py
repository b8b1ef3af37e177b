"""The working calendar from its stored tables."""

import json
from functools import lru_cache

from sqlalchemy import Text, cast, select
from sqlalchemy.orm import Session

from tracker.domain.calendar import WorkCalendar, parse_table
from tracker.models import CalendarYear

_KEY = "working_calendar"
# As text: what is read with every page is understood once, and again only after a change.
_TABLES = select(cast(CalendarYear.table, Text)).order_by(CalendarYear.year)


def load_calendar(session: Session) -> WorkCalendar:
    """All years that have a table; one statement per session, then remembered until `forget_calendar`."""
    known = session.info.get(_KEY)
    if isinstance(known, WorkCalendar):
        return known
    calendar = session.info[_KEY] = _understood(tuple(session.scalars(_TABLES)))
    return calendar


@lru_cache(maxsize=16)
def _understood(texts: tuple[str, ...]) -> WorkCalendar:
    return WorkCalendar({table.year: table for table in map(parse_table, map(json.loads, texts))})


def forget_calendar(session: Session) -> None:
    """To be called by whoever changes a table within this session."""
    session.info.pop(_KEY, None)
