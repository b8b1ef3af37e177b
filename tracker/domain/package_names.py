"""Names inside an inspection package: what every computer of an office can unpack, the same every time.

Windows is the measure: no character that it forbids, none of its device names, no two names that differ in case
only, and paths that stay below its limit wherever the package is unpacked (report_format.md section 6).
"""

import re
import unicodedata
from datetime import date

NAME_LIMIT = 100  # characters of one name, by report_format.md
BYTES_LIMIT = 240  # of one name in UTF-8; Linux takes 255
PATH_LIMIT = 180  # characters of a whole path; 60 are left for where it is unpacked, 240 in all
FOLDER_CHARS, TOP_CHARS, STEM_CHARS = 40, 40, 70
META = ".meta.json"

_FORBIDDEN = str.maketrans('\\/:*?"<>|%', "＼／：＊？＂＜＞｜％")
_DEVICES = re.compile(r"(?i)^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?$")
_EXTENSION = re.compile(r"^[a-z0-9]{1,8}$")


def clean(text: str, limit: int = NAME_LIMIT) -> str:
    """`text` as one name: never empty, at most `limit` characters and BYTES_LIMIT bytes."""
    text = unicodedata.normalize("NFC", text).translate(_FORBIDDEN)
    text = "".join(
        mark for mark in text if unicodedata.category(mark) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    )
    text = " ".join(text.split())[:limit]
    while len(text.encode()) > BYTES_LIMIT:
        text = text[:-1]
    text = text.strip(" ").rstrip(". ")
    if not text:
        return "无名"
    return f"_{text}"[:limit] if _DEVICES.match(text) else text


def extension(file_name: str) -> str:
    """The ending of an original name as it travels on, with its dot; "" where it has none that is one."""
    _, dot, ending = file_name.rpartition(".")
    return f".{ending.lower()}" if dot and _EXTENSION.match(ending.lower()) else ""


def package_name(office: str, year: int, tasks: str, as_of: date) -> str:
    """检查包_大港街道_2026_20261013, with `tasks` (T42, 3项) after the year when it is not all of them."""
    middle = f"_{tasks}" if tasks else ""
    tail = f"_{year}{middle}_{as_of:%Y%m%d}"
    return clean(f"检查包_{clean(office, TOP_CHARS - 4 - len(tail))}{tail}")


class Names:
    """Gives out names that are unique within their folder, whatever the case of their letters."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def give(self, folder: str, stem: str, ending: str = "", limit: int = STEM_CHARS) -> str:
        """`folder`/`stem` without its ending, as nobody else has it in this folder; a number follows when need be.

        The stem is unique by itself, so that files of one stem (a document and its .meta.json) belong together.
        """
        stem = clean(stem, limit)
        number = 1
        while True:
            tail = "" if number == 1 else f"_{number}"
            wanted = clean(stem[: limit - len(tail)] + tail, limit)
            # In UTF-8 the ending and META must fit beside the stem, too.
            while len((wanted + ending + META).encode()) > BYTES_LIMIT:
                stem = stem[:-1]
                wanted = clean(stem + tail, limit)
            key = f"{folder}/{wanted}".casefold()
            if key not in self._taken:
                self._taken.add(key)
                return wanted
            number += 1


def file_stem(slot_code: str, title: str, day: date | None, number: int) -> str:
    """T42-E1_会议纪要_20260618_v2; the title is shortened, never the code, date or version."""
    tail = f"{f'_{day:%Y%m%d}' if day else ''}_v{number}"
    head = f"{slot_code}_"
    return head + clean(title, max(8, STEM_CHARS - len(head) - len(tail) - 4)) + tail
