"""When the workers look, as the schedule says it: often enough to catch up, and never with a time of its own."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tracker.domain.reminders import DIGEST_AT, QUIET_FROM
from workers import schedule
from workers.celery_app import app

SCHEDULE: dict[str, dict[str, Any]] = schedule.SCHEDULE
ZONE = ZoneInfo("Asia/Shanghai")
DAY = datetime(2026, 10, 12, tzinfo=ZONE)


def rings(job: str) -> list[datetime]:
    """The minutes of one day on which `job` is asked for."""
    found = []
    for entry in SCHEDULE.values():
        if entry["task"] == job:
            when = entry["schedule"]
            found += [DAY.replace(hour=hour, minute=minute) for hour in when.hour for minute in when.minute]
    return sorted(found)


def test_every_entry_names_a_job_that_exists() -> None:
    app.loader.import_default_modules()
    assert {entry["task"] for entry in SCHEDULE.values()} <= set(app.tasks)


def test_the_night_is_swept_and_nothing_stays_unseen_for_long() -> None:
    swept = rings("sweep")
    assert DAY.replace(hour=0, minute=10) in swept
    gaps = [later - earlier for earlier, later in pairwise(swept)]
    assert max(gaps) <= timedelta(minutes=15)


def test_mail_is_tried_through_the_whole_working_day() -> None:
    asked = [moment for moment in rings("deliver") if DIGEST_AT <= moment.time() < QUIET_FROM]
    assert asked[0].time() == DIGEST_AT
    assert (asked[-1].hour, asked[-1].minute) == (17, 55)
    gaps = [later - earlier for earlier, later in pairwise(asked)]
    assert max(gaps) <= timedelta(minutes=5)


def test_messages_carry_nothing_but_look_now() -> None:
    for entry in SCHEDULE.values():
        assert "args" not in entry
        assert "kwargs" not in entry
        assert set(entry.get("options", {})) <= {"expires"}  # no ETA, no countdown


@pytest.mark.parametrize(
    ("setting", "value"),
    [("timezone", "Asia/Shanghai"), ("result_backend", None), ("task_serializer", "json"), ("task_acks_late", True)],
)
def test_the_broker_is_a_doorbell_and_no_store(setting: str, value: object) -> None:
    assert app.conf[setting] == value
