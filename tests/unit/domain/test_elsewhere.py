"""Where else one file may be wanted."""

from dataclasses import replace
from datetime import date

from tracker.domain.elsewhere import Given, Wanting, suggest

HALF = Given(
    "T1-E1", "矛盾纠纷排查台账", "ledger", "1-6月矛盾纠纷排查台账.xlsx", date(2026, 7, 1), date(2026, 1, 1),
    date(2026, 6, 30),
)  # fmt: skip
Q2 = Wanting(
    2, "T1-E1", "矛盾纠纷排查台账", "ledger", "period", date(2026, 4, 1), date(2026, 6, 30), date(2026, 6, 30),
    date(2026, 7, 7), True,
)  # fmt: skip


def test_a_cumulative_table_is_wanted_in_the_other_quarter_that_it_covers() -> None:
    q1 = replace(Q2, obligation_id=1, start=date(2026, 1, 1), end=date(2026, 3, 31), due=date(2026, 4, 8))
    q3 = replace(Q2, obligation_id=3, start=date(2026, 7, 1), end=date(2026, 9, 30), due=date(2026, 10, 13))
    found = suggest(HALF, [Q2, q3, q1])
    assert [one.obligation_id for one in found] == [1, 2]  # the one due first leads; the third quarter is not covered
    assert found[0].reasons == ("same_slot", "covers")


def test_another_slot_needs_a_like_name_and_fitting_dates() -> None:
    alike = replace(Q2, obligation_id=4, slot_code="T9-E1", slot_name="纠纷排查月度台账")
    other = replace(Q2, obligation_id=5, slot_code="T9-E2", slot_name="车辆登记台账")
    later = replace(alike, obligation_id=6, start=date(2026, 9, 1), end=date(2026, 9, 30))
    assert [one.obligation_id for one in suggest(HALF, [other, later, alike])] == [4]


def test_a_draft_without_dates_is_judged_by_its_name() -> None:
    undated = replace(HALF, doc_date=None, covered_from=None, covered_to=None)
    assert [one.reasons for one in suggest(undated, [Q2])] == [("same_slot",)]


def test_a_standing_document_must_be_older_than_the_end() -> None:
    place = replace(Q2, coverage="standing", end=date(2026, 6, 30))
    assert suggest(replace(HALF, doc_date=date(2026, 7, 1)), [place]) == []
    assert suggest(replace(HALF, doc_date=date(2026, 6, 1)), [place])[0].reasons == ("same_slot", "in_force")
