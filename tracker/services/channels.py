"""Channels next to mail: added, tested, switched off and on, deleted. Their secrets are sealed before they are rows."""

import json
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.domain.channels import LONGEST_NAME, MOST_CHANNELS, Target, parse_kind, parse_target
from tracker.domain.permissions import Action, Actor, can
from tracker.errors import Conflict, Forbidden, InvalidInput, NotFound
from tracker.models import Channel, Department
from tracker.ports import ChannelMessage, Poster, PostRefused, SealBroken, Sealer
from tracker.services import audit

SEALED_OTHERWISE = "sealed_otherwise"  # last_error of a channel whose secret another key sealed


def add(
    session: Session,
    sealer: Sealer,
    *,
    actor: Actor,
    kind: str,
    name: str,
    address: str,
    secret: str,
    gateways: Mapping[str, str],
    now: datetime,
    department_id: int | None = None,
    audited_from: str = "",
) -> Channel:
    """A channel of the actor's own or, with `department_id`, of a department (administrators only).

    Raises InvalidInput (see domain.channels; channel_name_invalid, department_missing), Conflict("channel_too_many").
    """
    personal = department_id is None
    if not personal:
        _manages(session, actor, department_id)
    chosen = parse_kind(kind, personal=personal)
    target = parse_target(chosen, address, secret, gateways)
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise InvalidInput("channel_name_invalid", field="name", longest=LONGEST_NAME)
    whose = Channel.user_id == actor.id if personal else Channel.department_id == department_id
    have = session.scalar(select(func.count()).select_from(Channel).where(whose, Channel.address != ""))
    if (have or 0) >= MOST_CHANNELS:
        raise Conflict("channel_too_many", most=MOST_CHANNELS)
    channel = Channel(
        office_id=actor.office_id,
        user_id=actor.id if personal else None,
        department_id=department_id,
        kind=chosen.value,
        name=name,
        address=sealer.seal(json.dumps(target.as_data())),
        created_by_id=actor.id,
        created_at=now,
    )
    session.add(channel)
    session.flush()
    _audit(session, actor, channel, "added", now, audited_from)
    return channel


def _manages(session: Session, actor: Actor, department_id: int | None) -> None:
    if not can(actor, Action.MANAGE_CHANNELS):
        raise Forbidden("not_allowed")
    department = session.get(Department, department_id)
    if department is None or department.office_id != actor.office_id or not department.active:
        raise InvalidInput("department_missing", field="department")


def his(session: Session, actor: Actor, channel_id: int) -> Channel:
    """The channel, if it is the actor's own or he manages it; otherwise Forbidden or, of another office, NotFound."""
    channel = session.get(Channel, channel_id)
    if channel is None or channel.office_id != actor.office_id or not channel.address:
        raise NotFound("not_found")
    managed = channel.department_id is not None and can(actor, Action.MANAGE_CHANNELS)
    if channel.user_id != actor.id and not managed:
        raise Forbidden("not_allowed")
    return channel


def switch(
    session: Session, *, actor: Actor, channel_id: int, active: bool, now: datetime, address: str = ""
) -> Channel:
    channel = his(session, actor, channel_id)
    if channel.active != active:
        channel.active = active
        _audit(session, actor, channel, "switched_on" if active else "switched_off", now, address)
    return channel


def delete(session: Session, *, actor: Actor, channel_id: int, now: datetime, address: str = "") -> Channel:
    """Its secret is gone for good; the row stays, because the posts that it made name it."""
    channel = his(session, actor, channel_id)
    channel.active, channel.address = False, ""
    _audit(session, actor, channel, "deleted", now, address)
    return channel


def _audit(session: Session, actor: Actor, channel: Channel, what: str, now: datetime, address: str) -> None:
    audit.record(
        session, now=now, actor=actor, action=f"channel.{what}", subject="channel", subject_id=channel.id,
        office_id=channel.office_id, address=address, kind=channel.kind, name=channel.name,
        department_id=channel.department_id,
    )  # fmt: skip


def unsealed(sealer: Sealer, sealed: str) -> Target:
    """What a channel's address holds; SealBroken."""
    try:
        return Target(**json.loads(sealer.unseal(sealed)))
    except (ValueError, TypeError) as error:
        raise SealBroken from error


def try_out(poster: Poster, sealer: Sealer, kind: str, sealed: str, message: ChannelMessage) -> tuple[bool, str]:
    """Posts the test line: whether it was taken, and the other side's words. Touches no row: it may take long."""
    try:
        return True, poster.post(kind, unsealed(sealer, sealed).as_data(), message)
    except SealBroken:
        return False, SEALED_OTHERWISE
    except (OSError, PostRefused) as error:
        return False, str(error)


def note_result(session: Session, *, actor: Actor, channel_id: int, good: bool, said: str, now: datetime) -> None:
    """What came of a test."""
    channel = his(session, actor, channel_id)
    if good:
        channel.last_ok_at, channel.last_error = now, ""
    else:
        channel.last_error = said[:2000]
