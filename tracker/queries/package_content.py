"""Reads what an inspection package of some tasks holds on a day: files, obligations, gaps, figures, problems.

A constant number of statements, whatever the number of tasks and files. Nothing of what comes out depends on keys,
on the order of rows, or on what happened after the day: which version counted then is told by `Standing`.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from tracker.domain import package_words as words
from tracker.domain.facts import EvidenceState, ObligationFacts, ObligationVerdict, PeriodFacts, PeriodVerdict
from tracker.domain.freshness import counted_for, dates_fit, is_standing
from tracker.domain.gaps import gap_kind, is_late, shortcomings
from tracker.domain.package import (
    BYTES_GONE,
    Gap,
    Happening,
    Owed,
    PackedFile,
    PackedTask,
    PeriodLine,
)
from tracker.domain.package_names import FOLDER_CHARS, META, Names, clean, extension, file_stem
from tracker.domain.recipe import rules_of
from tracker.models import (
    ArchiveItem,
    AuditEvent,
    Department,
    Evidence,
    Obligation,
    Ownership,
    Period,
    Review,
    Slot,
    Task,
    Version,
)
from tracker.queries.package_record import Record

VALID = {EvidenceState.ACCEPTED, EvidenceState.ARCHIVED}
SHOWN = VALID | {EvidenceState.DAMAGED, EvidenceState.SUPERSEDED}


@dataclass(frozen=True)
class Standing:
    """How things stood at the end of the day: services.as_of computes it. `end`: the first instant after it."""

    on: date
    end: datetime
    zone: ZoneInfo
    facts: Mapping[int, PeriodFacts]
    verdicts: Mapping[int, PeriodVerdict]
    states: Mapping[int, EvidenceState]


@dataclass(frozen=True)
class Told:
    """Keys of the rows that the package speaks of: by these its part of the audit log is found."""

    versions: frozenset[int]
    periods: frozenset[int]
    tasks: frozenset[int]
    notices: frozenset[int]
    requests: frozenset[int]
    indicators: frozenset[int]


@dataclass(frozen=True)
class Read:
    tasks: tuple[PackedTask, ...]
    told: Told


def tasks_of(session: Session, in_force: Collection[int], codes: Collection[str] = ()) -> list[Task]:
    """Of the tasks that were in force on the day (services.as_of) all, or those named; in official order."""
    found = session.scalars(
        select(Task)
        .where(Task.id.in_(in_force))
        .options(
            joinedload(Task.part), joinedload(Task.owner), selectinload(Task.slots), selectinload(Task.indicators),
            selectinload(Task.periods).selectinload(Period.obligations),
        )
    )  # fmt: skip
    wanted = [task for task in found if not codes or task.code in codes]
    return sorted(wanted, key=lambda task: (task.part.position, task.part.code, task.position, task.code))


def _items(session: Session, office_id: int, tasks: Sequence[Task]) -> list[Evidence]:
    codes = [slot.code for task in tasks for slot in task.slots]
    found = session.scalars(
        select(Evidence)
        .where(Evidence.office_id == office_id, Evidence.slot_code.in_(codes))
        .options(
            selectinload(Evidence.obligations).load_only(Obligation.id),
            selectinload(Evidence.versions).joinedload(Version.review).joinedload(Review.reviewer),
            selectinload(Evidence.versions).joinedload(Version.blob),
            selectinload(Evidence.versions).joinedload(Version.uploaded_by),
        )
    )
    return list(found.unique())


def _histories(session: Session, end: datetime, version_ids: Sequence[int]) -> dict[int, tuple[Happening, ...]]:
    found: dict[int, list[Happening]] = defaultdict(list)
    for start in range(0, len(version_ids), 500):
        rows = session.execute(
            select(AuditEvent.subject_id, AuditEvent.seq, AuditEvent.at, AuditEvent.actor, AuditEvent.action)
            .where(AuditEvent.subject == "version", AuditEvent.subject_id.in_(version_ids[start : start + 500]))
            .where(AuditEvent.action.in_(words.ACTIONS), AuditEvent.at < end)
            .order_by(AuditEvent.seq)
        )
        for row in rows:
            found[row.subject_id].append(Happening(row.seq, row.at, row.actor, row.action))
    return {key: tuple(lines) for key, lines in found.items()}


class _Reader:
    """One reading; everything that several tasks share is loaded once."""

    def __init__(
        self, session: Session, office_id: int, tasks: Sequence[Task], day: Standing, superseded: bool
    ) -> None:
        self.day, self.tasks = day, tasks
        self.states = SHOWN if superseded else SHOWN - {EvidenceState.SUPERSEDED}
        self.items: dict[str, list[Evidence]] = defaultdict(list)
        for item in _items(session, office_id, tasks):
            self.items[item.slot_code].append(item)
        # A period that began to exist later (an event that was registered since) is none of the day's.
        self.periods = {period.id: period for task in tasks for period in task.periods if period.id in day.facts}
        self.linked = {
            owed.id: (period.period_no, owed.cycle_no)
            for period in self.periods.values()
            for owed in period.obligations
        }
        known = [row.id for rows in self.items.values() for item in rows for row in item.versions]
        self.histories = _histories(session, day.end, known)
        self.numbers = _numbers(session, office_id, day.end)
        self.told = Record(session, [task.id for task in tasks], day.facts, day.end, day.zone)
        self.owners = _owners_on(session, tasks, day.on)
        self.told_versions: set[int] = set()
        self._served: dict[int, tuple[int, ...]] = {}  # version -> the obligations it answers
        self._still: dict[int, tuple[int, ...]] = {}  # superseded version -> those that it still answers

    # ------------------------------------------------------------------------------------------------- one task

    def task(self, task: Task) -> PackedTask:
        names = Names()
        folder = clean(f"{task.code}_{task.title_zh}", FOLDER_CHARS)
        found: list[tuple[PackedFile, int]] = []
        for slot in sorted(task.slots, key=lambda one: (one.position, one.code)):
            found += self._files_of_slot(task, slot, folder, names)
        files, index = tuple(file for file, _ in found), {key: number for number, (_, key) in enumerate(found)}
        serving: dict[int, list[int]] = defaultdict(list)
        for number, (_file, key) in enumerate(found):
            served = self._served if self.day.states.get(key) in VALID else self._still
            for owed_id in served.get(key, ()):
                serving[owed_id].append(number)
        owed, gaps = self._owed(task, serving)
        gaps += [
            Gap(task.code, *(file.serves[0] if file.serves else ("", "")), file.slot_code, file.slot_zh, file.slot_en,
                file.doc_date, file.absent, (), ((file.title, file.title),))
            for file in files if file.absent
        ]  # fmt: skip
        owner, ordered = self.owners.get(task.id, task.owner), self._in_order(task)
        return PackedTask(
            code=task.code, folder=folder, title_zh=task.title_zh, title_en=task.title_en, part_no=task.part.no_zh,
            part_zh=task.part.title_zh, part_en=task.part.title_en, owner_zh=owner.name_zh, owner_en=owner.name_en,
            deadline=str(task.deadline.get("text_zh", "")), periods=tuple(map(self._period, ordered)),
            owed=tuple(owed), files=files, gaps=tuple(gaps), figures=tuple(self.told.figures(task, ordered, index)),
            specials=tuple(self.told.specials(task, ordered, found, self._served)),
            problems=tuple(self.told.problems(task, ordered)),
        )  # fmt: skip

    def _in_order(self, task: Task) -> list[Period]:
        """Those that existed on the day, by their dates of then: an extension may have moved them since."""
        known = [(self.day.facts[period.id], period) for period in task.periods if period.id in self.periods]
        known.sort(key=lambda pair: (pair[0].end, pair[0].start, pair[1].period_no))
        return [period for _, period in known]

    def _period(self, period: Period) -> PeriodLine:
        verdict, facts = self.day.verdicts[period.id], self.day.facts[period.id]
        return PeriodLine(
            period.period_no, facts.start, facts.end, facts.due, verdict.state.value, verdict.light.value,
            verdict.insufficient, verdict.completed_at,
        )  # fmt: skip

    # ---------------------------------------------------------------------------------------------------- files

    def _files_of_slot(self, task: Task, slot: Slot, folder: str, names: Names) -> list[tuple[PackedFile, int]]:
        chosen = []
        for item in self.items.get(slot.code, []):
            mine = [owed.id for owed in item.obligations if owed.id in self.linked]
            for version in item.versions:
                state = self.day.states.get(version.id)
                if state is not None and mine and state is not EvidenceState.DRAFT:
                    self.told_versions.add(version.id)
                if state is None or version.kind != "file" or version.blob is None:
                    continue
                if state is EvidenceState.SUPERSEDED:
                    self._still[version.id] = self._counts(task, version)
                # What was judged by a version that was replaced later is shown with it, asked for or not.
                serves = self._serves(task, version, mine) if state in self.states else self._still.get(version.id)
                if serves:
                    self._served[version.id] = serves
                    self.told_versions.add(version.id)
                    chosen.append((version, state))
        chosen.sort(key=lambda pair: self._rank(pair[0]))
        return [(self._file(task, slot, version, state, folder, names), version.id) for version, state in chosen]

    def _serves(self, task: Task, version: Version, mine: Sequence[int]) -> tuple[int, ...]:
        """The year's obligations that a version answers: those it is linked to, and for standing material those that
        its dates reach."""
        found = set(mine)
        for period in task.periods:
            facts = self.day.facts.get(period.id)
            for owed in facts.obligations if facts else ():
                if is_standing(owed) and facts is not None and owed.slot.code == version.evidence.slot_code:
                    known = [one for one in facts.history.get(owed.slot.code, ()) if one.id == version.id]
                    if any(dates_fit(one, owed) for one in known):
                        found.add(owed.id)
        return tuple(sorted(found, key=self._owed_rank))

    def _counts(self, task: Task, version: Version) -> tuple[int, ...]:
        """The year's obligations of standing material that a version still answers although it was replaced."""
        found = [
            owed.id
            for period in task.periods
            if (facts := self.day.facts.get(period.id))
            for owed in facts.obligations
            if owed.slot.code == version.evidence.slot_code
            and any(
                one.id == version.id
                for one in counted_for(owed, facts.history.get(owed.slot.code, ()), self.day.on)
            )
        ]  # fmt: skip
        return tuple(sorted(found, key=self._owed_rank))

    def _owed_rank(self, owed_id: int) -> tuple[str, str]:
        return self.linked[owed_id]

    def _rank(self, version: Version) -> tuple[object, ...]:
        first = min((self.linked[one] for one in self._served[version.id]), default=("", ""))
        digest = version.blob.sha256 if version.blob else ""
        moment = version.submitted_at or version.uploaded_at
        return (first, version.doc_date or date.min, version.file_name, version.number, digest, moment)

    def _file(
        self, task: Task, slot: Slot, version: Version, state: EvidenceState, folder: str, names: Names
    ) -> PackedFile:
        blob, review = version.blob, version.review
        assert blob is not None  # chosen because it has one
        pieces = {piece["code"]: piece["name_zh"] for piece in slot.recipe}
        shown = f"{slot.name_zh}-{pieces[version.piece]}" if version.piece in pieces else slot.name_zh
        stem = names.give(folder, file_stem(slot.code, shown, version.doc_date, version.number))
        absent = "damaged" if state is EvidenceState.DAMAGED else BYTES_GONE.get(blob.condition, "")
        path = "" if absent else f"data/{folder}/{stem}{extension(version.file_name)}"
        reviewed = review is not None and review.decided_at < self.day.end
        ticked = set(review.ticked) if review and reviewed else set()
        points = list(enumerate(map(str, slot.must_show)))
        history = self.histories.get(version.id, ())
        by = {line.action: line.actor for line in history}
        return PackedFile(
            task_code=task.code, slot_code=slot.code, slot_zh=slot.name_zh, slot_en=slot.name_en,
            title=PurePosixPath(version.file_name).stem, number=version.number, state=state.value,
            file_name=version.file_name, media_type=version.media_type, size=blob.size, sha256=blob.sha256,
            sm3=blob.sm3, path=path, meta_path=f"data/{folder}/{stem}{META}", absent=absent,
            serves=tuple(self.linked[one] for one in self._served[version.id]), doc_date=version.doc_date,
            covered_from=version.covered_from, covered_to=version.covered_to, valid_to=version.valid_to,
            uploaded_at=version.uploaded_at, submitted_at=version.submitted_at,
            decided_at=review.decided_at if review and reviewed else None, doc_no=version.doc_no,
            issuer=version.issuer, pages=version.pages, piece=version.piece, note=version.note,
            late_reason=version.late_reason, uploader=_uploader(version, by),
            reviewer=by.get("evidence.accepted") or (review.reviewer.name if review and reviewed else ""),
            comment=review.comment if review and reviewed else "",
            ticked=tuple(text for number, text in points if number in ticked),
            not_ticked=tuple(text for number, text in points if number not in ticked),
            archive_no=self.numbers.get(version.id, ""), retention=slot.retention,
            extended=self._extensions(slot.code, version.id), history=history,
        )  # fmt: skip

    def _extensions(self, slot_code: str, version_id: int) -> tuple[str, ...]:
        return tuple(
            sorted(
                version.note
                for item in self.items[slot_code]
                for version in item.versions
                if version.continues_id == version_id and self.day.states.get(version.id) in VALID
            )
        )

    # ----------------------------------------------------------------------------------------- what is owed, lacks

    def _owed(self, task: Task, serving: Mapping[int, Sequence[int]]) -> tuple[list[Owed], list[Gap]]:
        lines, gaps = [], []
        slots = {slot.id: slot for slot in task.slots}
        for period in self._in_order(task):
            facts, verdict = self.day.facts[period.id], self.day.verdicts[period.id]
            judged, asked = {one.id: one for one in verdict.obligations}, {one.id: one for one in facts.obligations}
            rows = [row for row in period.obligations if row.id in judged and row.slot_id in slots]
            rows.sort(
                key=lambda row: (
                    slots[row.slot_id].position, slots[row.slot_id].code, asked[row.id].end, row.cycle_no,
                )
            )  # fmt: skip
            for row in rows:
                slot, fact, part = slots[row.slot_id], asked[row.id], judged[row.id]
                kind, late = gap_kind(fact, part, facts, self.day.on), is_late(fact, facts, self.day.on)
                lines.append(
                    Owed(
                        period.period_no,
                        row.cycle_no,
                        slot.code,
                        slot.name_zh,
                        slot.name_en,
                        fact.start,
                        fact.end,
                        fact.due,
                        fact.required,
                        fact.min_count,
                        part.accepted,
                        _word(part, fact, waived=facts.waived, late=late),
                        fact.zero_report,
                        tuple(map(str, slot.must_show)),
                        tuple(sorted(serving.get(row.id, ()))),
                    )
                )
                at = (task.code, period.period_no, row.cycle_no, slot.code, slot.name_zh, slot.name_en, fact.due)
                if kind:
                    gaps.append(Gap(*at, kind, part.stale_reasons))
                if part.lacking and fact.required and late and not facts.waived:
                    pieces = {rule.code: (rule.name_zh, rule.name_en) for rule in rules_of(slot.recipe)}
                    names = tuple(pieces.get(code, (code, code)) for code in part.lacking)
                    gaps.append(Gap(*at, "lacking", (), names))
            if codes := shortcomings(facts, verdict, self.day.on):
                gaps.append(Gap(task.code, period.period_no, "", "", "", "", facts.due, "insufficient", codes))
        return lines, gaps


def _word(part: ObligationVerdict, owed: ObligationFacts, *, waived: bool, late: bool) -> str:
    state = part.state.value
    if waived:
        return "waived"
    if owed.zero_report and not part.accepted:
        return "zero"
    if state in {"missing", "draft"} and not owed.required:
        return "optional"
    return "not_due" if state in {"missing", "draft"} and not late else state


def _uploader(version: Version, by: Mapping[str, str]) -> str:
    """As he was called then. What corrects a date is begun by its submission; what a script filled in is not in the
    log."""
    return by.get("evidence.uploaded") or by.get("evidence.submitted") or version.uploaded_by.name


def _numbers(session: Session, office_id: int, end: datetime) -> dict[int, str]:
    """Archival numbers that counted at the end of the day, by version: what was made void and filed anew has two."""
    rows = session.execute(
        select(ArchiveItem.version_id, ArchiveItem.archive_no)
        .where(ArchiveItem.office_id == office_id, ArchiveItem.filed_at < end)
        .where(or_(ArchiveItem.voided_at.is_(None), ArchiveItem.voided_at >= end))
        .order_by(ArchiveItem.id)
    )
    return {row.version_id: row.archive_no for row in rows}


def _owners_on(session: Session, tasks: Sequence[Task], day: date) -> dict[int, Department]:
    """The owners of those tasks that another department owns since."""
    rows = session.execute(
        select(Ownership.task_id, Department)
        .join(Department, Department.id == Ownership.department_id)
        .where(Ownership.task_id.in_([task.id for task in tasks]), Ownership.until >= day)
        .order_by(Ownership.until.desc(), Ownership.id.desc())
    )
    return {row[0]: row[1] for row in rows}  # the earliest change after the day comes last and wins


def read_tasks(session: Session, *, office_id: int, tasks: Sequence[Task], day: Standing, superseded: bool) -> Read:
    """Everything that the package says of these tasks, in official order."""
    reader = _Reader(session, office_id, tasks, day, superseded)
    packed = tuple(reader.task(task) for task in tasks)
    told = Told(
        versions=frozenset(reader.told_versions),
        periods=frozenset(reader.periods),
        tasks=frozenset(task.id for task in tasks),
        notices=reader.told.notice_ids,
        requests=reader.told.request_ids,
        indicators=frozenset(one.id for task in tasks for one in task.indicators),
    )
    return Read(packed, told)
