"""Long jobs beside Celery's threads: one of each name at a time, and a failure frees the lane."""

from threading import Event

import pytest

from workers import jobs, schedule
from workers.celery_app import app
from workers.lanes import Lanes

PATIENCE = 20.0
BESIDE = {"sweep", "deliver", "watch_clock"}  # in Celery's own threads


def test_a_bell_that_rings_while_its_pass_is_at_work_says_nothing_new() -> None:
    lanes, begun, end, over = Lanes(), Event(), Event(), Event()

    def work() -> None:
        begun.set()
        end.wait(PATIENCE)

    assert lanes.begin("backup", work)
    assert begun.wait(PATIENCE)
    assert not lanes.begin("backup", over.set)
    assert lanes.begin("custody", over.set)  # nobody waits for another
    assert over.wait(PATIENCE)
    end.set()


def test_a_pass_that_fails_leaves_its_lane(caplog: pytest.LogCaptureFixture) -> None:
    lanes, over = Lanes(), Event()

    def fails() -> None:
        raise ValueError("no disk")

    lanes._run("backup", fails)
    assert "no disk" in caplog.text
    assert lanes.begin("backup", over.set)
    assert over.wait(PATIENCE)


def test_everything_but_sweep_and_delivery_has_a_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[str] = []
    monkeypatch.setattr(jobs, "in_lane", lambda name, _work: named.append(name))
    wanted = {str(entry["task"]) for entry in schedule.SCHEDULE.values()} - BESIDE
    for name in sorted(wanted):
        app.tasks[name]()
    assert named == sorted(wanted)
