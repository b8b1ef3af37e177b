"""The jobs: look now, call one pass. No arguments, no results; coming twice does no harm.

Sweep and delivery run in Celery's own threads and in no company: everything else has a lane (workers.lanes).
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any

from flask import Flask

from tracker import clock
from tracker.app import create_app
from tracker.passes import (
    run_backup,
    run_bounces,
    run_custody,
    run_custody_locks,
    run_deliver,
    run_litter,
    run_packages,
    run_removals,
    run_renditions,
    run_stamp,
    run_sweep,
    watch_clock,
)
from workers.celery_app import app
from workers.lanes import Lanes

lanes = Lanes()
_made: list[Flask] = []
_making = Lock()


def web() -> Flask:
    """The application of this worker, made once, at the first job."""
    with _making:
        if not _made:
            _made.append(create_app())
        return _made[0]


def look(work: Callable[[Flask, datetime], Any]) -> None:
    with web().app_context():
        work(web(), clock.now())


def in_lane(name: str, work: Callable[[Flask, datetime], Any]) -> None:
    lanes.begin(name, partial(look, work))


@app.task(name="sweep")
def sweep() -> None:
    look(run_sweep)


@app.task(name="deliver")
def deliver() -> None:
    look(run_deliver)


@app.task(name="watch_clock")
def watch() -> None:
    with web().app_context():
        watch_clock(clock.now())


@app.task(name="bounces")
def bounces() -> None:
    in_lane("bounces", run_bounces)


@app.task(name="removals")
def removals() -> None:
    in_lane("removals", run_removals)


@app.task(name="removals_all")
def removals_all() -> None:
    in_lane("removals_all", partial(run_removals, everything=True))


@app.task(name="custody")
def custody() -> None:
    in_lane("custody", run_custody)


@app.task(name="custody_locks")
def custody_locks() -> None:
    in_lane("custody_locks", run_custody_locks)


@app.task(name="custody_locks_all")
def custody_locks_all() -> None:
    in_lane("custody_locks_all", partial(run_custody_locks, everything=True))


@app.task(name="backup")
def backup() -> None:
    in_lane("backup", run_backup)


@app.task(name="packages")
def packages() -> None:
    in_lane("packages", run_packages)


@app.task(name="renditions")
def renditions() -> None:
    in_lane("renditions", run_renditions)


@app.task(name="stamp")
def stamp() -> None:
    in_lane("stamp", run_stamp)


@app.task(name="litter")
def litter() -> None:
    in_lane("litter", run_litter)
