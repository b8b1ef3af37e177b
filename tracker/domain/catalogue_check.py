"""Rows of a catalogue file into a catalogue, or everything that is wrong with them: all or nothing (I8)."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from tracker.domain.catalogue import (
    INDICATORS,
    PARTS,
    SLOTS,
    TASKS,
    Catalogue,
    Column,
    DeadlineSource,
    IndicatorSource,
    PartSource,
    Problem,
    Row,
    Rows,
    SlotSource,
    TaskSource,
)
from tracker.domain.catalogue_values import BadValue, is_blank, read
from tracker.domain.facts import DeadlineKind

MOST_TASKS = 500
MOST_ITEMS = 5000
# A target on fines would tie them to appraisal: 《行政处罚法》第七十四条 forbids it (rules.md 14).
FINES = ("罚款", "罚没")
MONEY = {"元", "万元", "千元", "亿元"}

Values = dict[str, Any]


class Check:
    """One pass over a file: collects problems, keeps the rows that are good."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.problems: list[Problem] = list(rows.problems)

    def add(self, row: Row, column: str, code: str, columns: Sequence[Column], **data: Any) -> None:
        label = next((known.label for known in columns if known.name == column), "")
        self.problems.append(Problem(row.sheet, row.lines.get(column, row.number), label, code, data))

    def values(self, row: Row, columns: Sequence[Column]) -> Values | None:
        """The row's values by column name, blanks left out; None when any is wrong."""
        before, found = len(self.problems), {}
        for column in columns:
            raw = row.values.get(column.name)
            if is_blank(raw):
                if column.required:
                    self.add(row, column.name, "value_missing", columns)
                continue
            try:
                found[column.name] = read(raw, column)
            except BadValue as bad:
                self.add(row, column.name, bad.code, columns, **bad.data)
        return found if len(self.problems) == before else None

    def unique(self, rows: Iterable[Row], columns: Sequence[Column]) -> None:
        """Every code once in the file; the second row is the wrong one."""
        seen: dict[str, int] = {}
        for row in rows:
            code = str(row.values.get("code") or "").strip()
            if code and code in seen:
                self.add(row, "code", "code_twice", columns, value=code, first=seen[code])
            elif code:
                seen[code] = row.lines.get("code", row.number)


def _deadline(values: Values) -> DeadlineSource:
    return DeadlineSource(
        kind=values["deadline_kind"],
        due=values.get("due", ()),
        year_offset=values.get("year_offset", 0),
        boundary="" if values.get("boundary") == "inclusive" else values.get("boundary", ""),
        event_mode=values.get("event_mode", ""),
        trigger_zh=values.get("trigger_zh", ""),
        within_n=values.get("within_n"),
        within_unit=values.get("within_unit", ""),
        year_close=values.get("year_close", ""),
        year_end_until=values.get("year_end_until", ""),
        milestones=values.get("milestones", ()),
        text_zh=values.get("text_zh", ""),
    )


def _check_task(
    check: Check, row: Row, values: Values, parts: Set[str], departments: Mapping[str, bool] | None
) -> None:
    if values["part"] not in parts:
        check.add(row, "part", "part_unknown", TASKS, value=values["part"])
    if departments is not None:
        if values["owner"] not in departments:
            check.add(row, "owner", "department_unknown", TASKS, value=values["owner"])
        elif departments[values["owner"]]:
            check.add(row, "owner", "owner_collective", TASKS, value=values["owner"])
        for code in values.get("cooperating", ()):
            if code not in departments:
                check.add(row, "cooperating", "department_unknown", TASKS, value=code)
    if len(set(values.get("cooperating", ()))) != len(values.get("cooperating", ())):
        check.add(row, "cooperating", "value_twice", TASKS)
    # Each event gets its own deadline from this term; a bulk ledger of events can do without.
    event = values["deadline_kind"] == DeadlineKind.EVENT
    terms = {"within_n", "within_unit"}
    if (event and values.get("event_mode") == "individual") or terms & values.keys():
        for name in sorted(terms - values.keys()):
            check.add(row, name, "event_needs_term", TASKS)
    if values["deadline_kind"] == DeadlineKind.ANNUAL and not values.get("due"):
        check.add(row, "due", "value_missing", TASKS)


def _check_slot(check: Check, row: Row, values: Values, tasks: Set[str]) -> None:
    if values["task"] not in tasks:
        check.add(row, "task", "task_unknown", SLOTS, value=values["task"])


def _check_indicator(check: Check, row: Row, values: Values, tasks: Set[str]) -> None:
    if values["task"] not in tasks:
        check.add(row, "task", "task_unknown", INDICATORS, value=values["task"])
    has_op, has_target = "target_op" in values, "target" in values
    if has_op != has_target:
        check.add(row, "target" if has_op else "target_op", "target_incomplete", INDICATORS, name=values["name_zh"])
    if has_target and values["unit"] in MONEY and any(word in values["name_zh"] for word in FINES):
        check.add(row, "target", "target_forbidden", INDICATORS, name=values["name_zh"])


def _slot(values: Values) -> SlotSource:
    return SlotSource(**{name: value for name, value in values.items() if name != "task"})


def _indicator(values: Values) -> IndicatorSource:
    return IndicatorSource(**{name: value for name, value in values.items() if name != "task"})


def _task(values: Values, slots: Sequence[Values], indicators: Sequence[Values]) -> TaskSource:
    own = {column.name for column in TASKS if column.path[0] != "deadline"}
    code = values["code"]
    return TaskSource(
        **{name: value for name, value in values.items() if name in own},
        deadline=_deadline(values),
        slots=tuple(_slot(slot) for slot in slots if slot["task"] == code),
        indicators=tuple(_indicator(indicator) for indicator in indicators if indicator["task"] == code),
    )


def build(rows: Rows, departments: Mapping[str, bool] | None = None) -> tuple[Catalogue | None, tuple[Problem, ...]]:
    """The catalogue, or None and every problem of the file.

    `departments`: code -> whether it is a collective one, which never owns; None: not asked.
    """
    check = Check(rows)
    if len(rows.tasks) > MOST_TASKS or len(rows.slots) + len(rows.indicators) > MOST_ITEMS:
        return None, (Problem("任务", None, "", "catalogue_too_many", {"most": MOST_TASKS}),)
    if not rows.tasks:
        check.problems.append(Problem("任务", None, "", "catalogue_no_tasks"))
    good: dict[str, list[tuple[Row, Values]]] = {}
    for name, items, columns in (
        ("parts", rows.parts, PARTS),
        ("tasks", rows.tasks, TASKS),
        ("slots", rows.slots, SLOTS),
        ("indicators", rows.indicators, INDICATORS),
    ):
        check.unique(items, columns)
        good[name] = [(row, values) for row in items if (values := check.values(row, columns)) is not None]
    # A reference to a row that is itself wrong is not reported a second time.
    parts = {str(row.values.get("code")).strip() for row in rows.parts}
    tasks = {str(row.values.get("code")).strip() for row in rows.tasks}
    for row, values in good["tasks"]:
        _check_task(check, row, values, parts, departments)
    for row, values in good["slots"]:
        _check_slot(check, row, values, tasks)
    for row, values in good["indicators"]:
        _check_indicator(check, row, values, tasks)
    _check_slots_exist(check, [row for row, _ in good["tasks"]])
    if check.problems:
        return None, tuple(sorted(check.problems, key=_order))
    plain = {name: [values for _, values in items] for name, items in good.items()}
    return (
        Catalogue(
            parts=tuple(PartSource(**values) for values in plain["parts"]),
            tasks=tuple(_task(values, plain["slots"], plain["indicators"]) for values in plain["tasks"]),
            about=dict(rows.about),
        ),
        (),
    )


def _check_slots_exist(check: Check, tasks: Iterable[Row]) -> None:
    asked = {str(row.values.get("task") or "").strip() for row in check.rows.slots}
    for row in tasks:
        task = str(row.values["code"]).strip()
        if task not in asked:
            check.add(row, "code", "task_without_slots", TASKS, value=task)


def _order(problem: Problem) -> tuple[int, int, str]:
    places = {"部分": 0, "任务": 1, "佐证要求": 2, "指标": 3}
    return places.get(problem.sheet, 9), problem.row or 0, problem.column


def about_of(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The header's own entries: short, single values; anything else in it is not ours to keep."""
    kept: dict[str, Any] = {}
    for key, value in list(raw.items())[:40]:
        if isinstance(value, bool | int):
            kept[str(key)[:60]] = value
        elif isinstance(value, str | float) and str(value).strip():
            kept[str(key)[:60]] = str(value).strip()[:500]
    return kept
