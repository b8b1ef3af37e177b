"""The jobs: look now, call one pass. No arguments, no results; coming twice does no harm."""

from functools import cache

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


@cache
def web() -> Flask:
    """The application of this worker, made at the first job."""
    return create_app()


@app.task(name="sweep")
def sweep() -> None:
    with web().app_context():
        run_sweep(web(), clock.now())


@app.task(name="deliver")
def deliver() -> None:
    with web().app_context():
        run_deliver(web(), clock.now())


@app.task(name="bounces")
def bounces() -> None:
    with web().app_context():
        run_bounces(web(), clock.now())


@app.task(name="removals")
def removals() -> None:
    with web().app_context():
        run_removals(web(), clock.now())


@app.task(name="removals_all")
def removals_all() -> None:
    with web().app_context():
        run_removals(web(), clock.now(), everything=True)


@app.task(name="custody")
def custody() -> None:
    with web().app_context():
        run_custody(web(), clock.now())


@app.task(name="custody_locks")
def custody_locks() -> None:
    with web().app_context():
        run_custody_locks(web(), clock.now())


@app.task(name="custody_locks_all")
def custody_locks_all() -> None:
    with web().app_context():
        run_custody_locks(web(), clock.now(), everything=True)


@app.task(name="backup")
def backup() -> None:
    with web().app_context():
        run_backup(web(), clock.now())


@app.task(name="packages")
def packages() -> None:
    with web().app_context():
        run_packages(web(), clock.now())


@app.task(name="renditions")
def renditions() -> None:
    with web().app_context():
        run_renditions(web(), clock.now())


@app.task(name="stamp")
def stamp() -> None:
    with web().app_context():
        run_stamp(web(), clock.now())


@app.task(name="watch_clock")
def watch() -> None:
    with web().app_context():
        watch_clock(clock.now())


@app.task(name="litter")
def litter() -> None:
    with web().app_context():
        run_litter(web(), clock.now())
