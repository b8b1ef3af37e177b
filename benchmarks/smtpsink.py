"""`python -m benchmarks.smtpsink`: an SMTP server that takes everything and keeps nothing; prints its port."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import PIPE, Popen

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tracker.adapters.embedded.process import LOOPBACK, free_port


class Taker:
    """The handler that aiosmtpd calls."""

    async def handle_DATA(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        return "250 2.0.0 taken"


@contextmanager
def running() -> Iterator[int]:
    """A server in a process of its own; its port."""
    with Popen([sys.executable, "-m", "benchmarks.smtpsink"], stdout=PIPE, stdin=PIPE, text=True) as process:
        if process.stdout is None:
            raise OSError("no output of the sink")
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


if __name__ == "__main__":
    controller = Controller(Taker(), hostname=LOOPBACK, port=free_port())
    controller.start()
    sys.stdout.write(f"{controller.port}\n")
    sys.stdout.flush()
    while True:
        time.sleep(3600)
