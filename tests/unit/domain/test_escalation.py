"""Whose head speaks for a department that has none."""

import pytest

from tracker.domain.escalation import heading

# A section with two posts, one of them with a post of its own; a department beside them; two that name each other.
PARENTS = {1: None, 2: 1, 3: 2, 4: 1, 5: None, 8: 9, 9: 8}


@pytest.mark.parametrize(
    ("department", "headed", "head"),
    [
        (1, {1, 5}, 1),
        (2, {1, 2}, 2),  # its own, whoever is above
        (2, {1, 5}, 1),
        (3, {1, 5}, 1),
        (3, {1, 2}, 2),  # the nearest
        (1, {2, 4, 5}, None),  # never downwards, nor sideways
        (2, {4, 5}, None),
        (5, {1}, None),
        (8, {1}, None),
        (8, {9}, 9),
        (7, {1}, None),
        (None, {1}, None),
    ],
)
def test_the_nearest_head_upwards_speaks(department: int | None, headed: set[int], head: int | None) -> None:
    assert heading(department, PARENTS, headed) == head
