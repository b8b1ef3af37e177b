"""The passes of the machine with their parts joined: what the command line and the workers both run."""

from datetime import datetime
from functools import partial
from typing import Any

from flask import Flask

from tracker import clock
from tracker.adapters.bounces import open_box
from tracker.adapters.mail import open_mailer
from tracker.adapters.sealing import FernetSealer
from tracker.config import Settings, install_id
from tracker.db import db
from tracker.ports import Poster
from tracker.services import jobs
from tracker.services.bounces import read_bounces
from tracker.services.channel_posts import post_channels
from tracker.services.delivery import deliver
from tracker.services.sweep import sweep
from tracker.web.channel_text import short_renderer
from tracker.web.mail import renderer


def run_sweep(app: Flask, now: datetime) -> dict[str, Any]:
    """One sweep as of `now`; the contract's JSON."""
    settings: Settings = app.extensions["settings"]
    session = db.session()

    def work() -> dict[str, Any]:
        return sweep(session, now=now, zone=settings.timezone).as_dict(now)

    return jobs.run(session, "sweep", as_of=now, clock=clock.now, work=work)


def run_deliver(app: Flask, now: datetime) -> dict[str, Any]:
    """One delivery as of `now`; the contract's JSON."""
    settings: Settings = app.extensions["settings"]
    session, began = db.session(), clock.now()

    def work() -> dict[str, Any]:
        mails = deliver(
            session,
            now=now,
            open_mailer=partial(open_mailer, settings.smtp),
            render=renderer(session, settings.base_url),
            sender=settings.mail_from,
            install=install_id(settings),
            zone=settings.timezone,
            elapsed=lambda: clock.now() - began,
        )
        posts = post_channels(
            session,
            now=now,
            open_poster=partial(open_poster, settings),
            sealer=FernetSealer(settings.secret_key),
            render=short_renderer(session, settings.base_url),
            zone=settings.timezone,
            elapsed=lambda: clock.now() - began,
        )
        return mails.as_dict(now) | posts.as_dict()

    return jobs.run(session, "deliver", as_of=now, clock=clock.now, work=work)


def open_poster(settings: Settings) -> Poster:
    """Robots and webhooks. Apprise takes a second to load: only a pass that has something to post pays for it."""
    from tracker.adapters.channels import ApprisePoster

    return ApprisePoster(settings.gateways)


def run_bounces(app: Flask, now: datetime) -> dict[str, Any]:
    """One look into the bounce mailbox as of `now`; nothing where none is set."""
    settings: Settings = app.extensions["settings"]
    if settings.bounces is None:
        return {}
    session, opener = db.session(), partial(open_box, settings.bounces)

    def work() -> dict[str, Any]:
        return read_bounces(session, now=now, open_box=opener).as_dict(now)

    return jobs.run(session, "bounces", as_of=now, clock=clock.now, work=work)
