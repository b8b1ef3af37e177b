"""Reads what an inspection package tells besides its files: figures, what inspectors ask for by itself, problems."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from tracker.domain import package_words as words
from tracker.domain.calendar import local_date
from tracker.domain.facts import PeriodFacts
from tracker.domain.gaps import is_late
from tracker.domain.package import Figure, PackedFile, Problem, Special
from tracker.models import AuditEvent, IndicatorValue, Notice, Period, Request, Task

GRANTED = ("approved", "cancelled")  # states of what was granted at some time
DUE_SET = ("notice.delivered", "notice.returned", "notice.escalated")  # acts that give a notice its date, or another


class Record:
    """Values, granted requests and signed notices of some tasks, cut at the end of the day."""

    def __init__(
        self, session: Session, tasks: Collection[int], facts: Mapping[int, PeriodFacts], end: datetime, zone: ZoneInfo
    ) -> None:
        """`facts`: by period, of the periods that existed on the day."""
        self._zone, self._end, self._facts = zone, end, facts
        self._values: dict[int, list[IndicatorValue]] = defaultdict(list)
        self._requests: dict[int, list[Request]] = defaultdict(list)
        self._notices: dict[int, list[Notice]] = defaultdict(list)

        def mine(wanted: Select[Any], column: Any) -> Select[Any]:
            return wanted.join(Period, Period.id == column).where(Period.task_id.in_(tasks))

        values = select(IndicatorValue).where(IndicatorValue.recorded_at < end).order_by(IndicatorValue.id)
        for value in session.scalars(mine(values, IndicatorValue.period_id)):
            self._values[value.period_id].append(value)
        granted = select(Request).where(Request.state.in_(GRANTED), Request.decided_at < end)
        requests = session.scalars(mine(granted, Request.period_id)).all()
        ended = _ended(session, [row.id for row in requests if row.state == "cancelled"], end)
        for asked in requests:
            if asked.period_id is not None and asked.id not in ended:
                self._requests[asked.period_id].append(asked)
        notices = session.scalars(mine(select(Notice).where(Notice.signed_at < end), Notice.period_id)).all()
        for notice in notices:
            self._notices[notice.period_id].append(notice)
        self._dues = _dues_then(session, [row.id for row in notices], end)

    @property
    def notice_ids(self) -> frozenset[int]:
        return frozenset(row.id for rows in self._notices.values() for row in rows)

    @property
    def request_ids(self) -> frozenset[int]:
        return frozenset(row.id for rows in self._requests.values() for row in rows)

    def figures(self, task: Task, periods: Sequence[Period], index: Mapping[int, int]) -> list[Figure]:
        """`index`: version -> its place among the task's files. The latest as-of date speaks, as in the verdict."""
        found: list[Figure] = []
        for one in sorted(task.indicators, key=lambda row: row.code):
            told = []
            for period in periods:
                values = [row for row in self._values[period.id] if row.indicator_id == one.id]
                if not values:
                    continue
                last = max(values, key=lambda row: (row.as_of, row.id))
                proof = index.get(last.version_id) if last.version_id is not None else None
                told.append(
                    Figure(
                        one.code,
                        one.name_zh,
                        one.name_en,
                        one.unit,
                        one.target_op,
                        one.target,
                        period.period_no,
                        last.value,
                        last.qualifier,
                        last.as_of,
                        proof,
                    )
                )
            nothing = Figure(
                one.code, one.name_zh, one.name_en, one.unit, one.target_op, one.target, "", None, "exact", None, None
            )
            found += told or [nothing]
        return found

    def specials(
        self,
        task: Task,
        periods: Sequence[Period],
        found: Sequence[tuple[PackedFile, int]],
        served: Mapping[int, Sequence[int]],
    ) -> list[Special]:
        """`found`: the task's files with their versions; `served`: version -> the obligations it answers."""
        lines: list[Special] = []
        known = [self._facts[period.id] for period in periods]
        asked_of = {owed.id: (owed, facts) for facts in known for owed in facts.obligations}
        for file, key in found:
            period_no, name = file.serves[0][0] if file.serves else "", file.path or file.title
            day = local_date(file.submitted_at, self._zone) if file.submitted_at else None
            owed = [asked_of[one] for one in served[key] if one in asked_of]
            if day and owed and all(is_late(one, facts, day) for one, facts in owed):
                lines.append(Special("late", task.code, period_no, name, "", day, max(one.due for one, _ in owed)))
            if file.late_reason:
                lines.append(Special("supplement", task.code, period_no, name, file.late_reason, day))
            lines += [Special("continuation", task.code, period_no, name, reason, None) for reason in file.extended]
        for period in periods:
            asked = [
                Special(
                    row.kind,
                    task.code,
                    period.period_no,
                    "",
                    row.reason,
                    local_date(row.decided_at, self._zone) if row.decided_at else None,
                    _until(row.data),
                )
                for row in self._requests[period.id]
                if row.kind in words.SPECIALS
            ]
            lines += sorted(asked, key=lambda one: (one.kind, one.day or date.min, one.reason, one.until or date.min))
        return lines

    def problems(self, task: Task, periods: Sequence[Period]) -> list[Problem]:
        lines = [
            Problem(
                task.code,
                period.period_no,
                f"督办〔{row.year}〕{row.number}号",
                row.colour,
                row.problem,
                row.demand,
                self._due(row),
                self._on(row.signed_at),
                self._on(row.closed_at),
            )
            for period in periods
            for row in self._notices[period.id]
        ]
        return sorted(lines, key=lambda one: (one.signed_on or date.min, one.number))

    def _due(self, row: Notice) -> date | None:
        """The date that it bore on the day: a feedback that does not convince gets another one later."""
        delivered = row.delivered_at is not None and row.delivered_at < self._end
        return self._dues.get(row.id, row.due) if delivered else None

    def _on(self, moment: datetime | None) -> date | None:
        """The day of it; None for what had not happened by the end of the day."""
        return local_date(moment, self._zone) if moment is not None and moment < self._end else None


def _ended(session: Session, request_ids: Sequence[int], end: datetime) -> set[int]:
    """Which of these cancelled requests were so by the end of the day."""
    rows = session.scalars(
        select(AuditEvent.subject_id)
        .where(AuditEvent.subject == "request", AuditEvent.subject_id.in_(request_ids))
        .where(AuditEvent.action == "request.cancelled", AuditEvent.at < end)
    )
    return {key for key in rows if key is not None}


def _dues_then(session: Session, notice_ids: Sequence[int], end: datetime) -> dict[int, date]:
    """The dates of these notices as the log tells them up to the end of the day."""
    rows = session.execute(
        select(AuditEvent.subject_id, AuditEvent.data)
        .where(AuditEvent.subject == "notice", AuditEvent.subject_id.in_(notice_ids))
        .where(AuditEvent.action.in_(DUE_SET), AuditEvent.at < end)
        .order_by(AuditEvent.seq)
    )
    return {row.subject_id: date.fromisoformat(row.data["due"]) for row in rows if row.data.get("due")}


def _until(data: Mapping[str, object]) -> date | None:
    text = data.get("new_due")
    return date.fromisoformat(text) if isinstance(text, str) else None
