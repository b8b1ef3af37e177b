"""The chained log on both databases: what the database refuses, and what the chain finds when it was made not to."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.support import tsa
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tracker import clock
from tracker.adapters.timestamps import Rfc3161
from tracker.config import TsaSettings
from tracker.domain.audit_chain import GENESIS
from tracker.errors import Unavailable
from tracker.models import AuditEvent, AuditHead, TimeStamp
from tracker.ports import StampBroken
from tracker.queries import audit as reads
from tracker.queries.audit import AuditFilter
from tracker.services import audit, clock_watch, stamping

ZONE = ZoneInfo("Asia/Shanghai")


def write_some(session: Session, office: OfficeKit, count: int = 6) -> int:
    """Some more events; the number of the last."""
    for number in range(count):
        audit.record(
            session, now=FROZEN + timedelta(minutes=number), actor=office.actor(session, "reviewer"),
            action="evidence.viewed", subject="version", subject_id=number + 1, office_id=office.office_id,
            address="192.0.2.7", note=f"第 {number} 条",
        )  # fmt: skip
    session.commit()
    return reads.chain_head(session)[0]


def unprotect(session: Session) -> None:
    """What somebody with the database in his hands can do."""
    if session.get_bind().dialect.name == "sqlite":
        for what in ("update", "delete"):
            session.execute(text(f"DROP TRIGGER audit_event_no_{what}"))
    else:
        session.execute(text("ALTER TABLE audit_event DISABLE TRIGGER audit_event_append_only"))
    session.commit()


@pytest.mark.parametrize("statement", ["UPDATE audit_event SET actor = 'x' WHERE seq = 2", "DELETE FROM audit_event"])
def test_the_database_refuses_to_rewrite_the_log(session: Session, office: OfficeKit, statement: str) -> None:
    write_some(session, office)
    with pytest.raises(DBAPIError, match="append-only"):
        session.execute(text(statement))
    session.rollback()
    assert audit.verify(session).broken_at is None


def edited(session: Session, last: int) -> int:
    session.execute(text("UPDATE audit_event SET address = '192.0.2.8' WHERE seq = :seq"), {"seq": last - 2})
    return last - 2


def removed(session: Session, last: int) -> int:
    session.execute(text("DELETE FROM audit_event WHERE seq = :seq"), {"seq": last - 3})
    return last - 3


def reordered(session: Session, last: int) -> int:
    for before, after in ((last - 2, -1), (last - 1, last - 2), (-1, last - 1)):
        session.execute(text("UPDATE audit_event SET seq = :after WHERE seq = :before"),
                        {"before": before, "after": after})  # fmt: skip
    return last - 2


def inserted(session: Session, last: int) -> int:
    """A made-up event with a digest of its own, all later ones moved up: it fits itself, the next does not fit it."""
    for seq in range(last, last - 2, -1):
        session.execute(text("UPDATE audit_event SET seq = :after WHERE seq = :seq"), {"after": seq + 1, "seq": seq})
    model = session.get_one(AuditEvent, last - 2)
    made = AuditEvent(
        seq=last - 1, office_id=model.office_id, at=model.at, actor_id=model.actor_id, actor=model.actor,
        action="evidence.accepted", subject="version", subject_id=1, data={}, previous=model.digest, address="",
    )  # fmt: skip
    made.digest = audit.event_digest(made)
    session.add(made)
    session.execute(text("UPDATE audit_head SET seq = seq + 1"))
    return last


def truncated(session: Session, last: int) -> int:
    session.execute(text("DELETE FROM audit_event WHERE seq > :seq"), {"seq": last - 3})
    return last - 2


def added(session: Session, last: int) -> int:
    """Behind the application's back, with digests that fit."""
    model = session.get_one(AuditEvent, last)
    made = AuditEvent(
        seq=last + 1, office_id=model.office_id, at=model.at, actor_id=None, actor="system", action="user.login",
        subject="user", subject_id=1, data={}, previous=model.digest, address="",
    )  # fmt: skip
    made.digest = audit.event_digest(made)
    session.add(made)
    return last + 1


def emptied(session: Session, _last: int) -> int:
    session.execute(text("DELETE FROM audit_event"))
    return 1


Tamper = Callable[[Session, int], int]


def test_whoever_tampers_is_found_by_the_number_of_the_event(session: Session, office: OfficeKit) -> None:
    last = write_some(session, office)
    unprotect(session)
    expected: list[tuple[Tamper, str]] = [
        (edited, "edited"), (removed, "gap"), (reordered, "reordered"), (inserted, "reordered"), (truncated, "cut"),
        (added, "added"), (emptied, "cut"),
    ]  # fmt: skip
    for tamper, why in expected:
        seq = tamper(session, last)
        session.flush()
        report = audit.verify(session)
        assert (tamper.__name__, report.broken_at, report.why) == (tamper.__name__, seq, why)
        session.rollback()
        session.expire_all()
    assert audit.verify(session).broken_at is None


def rewrite(session: Session) -> None:
    """The whole chain made anew around a changed event: it fits itself."""
    previous = GENESIS
    for event in session.query(AuditEvent).order_by(AuditEvent.seq).all():
        if event.seq == 2:
            event.actor = "somebody else"
        event.previous = previous
        event.digest = previous = audit.event_digest(event)
    session.get_one(AuditHead, 1).digest = previous
    session.flush()


# ---------------------------------------------------------------------------------------------------- time stamps


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tsa.Authority]:
    made = tsa.start(tmp_path_factory.mktemp("tsa"))
    yield made
    made.stop()


@pytest.fixture
def authority(server: tsa.Authority) -> Rfc3161:
    server.fault = server.password = ""
    return Rfc3161(TsaSettings(server.certificate, server.url, timeout=10))


def test_the_day_s_head_is_stamped_once_and_the_stamp_holds_a_chain_that_was_made_anew(
    session: Session, office: OfficeKit, authority: Rfc3161, server: tsa.Authority
) -> None:
    now, last = clock.now(), write_some(session, office)
    server.fault = "down"
    assert stamping.stamp_head(session, authority=authority, now=now, zone=ZONE)["failed"] == "tsa_down"
    assert stamping.is_owed(session, now=now, zone=ZONE)
    server.fault = ""
    assert stamping.stamp_head(session, authority=authority, now=now, zone=ZONE) == {"stamped": last}
    asked = server.asked
    assert stamping.stamp_head(session, authority=authority, now=now, zone=ZONE) == {}
    assert server.asked == asked  # nobody is asked twice a day
    tomorrow = now + timedelta(days=1)
    assert stamping.is_owed(session, now=tomorrow, zone=ZONE)
    assert reads.chain_head(session)[0] == last + 1  # that it was stamped is an event, too
    [one] = stamping.check_all(session, authority)
    assert (one.seq, one.why, abs(one.stamped_at - now) < timedelta(minutes=1)) == (last, "", True)
    assert audit.verify(session).broken_at is None

    unprotect(session)
    rewrite(session)
    report = audit.verify(session)
    assert (report.broken_at, report.why) == (last, "stamped")
    assert [one.why for one in stamping.check_all(session, authority)] == ["chain"]


def test_a_subject_is_stamped_once_and_without_an_authority_not_at_all(session: Session, authority: Rfc3161) -> None:
    digest, now = "ab" * 32, clock.now()
    assert stamping.stamp(session, authority=None, subject="package", subject_id=1, digest=digest, now=now) is None
    first = stamping.stamp(session, authority=authority, subject="package", subject_id=1, digest=digest, now=now)
    again = stamping.stamp(session, authority=authority, subject="package", subject_id=1, digest=digest, now=now)
    assert first is not None
    assert again is first
    session.commit()
    assert session.query(TimeStamp).count() == 1


def test_only_an_answer_that_proves_it_is_believed(authority: Rfc3161, server: tsa.Authority, tmp_path: Path) -> None:
    digest = "12" * 32
    good = authority.stamp(digest)
    assert authority.check(good.token, digest) == good.at
    for fault, code, why in (
        ("down", "tsa_down", "HTTP 503"), ("garbage", "tsa_refused", "malformed"), ("huge", "tsa_refused", "malformed"),
        ("another_digest", "tsa_refused", "digest"), ("replay", "tsa_refused", "nonce"),
    ):  # fmt: skip
        server.fault = fault
        if fault == "replay":  # an old answer over the very same digest
            server.answers[:] = [good.token]
        with pytest.raises(Unavailable) as caught:
            authority.stamp(digest)
        assert (fault, caught.value.code, caught.value.data["why"]) == (fault, code, why)
    with pytest.raises(StampBroken, match="digest"):
        authority.check(good.token, "34" * 32)
    with pytest.raises(StampBroken, match="malformed"):
        authority.check(good.token[:-40], digest)
    flipped = bytearray(good.token)
    flipped[-20] ^= 1  # in the signature
    with pytest.raises(StampBroken, match="signature"):
        authority.check(bytes(flipped), digest)
    tsa.make_ca(tmp_path / "other", "Other")
    with pytest.raises(StampBroken, match="signature"):
        Rfc3161(TsaSettings(tmp_path / "other" / "ca.pem")).check(good.token, digest)
    nobody = Rfc3161(TsaSettings(server.certificate, "http://127.0.0.1:9/", timeout=2))
    with pytest.raises(Unavailable, match="tsa_down"):
        nobody.stamp(digest)


def test_an_authority_may_ask_for_a_password(server: tsa.Authority) -> None:
    server.fault, server.password = "", "dXNlcjpzZXNhbWU="  # user:sesame
    with pytest.raises(Unavailable, match="tsa_down"):
        Rfc3161(TsaSettings(server.certificate, server.url)).stamp("56" * 32)
    assert Rfc3161(TsaSettings(server.certificate, server.url, "user", "sesame")).stamp("56" * 32).token


# ---------------------------------------------------------------------------------------------------- clock and list


def test_a_clock_that_was_set_is_on_record(session: Session) -> None:
    before = reads.chain_head(session)[0]
    machine, now = "boot-1", FROZEN
    assert clock_watch.look(session, machine=machine, offset=1000.0, now=now) == 0
    assert clock_watch.look(session, machine=machine, offset=1059.0, now=now + timedelta(minutes=5)) == 0
    assert clock_watch.look(session, machine=machine, offset=880.0, now=now + timedelta(minutes=8)) == -120
    assert clock_watch.look(session, machine=machine, offset=880.0, now=now + timedelta(minutes=13)) == 0
    assert clock_watch.look(session, machine="", offset=0.0, now=now) == 0
    [event] = session.query(AuditEvent).filter(AuditEvent.seq > before).all()
    assert (event.action, event.data["seconds"]) == ("clock.jumped", -120)


def test_the_list_is_filtered_and_turned_by_the_number_of_the_last_line(
    session: Session, office: OfficeKit, engine: Engine
) -> None:
    last = write_some(session, office, 7)
    zone, own = ZONE, office.office_id
    audit.record(session, now=FROZEN + timedelta(days=3), actor=None, action="backup.failed", subject="backup",
                 subject_id=1, office_id=None)  # fmt: skip
    session.commit()

    def seqs(wanted: AuditFilter, before: int | None = None, limit: int = 50) -> list[int]:
        return [line.seq for line in reads.read_events(session, own, wanted, zone, before, limit)[0]]

    assert seqs(AuditFilter(), limit=3) == [last + 1, last, last - 1]
    assert seqs(AuditFilter(), before=last - 1, limit=2) == [last - 2, last - 3]
    assert seqs(AuditFilter(failures=True))[0] == last + 1
    assert seqs(AuditFilter(group="reading")) == list(range(last, last - 7, -1))
    assert seqs(AuditFilter(group="reading", failures=True)) == []
    reviewer = office.users["reviewer"]
    assert seqs(AuditFilter(person=reviewer, group="reading"), limit=2) == [last, last - 1]
    assert last + 1 in seqs(AuditFilter(person=0))
    day = (FROZEN + timedelta(days=3)).astimezone(zone).date()
    assert seqs(AuditFilter(since=day, until=day)) == [last + 1]
    assert seqs(AuditFilter(since=day + timedelta(1))) == []
    # The task of a period that somebody was pressed for.
    period = office.obligation(session, "T01-E2", "Q4").period_id
    audit.record(session, now=FROZEN, actor=office.actor(session, "reviewer"), action="period.pressed",
                 subject="period", subject_id=period, office_id=own)  # fmt: skip
    session.commit()
    assert seqs(AuditFilter(task="T01"))[0] == last + 2
    assert seqs(AuditFilter(task="T01", group="reading")) == []
    assert seqs(AuditFilter(task="T99")) == []
    with Session(engine) as other:
        every = [line.seq for line in reads.all_events(other, own, AuditFilter(), zone, last + 2)]
    assert every == sorted(every)
    assert every[-1] == last + 2
