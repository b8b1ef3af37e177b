"""The jobs: look now, call one pass. No arguments, no results; coming twice does no harm."""

from functools import cache

from flask import Flask

from tracker import clock
from tracker.app import create_app
from tracker.passes import run_bounces, run_deliver, run_sweep
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
