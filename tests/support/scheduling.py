"""Which file of tests a worker of pytest-xdist takes next."""

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

WAITING = ("tests/faults/", "tests/browser/")


class MixedScheduling(LoadFileScheduling):  # type: ignore[misc]  # of a package without types
    """A file stays with one worker; every other worker takes what mostly waits (for servers, for a browser) first.

    Otherwise the cores idle while everybody waits and are fought over while everybody computes.
    """

    def _assign_work_unit(self, node: WorkerController) -> None:
        waits = self.nodes.index(node) % 2 == 0
        wanted = next((scope for scope in self.workqueue if scope.startswith(WAITING) is waits), None)
        if wanted is not None:
            self.workqueue.move_to_end(wanted, last=False)
        super()._assign_work_unit(node)
