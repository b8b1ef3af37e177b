"""Channels and feeds as tests need them."""

from datetime import datetime

from sqlalchemy.orm import Session

from tests.support.office import OfficeKit
from tracker.adapters.sealing import FernetSealer
from tracker.models import Channel
from tracker.services import channels, feeds

SEALER = FernetSealer("only-for-the-tests")  # the key of the fixture `settings`


def add(
    session: Session, kit: OfficeKit, now: datetime, who: str, kind: str, address: str, department: str = "",
    secret: str = "",
) -> Channel:  # fmt: skip
    """A channel of `who`, or of a department by its code."""
    return channels.add(
        session, SEALER, actor=kit.actor(session, who), kind=kind, name="工作群", address=address, secret=secret,
        gateways={}, department_id=kit.departments[department] if department else None, now=now,
    )  # fmt: skip


def feed(session: Session, kit: OfficeKit, who: str, now: datetime) -> str:
    """The secret of a new feed of `who`."""
    return feeds.renew(session, actor=kit.actor(session, who), now=now)
