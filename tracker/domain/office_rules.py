"""The product's defaults among the business rules ([P] in rules.md) that an office may set otherwise."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from tracker.domain.clocks import NOTICE_SIGN_WORKDAYS, NOTICE_WORKDAYS, TASK_SIGN_WORKDAYS
from tracker.domain.evidence import FIX_DAYS
from tracker.domain.facts import DeadlineKind, RefreshCycle
from tracker.domain.freshness import SOON_STALE
from tracker.domain.periods import SUBMIT_LAG
from tracker.errors import InvalidInput

REVIEW_SLA = 5  # workdays within which the legal office answers (rules.md 5)
STALE_TO_LEGAL = 10  # workdays (rules.md 10)


@dataclass(frozen=True)
class OfficeRules:
    lag_monthly: int = SUBMIT_LAG[DeadlineKind.MONTHLY]  # workdays after the end of a month
    lag_quarterly: int = SUBMIT_LAG[DeadlineKind.QUARTERLY]
    lag_half_yearly: int = SUBMIT_LAG[DeadlineKind.HALF_YEARLY]
    lag_annual: int = SUBMIT_LAG[DeadlineKind.ANNUAL]
    fix_days: int = FIX_DAYS  # workdays to mend a first return without losing the place
    review_sla: int = REVIEW_SLA
    soon_annual: int = SOON_STALE[RefreshCycle.ANNUAL]  # days; what is renewed yearly or less often, and per event
    soon_quarterly: int = SOON_STALE[RefreshCycle.QUARTERLY]  # half-yearly and quarterly
    soon_monthly: int = SOON_STALE[RefreshCycle.MONTHLY]
    sign_days: int = TASK_SIGN_WORKDAYS  # workdays to sign on to a year's task
    notice_sign_days: int = NOTICE_SIGN_WORKDAYS  # to sign on to a notice
    notice_days: int = NOTICE_WORKDAYS  # to settle a notice that says nothing else
    stale_to_legal: int = STALE_TO_LEGAL  # workdays after which stale material is the legal office's business too
    head_check: int = 0  # 1: the head of the department submits, what others upload are drafts for him

    @property
    def lags(self) -> dict[DeadlineKind, int]:
        return {
            **SUBMIT_LAG,
            DeadlineKind.MONTHLY: self.lag_monthly,
            DeadlineKind.QUARTERLY: self.lag_quarterly,
            DeadlineKind.HALF_YEARLY: self.lag_half_yearly,
            DeadlineKind.ANNUAL: self.lag_annual,
        }

    def soon_days(self, cycle: RefreshCycle) -> int:
        if cycle is RefreshCycle.MONTHLY:
            return self.soon_monthly
        return self.soon_quarterly if cycle in {RefreshCycle.QUARTERLY, RefreshCycle.HALF_YEARLY} else self.soon_annual

    def as_data(self) -> dict[str, int]:
        return asdict(self)


DEFAULT_RULES = OfficeRules()
NAMES = tuple(field.name for field in fields(OfficeRules))
LIMITS = {
    **{name: (0, 20) for name in NAMES if name.startswith("lag_")},
    **{name: (1, 90) for name in NAMES if name.startswith("soon_")},
    "fix_days": (1, 20),
    "review_sla": (1, 20),
    "sign_days": (1, 30),
    "notice_sign_days": (1, 20),
    "notice_days": (1, 60),
    "stale_to_legal": (1, 60),
    "head_check": (0, 1),
}


def parse_rules(data: Mapping[str, Any]) -> OfficeRules:
    """What `as_data` made or a form brought, checked; what is missing is the product's own.

    InvalidInput("rule_invalid", field=…, low=…, high=…).
    """
    found = {}
    for name in NAMES:
        if name in data:
            (low, high), text = LIMITS[name], str(data[name]).strip()
            if not (text.isascii() and text.isdigit() and len(text) < 4 and low <= int(text) <= high):
                raise InvalidInput("rule_invalid", field=name, low=low, high=high)
            found[name] = int(text)
    return OfficeRules(**found)
