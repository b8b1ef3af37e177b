"""The embedded mailbox: an SMTP server that accepts everything and keeps it as a Maildir.

Each message gets `X-Envelope-From` and `X-Envelope-To` in front. `Fault` makes
it misbehave, for tests of delivery.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from mailbox import Maildir
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tracker.adapters.embedded.process import LOOPBACK, free_port

ACCEPTED = "250 2.0.0 kept"


@dataclass
class Fault:
    """How the sink misbehaves.

    `answer` is sent instead of 250 at `stage` ("rcpt" or "data"); None drops the connection instead, at "data"
    after the message was kept (the answer is lost, the mail is not). `recipients` limits it to some addresses,
    `times` to the first so many occasions.
    """

    stage: str = "data"
    answer: str | None = "451 4.3.0 try again later"
    recipients: frozenset[str] = frozenset()
    times: int | None = None

    def strikes(self, stage: str, recipients: Iterable[str]) -> bool:
        """Whether it strikes now; counts the occasion."""
        if stage != self.stage or self.times == 0:
            return False
        if self.recipients and not self.recipients.intersection(recipients):
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass
class Sink:
    """The handler that aiosmtpd calls."""

    folder: Path
    fault: Fault | None = None
    kept: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.maildir = Maildir(self.folder, create=True)

    async def handle_RCPT(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.fault and self.fault.strikes("rcpt", [address]):
            if self.fault.answer is None:
                _drop(server)
            return self.fault.answer or "421 4.3.0 gone"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        strikes = self.fault is not None and self.fault.strikes("data", envelope.rcpt_tos)
        if strikes and self.fault is not None and self.fault.answer is not None:
            return self.fault.answer
        self.keep(envelope)
        if strikes:
            _drop(server)
        return ACCEPTED

    def keep(self, envelope: Envelope) -> None:
        """Write one message to the Maildir; it is there before the server says so."""
        body = envelope.content or b""
        raw = body if isinstance(body, bytes) else body.encode()
        head = f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {', '.join(envelope.rcpt_tos)}\r\n"
        with self.lock:
            self.maildir.add(head.encode("utf-8", "replace") + raw)
            self.kept += 1


def _drop(server: SMTP) -> None:
    transport: Any = server.transport
    if transport is not None:
        transport.abort()


@dataclass
class Handle:
    """A running mail sink."""

    port: int
    folder: Path
    sink: Sink
    controller: Controller

    @property
    def url(self) -> str:
        return f"smtp://{LOOPBACK}:{self.port}"

    def stop(self) -> None:
        self.controller.stop()


def start(folder: Path, port: int | None = None, fault: Fault | None = None) -> Handle:
    """Serve on `port` (default: a free one), keeping mail in the Maildir `folder`."""
    sink = Sink(folder, fault)
    controller = Controller(
        sink, hostname=LOOPBACK, port=port or free_port(), enable_SMTPUTF8=True, data_size_limit=64 << 20
    )
    controller.start()
    return Handle(controller.port, folder, sink, controller)
