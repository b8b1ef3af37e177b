"""The working calendar from its stored tables."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.calendar import WorkCalendar, parse_table
from tracker.models import CalendarYear

_KEY = "working_calendar"


def load_calendar(session: Session) -> WorkCalendar:
    """All years that have a table; one statement per session, then remembered until `forget_calendar`."""
    known = session.info.get(_KEY)
    if isinstance(known, WorkCalendar):
        return known
    rows = session.scalars(select(CalendarYear.table))
    tables = {table.year: table for table in map(parse_table, rows)}
    calendar = WorkCalendar(tables)
    session.info[_KEY] = calendar
    return calendar


def forget_calendar(session: Session) -> None:
    """To be called by whoever changes a table within this session."""
    session.info.pop(_KEY, None)
