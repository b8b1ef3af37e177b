"""When a demo that is made outside the office's hours takes its mails from."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.unit.domain.tables import CALENDAR
from tracker.demo_time import last_morning

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("now", "morning"),
    [
        ("2026-11-24T08:30", None),  # a Tuesday: today's mail leaves by itself
        ("2026-11-24T17:59", None),
        ("2026-11-24T18:00", "2026-11-24T08:40"),  # the evening: this morning's
        ("2026-11-24T08:29", "2026-11-23T08:40"),  # before the hour: yesterday's
        ("2026-11-23T03:00", "2026-11-20T08:40"),  # Monday night: Friday's
        ("2026-11-28T16:32", "2026-11-27T08:40"),  # a Saturday
        ("2026-10-05T10:00", "2026-09-30T08:40"),  # the National Day holiday
        ("2026-10-10T10:00", None),  # a Saturday that is worked
        ("2026-10-11T10:00", "2026-10-10T08:40"),  # and the Sunday after it
    ],
)
def test_the_last_morning_on_which_mail_left(now: str, morning: str | None) -> None:
    found = last_morning(datetime.fromisoformat(now).replace(tzinfo=ZONE), CALENDAR, ZONE)
    assert (found and found.astimezone(ZONE).strftime("%Y-%m-%dT%H:%M")) == morning
