"""The application as a web server loads it: `gunicorn tracker.wsgi:app()`."""

import gc

from flask import Flask

from tracker.app import create_app


def settle() -> None:
    """Takes what start-up made out of the garbage collector's rounds.

    Some hundred thousand objects live as long as the process; looking at them all again held
    every thirteenth board up by 75 ms (`python -m benchmarks board`).
    """
    gc.collect()
    gc.freeze()


def app() -> Flask:
    made = create_app()
    settle()
    return made
