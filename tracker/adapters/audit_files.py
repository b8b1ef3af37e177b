"""An exported audit log read back: every digest computed again, and whether the events follow one another."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracker.domain.audit_chain import GENESIS, body_digest

NUMBERS = ("seq", "office", "actor_id", "subject_id")


@dataclass(frozen=True)
class FileReport:
    """`bad`: (line of the file, number of the event or none, why: unreadable, edited, reordered).

    `whole`: no event between the first and the last is missing.
    """

    events: int
    first: int | None
    last: int | None
    head: str
    whole: bool
    bad: tuple[tuple[int, int | None, str], ...]


def verify_file(path: Path) -> FileReport:
    """Reads .csv or .jsonl as the page exports them."""
    bad: list[tuple[int, int | None, str]] = []
    events, first, whole = 0, None, True
    seq, head = 0, GENESIS
    for place, event in _events(path):
        if event is None:
            bad.append((place, None, "unreadable"))
            continue
        events += 1
        digest = event.pop("digest")
        number = event["seq"]
        if body_digest(event) != digest:
            bad.append((place, number, "edited"))
        elif number <= seq or (number == seq + 1 and event["previous"] != head):
            bad.append((place, number, "reordered"))
        whole = whole and (first is None or number == seq + 1)
        first = number if first is None else first
        seq, head = number, digest
    return FileReport(events, first, seq or None, head, whole, tuple(bad))


def _events(path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix == ".csv":
            csv.field_size_limit(1 << 24)
            reader = csv.DictReader(file)
            for row in reader:
                yield reader.line_num, _from_csv(row)
        else:
            for place, line in enumerate(file, 1):
                try:
                    found = json.loads(line)
                    good = isinstance(found, dict) and {"seq", "previous", "digest"} <= found.keys()
                except ValueError:
                    good = False
                yield place, found if good else None


def _from_csv(row: dict[str, Any]) -> dict[str, Any] | None:
    try:
        event: dict[str, Any] = {name: value.removeprefix("'") for name, value in row.items()}
        for name in NUMBERS:
            event[name] = int(event[name]) if event[name] else None
        event["data"] = json.loads(event["data"])
    except (AttributeError, KeyError, ValueError):
        return None
    return event if {"seq", "previous", "digest"} <= event.keys() and event["seq"] is not None else None
