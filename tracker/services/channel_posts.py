"""The message of the day of every channel: at most one per channel and local date, on working days (I1).

As with the mails: row "sending" → commit → post → result → commit. Killed between the other side's answer and our
commit, the message is posted once more after its lease; robots know no message ids, so that second one is seen.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from sqlalchemy import and_, or_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.channels import Target, wait_after
from tracker.domain.mail import MailRules
from tracker.domain.reminders import may_send
from tracker.domain.telling import opens_mail
from tracker.models import Channel, ChannelPost, Outbox, User
from tracker.ports import ChannelMessage, Poster, PostRefused, SealBroken, Sealer
from tracker.queries.calendar import load_calendar
from tracker.queries.channels import DueChannel, due_channels, news_for
from tracker.queries.digest import Line, lines_for
from tracker.queries.mail_rules import load_mail_rules
from tracker.services.assessment import OFFICE_ZONE
from tracker.services.channels import SEALED_OTHERWISE, unsealed
from tracker.services.jobs import write
from tracker.services.still_true import settle_outdated

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)  # an unfinished attempt may be taken over after this
LOST = 2  # so many failed connections to one place end its turn in this pass
ROOM_GROUPS = frozenset({
    "notice", "statutory", "overdue", "due_now", "sign", "returned", "stale", "insufficient", "soon_stale", "due_later",
})  # fmt: skip

OpenPoster = Callable[[], Poster]
# The reader, None for a department; its office's (Chinese, English) name; all its lines; today.
RenderShort = Callable[[User | None, tuple[str, str], Sequence[Line], date], ChannelMessage]


@dataclass
class ChannelResult:
    sent: int = 0
    failed: int = 0
    deferred: int = 0

    def as_dict(self) -> dict[str, int]:
        """Members for the record of the pass; only what happened."""
        return {f"channels_{name}": count for name, count in self.__dict__.items() if count}


@dataclass
class _Pass:
    session: Session
    open_poster: OpenPoster
    sealer: Sealer
    now: datetime
    today: date
    zone: ZoneInfo
    rules: Mapping[int, MailRules]
    elapsed: Callable[[], timedelta]
    result: ChannelResult = field(default_factory=ChannelResult)
    lost: Counter[str] = field(default_factory=Counter)

    @cached_property
    def poster(self) -> Poster:
        return self.open_poster()

    @property
    def instant(self) -> datetime:
        return self.now + max(self.elapsed(), timedelta(0))

    def is_open(self, office_id: int, instant: datetime) -> bool:
        """Whether anything of the office may leave at that instant of today."""
        calendar, hour = load_calendar(self.session), self.rules[office_id].digest_at
        return local_date(instant, self.zone) == self.today and may_send(instant, calendar, self.zone, digest_at=hour)

    def digest_hour(self, office_id: int) -> datetime:
        return datetime.combine(self.today, self.rules[office_id].digest_at, self.zone)


def post_channels(
    session: Session,
    *,
    now: datetime,
    open_poster: OpenPoster,
    sealer: Sealer,
    render: RenderShort,
    zone: ZoneInfo = OFFICE_ZONE,
    elapsed: Callable[[], timedelta] = lambda: timedelta(0),
) -> ChannelResult:
    """Posts what may be posted as of `now`. Commits channel by channel; one statement where there are no channels."""
    today = local_date(now, zone)
    ready = [channel for channel in due_channels(session, today) if not _rests(channel, now)]
    if not ready:
        session.rollback()
        return ChannelResult()
    this = _Pass(session, open_poster, sealer, now, today, zone, load_mail_rules(session), elapsed)
    waiting = [channel for channel in ready if this.is_open(channel.office_id, now)]
    session.rollback()
    if not waiting:
        return ChannelResult()
    _give_up_old(session, today, now)
    for channel in waiting:
        if not this.is_open(channel.office_id, this.instant):  # a slow pass must not reach into the quiet hours
            this.result.deferred += 1
            continue
        try:
            _serve(this, channel, render)
        except Exception:  # one poisoned channel must not silence the others
            session.rollback()
            log.exception("channel %s could not be served", channel.id)
            this.result.failed += 1
    return this.result


def _rests(channel: DueChannel, now: datetime) -> bool:
    """Whether today's message is under way, backing off, or done with."""
    if channel.state == "sending":
        return channel.lease_until is not None and channel.lease_until > now
    if channel.state == "deferred":
        return channel.retry_at is not None and channel.retry_at > now
    return channel.state is not None


def _give_up_old(session: Session, today: date, now: datetime) -> None:
    """What an earlier day could not post is told by today's message, if it is still true."""
    write(session)
    free = or_(ChannelPost.lease_until.is_(None), ChannelPost.lease_until <= now)
    session.execute(
        update(ChannelPost)
        .where(ChannelPost.local_date < today, ChannelPost.state.in_(("sending", "deferred")), free)
        .values(state="abandoned", lease_until=None, retry_at=None)
    )
    session.commit()


def _serve(this: _Pass, channel: DueChannel, render: RenderShort) -> None:
    message = _message(this, channel, render)
    this.session.rollback()
    if message is None:
        return
    try:
        target = unsealed(this.sealer, channel.address)
    except SealBroken:
        target = None
    place = _place(channel, target)
    if this.lost[place] >= LOST:
        this.result.deferred += 1
        return
    post_id = _claim(this, channel)
    if post_id is None:  # another worker was quicker
        return
    try:
        if target is None:
            raise PostRefused(SEALED_OTHERWISE, permanent=True)
        this.poster.post(channel.kind, target.as_data(), message)
    except PostRefused as error:
        _record(this, channel, post_id, str(error), permanent=error.permanent)
    except OSError as error:
        this.lost[place] += 1
        _record(this, channel, post_id, str(error), permanent=False)
    else:
        this.lost[place] = 0
        _record(this, channel, post_id, "", permanent=False)


def _place(channel: DueChannel, target: Target | None) -> str:
    return (urlsplit(target.url).netloc if target is not None and target.url else "") or channel.kind


def _message(this: _Pass, channel: DueChannel, render: RenderShort) -> ChannelMessage | None:
    """What the channel has to say; None for nothing, or for nothing that opens the message of the day. Changes
    nothing.
    """
    rows, people = news_for(this.session, channel, this.now, this.today)
    # Asked of copies: what is no longer so is settled by the mail's own pass.
    true = settle_outdated(this.session, rows, people, now=this.now, zone=this.zone)
    hour = this.digest_hour(channel.office_id)
    if not any(opens_mail(row.kind, row.created_at, hour) for row in true):
        return None
    reader = people[channel.user_id] if channel.user_id is not None else _room(channel, true)
    lines = lines_for(this.session, [reader], {reader.id: true}, this.today)[reader.id]
    if channel.user_id is None:
        lines = [line for line in lines if line.group in ROOM_GROUPS and not line.department_zh]
    if not lines:
        return None
    office = (channel.office_zh, channel.office_en)
    return render(reader if channel.user_id is not None else None, office, lines, this.today)


def _room(channel: DueChannel, rows: Sequence[Outbox]) -> User:
    """A department as a reader: sees what its head sees; nothing says for whom it was meant."""
    for row in rows:
        row.stood_in_for_id = None
    return User(
        id=-channel.id, office_id=channel.office_id, department_id=channel.department_id, role="dept_head", quiet=[]
    )


def _claim(this: _Pass, channel: DueChannel) -> int | None:
    """Today's row of the channel, marked as being sent; None when it is not ours. Commits."""
    session = this.session
    write(session)
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    taken: dict[str, Any] = {
        "state": "sending", "lease_until": this.instant + LEASE, "retry_at": None, "created_at": this.now,
    }  # fmt: skip
    made = session.execute(
        insert(ChannelPost)
        .values(channel_id=channel.id, local_date=this.today, attempts=1, last_error="", **taken)
        .on_conflict_do_nothing(index_elements=["channel_id", "local_date"])
        .returning(ChannelPost.id)
    ).scalar()
    if made is None:
        lapsed = and_(ChannelPost.state == "sending", ChannelPost.lease_until <= this.now)
        due = and_(ChannelPost.state == "deferred", ChannelPost.retry_at <= this.now)
        made = session.execute(
            update(ChannelPost)
            .where(ChannelPost.channel_id == channel.id, ChannelPost.local_date == this.today, or_(lapsed, due))
            .values(attempts=ChannelPost.attempts + 1, **taken)
            .returning(ChannelPost.id)
            .execution_options(synchronize_session=False)
        ).scalar()
    session.commit()
    return made


def _record(this: _Pass, channel: DueChannel, post_id: int, trouble: str, *, permanent: bool) -> None:
    """The result of one try; commits."""
    write(this.session)
    post = this.session.get_one(ChannelPost, post_id, populate_existing=True)
    row = this.session.get_one(Channel, channel.id, populate_existing=True)
    post.lease_until, post.last_error, row.last_error = None, trouble[:2000], trouble[:2000]
    if not trouble:
        post.state, post.sent_at, row.last_ok_at = "sent", this.instant, this.instant
        this.result.sent += 1
    elif permanent:
        post.state = "failed"
        this.result.failed += 1
    else:
        post.state = "deferred"
        post.retry_at = this.instant + wait_after(channel.id, this.today.isoformat(), post.attempts)
        this.result.deferred += 1
    this.session.commit()
