"""A clerk's page: what the department of one person has to do, ordered by urgency, in a constant number of reads."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from tracker.domain.calendar import month_end
from tracker.domain.recipe import PieceRule, rules_of
from tracker.models import (
    Digest,
    Evidence,
    Obligation,
    Period,
    Review,
    Slot,
    Task,
    Version,
    evidence_obligation,
    task_cooperation,
)

FIRST_DAYS = 3  # due within so many days: to be done first
NEAR_DAYS = 14  # due within so many days is near even across the turn of a month
GROUPS = ("first", "near", "review", "expiring", "rest")
ANSWERED = {"filled", "submitted"}


@dataclass(frozen=True)
class Gap:
    """A slot's cycle that still wants something: `count` pieces, or a fresh one where material is stale."""

    slot_zh: str
    slot_en: str
    kind: str
    cycle_no: str
    due: date
    count: int
    stale: tuple[str, ...]
    draft: bool
    lacks: tuple[PieceRule, ...] = ()  # pieces of the recipe that nobody has submitted


@dataclass(frozen=True)
class SentBack:
    """The latest version of an item that the reviewer returned."""

    slot_zh: str
    slot_en: str
    codes: tuple[str, ...]
    comment: str
    decided_at: datetime | None


@dataclass(frozen=True)
class Weak:
    """Accepted material of a slot that leaves points unshown (I4)."""

    slot_zh: str
    slot_en: str
    points: tuple[str, ...]


@dataclass(frozen=True)
class Expiring:
    """Accepted material whose validity ends soon."""

    slot_zh: str
    slot_en: str
    on: date
    standing: bool


@dataclass(frozen=True)
class WorkRow:
    """One period of one task."""

    period_id: int
    plan_year: int
    period_no: str
    code: str
    title_zh: str
    title_en: str
    light: str
    state: str
    reasons: tuple[str, ...]
    insufficient: tuple[str, ...]
    due: date  # of the earliest thing still open, else of the period
    original_due: date | None  # where `due` is the extended deadline of the period
    group: str  # one of GROUPS
    owned: bool  # by the person's department; else it only cooperates
    colleague: bool  # somebody else is named as the contact
    begun: bool
    gaps: tuple[Gap, ...]
    weak: tuple[Weak, ...]
    returned: tuple[SentBack, ...]
    expiring: tuple[Expiring, ...]
    drafts: int
    submitted_at: datetime | None  # the latest piece in the reviewer's queue


@dataclass(frozen=True)
class MyWork:
    mine: tuple[WorkRow, ...]
    colleagues: tuple[WorkRow, ...]
    cooperating: tuple[WorkRow, ...]
    complete: int  # periods of owned tasks in the year
    total: int
    tasks: int  # owned and cooperating
    last_mail_at: datetime | None

    def group(self, name: str) -> tuple[WorkRow, ...]:
        return tuple(row for row in self.mine if row.group == name)


@dataclass(frozen=True)
class _Piece:
    """An obligation as far as this page needs it."""

    id: int
    period_id: int
    slot_zh: str
    slot_en: str
    kind: str
    coverage: str
    cycle_no: str
    cycles: bool
    start: date
    due: date
    required: bool
    state: str
    missing: int
    stale: tuple[str, ...]
    soon_stale: bool
    expires_on: date | None
    lacks: tuple[PieceRule, ...] = ()


def my_work(session: Session, *, user_id: int, department_id: int | None, year: int, today: date) -> MyWork:
    """Everything of the department's tasks that somebody should know of today; six statements at most."""
    last_mail = session.scalar(
        select(Digest.sent_at)
        .where(Digest.recipient_id == user_id, Digest.sent_at.is_not(None))
        .order_by(Digest.local_date.desc())
        .limit(1)
    )
    if department_id is None:
        return MyWork((), (), (), 0, 0, 0, last_mail)
    periods = session.execute(_periods(department_id, year, today)).all()
    shown = _shown(periods, today)
    pieces = _pieces(session, [row.id for row in shown])
    open_ids = [piece.id for of_period in pieces.values() for piece in of_period]
    told = _told(session, open_ids)
    weak = _weak(session, [row.id for row in shown if "I4" in row.insufficient])
    rows = []
    for row in shown:
        made = _row(row, pieces.get(row.id, []), told, weak.get(row.id, ()), department_id, user_id, today)
        if made is not None:
            rows.append(made)
    rows.sort(key=_urgency)
    own = [row for row in periods if row.owner_id == department_id and row.plan_year == year]
    return MyWork(
        mine=tuple(row for row in rows if row.owned and not row.colleague),
        colleagues=tuple(row for row in rows if row.owned and row.colleague),
        cooperating=tuple(row for row in rows if not row.owned),
        complete=sum(row.complete for row in own),
        total=len(own),
        tasks=len({row.task_id for row in periods}),
        last_mail_at=last_mail,
    )


def _periods(department_id: int, year: int, today: date) -> Select[Any]:
    helps = select(task_cooperation.c.task_id).where(task_cooperation.c.department_id == department_id)
    # Last year's periods may still be supplemented in January, and some reports are due in the following spring.
    late_start = Period.due >= today if today.month > 1 else Period.plan_year == year - 1
    return (
        select(
            Period.id, Period.task_id, Period.plan_year, Period.period_no, Period.start, Period.due, Period.state,
            Period.light, Period.reasons, Period.insufficient, Period.complete, Period.original_due,
            Task.code, Task.title_zh, Task.title_en, Task.owner_id, Task.contact_id,
        )
        .join(Task, Task.id == Period.task_id)
        .where(Period.waived.is_(False))  # nothing is asked of anybody there
        .where(Task.active.is_(True), or_(Task.owner_id == department_id, Task.id.in_(helps)))
        .where(or_(Period.plan_year >= year, (Period.plan_year == year - 1) & late_start))
        .order_by(Period.due, Task.position)
    )  # fmt: skip


def _shown(periods: Sequence[Any], today: date) -> list[Any]:
    """Open periods that have begun; of those ahead only a task's next one; complete ones while something expires."""
    found, busy = [], set()
    for row in periods:
        if row.complete:
            if "soon_stale" in row.reasons or row.light in {"red", "yellow"}:
                found.append(row)
            continue
        if row.start <= today or row.task_id not in busy:
            found.append(row)
        busy.add(row.task_id)
    return found


def _pieces(session: Session, period_ids: Sequence[int]) -> dict[int, list[_Piece]]:
    """Obligations of these periods that are not simply in order, by period."""
    if not period_ids:
        return {}
    rows = session.execute(
        select(Obligation, Slot.name_zh, Slot.name_en, Slot.kind, Slot.coverage, Period.period_no, Slot.recipe)
        .join(Slot, Slot.id == Obligation.slot_id)
        .join(Period, Period.id == Obligation.period_id)
        .where(Obligation.period_id.in_(period_ids))
        .where(or_(Obligation.state != "filled", Obligation.soon_stale.is_(True)))
        .order_by(Obligation.due, Slot.position, Obligation.id)
    ).all()
    found: dict[int, list[_Piece]] = defaultdict(list)
    for owed, name_zh, name_en, kind, coverage, period_no, recipe in rows:
        found[owed.period_id].append(
            _Piece(
                id=owed.id, period_id=owed.period_id, slot_zh=name_zh, slot_en=name_en, kind=kind, coverage=coverage,
                cycle_no=owed.cycle_no, cycles=owed.cycle_no != period_no, start=owed.start, due=owed.due,
                required=owed.required, state=owed.state, missing=owed.missing, stale=tuple(owed.stale_reasons),
                soon_stale=owed.soon_stale, expires_on=owed.expires_on,
                lacks=tuple(rule for rule in rules_of(recipe) if rule.code in owed.lacking),
            )
        )  # fmt: skip
    return found


def _told(session: Session, obligation_ids: Sequence[int]) -> dict[int, list[Any]]:
    """Drafts, what waits for the reviewer and what came back, by obligation."""
    if not obligation_ids:
        return {}
    rows = session.execute(
        select(
            evidence_obligation.c.obligation_id, Version.evidence_id, Version.number, Version.state,
            Version.submitted_at, Version.decided_at, Review.reason_codes, Review.comment,
        )
        .join(Evidence, Evidence.id == evidence_obligation.c.evidence_id)
        .join(Version, Version.evidence_id == Evidence.id)
        .outerjoin(Review, Review.version_id == Version.id)
        .where(evidence_obligation.c.obligation_id.in_(obligation_ids), Version.state != "withdrawn")
        .order_by(Version.number)
    ).all()  # fmt: skip
    latest: dict[tuple[int, int], Any] = {(row.obligation_id, row.evidence_id): row for row in rows}
    found: dict[int, list[Any]] = defaultdict(list)
    for row in latest.values():
        found[row.obligation_id].append(row)
    return found


def _weak(session: Session, period_ids: Sequence[int]) -> dict[int, tuple[Weak, ...]]:
    """The points that a reviewer found in none of a slot's accepted pieces, by period."""
    if not period_ids:
        return {}
    rows = session.execute(
        select(Obligation.period_id, Obligation.id, Slot.name_zh, Slot.name_en, Slot.must_show, Review.ticked)
        .join(Slot, Slot.id == Obligation.slot_id)
        .join(evidence_obligation, evidence_obligation.c.obligation_id == Obligation.id)
        .join(Version, Version.evidence_id == evidence_obligation.c.evidence_id)
        .join(Review, Review.version_id == Version.id)
        .where(Obligation.period_id.in_(period_ids), Obligation.required.is_(True), Obligation.state == "filled")
        .where(Version.state == "accepted")
        .order_by(Slot.position, Obligation.id)
    ).all()
    shown: dict[int, set[int]] = defaultdict(set)
    for row in rows:
        shown[row.id].update(row.ticked)
    found: dict[int, list[Weak]] = defaultdict(list)
    for row in {row.id: row for row in rows}.values():
        points = tuple(str(text) for place, text in enumerate(row.must_show) if place not in shown[row.id])
        if points:
            found[row.period_id].append(Weak(row.name_zh, row.name_en, points))
    return {period_id: tuple(slots) for period_id, slots in found.items()}


def _row(
    row: Any,
    pieces: Sequence[_Piece],
    told: dict[int, list[Any]],
    weak: tuple[Weak, ...],
    department_id: int,
    user_id: int,
    today: date,
) -> WorkRow | None:
    # What a later cycle of a year's task will ask for is not missing today.
    begun = [piece for piece in pieces if piece.start <= today or row.start > today]
    gaps = tuple(_gaps(begun, told))
    returned = tuple(_returned(begun, told))
    expiring = tuple(
        Expiring(piece.slot_zh, piece.slot_en, piece.expires_on, piece.coverage == "standing")
        for piece in pieces
        if piece.soon_stale and piece.expires_on
    )
    versions = [version for piece in pieces for version in told.get(piece.id, [])]
    submitted = [version.submitted_at for version in versions if version.state == "submitted" and version.submitted_at]
    dues = [piece.due for piece in begun if piece.required and piece.state not in ANSWERED]
    due = min(dues, default=row.due)
    if row.complete and not expiring and row.light not in {"red", "yellow"}:
        return None
    return WorkRow(
        period_id=row.id, plan_year=row.plan_year, period_no=row.period_no, code=row.code, title_zh=row.title_zh,
        title_en=row.title_en, light=row.light, state=row.state, reasons=tuple(row.reasons),
        insufficient=tuple(row.insufficient), due=due, original_due=row.original_due if due == row.due else None,
        group=group_of(row.light, row.state, row.reasons, due, today, begun=row.start <= today,
                       open_gaps=bool(gaps), returned=bool(returned), expiring=bool(expiring)),
        owned=row.owner_id == department_id, colleague=row.contact_id not in {None, user_id},
        begun=row.start <= today, gaps=gaps, weak=weak, returned=returned, expiring=expiring,
        drafts=sum(version.state == "draft" for version in versions), submitted_at=max(submitted, default=None),
    )  # fmt: skip


def _gaps(pieces: Iterable[_Piece], told: dict[int, list[Any]]) -> Iterable[Gap]:
    for piece in pieces:
        # What came back is told as such; only what nobody has offered yet is missing besides.
        back = sum(version.state == "returned" for version in told.get(piece.id, []))
        missing = piece.missing - back
        if piece.required and piece.state not in ANSWERED and (missing > 0 or (piece.stale and not back)):
            yield Gap(
                piece.slot_zh, piece.slot_en, piece.kind, piece.cycle_no if piece.cycles else "", piece.due,
                max(missing, 1), piece.stale, piece.state == "draft", piece.lacks,
            )  # fmt: skip


def _returned(pieces: Iterable[_Piece], told: dict[int, list[Any]]) -> Iterable[SentBack]:
    for piece in pieces:
        for version in told.get(piece.id, []):
            if version.state == "returned":
                yield SentBack(
                    piece.slot_zh, piece.slot_en, tuple(version.reason_codes or ()), version.comment or "",
                    version.decided_at,
                )  # fmt: skip


def group_of(
    light: str,
    state: str,
    reasons: Iterable[str],
    due: date,
    today: date,
    *,
    begun: bool,
    open_gaps: bool,
    returned: bool,
    expiring: bool,
) -> str:
    """Where a period stands on the page (one of GROUPS)."""
    if light == "red" or returned or (begun and open_gaps and (due - today).days <= FIRST_DAYS):
        return "first"
    if light == "blue" or (state == "submitted" and "in_review" in reasons):
        return "review"
    if expiring and not open_gaps:
        return "expiring"
    near = max(month_end(today.year, today.month), today + timedelta(NEAR_DAYS))
    if begun and due <= near:
        return "near"
    return "rest"


def _urgency(row: WorkRow) -> tuple[int, int, date, str]:
    worst = {"red": 0, "yellow": 1}.get(row.light, 2)
    return (GROUPS.index(row.group), worst if row.group == "first" else 0, row.due, row.code)
