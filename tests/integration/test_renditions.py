"""Previews are asked for with the upload and made by a pass that may be killed, may fail, and may be unable to."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import BinaryIO

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from tests.support import evidence as giving
from tests.support.clock import FROZEN
from tests.support.folder_store import DownStore
from tests.support.office import OfficeKit
from tracker.adapters.object_file import ObjectFile
from tracker.domain.renditions import TRIES, rendition_kind, viewer
from tracker.models import Rendition, Version
from tracker.ports import ObjectStore, RenderFailed
from tracker.services import evidence, renditions
from tracker.services.jobs import write

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


class Stub:
    """Turns every file into itself, behind a mark; fails or is unable as it is told."""

    def __init__(self, problem: RenderFailed | None = None, *, able: bool = True) -> None:
        self.problem, self.is_able, self.asked = problem, able, 0

    def able(self, kind: str) -> bool:
        return self.is_able and kind in {"pdf", "image"}

    @contextmanager
    def render(self, kind: str, media_type: str, source: BinaryIO) -> Iterator[tuple[BinaryIO, str]]:
        assert media_type == WORD
        self.asked += 1
        if self.problem:
            raise self.problem
        yield io.BytesIO(f"{kind} of ".encode() + source.read()), "application/pdf"


class Clock:
    def __init__(self, now: datetime = FROZEN) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def draft(session: Session, office: OfficeKit, store: ObjectStore, content: bytes, media_type: str = WORD) -> Version:
    obligation = office.obligation(session, "T02-E1", "M10")
    file = evidence.ReceivedFile(store.put(io.BytesIO(content)), "巡查记录.docx", media_type)
    version = giving.draft(session, office, obligation, file, FROZEN)
    session.commit()
    return version


def make(session: Session, store: ObjectStore, renderer: Stub, now: datetime = FROZEN) -> dict[str, int]:
    def opened(key: str, size: int) -> BinaryIO:
        return ObjectFile(store, key, size)  # type: ignore[return-value]

    made = renditions.make_renditions(session, store=store, renderer=renderer, open_file=opened, clock=Clock(now))
    return made.as_dict()


def row(session: Session) -> Rendition:
    session.rollback()
    return session.scalars(select(Rendition)).one()


@pytest.mark.parametrize(
    ("media_type", "size", "kind", "shown"),
    [
        (WORD, 1000, "pdf", "office"),
        (WORD, 200 << 20, "", "other"),
        ("application/vnd.wps-office.et", 1000, "pdf", "office"),
        ("text/csv", 1000, "pdf", "office"),
        ("application/ofd", 1000, "", "other"),
        ("application/pdf", 1000, "", "pdf"),
        ("image/jpeg", 1000, "", "image"),
        ("image/jpeg", 3 << 20, "image", "picture"),
        ("image/heic", 1000, "image", "picture"),
        ("image/tiff", 1000, "image", "picture"),
        ("video/mp4", 5 << 30, "", "video"),
        ("video/x-msvideo", 1000, "", "other"),
        ("audio/mpeg", 1000, "", "audio"),
        ("application/zip", 1000, "", "other"),
    ],
)
def test_what_is_made_of_what(media_type: str, size: int, kind: str, shown: str) -> None:
    assert (rendition_kind(media_type, size), viewer(media_type, size)) == (kind, shown)


def test_an_upload_asks_once_and_the_pass_makes_it(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    version = draft(session, office, store, b"one")
    blob = version.blob
    assert blob is not None
    renditions.want(session, blob=blob, media_type=WORD, now=FROZEN)
    assert row(session).state == "wanted"
    assert make(session, store, Stub()) == {"ready": 1, "failed": 0, "impossible": 0}
    made = row(session)
    assert (made.state, made.attempts, made.object_key) == ("ready", 1, f"rendition/{blob.sha256}/pdf")
    assert b"".join(store.read(made.object_key)) == b"pdf of one"
    again = Stub()
    assert make(session, store, again)["ready"] == 0
    assert again.asked == 0


def test_what_needs_no_preview_asks_for_none(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    draft(session, office, store, b"pdf", "application/pdf")
    assert session.scalars(select(Rendition)).all() == []


def test_a_failure_is_tried_again_later_and_then_given_up(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    draft(session, office, store, b"bad")
    failing = Stub(RenderFailed("timeout"))
    now = FROZEN
    for attempt in range(1, TRIES + 1):
        make(session, store, failing, now)
        assert failing.asked == attempt
        make(session, store, failing, now + timedelta(minutes=1))  # too soon
        assert failing.asked == attempt
        now += timedelta(minutes=10)
    assert (row(session).state, row(session).error) == ("failed", "timeout")
    make(session, store, failing, now)
    assert failing.asked == TRIES


def test_what_never_will_be_is_not_tried_again(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    draft(session, office, store, b"huge")
    hopeless = Stub(RenderFailed("status 3", impossible=True))
    assert make(session, store, hopeless)["impossible"] == 1
    make(session, store, hopeless, FROZEN + timedelta(days=1))
    assert (row(session).state, hopeless.asked) == ("impossible", 1)


def test_without_libreoffice_it_is_impossible_until_it_is_installed(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    draft(session, office, store, b"office")
    assert make(session, store, Stub(able=False))["impossible"] == 1
    assert row(session).state == "impossible"
    assert not renditions.work_waits(session, Stub(able=False), FROZEN)
    assert renditions.work_waits(session, Stub(), FROZEN)
    assert make(session, store, Stub())["ready"] == 1


def test_a_killed_worker_costs_one_lease(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    draft(session, office, store, b"killed")
    assert renditions._claim(session, FROZEN) == (row(session).id, 1)  # and then nothing more: kill -9
    assert make(session, store, Stub(), FROZEN + timedelta(minutes=1))["ready"] == 0
    assert make(session, store, Stub(), FROZEN + timedelta(minutes=6))["ready"] == 1


def test_what_takes_the_worker_with_it_is_given_up(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    draft(session, office, store, b"deadly")
    now = FROZEN
    for _ in range(TRIES):
        assert renditions._claim(session, now) is not None
        now += timedelta(minutes=6)
    assert renditions._claim(session, now) is None
    assert (row(session).state, row(session).error) == ("failed", "given_up")


def test_two_workers_never_take_the_same(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    draft(session, office, store, b"two")
    assert renditions._claim(session, FROZEN) is not None
    assert renditions._claim(session, FROZEN) is None


def test_a_store_that_is_down_is_a_failure_of_the_moment(
    session: Session, office: OfficeKit, store: ObjectStore, tmp_path: object
) -> None:
    from pathlib import Path

    draft(session, office, store, b"down")
    make(session, DownStore(Path(str(tmp_path)) / "none"), Stub())
    assert row(session).state == "wanted"
    assert make(session, store, Stub(), FROZEN + timedelta(minutes=6))["ready"] == 1


def test_bytes_that_are_not_intact_get_no_preview(session: Session, office: OfficeKit, store: ObjectStore) -> None:
    version = draft(session, office, store, b"gone")
    version.blob.condition = "removed"  # type: ignore[union-attr]
    session.commit()
    renderer = Stub()
    make(session, store, renderer)
    assert (row(session).state, renderer.asked) == ("impossible", 0)


def test_what_was_made_while_its_original_was_removed_does_not_stay(
    session: Session, office: OfficeKit, store: ObjectStore, engine: Engine
) -> None:
    blob = draft(session, office, store, b"secret").blob
    assert blob is not None
    key = f"rendition/{blob.sha256}/pdf"

    class Slow(Stub):
        """While it works, somebody else removes the bytes."""

        @contextmanager
        def render(self, kind: str, media_type: str, source: BinaryIO) -> Iterator[tuple[BinaryIO, str]]:
            with super().render(kind, media_type, source) as made:
                with Session(engine) as other:
                    write(other)
                    other.execute(update(Rendition).values(state="impossible"))
                    other.commit()
                yield made

    assert make(session, store, Slow()) == {"ready": 0, "failed": 0, "impossible": 0}
    assert row(session).state == "impossible"
    assert not store.exists(key)
