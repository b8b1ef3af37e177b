"""The bounce mailbox against a real IMAP server."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support.servers import count, imap, put, report
from tracker.adapters import bounces
from tracker.adapters.bounces import open_box, parse_report
from tracker.adapters.embedded.process import LOOPBACK, free_port
from tracker.config import BounceSettings

OURS = "<digest.20261012.1.0123456789abcdef0123@office.example>"
LETTER = "From: a@b.example\r\nTo: tracker@office.example\r\nSubject: 问一下\r\n\r\n您好\r\n".encode()


@pytest.fixture
def box() -> Iterator[BounceSettings]:
    with imap() as settings:
        yield settings


def test_reports_about_our_messages_are_found_and_letters_left_alone(box: BounceSettings) -> None:
    put(box, LETTER)
    put(box, report(OURS))
    put(box, report("<somebody.elses@message.example>"))
    with open_box(box) as opened:
        (found,) = opened.reports()
        assert (found.message_id, found.action, found.status) == (OURS, "failed", "5.1.1")
        assert found.words == "550 5.1.1 no such user"
        opened.done(found.key)
    with open_box(box) as opened:
        assert list(opened.reports()) == []
    assert (count(box, "INBOX", "ALL"), count(box, "INBOX", "SEEN")) == (3, 1)


def test_what_was_dealt_with_is_moved_where_a_folder_is_named(box: BounceSettings) -> None:
    put(box, LETTER)
    put(box, report(OURS))
    with open_box(replace(box, move_to="Done")) as opened:
        for found in opened.reports():
            opened.done(found.key)
    assert (count(box, "INBOX", "ALL"), count(box, "Done", "ALL")) == (1, 1)


def test_trouble_is_an_os_error(box: BounceSettings) -> None:
    for wrong in (
        replace(box, password="wrong"),
        replace(box, folder="Nowhere"),
        BounceSettings(LOOPBACK, free_port(), "u", "p", tls=False),
    ):
        with pytest.raises(OSError), open_box(wrong):
            pass


@pytest.mark.parametrize("full", [True, False])
def test_a_report_with_the_message_or_only_its_headers(full: bool) -> None:
    found = parse_report(report(OURS, full=full, action="delayed", status="4.2.2"), "7")
    assert found is not None
    assert (found.key, found.message_id, found.action, found.status) == ("7", OURS, "delayed", "4.2.2")


@pytest.mark.parametrize("raw", [b"", LETTER, b"\xff\xfe nonsense", report("<x@y.example>"), report(OURS)[:700]])
def test_anything_else_says_nothing(raw: bytes) -> None:
    assert parse_report(raw, "1") is None


def test_a_report_that_was_cut_off_after_the_headers_still_counts() -> None:
    whole = report(OURS)
    cut = whole[: whole.index(OURS.encode()) + len(OURS) + 2]
    found = parse_report(cut, "1")
    assert found is not None
    assert found.status == "5.1.1"


def look(box: BounceSettings) -> list[str]:
    with open_box(box) as opened:
        return [found.message_id for found in opened.reports()]


def test_others_reports_never_stand_in_the_way_of_ours(box: BounceSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounces, "MOST", 2)
    for number in range(3):
        put(box, report(f"<{number}@somebody.else.example>"))
    put(box, report(OURS))
    assert look(box) == [OURS]
    assert count(box, "INBOX", "UNSEEN") == 4


def test_others_reports_are_fetched_once_and_stay_unread(box: BounceSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if ours is the oldest of all."""
    monkeypatch.setattr(bounces, "MOST", 2)
    put(box, report(OURS))
    for number in range(3):
        put(box, report(f"<{number}@somebody.else.example>"))
    assert [look(box), look(box)] == [[], [OURS]]
    fetched: list[str] = []
    real = bounces.ImapBounceBox._do

    def note(self: bounces.ImapBounceBox, command: str, *args: str) -> Any:
        fetched.append(command)
        return real(self, command, *args)

    monkeypatch.setattr(bounces.ImapBounceBox, "_do", note)
    assert look(box) == [OURS]
    assert fetched.count("FETCH") == 1
    assert count(box, "INBOX", "UNSEEN") == 4
