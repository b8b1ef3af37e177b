"""The order of a catalogue whose file drops and adds things: what is kept for its history keeps its place."""

import pytest

from tracker.domain.catalogue_changes import places


@pytest.mark.parametrize(
    ("before", "after", "order"),
    [
        ("", "ABC", "ABC"),
        ("ABCDE", "BDE", "ABCDE"),
        ("ABCDE", "BDEX", "ABCDEX"),
        ("ABCDE", "XACE", "XABCDE"),
        ("ABCDE", "ECA", "ECDAB"),
        ("ABC", "X", "ABCX"),
    ],
)
def test_what_a_file_no_longer_names_stays_where_it_was(before: str, after: str, order: str) -> None:
    found = places(list(before), list(after))
    assert sorted(found.values()) == list(range(len(found)))
    assert "".join(sorted(found, key=found.__getitem__)) == order
