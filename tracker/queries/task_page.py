"""The page of one task: its periods, what each slot of the chosen one asks for and has, figures and history.

A constant number of statements, whatever the number of periods, files and events.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, joinedload, selectinload

from tracker.domain.calendar import day_start, local_date
from tracker.domain.looks import OFFICE_ZONE
from tracker.domain.permissions import TaskSubject
from tracker.domain.recipe import PieceRule, rules_of
from tracker.errors import NotFound
from tracker.models import (
    AuditEvent,
    Department,
    Evidence,
    Indicator,
    IndicatorValue,
    Obligation,
    Outbox,
    Period,
    Reminder,
    Review,
    Slot,
    Task,
    User,
    Version,
)
from tracker.queries.catalogue import summary_until
from tracker.queries.evidence import Item, VersionRow, items_of, versions_for
from tracker.queries.owners import owner_on
from tracker.queries.subjects import task_subject

EVENTS = 40  # the latest so many of a page's history
REFUSED_DAYS = 365  # how far back refusals are counted
TOLD_ACTIONS = (
    "evidence.uploaded", "evidence.submitted", "evidence.withdrawn", "evidence.continued", "evidence.accepted",
    "evidence.returned", "evidence.rejected", "evidence.flagged", "evidence.confirmed",
    "evidence.voided",
)  # fmt: skip
PRIVATE_ACTIONS = {"evidence.uploaded"}  # what a department does before it submits is its own business


@dataclass(frozen=True)
class PeriodChip:
    id: int
    plan_year: int
    period_no: str
    start: date
    end: date
    due: date
    light: str
    state: str
    reasons: tuple[str, ...]
    insufficient: tuple[str, ...]
    complete: bool
    completed_at: datetime | None
    sufficiency: int
    milestones: tuple[tuple[date, str], ...]
    tentative: bool
    original_due: date | None  # before an extension
    waived: bool


LISTED = 8  # accepted items of one slot that its card shows before one asks for all


@dataclass(frozen=True)
class Card:
    """One slot in one cycle of the chosen period, with its material."""

    obligation_id: int
    slot_code: str
    name_zh: str
    name_en: str
    kind: str
    coverage: str
    privacy: str
    cycle_no: str  # empty when the cycle is the period itself
    start: date
    end: date
    due: date
    required: bool
    min_count: int
    state: str
    light: str
    accepted: int
    missing: int
    stale: tuple[str, ...]
    soon_stale: bool
    expires_on: date | None
    dated_until: date | None  # a year-end summary may be dated after `end`, up to this day
    must_show: tuple[tuple[str, bool], ...]  # text, ticked by a reviewer on material that counts
    rejections: tuple[str, ...]
    refusals: tuple[tuple[str, int], ...]  # reason codes of what was refused lately, the most frequent first
    good_sample: str
    bad_sample: str
    items: tuple[Item, ...]
    zero_allowed: bool  # 本期无此事项 may be declared
    zero_report: bool  # it was, and approved
    recipe: tuple[PieceRule, ...] = ()  # the pieces that make it complete
    lacking: tuple[str, ...] = ()  # codes of required ones that nobody has submitted

    @property
    def lacks(self) -> tuple[PieceRule, ...]:
        return tuple(rule for rule in self.recipe if rule.code in self.lacking)

    @property
    def standing(self) -> bool:
        return self.coverage == "standing"

    def listed(self, keep: int | None) -> tuple[Item, ...]:
        """What a page lists at first: all that waits for somebody, the LISTED newest of the accepted, and whatever
        version `keep` belongs to."""
        settled = [item for item in self.items if item.current.state == "accepted"]
        old = {item.current.id for item in settled[:-LISTED]}
        return tuple(
            item
            for item in self.items
            if item.current.id not in old or keep in {row.id for row in (item.current, *item.earlier)}
        )


@dataclass(frozen=True)
class Figure:
    """An indicator with its latest value that speaks of the chosen period."""

    id: int
    code: str
    name_zh: str
    name_en: str
    unit: str
    cycle: str
    op: str | None
    target: float | None
    note_zh: str
    value: float | None
    qualifier: str
    as_of: date | None
    proof_id: int | None
    proof: str


@dataclass(frozen=True)
class Happening:
    """One thing that happened: `kind` is an audit action or `reminder`."""

    at: datetime
    kind: str
    actor: str
    file_name: str
    slot_code: str
    rung: str = ""
    people: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaskPage:
    id: int
    code: str
    plan_year: int
    title_zh: str
    title_en: str
    description_zh: str
    description_en: str
    deadline_kind: str
    deadline_text: str
    part_no: str
    part_zh: str
    part_en: str
    owner_zh: str
    owner_en: str
    cooperating: tuple[tuple[str, str], ...]  # (zh, en)
    contact: str
    subject: TaskSubject
    periods: tuple[PeriodChip, ...]
    period: PeriodChip | None
    cards: tuple[Card, ...]
    figures: tuple[Figure, ...]
    history: tuple[Happening, ...]

    @property
    def proofs(self) -> tuple[VersionRow, ...]:
        """Accepted files of this period, which may prove a figure."""
        found = {
            row.id: row
            for card in self.cards
            for item in card.items
            for row in (item.current, *item.earlier)
            if row.state == "accepted" and row.kind == "file"
        }
        return tuple(found.values())


# Put together once: that costs more than asking.
_TASK = (
    select(Task)
    .where(
        Task.office_id == bindparam("office_id"), Task.plan_year == bindparam("year"), Task.code == bindparam("code")
    )
    .options(
        joinedload(Task.part), joinedload(Task.owner), selectinload(Task.cooperating), selectinload(Task.periods),
    )
)  # fmt: skip
_OWED = (
    select(Obligation, Slot)
    .join(Slot, Slot.id == Obligation.slot_id)
    .where(Obligation.period_id == bindparam("period_id"))
    .order_by(Slot.position, Obligation.start, Obligation.id)
)
_REFUSED = (
    select(Evidence.slot_code, Review.reason_codes)
    .join(Version, Version.id == Review.version_id)
    .join(Evidence, Evidence.id == Version.evidence_id)
    .where(Evidence.office_id == bindparam("office_id"))
    .where(Evidence.slot_code.in_(bindparam("codes", expanding=True)))
    .where(Review.verdict.in_(("returned", "rejected")), Review.decided_at >= bindparam("since"))
)
_INDICATORS = select(Indicator).where(Indicator.task_id == bindparam("task_id")).order_by(Indicator.code)
_ACTS = (
    select(AuditEvent)
    .where(AuditEvent.subject == "version", AuditEvent.subject_id.in_(bindparam("ids", expanding=True)))
    .where(AuditEvent.action.in_(TOLD_ACTIONS))
    .order_by(AuditEvent.seq.desc())
    .limit(EVENTS)
)
_SENT = (
    select(Reminder.rung, Outbox.settled_at, User.name)
    .join(Outbox, Outbox.reminder_id == Reminder.id)
    .join(User, User.id == Reminder.recipient_id)
    .where(Reminder.period_id == bindparam("period_id"), Outbox.outcome == "sent")
    .order_by(Outbox.settled_at, User.id)
)


def load_task(session: Session, *, office_id: int, year: int, code: str) -> Task:
    """The task of this year with part, owner, helpers and periods; NotFound("not_found")."""
    task = session.scalar(_TASK, {"office_id": office_id, "year": year, "code": code})
    if task is None:
        raise NotFound("not_found")
    return task


def task_page(session: Session, task: Task, *, period_no: str | None, today: date, insider: bool) -> TaskPage:
    """Everything of the page. `insider`: whoever may see drafts of the departments concerned.

    Raises NotFound("not_found") for a period that the task does not have.
    """
    chips = tuple(_chip(period) for period in task.periods)
    chosen = _choose(chips, period_no, today)
    cards = _cards(session, task, chosen, today, insider=insider) if chosen else ()
    contact = session.get(User, task.contact_id) if task.contact_id else None
    owner = _owner(session, task, chosen)
    return TaskPage(
        id=task.id, code=task.code, plan_year=task.plan_year, title_zh=task.title_zh, title_en=task.title_en,
        description_zh=task.description_zh, description_en=task.description_en, deadline_kind=task.deadline_kind,
        deadline_text=str(task.deadline.get("text_zh") or ""), part_no=task.part.no_zh, part_zh=task.part.title_zh,
        part_en=task.part.title_en, owner_zh=owner.name_zh, owner_en=owner.name_en,
        cooperating=tuple((helper.name_zh, helper.name_en) for helper in _ordered(task.cooperating)),
        contact=contact.name if contact else "", subject=task_subject(task), periods=chips, period=chosen, cards=cards,
        figures=_figures(session, task, chosen) if chosen else (),
        history=_history(session, chosen, cards, insider=insider) if chosen else (),
    )  # fmt: skip


def _owner(session: Session, task: Task, period: PeriodChip | None) -> Department:
    """What is complete stays with the department that completed it."""
    if period is None or not period.complete:
        return task.owner
    done = local_date(period.completed_at, OFFICE_ZONE) if period.completed_at else period.end
    return owner_on(session, task, done)


def _ordered(departments: Sequence[Department]) -> list[Department]:
    return sorted(departments, key=lambda department: (department.position, department.id))


def _chip(period: Period) -> PeriodChip:
    return PeriodChip(
        id=period.id, plan_year=period.plan_year, period_no=period.period_no, start=period.start, end=period.end,
        due=period.due, light=period.light, state=period.state, reasons=tuple(period.reasons),
        insufficient=tuple(period.insufficient), complete=period.complete, completed_at=period.completed_at,
        sufficiency=period.sufficiency,
        milestones=tuple((date.fromisoformat(day), str(text)) for day, text in period.milestones),
        tentative=period.tentative, original_due=period.original_due, waived=period.waived,
    )  # fmt: skip


def _choose(chips: Sequence[PeriodChip], period_no: str | None, today: date) -> PeriodChip | None:
    """The named period; without a name the open one that is most pressing, else the next, else the last."""
    if period_no:
        named = next((chip for chip in chips if chip.period_no == period_no), None)
        if named is None:
            raise NotFound("not_found")
        return named
    open_chips = [chip for chip in chips if not chip.complete]
    begun = [chip for chip in open_chips if chip.start <= today]
    urgency = {"red": 0, "yellow": 1, "green": 2, "grey": 2, "blue": 3}
    if begun:
        return min(begun, key=lambda chip: (urgency.get(chip.light, 2), chip.due))
    return min(open_chips, key=lambda chip: chip.due, default=chips[-1] if chips else None)


def _cards(session: Session, task: Task, period: PeriodChip, today: date, *, insider: bool) -> tuple[Card, ...]:
    owed = session.execute(_OWED, {"period_id": period.id}).all()
    standing = [slot.code for _, slot in owed if slot.coverage == "standing" or slot.refresh_cycle == "once"]
    rows = versions_for(
        session,
        office_id=task.office_id,
        obligation_ids=[obligation.id for obligation, _ in owed],
        codes=sorted({slot.code for _, slot in owed}),
        standing=standing,
    )
    refused = _refusals(session, task.office_id, {slot.code for _, slot in owed}, today)
    return tuple(
        _card(obligation, slot, rows, period, refused.get(slot.code, ()), insider=insider) for obligation, slot in owed
    )


def _refusals(
    session: Session, office_id: int, codes: Collection[str], today: date
) -> dict[str, tuple[tuple[str, int], ...]]:
    """Slot code → reason codes of the past year's returns and rejections with how often each was given."""
    since = day_start(today - timedelta(REFUSED_DAYS), OFFICE_ZONE)
    rows = session.execute(_REFUSED, {"office_id": office_id, "codes": list(codes), "since": since})
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for code, reasons in rows:
        counts[code].update(map(str, reasons))
    return {
        code: tuple(sorted(counted.items(), key=lambda entry: (-entry[1], entry[0])))
        for code, counted in counts.items()
    }


def _card(
    obligation: Obligation, slot: Slot, rows: Sequence[VersionRow], period: PeriodChip,
    refusals: tuple[tuple[str, int], ...], *, insider: bool,
) -> Card:  # fmt: skip
    mine = [
        row
        for row in rows
        if row.obligation_id == obligation.id or (row.obligation_id is None and row.slot_code == slot.code)
    ]
    items = items_of(mine, with_drafts=insider)
    ticked = {
        point
        for item in items
        for row in (item.current, *item.earlier)
        if row.state == "accepted"
        for point in row.ticked
    }
    return Card(
        obligation_id=obligation.id, slot_code=slot.code, name_zh=slot.name_zh, name_en=slot.name_en, kind=slot.kind,
        coverage=slot.coverage, privacy=slot.privacy,
        cycle_no="" if obligation.cycle_no == period.period_no else obligation.cycle_no,
        start=obligation.start, end=obligation.end, due=obligation.due, required=obligation.required,
        min_count=obligation.min_count, state=obligation.state, light=obligation.light, accepted=obligation.accepted,
        missing=obligation.missing, stale=tuple(obligation.stale_reasons), soon_stale=obligation.soon_stale,
        expires_on=obligation.expires_on, dated_until=summary_until(obligation, slot.task),
        must_show=tuple((str(text), place in ticked) for place, text in enumerate(slot.must_show)),
        rejections=tuple(str(entry.get("text_zh", "")) for entry in slot.rejections if entry.get("text_zh")),
        refusals=refusals, good_sample=slot.good_sample, bad_sample=slot.bad_sample, items=tuple(items),
        zero_allowed=slot.zero_report_allowed and not obligation.cycle_no.startswith("E"),
        zero_report=obligation.zero_report, recipe=rules_of(slot.recipe), lacking=tuple(map(str, obligation.lacking)),
    )  # fmt: skip


def _figures(session: Session, task: Task, period: PeriodChip) -> tuple[Figure, ...]:
    """Indicators; a yearly one shows the latest value of the year so far, others that of this very period."""
    indicators = session.scalars(_INDICATORS, {"task_id": task.id}).all()
    if not indicators:
        return ()
    ends = {other.id: other.end for other in task.periods}
    values = session.execute(
        select(IndicatorValue, Version.file_name)
        .outerjoin(Version, Version.id == IndicatorValue.version_id)
        .where(IndicatorValue.period_id.in_(ends))
        .order_by(IndicatorValue.as_of, IndicatorValue.id)
    ).all()
    latest: dict[int, Any] = {}
    cycles = {indicator.id: indicator.cycle for indicator in indicators}
    for value, file_name in values:
        yearly = cycles.get(value.indicator_id) == "year"
        if value.period_id == period.id or (yearly and ends[value.period_id] <= period.end):
            latest[value.indicator_id] = (value, file_name)
    figures = []
    for indicator in indicators:
        value, file_name = latest.get(indicator.id, (None, ""))
        figures.append(
            Figure(
                id=indicator.id, code=indicator.code, name_zh=indicator.name_zh, name_en=indicator.name_en,
                unit=indicator.unit, cycle=indicator.cycle, op=indicator.target_op, target=indicator.target,
                note_zh=indicator.note_zh, value=value.value if value else None,
                qualifier=value.qualifier if value else "exact", as_of=value.as_of if value else None,
                proof_id=value.version_id if value else None, proof=file_name or "",
            )
        )  # fmt: skip
    return tuple(figures)


def _history(session: Session, period: PeriodChip, cards: Sequence[Card], *, insider: bool) -> tuple[Happening, ...]:
    rows = {row.id: row for card in cards for item in card.items for row in (item.current, *item.earlier)}
    found = []
    if rows:
        for event in session.scalars(_ACTS, {"ids": list(rows)}):
            row = rows[event.subject_id or 0]
            if event.action in PRIVATE_ACTIONS and not insider:
                continue
            codes = tuple(map(str, event.data.get("reason_codes") or ()))
            # A flag that a new requirement raises says something else than one that a person sets.
            action = "evidence.requirement_changed" if event.data.get("flag") == "S4" else event.action
            found.append(Happening(event.at, action, event.actor, row.file_name, row.slot_code, codes=codes))
    found += _reminders(session, period.id)
    return tuple(sorted(found, key=lambda happening: happening.at, reverse=True)[:EVENTS])


def _reminders(session: Session, period_id: int) -> list[Happening]:
    """Reminders that were really sent, one line for all who got the same one at the same time."""
    sent = session.execute(_SENT, {"period_id": period_id})
    people: dict[tuple[str, date], list[str]] = defaultdict(list)
    moments: dict[tuple[str, date], datetime] = {}
    for rung, at, name in sent:
        if at is None:
            continue
        key = (rung, at.date())
        moments.setdefault(key, at)
        people[key].append(name)
    return [
        Happening(moments[key], "reminder", "", "", "", rung=key[0], people=tuple(names))
        for key, names in people.items()
    ]
