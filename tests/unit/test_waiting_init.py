"""`tracker init --wait`: a store that is still starting is waited for, one that never comes is named."""

import pytest

from tracker.cli.init import _bucket
from tracker.errors import Unavailable


class Starting:
    """A store that answers from the given question on."""

    def __init__(self, answers_at: int) -> None:
        self.answers_at, self.asked = answers_at, 0

    def ensure_bucket(self) -> str:
        self.asked += 1
        if self.asked < self.answers_at:
            raise Unavailable("store_unavailable")
        return "made"


def test_a_store_that_is_still_starting_is_waited_for() -> None:
    store = Starting(3)
    assert _bucket(store, 10) == "made"
    assert store.asked == 3


def test_without_patience_it_is_asked_once() -> None:
    store = Starting(2)
    with pytest.raises(Unavailable):
        _bucket(store, 0)
    assert store.asked == 1


def test_patience_ends() -> None:
    store = Starting(10**9)
    with pytest.raises(Unavailable):
        _bucket(store, 1)
    assert store.asked > 2
