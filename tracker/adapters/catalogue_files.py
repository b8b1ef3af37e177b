"""Catalogue files: YAML in and out here, the XLSX template in `catalogue_sheets`; the type is told by content."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import yaml

from tracker.domain.catalogue import INDICATORS, PARTS, SLOTS, TASKS, Catalogue, Column, Problem, Row, Rows
from tracker.domain.catalogue_check import about_of
from tracker.domain.catalogue_shape import mapping_of
from tracker.errors import InvalidInput

MOST_BYTES = 10 << 20
DEEPEST = 20
# Entries that the analyst's own file carries and that the product neither keeps nor decides on.
IGNORED = frozenset({
    "quote", "sources", "basis_zh", "addresses_shortcoming", "owner_inferred", "demo_level1", "actual_2023",
    "title_verified", "report_term", "retention_suggested", "inferred", "shift", "legal_basis_verified",
    "target_note_zh", "zero_report_allowed",
})  # fmt: skip


class Located(dict[str, Any]):
    """A mapping that knows the line of each of its keys and of itself (1-based)."""

    line = 0
    lines: dict[str, int]


class _Loader(yaml.CSafeLoader):
    """Plain data with line numbers; a key given twice is an error."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Located:
    found = Located()
    found.line, found.lines = node.start_mark.line + 1, {}
    for key_node, value_node in node.value:
        key = str(loader.construct_object(key_node, deep=True))
        if key in found:
            raise InvalidInput("catalogue_key_twice", line=key_node.start_mark.line + 1, key=key[:60])
        found[key] = loader.construct_object(value_node, deep=True)
        found.lines[key] = key_node.start_mark.line + 1
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_rows(data: bytes, name: str) -> Rows:
    """The items of a catalogue file, unchecked.

    Raises InvalidInput: file_empty, file_too_large(limit), catalogue_type, catalogue_damaged(why),
    catalogue_syntax(line, column), catalogue_key_twice(line, key), catalogue_alias(line).
    """
    if not data.strip():
        raise InvalidInput("file_empty", file_name=name)
    if len(data) > MOST_BYTES:
        raise InvalidInput("file_too_large", limit="10 MB", file_name=name)
    if data[:4] == b"PK\x03\x04":
        from tracker.adapters import catalogue_sheets  # slow to load, and only this needs it

        return catalogue_sheets.read_rows(data)
    if PurePath(name).suffix.lower() not in {".yaml", ".yml"}:
        raise InvalidInput("catalogue_type", file_name=name)
    return _yaml_rows(data)


def _yaml_rows(data: bytes) -> Rows:
    try:
        text = data.decode("utf-8-sig")
        _refuse_tricks(text)
        raw = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader with lines
    except UnicodeDecodeError as error:
        raise InvalidInput("catalogue_damaged", why="utf-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise InvalidInput("catalogue_syntax", line=line, column=column) from error
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidInput("catalogue_damaged", why="yaml") from error
    if not isinstance(raw, Located) or not isinstance(raw.get("tasks"), list):
        raise InvalidInput("catalogue_shape")
    return _nested(raw)


def _refuse_tricks(text: str) -> None:
    """References make a small file huge, and deep nesting exhausts the stack: neither belongs in a catalogue."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise InvalidInput("catalogue_alias", line=event.start_mark.line + 1 if event.start_mark else 1)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise InvalidInput("catalogue_damaged", why="depth")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _nested(raw: Located) -> Rows:
    problems: list[Problem] = []
    parts = [_row(item, place, PARTS, problems) for place, item in _items(raw, "parts", "parts", problems)]
    tasks: list[Row] = []
    slots: list[Row] = []
    indicators: list[Row] = []
    for place, task in _items(raw, "tasks", "tasks", problems):
        tasks.append(_row(task, place, TASKS, problems, {"evidence", "indicators"}))
        for key, columns, found in (("evidence", SLOTS, slots), ("indicators", INDICATORS, indicators)):
            for inner, item in _items(task, key, f"{place}.{key}", problems):
                found.append(_row(item, inner, columns, problems, task=task.get("code")))
    about = raw.get("catalogue")
    return Rows(
        tuple(parts), tuple(tasks), tuple(slots), tuple(indicators),
        about_of(about) if isinstance(about, dict) else {}, tuple(problems),
    )  # fmt: skip


def _items(holder: Located, key: str, place: str, problems: list[Problem]) -> list[tuple[str, Located]]:
    items = holder.get(key) or []
    line = holder.lines.get(key, holder.line)
    if not isinstance(items, list):
        problems.append(Problem(place, line, "", "value_not_list"))
        return []
    found = []
    for number, item in enumerate(items):
        if isinstance(item, Located):
            found.append((f"{place}[{number}]", item))
        else:
            problems.append(Problem(f"{place}[{number}]", line, "", "value_not_mapping"))
    return found


def _row(
    item: Located,
    place: str,
    columns: Sequence[Column],
    problems: list[Problem],
    nested: set[str] | frozenset[str] = frozenset(),
    task: object = None,
) -> Row:
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    known = {column.path for column in columns if column.path != ("task",)}
    inner = {whole[:size] for whole in known for size in range(1, len(whole))}
    for path, value, line in _leaves(item, inner):
        column = next((column for column in columns if column.path == path and column.name != "task"), None)
        if column is not None:
            values[column.name], lines[column.name] = value, line
        elif path[-1] not in IGNORED and path[0] not in nested and value is not None:
            problems.append(Problem(place, line, ".".join(path)[:80], "field_unknown"))
    if any(column.name == "task" for column in columns):
        values["task"] = task
    return Row(place, item.line, values, lines)


def _leaves(
    item: Located, inner: set[tuple[str, ...]], above: tuple[str, ...] = ()
) -> list[tuple[tuple[str, ...], Any, int]]:
    """(path, value, line) of everything below, opening only the mappings that the columns reach into."""
    found: list[tuple[tuple[str, ...], Any, int]] = []
    for key, value in item.items():
        path = (*above, key)
        if path in inner and isinstance(value, Located):
            found += _leaves(value, inner, path)
        elif path not in inner or value is not None:
            found.append((path, value, item.lines[key]))
    return found


# ------------------------------------------------------------------------------------------------ writing

HEADER = (
    "# 任务目录。用“导入”整体替换，编号不变的任务就地更新。\n"
    "# A catalogue of tasks, to be imported as a whole; tasks keep their history by their code.\n"
)


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def dump_yaml(catalogue: Catalogue) -> bytes:
    """The catalogue as the YAML file that `read_rows` reads back to an equal one."""
    data = {
        "catalogue": dict(catalogue.about),
        "parts": [mapping_of(part, PARTS) for part in catalogue.parts],
        "tasks": [
            {
                **mapping_of(task, TASKS),
                "indicators": [mapping_of(item, INDICATORS) for item in task.indicators],
                "evidence": [mapping_of(slot, SLOTS) for slot in task.slots],
            }
            for task in catalogue.tasks
        ],
    }
    text = yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10**6)
    return (HEADER + text).encode()
