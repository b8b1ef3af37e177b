"""The shipped holiday tables as a calendar."""

import json
from pathlib import Path

from tracker.domain.calendar import WorkCalendar, parse_table

CATALOGUES = Path(__file__).resolve().parents[3] / "tracker" / "catalogues"


def shipped() -> WorkCalendar:
    tables = [parse_table(json.loads(path.read_text("utf-8"))) for path in sorted(CATALOGUES.glob("calendar-*.json"))]
    return WorkCalendar({table.year: table for table in tables})


CALENDAR = shipped()
