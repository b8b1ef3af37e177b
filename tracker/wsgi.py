"""The application as a web server loads it: `gunicorn tracker.wsgi:app()`."""

import gc

from flask import Flask


def settle() -> None:
    """Takes what start-up made out of the garbage collector's rounds.

    Some hundred thousand objects live as long as the process; looking at them all again held
    every thirteenth board up by 75 ms (`python -m benchmarks board`).
    """
    gc.collect()
    gc.freeze()


def app() -> Flask:
    gc.disable()  # what is read now stays: rounds over it take a seventh of the start
    try:
        from tracker.app import create_app

        made = create_app()
    finally:
        gc.enable()
    settle()
    return made
