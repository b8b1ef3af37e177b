"""The plain values that the rules read and the verdicts that they return.

Dates are dates of the office (Asia/Shanghai); instants are aware UTC.
Nothing here knows a database, a framework or a clock.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class DeadlineKind(StrEnum):
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    HALF_YEARLY = "half_yearly"
    ANNUAL = "annual"
    EVENT = "event"


class LadderKind(StrEnum):
    """Whose rungs a deadline climbs (rules.md section 10)."""

    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    HALF_YEARLY = "half_yearly"
    ANNUAL = "annual"
    EVENT = "event"
    EVENT_SHORT = "event_short"  # a statutory deadline of up to 10 workdays
    SIGN = "sign"  # the clock of signing on (签收)
    REPORT = "report"  # the clock of reporting back (反馈)


class RefreshCycle(StrEnum):
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    HALF_YEARLY = "half_yearly"
    ANNUAL = "annual"
    ONCE = "once"
    PER_EVENT = "per_event"


class Coverage(StrEnum):
    POINT = "point"
    PERIOD = "period"
    STANDING = "standing"


class EvidenceState(StrEnum):
    """State of one version (rules.md section 5). STALE and MISSING are derived, never stored here."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    VOIDED = "voided"
    DAMAGED = "damaged"
    ARCHIVED = "archived"


class Light(StrEnum):
    RED = "red"
    YELLOW = "yellow"
    BLUE = "blue"
    GREEN = "green"
    GREY = "grey"


class PeriodState(StrEnum):
    NOT_STARTED = "not_started"  # 未启动
    IN_PROGRESS = "in_progress"  # 进行中
    SUBMITTED = "submitted"  # 待审核
    COMPLETE = "complete"  # 已完成
    OVERDUE = "overdue"  # 逾期
    INSUFFICIENT = "insufficient"  # 不充分
    WAIVED = "waived"  # 免报
    ZERO_REPORT = "zero_report"  # 零报告


class ObligationState(StrEnum):
    MISSING = "missing"  # 缺项: never had anything that counts
    DRAFT = "draft"  # something uploaded, nothing submitted
    SUBMITTED = "submitted"  # enough submitted or accepted, not all accepted
    RETURNED = "returned"
    PARTIAL = "partial"  # some accepted, fewer than min_count or not every piece of the recipe
    FILLED = "filled"
    STALE = "stale"


@dataclass(frozen=True)
class DeadlineRule:
    """When a task is due. `dues` are (month, day) pairs; `lag` is SUBMIT_LAG in workdays."""

    kind: DeadlineKind
    dues: tuple[tuple[int, int], ...] = ()
    year_offset: int = 0
    exclusive: bool = False
    milestones: tuple[tuple[int, int, str], ...] = ()  # (month, day, text)
    lag: int = 0


@dataclass(frozen=True)
class PeriodPlan:
    """One occurrence of a task: `period_no` is Y, H1, H2, Q1..Q4 or M01..M12."""

    period_no: str
    start: date
    end: date
    due: date
    milestones: tuple[tuple[date, str], ...] = ()


@dataclass(frozen=True)
class SlotRule:
    code: str
    refresh_cycle: RefreshCycle
    coverage: Coverage
    required: bool = True
    min_count: int = 1
    validity_days: int = 396
    kind: str = "document"
    must_show: int = 0  # number of must-show points
    recipe: tuple[str, ...] = ()  # codes of the pieces that must all be shown (domain.recipe)
    soon_days: int | None = None  # days before its expiry from which material is soon stale; None: the product's own
    fix_days: int | None = None  # workdays to mend what was returned; None: the product's own


@dataclass(frozen=True)
class ObligationPlan:
    """What a slot owes in a period; `cycle_no` as period_no (a monthly slot of a year period: M01..M12)."""

    period_no: str
    slot_code: str
    cycle_no: str
    start: date
    end: date
    due: date
    required: bool
    min_count: int


@dataclass(frozen=True)
class VersionFact:
    """One submitted or decided version of one evidence item of a slot."""

    id: int
    evidence_id: int
    obligation_ids: frozenset[int]
    state: EvidenceState
    doc_date: date | None
    covered_from: date | None = None
    covered_to: date | None = None
    valid_to: date | None = None
    extended_days: int = 0  # accepted continuation statements: days added to the expiry
    flags: frozenset[str] = frozenset()  # S4, S5, S6 set by a reviewer or by an event
    flagged_on: date | None = None  # day from which the flags count, may be ahead (S4); None: counts as today
    submitted_at: datetime | None = None
    decided_at: datetime | None = None
    superseded_on: date | None = None  # day on which a newer version of the item took its place
    times_returned: int = 0  # over all versions of the item so far
    ticked: frozenset[int] = frozenset()  # must-show points ticked by the reviewer (0-based)
    pieces: frozenset[str] = frozenset()  # which of the recipe it shows; empty: all of them (domain.recipe)


@dataclass(frozen=True)
class ObligationFacts:
    id: int
    slot: SlotRule
    cycle_no: str
    start: date
    end: date
    due: date
    required: bool
    min_count: int
    next_due: date | None = None  # effective due of the slot's next obligation, if known
    zero_report: bool = False  # 本期无此事项, approved: answered without material
    dated_until: date | None = None  # a year-end summary may bear a date after `end`, up to this one


@dataclass(frozen=True)
class IndicatorFacts:
    code: str
    op: str | None  # ">=", "=", "<=" or None: monitoring only
    target: float | None
    evaluated_here: bool  # its evaluation falls in this period
    kind: str = "count"
    value: float | None = None
    has_evidence: bool = False  # the value is linked to at least one accepted version
    counts_from: date | None = None  # first day of what the value counts; None: of the period


@dataclass(frozen=True)
class PeriodFacts:
    id: int
    kind: DeadlineKind
    start: date
    end: date
    due: date
    overdue_after: date  # last day that is not overdue; equals due except for statutory events
    weight: int
    obligations: tuple[ObligationFacts, ...]
    history: dict[str, tuple[VersionFact, ...]] = field(
        default_factory=dict
    )  # slot code -> all its versions, any period
    indicators: tuple[IndicatorFacts, ...] = ()
    tentative: bool = False  # a year without a holiday table took part in computing the dates
    ladder: LadderKind | None = None  # None: as its kind says
    waived: bool = False
    notice_open: bool = False  # an open 督办单 keeps the period from being complete (rules.md 7d)
    prefix: str = ""  # of the rungs of an extended deadline: they are climbed anew
    climbs_from: date | None = None  # no step of its own deadline was ever owed before: registered or extended then
    milestones: tuple[date, ...] = ()


@dataclass(frozen=True)
class ObligationVerdict:
    id: int
    state: ObligationState
    light: Light
    accepted: int
    missing: int  # files, or pieces of the recipe, that nobody has submitted yet; never below 0
    stale_reasons: tuple[str, ...] = ()  # S1..S6
    soon_stale: bool = False
    expires_on: date | None = None  # last day in force of the best accepted version
    ticked: int = 0  # must-show points ticked over the versions that count
    lacking: tuple[str, ...] = ()  # required pieces of the recipe that nothing accepted or waiting shows


@dataclass(frozen=True)
class OpenDeadline:
    """A deadline of the period for which something is still to be done; its rungs carry `prefix`."""

    prefix: str
    kind: LadderKind
    due: date
    milestone: bool = False  # a date on the way: told of beforehand, never late by itself
    start: date | None = None  # the day before which no step of it was ever owed; None: as far back as the ladder goes


@dataclass(frozen=True)
class PeriodVerdict:
    state: PeriodState
    light: Light
    complete: bool
    completed_at: datetime | None
    insufficient: tuple[str, ...]  # I1..I8
    sufficiency: int  # 0..100
    obligations: tuple[ObligationVerdict, ...]
    next_attention: date | None  # first later day on which passing time alone may change anything here
    reasons: tuple[
        str, ...
        # Why the light is what it is: overdue, stale, insufficient, damaged, due_soon, soon_stale, returned, behind,
        # tentative, notice, in_review, complete, zero_report, waived, on_schedule, not_due.
    ] = ()
    fulfilled: bool = False  # complete but for an open notice, which can be closed then
    deadlines: tuple[OpenDeadline, ...] = ()  # what may still be reminded of; empty once nothing is asked


@dataclass(frozen=True)
class Rung:
    """One step of the reminder ladder: `on` is the workday on which it is owed."""

    code: str  # T-14, M03/T+1, week/2026-11-30
    on: date
    pre_holiday: bool = False  # pulled forward across days off (节前提醒)
    to: tuple[str, ...] = ("contact",)  # contact, dept_head, legal, deputy, first
    drafts_notice: bool = False
    weekly: bool = False  # repeats a step
