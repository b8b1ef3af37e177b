"""The draw of a mock inspection: the vectors below were computed with `sha256sum`, by hand."""

from collections import Counter

import pytest

from tracker.domain.drills import check_count, check_seed, draw, lot, lots_of
from tracker.errors import InvalidInput

CODES = [f"T{number:02}" for number in range(1, 52)]


def test_a_lot_is_the_digest_of_seed_and_code() -> None:
    assert lot("20261123-a1b2c3", "T01") == "c0db8f261b4ce1db593a42e552af79f174c859ec4b5b840c23f1b4275cc51339"
    assert lot("20261123-a1b2c3", "T01", 2) == "277e0324e5dfdf1b91779902b61dc8bbd8470ef6042cab11f4fd7e9ffda02ce7"
    assert lot("检查组说七", "T35/E004") == "766ee825eceadd81299a19aceb18b61775cc54a110b002e4f97152a935417b39"


def test_the_draw_takes_the_smallest_and_never_changes() -> None:
    drawn = draw(dict.fromkeys(CODES, 1), "20261123-a1b2c3", 5)
    assert [one.code for one in drawn] == ["T25", "T22", "T26", "T28", "T33"]
    assert [one.digest for one in drawn] == sorted(one.digest for one in drawn)
    assert draw(dict.fromkeys(reversed(CODES), 1), "20261123-a1b2c3", 5) == drawn  # the order given does not matter
    assert len(draw({"T01": 1}, "x", 5)) == 1


def test_more_lots_more_chance_and_without_them_none_is_favoured() -> None:
    even = Counter(draw(dict.fromkeys(CODES, 1), f"seed {n}", 1)[0].code for n in range(3000))
    assert len(even) == len(CODES)
    assert max(even.values()) < 3 * 3000 / len(CODES)
    favoured = dict.fromkeys(CODES, 1) | {"T07": 3}
    wins = sum(draw(favoured, f"seed {n}", 1)[0].code == "T07" for n in range(3000))
    assert 0.7 < wins / (3000 * 3 / 53) < 1.4


def test_lots_for_red_and_for_never_drawn() -> None:
    given = {"red": {"T01", "T02"}, "drawn_before": {"T02", "T03"}}
    assert lots_of(["T03", "T01", "T02"], weighted=True, **given) == {"T01": 3, "T02": 2, "T03": 1}
    assert lots_of(["T03", "T01"], weighted=False, **given) == {"T01": 1, "T03": 1}


@pytest.mark.parametrize("seed", ["", "  ", "a|b", "x" * 41, "a\x00b"])
def test_a_seed_can_be_read_aloud(seed: str) -> None:
    with pytest.raises(InvalidInput):
        check_seed(seed)


def test_seed_and_count_are_kept_as_given() -> None:
    assert check_seed("  检查组  说七 ") == "检查组 说七"
    assert check_count(60) == 60
    for count in (None, 0, 61):
        with pytest.raises(InvalidInput):
            check_count(count)
