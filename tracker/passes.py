"""The passes of the machine with their parts joined: what the command line and the workers both run."""

import os
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO, cast

from flask import Flask
from sqlalchemy.orm import Session

from tracker import clock
from tracker.adapters.backup_folder import BackupFolder, open_backups
from tracker.adapters.bounces import open_box
from tracker.adapters.embedded.install import merged_environment
from tracker.adapters.mail import open_mailer
from tracker.adapters.object_file import ObjectFile
from tracker.adapters.sealing import FernetSealer
from tracker.config import Settings, TsaSettings, install_id
from tracker.db import db
from tracker.domain.backups import Keep, to_keep
from tracker.errors import Conflict, Unavailable
from tracker.ports import Poster
from tracker.services import backup, clock_watch, custody_check, custody_locks, jobs, removals, renditions, stamping
from tracker.services.backup import BackupResult
from tracker.services.bounces import read_bounces
from tracker.services.channel_posts import post_channels
from tracker.services.delivery import deliver
from tracker.services.litter import sweep_litter
from tracker.services.package_making import Stamper, Tools
from tracker.services.package_making import work_off as make_packages
from tracker.services.package_making import work_waiting as packages_wait
from tracker.services.restore import plain_settings
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


def run_custody(app: Flask, now: datetime) -> dict[str, Any]:
    """One slice of the week's re-reading as of `now`."""
    settings: Settings = app.extensions["settings"]
    session, store, began = db.session(), app.extensions["store"], clock.now()

    def work() -> dict[str, Any]:
        return custody_check.check_slice(
            session, store, now=now, elapsed=lambda: clock.now() - began, zone=settings.timezone
        ).as_dict()

    return jobs.run(session, "custody", as_of=now, clock=clock.now, work=work)


def run_custody_locks(app: Flask, now: datetime, *, everything: bool = False) -> dict[str, Any]:
    """Retention and holds that the rows ask for are asked of the store; at night of every object."""
    settings: Settings = app.extensions["settings"]
    session, store, began = db.session(), app.extensions["store"], clock.now()

    def work() -> dict[str, Any]:
        return custody_locks.apply(
            session, store, now=now, elapsed=lambda: clock.now() - began, zone=settings.timezone, everything=everything
        ).as_dict()

    return jobs.run(session, "custody_locks", as_of=now, clock=clock.now, work=work)


def back_up(app: Flask, folder: BackupFolder, now: datetime, keep: Keep | None = None) -> BackupResult:
    """One backup into `folder`, on record; then those that need not stay go.

    Conflict("backup_busy"), and nothing on record, while somebody else writes there.
    """
    settings: Settings = app.extensions["settings"]
    session, store = db.session(), app.extensions["store"]
    env = plain_settings(merged_environment(os.environ), encrypted=folder.vault.encrypted)
    trouble: Unavailable | None = None

    def work() -> BackupResult:
        if trouble is not None:
            raise trouble
        result = backup.make(db.engine, store, folder, settings=env, now=now, clock=clock.now)
        stamps = {one.made_at: one.stamp for one in folder.snapshots()}
        kept = {stamps[instant] for instant in to_keep(stamps, keep or Keep(), settings.timezone)}
        result.removed_backups, result.removed_objects = folder.prune(kept | {result.stamp})
        return result

    with ExitStack() as ours:
        try:
            ours.enter_context(folder.writing())
        except Unavailable as error:  # a folder that cannot be written is a failure, a busy one is none
            trouble = error
        return backup.recorded(session, kind="backup", folder=str(folder.path), clock=clock.now, work=work)


def run_backup(app: Flask, now: datetime) -> dict[str, Any]:
    """The night's backup as of `now`; nothing, not even a record, where no folder is set or none is owed.

    {} as well while somebody else is writing there.
    """
    settings: Settings = app.extensions["settings"]
    session, wanted = db.session(), settings.backup
    if wanted is None:
        return {}
    owed = backup.is_owed(session, folder=str(wanted.folder), now=now, zone=settings.timezone)
    session.rollback()
    if not owed:
        return {}

    def work() -> dict[str, Any]:
        try:
            return vars(back_up(app, open_backups(wanted), now))
        except Conflict as busy:
            if busy.code != "backup_busy":
                raise
            return {}

    return jobs.run(session, "backup", as_of=now, clock=clock.now, work=work)


def run_renditions(app: Flask, now: datetime) -> dict[str, Any]:
    """Makes the previews that wait, for less than a minute; nothing, not even a record of the pass, when none does."""
    from tracker.adapters.rendering import SandboxRenderer, sweep_folders

    session, store = db.session(), app.extensions["store"]
    renderer = SandboxRenderer()
    if not renditions.work_waits(session, renderer, now):
        return {}
    sweep_folders(now.timestamp())

    def work() -> dict[str, Any]:
        return renditions.make_renditions(
            session, store=store, renderer=renderer, clock=clock.now,
            open_file=lambda key, size: cast("BinaryIO", ObjectFile(store, key, size)),
        ).as_dict()  # fmt: skip

    return jobs.run(session, "renditions", as_of=now, clock=clock.now, work=work)


def package_tools(app: Flask) -> Tools:
    """What making an inspection package needs. Its tables and pages take time to load: only a maker pays for it."""
    from tracker.adapters.package_files import render

    settings: Settings = app.extensions["settings"]
    stamper = package_stamper(settings.tsa) if settings.tsa is not None and settings.tsa.url else None
    return Tools(app.extensions["store"], clock.now, render, settings.timezone, stamper)


def package_stamper(settings: TsaSettings) -> Stamper:
    """Has tag manifests stamped by the configured authority; a package goes without when it does not answer."""
    from tracker.adapters.timestamps import Rfc3161

    authority = Rfc3161(settings)

    def stamp(session: Session, package_id: int, digest: str, now: datetime) -> bytes | None:
        row = stamping.stamp(
            session, authority=authority, subject="package", subject_id=package_id, digest=digest, now=now
        )
        return row.token if row is not None else None

    return stamp


def run_removals(app: Flask, now: datetime, *, everything: bool = False) -> dict[str, Any]:
    """Takes out what two persons have approved; at night also what came back since. No record when nothing waits."""
    session, store = db.session(), app.extensions["store"]
    if not everything and not removals.waiting(session, now):
        return {}

    def work() -> dict[str, Any]:
        return removals.carry_out(session, store, now=now, everything=everything).as_dict()

    return jobs.run(session, "removals", as_of=now, clock=clock.now, work=work)


def run_packages(app: Flask, now: datetime) -> dict[str, Any]:
    """Makes and verifies the packages that wait; nothing, not even a record of the pass, when none does."""
    session = db.session()
    if not packages_wait(session, now):
        return {}
    return jobs.run(
        session, "packages", as_of=now, clock=clock.now, work=lambda: make_packages(session, package_tools(app))
    )


def run_stamp(app: Flask, now: datetime) -> dict[str, Any]:
    """The day's time stamp over the head of the audit chain; nothing, not even a record, when none is owed."""
    from tracker.adapters.timestamps import Rfc3161

    settings: Settings = app.extensions["settings"]
    session = db.session()
    if settings.tsa is None or not settings.tsa.url or not stamping.is_owed(session, now=now, zone=settings.timezone):
        return {}
    authority = Rfc3161(settings.tsa)

    def work() -> dict[str, Any]:
        return dict(stamping.stamp_head(session, authority=authority, now=now, zone=settings.timezone))

    return jobs.run(session, "stamp", as_of=now, clock=clock.now, work=work)


def watch_clock(now: datetime) -> float:
    """Puts a jump of this machine's clock on record; its seconds, else 0."""
    return clock_watch.look(db.session(), machine=clock.machine(), offset=clock.offset(), now=now)


def run_litter(app: Flask, now: datetime) -> dict[str, Any]:
    """One sweep of what unfinished uploads have left in the store, as of `now`."""
    session, store = db.session(), app.extensions["store"]

    def work() -> dict[str, Any]:
        return sweep_litter(session, store, now=now).as_dict()

    return jobs.run(session, "litter", as_of=now, clock=clock.now, work=work)
