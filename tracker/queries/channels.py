"""Channels as the pages list them, and what a channel has to say today."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from tracker.domain.telling import Kind
from tracker.models import Channel, ChannelPost, Department, Digest, Office, Outbox, User
from tracker.queries.accounts import current

# What a department's robot may say before everybody in the room: what the department owes, nothing of one person's.
ROOM_KINDS = (
    Kind.REMINDER, Kind.PRESS, Kind.STALE, Kind.SOON_STALE, Kind.RETURNED, Kind.REJECTED, Kind.VOIDED, Kind.SIGN,
    Kind.REPORT, Kind.NOTICE,
)  # fmt: skip
TOLD = ("sent", "mailbox_dead")  # outcomes of what was told by mail, or would have been


@dataclass(frozen=True)
class ChannelLine:
    """One channel of a list. `address` is sealed."""

    id: int
    kind: str
    name: str
    address: str
    active: bool
    created_at: datetime
    last_ok_at: datetime | None
    last_error: str
    department_zh: str
    department_en: str


@dataclass(frozen=True)
class DueChannel:
    """A channel that may speak today, with what it did so far. `retry_at`, `lease_until`: of today's post."""

    id: int
    office_id: int
    office_zh: str
    office_en: str
    user_id: int | None
    department_id: int | None
    kind: str
    address: str
    state: str | None
    retry_at: datetime | None
    lease_until: datetime | None
    told_until: datetime | None  # what was to be told by then, the last message told


def _alive() -> ColumnElement[bool]:
    return Channel.address != ""  # a deleted channel keeps its row and loses its secret


def _lines(session: Session, query: Any) -> list[ChannelLine]:
    return [ChannelLine(*row) for row in session.execute(query)]


def _listed() -> Any:
    return (
        select(
            Channel.id, Channel.kind, Channel.name, Channel.address, Channel.active, Channel.created_at,
            Channel.last_ok_at, Channel.last_error,
            func.coalesce(Department.name_zh, ""), func.coalesce(Department.name_en, ""),
        )
        .outerjoin(Department, Department.id == Channel.department_id)
        .where(_alive())
        .order_by(Department.position, Channel.id)
    )  # fmt: skip


def own_channels(session: Session, user_id: int) -> list[ChannelLine]:
    return _lines(session, _listed().where(Channel.user_id == user_id))


def department_channels(session: Session, office_id: int) -> list[ChannelLine]:
    """Those of an office's departments."""
    return _lines(session, _listed().where(Channel.office_id == office_id, Channel.department_id.is_not(None)))


def departments(session: Session, office_id: int) -> list[tuple[int, str, str]]:
    """(id, Chinese name, English name) of those that can have a channel."""
    rows = session.execute(
        select(Department.id, Department.name_zh, Department.name_en)
        .where(Department.office_id == office_id, Department.active.is_(True), Department.collective.is_(False))
        .order_by(Department.position, Department.id)
    )
    return [(row.id, row.name_zh, row.name_en) for row in rows]


def due_channels(session: Session, today: date) -> list[DueChannel]:
    """Active channels of people and departments that are there; one statement."""
    last = (
        select(ChannelPost.channel_id, func.max(ChannelPost.created_at).label("until"))
        .where(ChannelPost.state == "sent")
        .group_by(ChannelPost.channel_id)
        .subquery()
    )
    rows: Iterable[Any] = session.execute(
        select(
            Channel.id, Channel.office_id, Office.name_zh, Office.name_en, Channel.user_id, Channel.department_id,
            Channel.kind, Channel.address, ChannelPost.state, ChannelPost.retry_at, ChannelPost.lease_until,
            last.c.until,
        )
        .join(Office, Office.id == Channel.office_id)
        .outerjoin(User, User.id == Channel.user_id)
        .outerjoin(Department, Department.id == Channel.department_id)
        .outerjoin(ChannelPost, and_(ChannelPost.channel_id == Channel.id, ChannelPost.local_date == today))
        .outerjoin(last, last.c.channel_id == Channel.id)
        .where(Channel.active.is_(True), _alive())
        .where(or_(current(today), Department.active.is_(True)))
        .order_by(Channel.id)
    )  # fmt: skip
    return [DueChannel(*row) for row in rows]


def news_for(
    session: Session, channel: DueChannel, now: datetime, today: date
) -> tuple[list[Outbox], Mapping[int, User]]:
    """What was told, or waits to be told by mail, since the channel last spoke: copies that belong to no session.

    A channel speaks whether the mail server answers or not, so it asks for what was caused, not for what was sent.
    Before its first message: what is open, and what today's mail said. Also the people concerned, by id.
    """
    people = {person.id: person for person in session.scalars(select(User).where(*_audience(channel)))}
    query = (
        select(Outbox.__table__)
        .where(Outbox.recipient_id.in_(people), Outbox.created_at <= now)
        .where(or_(Outbox.settled_at.is_(None), Outbox.outcome.in_(TOLD)))
        .order_by(Outbox.id)
    )
    if channel.told_until is not None:
        query = query.where(Outbox.created_at > channel.told_until)
    else:
        of_today = select(Digest.id).where(Digest.recipient_id.in_(people), Digest.local_date == today)
        query = query.where(or_(Outbox.settled_at.is_(None), Outbox.digest_id.in_(of_today)))
    if channel.user_id is None:
        query = query.where(Outbox.kind.in_([kind.value for kind in ROOM_KINDS]))
    return [Outbox(**row) for row in session.execute(query).mappings()], people


def _audience(channel: DueChannel) -> Sequence[ColumnElement[bool]]:
    if channel.user_id is not None:
        return (User.id == channel.user_id,)
    return (User.department_id == channel.department_id, User.active.is_(True))
