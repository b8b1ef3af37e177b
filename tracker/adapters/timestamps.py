"""A time stamp authority (RFC 3161) over HTTP: Trail of Bits' rfc3161-client builds, parses and verifies.

Every answer is verified before it is believed: status, nonce, digest, signature, and a chain to the configured
certificates. Nothing is fetched from anywhere else, so a token can be checked on a machine without network.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import requests
from cryptography import x509
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, VerifierBuilder, decode_timestamp_response
from rfc3161_client.errors import VerificationError

from tracker.config import TsaSettings
from tracker.errors import Unavailable
from tracker.ports import StampBroken, Stamped

LONGEST = 256 << 10  # bytes; an answer with its certificates has a few thousand
TYPE = "application/timestamp-query"


class Rfc3161:
    """See ports.TimeStampAuthority."""

    def __init__(self, settings: TsaSettings) -> None:
        self._settings = settings
        self._certificates = x509.load_pem_x509_certificates(settings.certificates.read_bytes())

    @property
    def stamps(self) -> bool:
        return bool(self._settings.url)

    def stamp(self, digest: str) -> Stamped:
        wanted = bytes.fromhex(digest)
        # The library hashes what it is given: a placeholder's digest makes room for ours, of the same 32 bytes.
        request = (
            TimestampRequestBuilder(data=secrets.token_bytes(32), hash_algorithm=HashAlgorithm.SHA256)
            .nonce(nonce=True)
            .cert_request(cert_request=True)
            .build()
        )
        query = request.as_bytes().replace(bytes(request.message_imprint.message), wanted)
        token = self._ask(query)
        try:
            at = self._check(token, wanted, request.nonce)
        except StampBroken as broken:
            raise Unavailable("tsa_refused", why=broken.why) from broken
        return Stamped(token, self._settings.url, at)

    def check(self, token: bytes, digest: str) -> datetime:
        return self._check(token, bytes.fromhex(digest), None)

    def _ask(self, query: bytes) -> bytes:
        settings = self._settings
        auth = (settings.user, settings.password or "") if settings.user else None
        try:
            with requests.post(
                settings.url, data=query, headers={"Content-Type": TYPE, "Accept": "application/timestamp-reply"},
                auth=auth, timeout=settings.timeout, stream=True, allow_redirects=False,
            ) as answer:  # fmt: skip
                if answer.status_code != 200:
                    raise Unavailable("tsa_down", why=f"HTTP {answer.status_code}")
                body = answer.raw.read(LONGEST + 1, decode_content=True)
        except (requests.RequestException, OSError) as error:
            raise Unavailable("tsa_down", why=type(error).__name__) from error
        if len(body) > LONGEST:
            raise Unavailable("tsa_refused", why="malformed")
        return bytes(body)

    def _check(self, token: bytes, wanted: bytes, nonce: int | None) -> datetime:
        with _parsing():
            answer = decode_timestamp_response(in_order(token))
            granted = answer.status == 0
            imprint = bytes(answer.tst_info.message_imprint.message) if granted else b""
            at = answer.tst_info.gen_time if granted else None
        if at is None:
            raise StampBroken("refused")
        if imprint != wanted:
            raise StampBroken("digest")
        if nonce is not None and answer.tst_info.nonce != nonce:
            raise StampBroken("nonce")
        try:
            self._verifier().verify(answer, wanted)
        except (VerificationError, ValueError, AssertionError) as error:
            raise StampBroken("signature") from error
        return at.astimezone(UTC)

    def _verifier(self) -> Any:
        builder = VerifierBuilder()
        own = [one for one in self._certificates if one.issuer == one.subject]
        for root in own or self._certificates:
            builder = builder.add_root_certificate(root)
        for between in self._certificates if own else ():
            if between not in own:
                builder = builder.add_intermediate_certificate(between)
        return builder.build()


# ---------------------------------------------------------------------------------------------------- encoding


def in_order(token: bytes) -> bytes:
    """The answer with its certificates in the order that DER wants of a set.

    OpenSSL sends them as its file lists them, and the strict parser takes offence. They lie outside of what is
    signed, and are of the same length in any order.
    """
    try:
        at, end = _inside(token, 0)  # TimeStampResp
        at, end = _inside(token, _next(token, at))  # its token, after the status
        at, end = _inside(token, _next(token, at))  # [0], after the kind of content
        at, end = _inside(token, at)  # SignedData
        for _ in range(3):  # version, digest algorithms, what was signed
            at = _next(token, at)
        if token[at] != 0xA0:  # no certificates
            return token
        at, end = _inside(token, at)
        found, place = [], at
        while place < end:
            after = _next(token, place)
            found.append(token[place:after])
            place = after
    except IndexError:
        return token  # the parser says what is wrong with it
    return token[:at] + b"".join(sorted(found)) + token[end:]


def _inside(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins and ends; IndexError when it is longer than the data."""
    first = data[at + 1]
    count = first & 0x7F if first & 0x80 else 0
    begin = at + 2 + count
    length = int.from_bytes(data[at + 2 : begin]) if count else first
    if begin + length > len(data):
        raise IndexError
    return begin, begin + length


def _next(data: bytes, at: int) -> int:
    return _inside(data, at)[1]


@contextmanager
def _parsing() -> Iterator[None]:
    """The parser's errors are of several kinds, and a panic of its core is none of `Exception`."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise StampBroken("malformed") from error
