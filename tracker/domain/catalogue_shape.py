"""Between the flat columns of a catalogue and the nested mappings in which files and rows keep it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracker.domain.catalogue import INDICATORS, TASKS, Column, DeadlineSource, plain

# Written even where they say nothing: a reader wants to see that they were thought of.
ALWAYS = {"cooperating", "outline_points", "sections", "inferred", "required"}
# Left out where they say what is usual anyway.
USUAL = {"year_offset": 0, "zero_report_allowed": False, "names_people": False}


def mapping_of(source: object, columns: Sequence[Column]) -> dict[str, Any]:
    """A part, task, slot or indicator as the YAML file spells it; what says nothing is left out."""
    values = plain(source, tuple(columns))
    found: dict[str, Any] = {}
    for column in columns:
        value = values.get(column.name)
        silent = value in (None, "", ()) or (column.name in USUAL and value == USUAL[column.name])
        if column.name not in values or (silent and column.name not in ALWAYS):
            continue
        holder = found
        for key in column.path[:-1]:
            holder = holder.setdefault(key, {})
        holder[column.path[-1]] = _yaml_value(value, column)
    if columns is INDICATORS:
        found.setdefault("target", None)
    return found


def _yaml_value(value: Any, column: Column) -> Any:
    if column.kind == "pairs":
        first, second = column.pair
        return [{first: head, second: text} for head, text in value]
    if column.kind == "pieces":
        return [_piece(*piece) for piece in value]
    if isinstance(value, tuple):
        return list(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _piece(code: str, name_zh: str, name_en: str, required: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"code": code, "name_zh": name_zh}
    if name_en:
        found["name_en"] = name_en
    if not required:
        found["required"] = False
    return found


DEADLINE = tuple(column for column in TASKS if column.path[0] == "deadline")


@dataclass(frozen=True)
class _Due:
    deadline: DeadlineSource


def deadline_mapping(deadline: DeadlineSource) -> dict[str, Any]:
    """A task's deadline as its row keeps it and as `domain.periods.rule_from_catalogue` reads it."""
    found: dict[str, Any] = mapping_of(_Due(deadline), DEADLINE)["deadline"]
    return found


def deadline_source(kept: Mapping[str, Any]) -> DeadlineSource:
    """The inverse of `deadline_mapping`."""
    within = kept.get("within") or {}
    return DeadlineSource(
        kind=str(kept.get("kind", "")),
        due=tuple(kept.get("due") or ()),
        year_offset=int(kept.get("year_offset") or 0),
        boundary=str(kept.get("boundary") or ""),
        event_mode=str(kept.get("event_mode") or ""),
        trigger_zh=str(kept.get("trigger_zh") or ""),
        within_n=within.get("n"),
        within_unit=str(within.get("unit") or ""),
        year_close=str(kept.get("year_close") or ""),
        year_end_until=str(kept.get("year_end_until") or ""),
        milestones=tuple(
            (str(stone["due"]), str(stone.get("text_zh") or "")) for stone in kept.get("milestones") or ()
        ),
        text_zh=str(kept.get("text_zh") or ""),
    )
