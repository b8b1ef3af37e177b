"""What an office may set, and within which bounds."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.unit.domain.tables import CALENDAR
from tracker.domain.evidence import FIX_DAYS, mend_by
from tracker.domain.facts import Coverage, DeadlineKind, RefreshCycle, SlotRule
from tracker.domain.freshness import SOON_STALE, soon_stale_from
from tracker.domain.office_rules import DEFAULT_RULES, NAMES, OfficeRules, parse_rules
from tracker.domain.periods import SUBMIT_LAG
from tracker.errors import InvalidInput


def test_the_defaults_are_the_products() -> None:
    assert parse_rules({}) == DEFAULT_RULES
    assert DEFAULT_RULES.lags == dict(SUBMIT_LAG)
    assert {cycle: DEFAULT_RULES.soon_days(cycle) for cycle in RefreshCycle} == SOON_STALE
    assert (DEFAULT_RULES.fix_days, DEFAULT_RULES.review_sla, DEFAULT_RULES.head_check) == (FIX_DAYS, 5, 0)


def test_what_is_kept_reads_back() -> None:
    rules = OfficeRules(lag_monthly=3, lag_annual=2, soon_monthly=10, head_check=1)
    assert parse_rules(rules.as_data()) == rules
    assert (rules.lags[DeadlineKind.MONTHLY], rules.lags[DeadlineKind.EVENT]) == (3, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lag_monthly", "21"), ("lag_annual", "-1"), ("fix_days", "0"), ("fix_days", ""), ("review_sla", "五"),
        ("soon_annual", "91"), ("soon_monthly", "1.5"), ("head_check", "2"), ("head_check", "yes"),
        ("lag_quarterly", "٣"), ("soon_quarterly", "9" * 5000),
    ],
)  # fmt: skip
def test_what_is_out_of_bounds_is_refused(name: str, value: str) -> None:
    assert name in NAMES
    with pytest.raises(InvalidInput) as refused:
        parse_rules({name: value})
    assert (refused.value.code, refused.value.data["field"]) == ("rule_invalid", name)


def test_the_rules_of_a_slot_speak_for_it() -> None:
    slot = SlotRule("S", RefreshCycle.MONTHLY, Coverage.PERIOD, soon_days=12)
    assert soon_stale_from(date(2026, 10, 31), slot) == date(2026, 10, 19)
    back = datetime(2026, 11, 20, 4, tzinfo=UTC)
    assert mend_by(back, CALENDAR, ZoneInfo("Asia/Shanghai"), 2) == date(2026, 11, 24)
