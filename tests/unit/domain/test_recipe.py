"""Which pieces make material complete, and what a version shows of them."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tracker.domain.calendar import WorkCalendar
from tracker.domain.catalogue import SLOTS
from tracker.domain.catalogue_values import BadValue, cell_text, read
from tracker.domain.completion import assess_period
from tracker.domain.facts import (
    Coverage,
    DeadlineKind,
    EvidenceState,
    Light,
    ObligationFacts,
    ObligationState,
    PeriodFacts,
    PeriodVerdict,
    RefreshCycle,
    SlotRule,
    VersionFact,
)
from tracker.domain.recipe import check_pieces, guess_pieces
from tracker.errors import InvalidInput

RECIPE: list[dict[str, Any]] = [
    {"code": "notice", "name_zh": "会议通知"},
    {"code": "signin", "name_zh": "签到表"},
    {"code": "photo", "name_zh": "照片", "required": False},
]
START, END, DUE = date(2026, 1, 1), date(2026, 3, 31), date(2026, 4, 8)
SLOT = SlotRule("S", RefreshCycle.QUARTERLY, Coverage.POINT, validity_days=107, recipe=("notice", "signin"))


def given(number: int, pieces: str, state: EvidenceState = EvidenceState.ACCEPTED, month: int = 2) -> VersionFact:
    return VersionFact(
        id=number, evidence_id=number, obligation_ids=frozenset({1}), state=state, doc_date=date(2026, 2, 3),
        submitted_at=datetime(2026, month, 10, tzinfo=UTC), decided_at=datetime(2026, month, 11, tzinfo=UTC),
        pieces=frozenset(pieces.split()),
    )  # fmt: skip


def judged(*versions: VersionFact, today: date = date(2026, 3, 1), min_count: int = 1) -> PeriodVerdict:
    owed = ObligationFacts(1, replace(SLOT, min_count=min_count), "Q1", START, END, DUE, True, min_count)
    period = PeriodFacts(1, DeadlineKind.QUARTERLY, START, END, DUE, DUE, 1, (owed,), {"S": versions})
    return assess_period(period, today, WorkCalendar({}))


def test_every_required_piece_must_be_shown() -> None:
    verdict = judged(given(1, "notice"))
    part = verdict.obligations[0]
    assert (part.state, part.lacking, part.missing) == (ObligationState.PARTIAL, ("signin",), 1)
    assert not verdict.complete
    both = judged(given(1, "notice"), given(2, "signin", month=3))
    assert both.complete
    assert both.obligations[0].lacking == ()
    assert both.completed_at == datetime(2026, 3, 10, tzinfo=UTC)  # when the last piece came


def test_one_file_may_show_all_and_what_was_accepted_before_shows_all() -> None:
    assert judged(given(1, "signin notice")).complete
    assert judged(given(1, "")).complete


def test_what_waits_is_not_lacking_but_does_not_fill() -> None:
    part = judged(given(1, "notice"), given(2, "signin", EvidenceState.SUBMITTED)).obligations[0]
    assert (part.state, part.lacking, part.missing) == (ObligationState.SUBMITTED, (), 0)


def test_a_lacking_piece_is_late_and_insufficient_but_not_old() -> None:
    verdict = judged(given(1, "notice"), today=date(2026, 4, 20))
    part = verdict.obligations[0]
    assert part.state is ObligationState.PARTIAL
    assert part.stale_reasons == ()
    assert verdict.light is Light.RED
    assert "I1" in verdict.insufficient
    assert "overdue" in verdict.reasons


def test_the_piece_that_was_returned_in_time_may_still_be_mended() -> None:
    back = replace(
        given(2, "signin", EvidenceState.RETURNED), submitted_at=datetime(2026, 4, 7, tzinfo=UTC),
        decided_at=datetime(2026, 4, 9, tzinfo=UTC), times_returned=1,
    )  # fmt: skip
    verdict = judged(given(1, "notice"), back, today=date(2026, 4, 10))
    assert "overdue" not in verdict.reasons
    wrong = replace(back, pieces=frozenset({"notice"}))
    assert "overdue" in judged(given(1, "notice"), wrong, today=date(2026, 4, 10)).reasons


def test_the_least_number_still_counts() -> None:
    assert judged(given(1, "notice signin"), min_count=2).obligations[0].missing == 1


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("3月学法签到表.pdf", ("signin",)),
        ("关于召开会议的通知.docx", ("notice",)),
        ("通知、签到表.pdf", ("notice", "signin")),
        ("IMG_2026.jpg", ("photo",)),
        ("总结.docx", ()),
    ],
)
def test_the_name_of_a_file_tells_its_piece(name: str, found: tuple[str, ...]) -> None:
    assert guess_pieces(name, RECIPE) == found


def test_the_slots_own_name_tells_nothing() -> None:
    assert guess_pieces("签到表和会议记录20260301.pdf", RECIPE, "签到表和会议记录") == ()


def test_what_is_kept_of_the_choice() -> None:
    assert check_pieces(["signin", "notice"], RECIPE) == "notice,signin"
    assert check_pieces([], []) == ""
    for chosen, code in (([], "piece_required"), (["x"], "piece_unknown")):
        with pytest.raises(InvalidInput) as caught:
            check_pieces(chosen, RECIPE)
        assert caught.value.code == code


COLUMN = next(column for column in SLOTS if column.name == "recipe")


def test_a_recipe_in_a_cell_reads_back() -> None:
    text = "notice 会议通知 | Notice\nphoto 照片 | 选交"
    found = read(text, COLUMN)
    assert found == (("notice", "会议通知", "Notice", True), ("photo", "照片", "", False))
    assert cell_text(found, COLUMN) == text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a 甲\na 乙", "value_twice"),
        ("a 甲 | 选交", "recipe_all_optional"),
        ("甲", "value_missing"),
        ("\n".join(f"p{n} 件" for n in range(9)), "value_too_many"),
    ],
)
def test_a_wrong_recipe_is_refused(text: str, code: str) -> None:
    with pytest.raises(BadValue) as caught:
        read(text, COLUMN)
    assert caught.value.code == code
