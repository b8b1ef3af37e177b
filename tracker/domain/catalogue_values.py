"""One value of a catalogue file, as a person wrote it in a cell or in YAML, into what its column asks for."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from tracker.domain.catalogue import Column
from tracker.domain.recipe import MOST_PIECES


class BadValue(Exception):
    """The value does not fit its column: a code of a sentence and its data."""

    def __init__(self, code: str, **data: Any) -> None:
        super().__init__(code)
        self.code = code
        self.data = data


_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_DAY = re.compile(r"(\d{1,2})[-/月.](\d{1,2})日?")
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
MONTH_END = {"month_end", "月末"}
TRUE, FALSE = {"是", "true", "yes", "y", "1", "√"}, {"否", "false", "no", "n", "0", ""}


def is_blank(raw: object) -> bool:
    return raw is None or (isinstance(raw, str) and not raw.strip()) or raw in ([], ())


def _text(raw: object, column: Column) -> str:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise BadValue("value_not_text")
    text = (str(int(raw)) if isinstance(raw, float) and raw.is_integer() else str(raw)).strip().replace("\r\n", "\n")
    if len(text) > column.longest:
        raise BadValue("value_too_long", longest=column.longest)
    if _CONTROL.search(text):
        raise BadValue("value_control")
    return text


def _code(raw: object, column: Column) -> str:
    text = _text(raw, column)
    if not _CODE.fullmatch(text):
        raise BadValue("value_not_code", value=text[:40])
    return text


def _number(raw: object, column: Column) -> float | int:
    if isinstance(raw, str):
        text = raw.strip()
        try:
            raw = float(text.replace(",", ""))
        except ValueError as error:
            raise BadValue("value_not_number", value=text[:40]) from error
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not abs(raw) < 1e15:
        raise BadValue("value_not_number", value=str(raw)[:40])
    if column.low is not None and column.high is not None and not column.low <= raw <= column.high:
        raise BadValue("value_out_of_range", low=int(column.low), high=int(column.high))
    return int(raw) if float(raw).is_integer() else raw


def _int(raw: object, column: Column) -> int:
    number = _number(raw, column)
    if not isinstance(number, int):
        raise BadValue("value_not_whole", value=str(number))
    return number


def _bool(raw: object, column: Column) -> bool:  # noqa: ARG001 - all readers are called alike
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise BadValue("value_not_bool", value=word[:40])


def _choice(raw: object, column: Column) -> str:
    text = _text(raw, column)
    for code, word in column.choices.items():
        if text in {code, word}:
            return code
    raise BadValue("value_unknown", value=text[:40], allowed="、".join(column.choices.values()))


def _day(raw: object, column: Column) -> str:
    if isinstance(raw, datetime | date):  # a spreadsheet makes dates of what looks like one
        return f"{raw.month:02}-{raw.day:02}"
    if column.kind == "days" and str(raw).strip() in MONTH_END:
        return "month_end"
    found = _DAY.fullmatch(str(raw).strip())
    month, day = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= month <= 12 or not 1 <= day <= _MONTH_DAYS[month - 1]:
        raise BadValue("value_not_day", value=str(raw).strip()[:40])
    return f"{month:02}-{day:02}"


def _items(raw: object, separators: str) -> list[object]:
    if isinstance(raw, list | tuple):
        return [item for item in raw if not is_blank(item)]
    if not isinstance(raw, str):
        return [raw]
    return [item for item in re.split(separators, raw) if item.strip()]


def _many(read: Callable[[object, Column], Any], separators: str) -> Callable[[object, Column], tuple[Any, ...]]:
    def reader(raw: object, column: Column) -> tuple[Any, ...]:
        items = _items(raw, separators)
        if len(items) > 100:
            raise BadValue("value_too_many", most=100)
        return tuple(read(item, column) for item in items)

    return reader


def _pair(raw: object, column: Column) -> tuple[str, str]:
    """`{due: 03-31, text_zh: …}` in YAML, `03-31 …` on a line of a cell."""
    if isinstance(raw, Mapping):
        head, text = raw.get(column.pair[0]), raw.get(column.pair[1], "")
    else:
        head, _, text = str(raw).strip().partition(" ")
    reader = _day if column.pair[0] == "due" else _code
    return reader(head, column), _text(text or "", column)


OPTIONAL = {"选交", "optional"}


def _piece(raw: object, column: Column) -> tuple[str, str, str, bool]:
    """`{code: notice, name_zh: 会议通知}` in YAML, `notice 会议通知 | Notice | 选交` on a line of a cell."""
    if isinstance(raw, Mapping):
        head, name, english = raw.get("code"), raw.get("name_zh"), raw.get("name_en", "")
        required = _bool(raw.get("required", True), column)
    else:
        parts = [part.strip() for part in re.split(r"[|｜]", str(raw))]
        head, _, name = parts[0].partition(" ")
        required = not any(part.lower() in OPTIONAL for part in parts[1:])
        english = next((part for part in parts[1:] if part.lower() not in OPTIONAL), "")
    if is_blank(name):
        raise BadValue("value_missing")
    code = _code(head, column)
    if len(code) > 20:  # a version keeps the codes of all its pieces in one field
        raise BadValue("value_too_long", longest=20)
    return code, _text(name, column), _text(english or "", column), required


def _pieces(raw: object, column: Column) -> tuple[tuple[str, str, str, bool], ...]:
    found = tuple(_piece(item, column) for item in _items(raw, r"\n"))
    if len(found) > MOST_PIECES:
        raise BadValue("value_too_many", most=MOST_PIECES)
    if len({code for code, *_ in found}) != len(found):
        raise BadValue("value_twice")
    if found and not any(required for *_, required in found):
        raise BadValue("recipe_all_optional")
    return found


_COMMAS = r"[,，、;；\s]+"
READERS: Mapping[str, Callable[[object, Column], Any]] = {
    "text": _text,
    "code": _code,
    "codes": _many(_code, _COMMAS),
    "int": _int,
    "number": _number,
    "bool": _bool,
    "choice": _choice,
    "day": _day,
    "days": _many(_day, _COMMAS),
    "lines": _many(_text, r"\n"),
    "ints": _many(_int, _COMMAS),
    "pairs": _many(_pair, r"\n"),
    "pieces": _pieces,
}


def read(raw: object, column: Column) -> Any:
    """The value of a cell that is not blank; BadValue when it does not fit."""
    return READERS[column.kind](raw, column)


def cell_text(value: object, column: Column) -> str | int | float | None:
    """What a sheet shows for a value: the inverse of `read`."""
    if is_blank(value):
        return None
    if column.kind == "bool":
        return "是" if value else "否"
    if column.kind == "choice":
        return column.choices.get(str(value), str(value))
    if column.kind == "pairs":
        assert isinstance(value, list | tuple)
        return "\n".join(" ".join(part for part in pair if part) for pair in value)
    if column.kind == "pieces":
        assert isinstance(value, list | tuple)
        return "\n".join(
            " | ".join(part for part in (f"{code} {name}", english, "" if required else "选交") if part)
            for code, name, english, required in value
        )
    if isinstance(value, list | tuple):
        return ("\n" if column.kind == "lines" else "、").join(str(item) for item in value)
    if column.kind == "number" and isinstance(value, float) and value.is_integer():
        return int(value)
    assert isinstance(value, str | int | float)
    return value
