"""The message of the day of every channel: once a day, on working days, whether mail works or not (I1)."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, delete, event, select, update
from sqlalchemy.orm import Session

from tests.support import channels as telling
from tests.support import robots
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tests.support.passing import OCTOBER, at, morning, night, october
from tests.support.robots import KEY, Robots
from tracker.adapters.channels import ApprisePoster
from tracker.adapters.embedded import mailsink
from tracker.adapters.sealing import FernetSealer
from tracker.models import AuditEvent, Channel, ChannelPost, Outbox, Period, User
from tracker.ports import ChannelMessage, Poster
from tracker.services import channels
from tracker.services.channel_posts import ChannelResult, post_channels
from tracker.services.telling import tell
from tracker.web.channel_text import short_renderer

DAY = OCTOBER

pytestmark = pytest.mark.filled.with_args(october)


@pytest.fixture
def server() -> Iterator[Robots]:
    with robots.running() as made:
        yield made


@pytest.fixture
def due(office: OfficeKit) -> OfficeKit:
    """The office on the morning of DAY: reminders made, nothing sent."""
    return office


def add(
    session: Session, kit: OfficeKit, who: str = "contact", kind: str = "wecom", department: str = "", key: str = ""
) -> Channel:
    made = telling.add(session, kit, FROZEN, who, kind, key or KEY[kind], department)
    session.commit()
    return made


def post(
    app: Flask, session: Session, server: Robots, now: datetime, poster: Poster | None = None
) -> ChannelResult:  # fmt: skip
    with app.app_context():
        return post_channels(
            session, now=now, open_poster=lambda: poster or ApprisePoster(server.gateways), sealer=telling.SEALER,
            render=short_renderer(session, "http://127.0.0.1:8000"),
        )  # fmt: skip


def test_a_persons_channel_gets_the_short_form_of_the_digest_while_mail_is_down(
    app: Flask, session: Session, due: OfficeKit, server: Robots
) -> None:
    channel = add(session, due)
    assert post(app, session, server, at(DAY)) == ChannelResult(sent=1)
    (text,) = server.said("wecom")
    title, *lines, link = text.splitlines()
    assert title.startswith("【法治任务】逾期")
    assert title.endswith("（2026-10-12）")
    assert lines[0].startswith("▲ 逾期 · T0")
    assert 1 <= len(lines) <= 11
    assert link == "http://127.0.0.1:8000/my"
    for personal in ("@", "账户", "contact", "dept_head"):
        assert personal not in text
    session.expire_all()
    assert channel.last_ok_at == at(DAY)
    assert set(session.scalars(select(Outbox.settled_at))) == {None}  # the mail is still owed, and will be sent


def test_one_message_a_day_and_nothing_twice(app: Flask, session: Session, due: OfficeKit, server: Robots) -> None:
    add(session, due)
    for minute in (40, 45, 50):
        post(app, session, server, at(DAY, 8, minute))
    assert len(server.got) == 1
    night(session, DAY + timedelta(1))
    news = session.scalars(
        select(Outbox).where(Outbox.created_at > at(DAY), Outbox.recipient_id == due.users["contact"])
    )
    expected = 2 if news.all() else 1
    post(app, session, server, at(DAY + timedelta(1)))
    assert len(server.got) == expected


def test_after_the_mail_was_sent_the_channel_says_the_same(
    app: Flask, session: Session, due: OfficeKit, server: Robots, smtp_sink: mailsink.Handle
) -> None:
    add(session, due)
    assert morning(app, session, smtp_sink, at(DAY)).sent
    assert post(app, session, server, at(DAY)) == ChannelResult(sent=1)
    assert post(app, session, server, at(DAY, 9)) == ChannelResult()


def test_nothing_on_a_day_off_at_night_or_with_nothing_to_say(
    app: Flask, session: Session, due: OfficeKit, server: Robots
) -> None:
    add(session, due)
    add(session, due, "contact_dzb")
    for silent in (at(date(2026, 10, 11)), at(DAY, 8, 0), at(DAY, 21)):
        assert post(app, session, server, silent) == ChannelResult()
    assert post(app, session, server, at(DAY)) == ChannelResult(sent=1)
    assert len(list(session.scalars(select(ChannelPost)))) == 1


def test_a_slow_pass_does_not_reach_into_the_quiet_hours(
    app: Flask, session: Session, due: OfficeKit, server: Robots
) -> None:
    for who in ("contact", "dept_head"):
        add(session, due, who)
    clock = [timedelta(0)]

    class Slow(ApprisePoster):
        def post(self, kind: str, target: Mapping[str, str], message: ChannelMessage) -> str:
            clock[0] += timedelta(minutes=2)
            return super().post(kind, target, message)

    with app.app_context():
        result = post_channels(
            session, now=at(DAY, 17, 59), open_poster=lambda: Slow(server.gateways), sealer=telling.SEALER,
            render=short_renderer(session, "http://127.0.0.1:8000"), elapsed=lambda: clock[0],
        )  # fmt: skip
    assert result == ChannelResult(sent=1, deferred=1)
    assert len(server.got) == 1


def test_what_is_for_information_does_not_use_up_the_days_message(
    app: Flask, session: Session, due: OfficeKit, server: Robots
) -> None:
    add(session, due)
    session.execute(update(Outbox).values(settled_at=at(DAY, 0, 20), outcome="moot"))
    period_id = due.period(session, "T01", "Q3").id
    about: dict[str, Any] = {"office_id": due.office_id, "recipient_id": due.users["contact"], "period_id": period_id}
    tell(session, kind="accepted", now=at(DAY, 8, 35), **about)
    session.commit()
    assert post(app, session, server, at(DAY)) == ChannelResult()
    tell(session, kind="press", now=at(DAY, 11, 0), **about)
    session.commit()
    assert post(app, session, server, at(DAY, 11, 5)) == ChannelResult(sent=1)


def test_what_was_done_meanwhile_is_not_told(app: Flask, session: Session, due: OfficeKit, server: Robots) -> None:
    add(session, due)
    session.execute(update(Period).values(complete=True, light="green", reasons=["complete"]))
    session.commit()
    assert post(app, session, server, at(DAY)) == ChannelResult()


def test_a_departments_room_reads_what_the_department_owes_and_nothing_of_people(
    app: Flask, session: Session, due: OfficeKit, server: Robots
) -> None:
    add(session, due, "sysadmin", "dingtalk", "zzxf")
    add(session, due, "sysadmin", "feishu", "fzb")  # told of other departments' tasks: not for its room
    tell(
        session, office_id=due.office_id, recipient_id=due.users["contact"], kind="asked", now=at(DAY, 0, 20)
    )  # somebody's own business
    session.commit()
    result = post(app, session, server, at(DAY))
    assert result.failed == 0
    (text,) = server.said("dingtalk")
    assert "T01 信访矛盾排查化解" in text
    assert "账户" not in text
    assert "还缺" not in text
    for said in server.said("feishu"):
        assert "T01" not in said


def test_a_refused_robot_rests_until_tomorrow_and_says_why(
    app: Flask, session: Session, due: OfficeKit, server: Robots
) -> None:
    channel = add(session, due, key="0000-wrong-0000")
    assert post(app, session, server, at(DAY)) == ChannelResult(failed=1)
    assert post(app, session, server, at(DAY, 12)) == ChannelResult()
    session.expire_all()
    assert "93000" in channel.last_error
    night(session, DAY + timedelta(1))
    assert post(app, session, server, at(DAY + timedelta(1))) == ChannelResult(failed=1)
    assert server.asked == 2


def test_a_server_that_fails_is_tried_again_with_growing_waits(
    app: Flask, session: Session, due: OfficeKit, server: Robots
) -> None:
    add(session, due)
    server.status = 500
    tried = [post(app, session, server, at(DAY, 8, 40) + timedelta(minutes=5 * step)) for step in range(24)]
    assert {result.sent for result in tried} == {0}
    assert 3 <= server.asked <= 6
    server.status = 200
    assert post(app, session, server, at(DAY, 15)) == ChannelResult(sent=1)
    (row,) = session.scalars(select(ChannelPost))
    assert (row.state, row.attempts, row.last_error) == ("sent", server.asked, "")


def test_yesterdays_failure_is_told_today_once(app: Flask, session: Session, due: OfficeKit, server: Robots) -> None:
    add(session, due)
    server.status = 503
    post(app, session, server, at(DAY))
    server.status = 200
    assert post(app, session, server, at(DAY + timedelta(1))) == ChannelResult(sent=1)
    states = list(session.scalars(select(ChannelPost.state).order_by(ChannelPost.local_date)))
    assert states == ["abandoned", "sent"]


class Dying:
    """Dies after the other side took the message, as a killed worker does."""

    def __init__(self, inner: Poster) -> None:
        self.inner = inner

    def post(self, kind: str, target: Mapping[str, str], message: ChannelMessage) -> str:
        self.inner.post(kind, target, message)
        raise KeyboardInterrupt


def test_killed_between_answer_and_commit_the_message_comes_once_more_after_its_lease(
    app: Flask, session: Session, due: OfficeKit, server: Robots
) -> None:
    add(session, due)
    with pytest.raises(KeyboardInterrupt):
        post(app, session, server, at(DAY), Dying(ApprisePoster(server.gateways)))
    session.rollback()
    assert post(app, session, server, at(DAY, 8, 42)) == ChannelResult()  # under its lease
    assert post(app, session, server, at(DAY, 8, 50)) == ChannelResult(sent=1)
    assert post(app, session, server, at(DAY, 9)) == ChannelResult()
    assert len(server.got) == 2  # the one documented window


def test_two_workers_at_once_post_once(
    app: Flask, engine: Engine, session: Session, due: OfficeKit, server: Robots
) -> None:
    add(session, due)

    class Slow:
        """While it posts, another worker comes by."""

        def post(self, kind: str, target: Mapping[str, str], message: ChannelMessage) -> str:
            with Session(engine) as other:
                assert post(app, other, server, at(DAY)) == ChannelResult()
            return ApprisePoster(server.gateways).post(kind, target, message)

    assert post(app, session, server, at(DAY), Slow()) == ChannelResult(sent=1)
    assert len(server.got) == 1


def test_a_dead_place_costs_two_tries_in_a_pass(app: Flask, session: Session, due: OfficeKit, server: Robots) -> None:
    for who in ("contact", "contact", "contact", "dept_head"):
        add(session, due, who)

    class Gone:
        asked = 0

        def post(self, *_: object) -> str:
            self.asked += 1
            raise OSError("cannot be reached")

    gone = Gone()
    result = post(app, session, server, at(DAY), gone)
    assert gone.asked == 2
    assert result == ChannelResult(deferred=4)


def test_switched_off_deleted_or_left(app: Flask, session: Session, due: OfficeKit, server: Robots) -> None:
    actor = due.actor(session, "contact")
    off, gone = add(session, due), add(session, due)
    channels.switch(session, actor=actor, channel_id=off.id, active=False, now=FROZEN)
    channels.delete(session, actor=actor, channel_id=gone.id, now=FROZEN)
    add(session, due, "dept_head")
    session.execute(update(User).where(User.id == due.users["dept_head"]).values(active=False))
    session.commit()
    assert post(app, session, server, at(DAY)) == ChannelResult()
    assert gone.address == ""
    acts = set(session.scalars(select(AuditEvent.action).where(AuditEvent.subject == "channel")))
    assert acts == {"channel.added", "channel.switched_off", "channel.deleted"}
    assert KEY["wecom"] not in str([row.data for row in session.scalars(select(AuditEvent))])


def test_another_key_than_the_one_it_was_sealed_with(
    app: Flask, session: Session, due: OfficeKit, server: Robots
) -> None:
    channel = add(session, due)
    channel.address = FernetSealer("another key altogether").seal("{}")
    session.commit()
    assert post(app, session, server, at(DAY)) == ChannelResult(failed=1)
    session.expire_all()
    assert channel.last_error == channels.SEALED_OTHERWISE


def test_no_channels_cost_one_statement(app: Flask, session: Session, due: OfficeKit, server: Robots) -> None:
    session.execute(delete(Channel))
    session.commit()
    asked: list[str] = []
    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    post(app, session, server, at(DAY))
    assert len([words for words in asked if words.startswith("SELECT")]) == 1
