"""What an import would do, task by task, before it does it."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from tracker.domain.catalogue import INDICATORS, PARTS, SLOTS, TASKS, Catalogue, Column, PartSource, TaskSource, plain
from tracker.domain.catalogue_values import cell_text


@dataclass(frozen=True)
class Detail:
    """`kind`: field, slot_added, slot_changed, slot_removed, slot_kept, indicator_…, part_…

    `code` and `name` say of what; `column` is the Chinese header of what changes from `old` to `new`.
    """

    kind: str
    code: str = ""
    name: str = ""
    column: str = ""
    old: str = ""
    new: str = ""


@dataclass(frozen=True)
class TaskChange:
    """`action`: added, changed, revived (was inactive), retired (has a history, becomes inactive), removed."""

    code: str
    title_zh: str
    title_en: str
    action: str
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True)
class Held:
    """Codes of what people have already worked on: never deleted."""

    tasks: Set[str]
    slots: Set[str]
    indicators: Set[str]


def places(before: Sequence[str], after: Sequence[str]) -> dict[str, int]:
    """Places by code in the order of the new file; what it no longer names stays behind what it followed before.

    So that a year as of a past day (a package, a board) has the order that it had, with what was retired since.
    """
    order = list(after)
    last = -1
    for code in before:
        if code in order:
            last = order.index(code)
        else:
            last += 1
            order.insert(last, code)
    return {code: place for place, code in enumerate(order)}


def _fields(kind: str, old: object, new: object, columns: Sequence[Column], code: str, name: str) -> list[Detail]:
    before, after = plain(old, tuple(columns)), plain(new, tuple(columns))
    found = []
    for column in columns:
        was, now = (values.get(column.name) for values in (before, after))
        if was != now:
            texts = [str(cell_text(value, column) or "") for value in (was, now)]
            found.append(Detail(kind, code, name, column.label, *(text[:300] for text in texts)))
    return found


def _inner(
    noun: str, old: Sequence[Any], new: Sequence[Any], columns: Sequence[Column], held: Set[str]
) -> list[Detail]:
    before: Mapping[str, Any] = {item.code: item for item in old}
    after: Mapping[str, Any] = {item.code: item for item in new}
    found = []
    for code, item in after.items():
        if code not in before:
            found.append(Detail(f"{noun}_added", code, item.name_zh))
        else:
            found += _fields(f"{noun}_changed", before[code], item, columns, code, item.name_zh)
    for code, item in before.items():
        if code in after:
            continue
        if code not in held:
            found.append(Detail(f"{noun}_removed", code, item.name_zh))
        elif item.required if noun == "slot" else item.target is not None:
            found.append(Detail(f"{noun}_kept", code, item.name_zh))
    order = [code for code in before if code in after]
    if not found and order != list(after):
        found.append(Detail(f"{noun}_order"))
    return found


def task_details(old: TaskSource, new: TaskSource, held: Held) -> tuple[Detail, ...]:
    return tuple(
        _fields("field", old, new, TASKS, new.code, new.title_zh)
        + _inner("slot", old.slots, new.slots, SLOTS, held.slots)
        + _inner("indicator", old.indicators, new.indicators, INDICATORS, held.indicators)
    )


def compare(old: Catalogue, inactive: Set[str], new: Catalogue, held: Held) -> tuple[TaskChange, ...]:
    """`old`: every stored task, the `inactive` codes among them; in the order of the new file, removals last."""
    before = {task.code: task for task in old.tasks}
    changes = []
    for task in new.tasks:
        known = before.get(task.code)
        details = task_details(known, task, held) if known else ()
        action = "added" if known is None else "revived" if task.code in inactive else "changed" if details else ""
        if action:
            changes.append(TaskChange(task.code, task.title_zh, task.title_en, action, details))
    kept = {task.code for task in new.tasks}
    for task in old.tasks:
        if task.code not in kept and task.code not in inactive:
            action = "retired" if task.code in held.tasks else "removed"
            changes.append(TaskChange(task.code, task.title_zh, task.title_en, action))
    return tuple(changes)


def compare_parts(old: Sequence[PartSource], new: Sequence[PartSource]) -> tuple[Detail, ...]:
    before, after = {part.code: part for part in old}, {part.code: part for part in new}
    found = [Detail("part_added", part.code, part.title_zh) for part in new if part.code not in before]
    for code, part in after.items():
        if code in before:
            found += _fields("part_changed", before[code], part, PARTS, code, part.title_zh)
    found += [Detail("part_removed", part.code, part.title_zh) for part in old if part.code not in after]
    return tuple(found)
