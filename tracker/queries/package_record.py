"""Reads what an inspection package tells besides its files: figures, what inspectors ask for by itself, problems."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain import package_words as words
from tracker.domain.calendar import local_date
from tracker.domain.package import Figure, PackedFile, Problem, Special
from tracker.models import IndicatorValue, Notice, Period, Request, Task


class Record:
    """Values, decided requests and signed notices of some periods, cut at the end of the day."""

    def __init__(self, session: Session, periods: Mapping[int, Period], end: datetime, zone: ZoneInfo) -> None:
        self._zone, self._end = zone, end
        self._values: dict[int, list[IndicatorValue]] = defaultdict(list)
        self._requests: dict[int, list[Request]] = defaultdict(list)
        self._notices: dict[int, list[Notice]] = defaultdict(list)
        for value in session.scalars(select(IndicatorValue).where(IndicatorValue.recorded_at < end)):
            if value.period_id in periods:
                self._values[value.period_id].append(value)
        for asked in session.scalars(select(Request).where(Request.state == "approved", Request.decided_at < end)):
            if asked.period_id in periods:
                self._requests[asked.period_id or 0].append(asked)
        for notice in session.scalars(select(Notice).where(Notice.signed_at < end)):
            if notice.period_id in periods:
                self._notices[notice.period_id].append(notice)

    @property
    def notice_ids(self) -> frozenset[int]:
        return frozenset(row.id for rows in self._notices.values() for row in rows)

    @property
    def request_ids(self) -> frozenset[int]:
        return frozenset(row.id for rows in self._requests.values() for row in rows)

    def figures(self, task: Task, periods: Sequence[Period], index: Mapping[int, int]) -> list[Figure]:
        """`index`: version -> its place among the task's files. The latest as-of date speaks."""
        found: list[Figure] = []
        for one in sorted(task.indicators, key=lambda row: row.code):
            told = []
            for period in periods:
                values = [row for row in self._values[period.id] if row.indicator_id == one.id]
                if not values:
                    continue
                last = max(values, key=lambda row: (row.as_of, row.recorded_at, row.value))
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
        dues = {owed.id: owed.due for period in task.periods for owed in period.obligations}
        for file, key in found:
            period_no, name = file.serves[0][0] if file.serves else "", file.path or file.title
            day = local_date(file.submitted_at, self._zone) if file.submitted_at else None
            owed = [dues[one] for one in served[key] if one in dues]
            if day and owed and all(day > due for due in owed):
                lines.append(Special("late", task.code, period_no, name, "", day, max(owed)))
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
            lines += sorted(asked, key=lambda one: (one.kind, one.day or date.min, one.reason))
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
                row.due,
                self._on(row.signed_at),
                self._on(row.closed_at),
            )
            for period in periods
            for row in self._notices[period.id]
        ]
        return sorted(lines, key=lambda one: (one.signed_on or date.min, one.number))

    def _on(self, moment: datetime | None) -> date | None:
        """The day of it; None for what had not happened by the end of the day."""
        return local_date(moment, self._zone) if moment is not None and moment < self._end else None


def _until(data: Mapping[str, object]) -> date | None:
    text = data.get("new_due")
    return date.fromisoformat(text) if isinstance(text, str) else None
