"""Jobs that may take long run beside Celery's own threads, one of each name at a time (decision 0029).

A message says "look now" and nothing else, so it is answered as soon as somebody looks: a bell that rings while its
pass is at work says nothing new. Celery's threads stay free for what must not wait.
"""

import logging
from collections.abc import Callable
from threading import Lock, Thread

log = logging.getLogger(__name__)


class Lanes:
    """One lane for each name. Its threads end with the process wherever they are: a pass may be killed anywhere."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._at_work: set[str] = set()

    def begin(self, name: str, work: Callable[[], object]) -> bool:
        """Begins `work` in a thread of its own; False, and nothing begun, while the last one of this name is at it."""
        with self._lock:
            if name in self._at_work:
                return False
            self._at_work.add(name)
        try:
            Thread(target=self._run, args=(name, work), name=f"lane-{name}", daemon=True).start()
        except BaseException:
            self._leave(name)
            raise
        return True

    def _run(self, name: str, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception:
            log.exception("job %s", name)  # it is on record already (services.jobs)
        finally:
            self._leave(name)

    def _leave(self, name: str) -> None:
        with self._lock:
            self._at_work.discard(name)
