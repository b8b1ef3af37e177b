"""The plain text of a mail: wrapped by what a column is worth, Chinese characters being two wide."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

COLUMNS = 78
WIDE = {"W", "F", "A"}  # ambiguous signs (· × ▲) are drawn wide beside Chinese
# A line neither begins with a closing sign nor ends with an opening one.
CLOSING = set("”’，。、；：？！）》」』】〕%％…,.;:!?)]}")
OPENING = set("“‘（《「『【〔([{")


def width(text: str) -> int:
    """Columns that the text takes in a fixed-width font."""
    return sum(2 if unicodedata.east_asian_width(character) in WIDE else 1 for character in text)


def _pieces(text: str) -> Iterator[str]:
    """What may not be torn apart: words of Latin letters, single wide characters with the signs that cling to them."""
    held = ""
    for token in re.findall(r"[!-~]+|\s+|.", text):
        closes = token[0] in CLOSING and not token[1:].strip("".join(CLOSING))
        if held and not closes and held[-1] not in OPENING:
            yield held
            held = ""
        held += token
    if held:
        yield held


def wrapped(text: str, indent: str = "", columns: int = COLUMNS) -> list[str]:
    """The text as lines of at most `columns`, each after `indent`; what is longer by itself stays whole."""
    if len(indent) + 2 * len(text) <= columns:  # most of what a mail says fits, however wide its characters are
        return [indent + text.rstrip()] if text.strip() else []
    lines, line, taken = [], "", width(indent)
    for piece in _pieces(text):
        if line and taken + width(piece.rstrip()) > columns:
            lines.append(indent + line.rstrip())
            line = piece.lstrip()
            taken = width(indent) + width(line)
        else:
            line += piece
            taken += width(piece)
    if line.strip():
        lines.append(indent + line.rstrip())
    return lines


def column(text: str, columns: int) -> str:
    """The text padded to that many columns, or cut with an ellipsis."""
    if width(text) > columns:
        while text and width(text) > columns - 2:
            text = text[:-1]
        text += "…"
    return text + " " * (columns - width(text))


def paragraphs(parts: Iterable[str]) -> str:
    """Blocks of text with one empty line between them; one line break at the end."""
    return "\n\n".join(part.rstrip("\n") for part in parts if part.strip()) + "\n"
