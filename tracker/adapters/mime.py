"""A letter as the bytes that go over the wire (RFC 5322, 2045, 2047): text and HTML alternatives in UTF-8.

By hand: these few headers and two base64 parts cost the general machinery of the standard library more than
everything else that one mail needs. Tests read the result with that machinery.
"""

import hashlib
from base64 import b64encode
from email.utils import format_datetime, parseaddr
from functools import lru_cache

from tracker.ports import Letter

WIDTH = 76  # of a line of base64
WORD = 39  # bytes of UTF-8 in one encoded word: with its frame and the name of the header less than a line


def wire(letter: Letter) -> bytes:
    """The whole message with CRLF line ends. ValueError when a header would hold a line break.

    ASCII throughout unless an address is not. No List-Unsubscribe, on purpose: reminders of duties are no newsletter,
    and a mail program that offers to unsubscribe would end what the ladder must say (docs/decisions/0012).
    """
    headers = [
        f"Subject: {_encoded(letter.subject)}",
        f"From: {_address(letter.sender)}",
        f"To: {_address(letter.to)}",
        f"Message-ID: {letter.message_id}",
        f"Date: {format_datetime(letter.written_at)}",
        "Auto-Submitted: auto-generated",
        # Not All, nor NDR: Exchange would keep its reports of failed delivery back, which services/bounces.py lives on.
        "X-Auto-Response-Suppress: OOF, AutoReply, RN, NRN",
        "MIME-Version: 1.0",
    ]
    if any("\r" in header or "\n" in header.replace("\r\n ", "") for header in _plain(headers)):
        raise ValueError("a header holds a line break")
    if letter.html:
        mark = "=_" + hashlib.sha256(letter.message_id.encode()).hexdigest()[:24]
        headers.append(f'Content-Type: multipart/alternative; boundary="{mark}"')
        parts = [f"--{mark}", *_part("plain", letter.text), f"--{mark}", *_part("html", letter.html), f"--{mark}--", ""]
        return "\r\n".join([*headers, "", *parts]).encode()
    return "\r\n".join([*headers, *_part("plain", letter.text), ""]).encode()


def _plain(headers: list[str]) -> list[str]:
    """Without the folds that we made ourselves."""
    return [header.replace("?=\r\n =?", "") for header in headers]


def _part(kind: str, text: str) -> list[str]:
    packed = b64encode(text.replace("\r\n", "\n").replace("\n", "\r\n").encode()).decode("ascii")
    return [
        f'Content-Type: text/{kind}; charset="utf-8"',
        "Content-Transfer-Encoding: base64",
        "",
        *(packed[place : place + WIDTH] for place in range(0, len(packed), WIDTH)),
    ]


def _encoded(text: str) -> str:
    """ASCII as it is; anything else in encoded words, none of which tears a character."""
    if text.isascii() and text.isprintable() and len(text) < WIDTH and "=?" not in text:
        return text
    words, held = [], b""
    for character in text:
        packed = character.encode()
        if len(held) + len(packed) > WORD:
            words.append(held)
            held = b""
        held += packed
    return "\r\n ".join(f"=?utf-8?b?{b64encode(word).decode('ascii')}?=" for word in [*words, held])


@lru_cache(maxsize=4096)
def _address(given: str) -> str:
    name, address = parseaddr(given)
    if not name:
        return given.strip() if "<" not in given else f"<{address}>"
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address}>' if name.isascii() else f"{_encoded(name)} <{address}>"
