"""The leaders' page of the week: what is red, how far each department is, what turns red next."""

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.notices import reference
from tracker.models import Notice, Office
from tracker.queries.overview import AHEAD, Overview, read_overview

SHOWN = 15


@dataclass(frozen=True, slots=True)
class Weekly:
    """`notices`: period id → 督办〔2026〕3号, of notices that are numbered and open; `ahead` in days."""

    plan_year: int
    overview: Overview
    notices: dict[int, str]
    ahead: int = AHEAD


def read_weekly(session: Session, office_id: int, today: date, zone: ZoneInfo) -> Weekly:
    """The page of one office as of `today`, in at most eight statements."""
    year = session.scalars(select(Office.plan_year).where(Office.id == office_id)).one()
    found = read_overview(session, office_id, year, today, zone, shown=SHOWN)
    rows = session.execute(
        select(Notice.open_period_id, Notice.year, Notice.number).where(
            Notice.open_period_id.in_([item.period_id for item in found.red]), Notice.number.is_not(None)
        )
    )
    numbers = {period_id: reference(year, number) for period_id, year, number in rows if period_id and year and number}
    return Weekly(year, found, numbers)
