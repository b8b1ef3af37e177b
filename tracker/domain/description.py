"""What a document says of itself beside its dates: 文号, 责任者 and the number of its pages."""

import re
import unicodedata
from dataclasses import dataclass

from tracker.errors import InvalidInput

DOC_NO_LIMIT, ISSUER_LIMIT, MOST_PAGES = 120, 200, 99_999

# The year of a document number stands in hexagonal brackets (GB/T 9704 7.2.5); people type what the keyboard has.
_OPEN, _CLOSE = "〔[［【（(", "〕]］】）)"
_YEAR = re.compile(rf"[{re.escape(_OPEN)}]\s*((?:19|20)\d\d)\s*[{re.escape(_CLOSE)}]")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class Description:
    doc_no: str = ""
    issuer: str = ""
    pages: int | None = None


def _line(text: str) -> str:
    """One line without control characters; compatibility digits and letters as usual ones."""
    plain = "".join(" " if unicodedata.category(char) in {"Cc", "Zl", "Zp"} else char for char in text)
    return _SPACES.sub(" ", unicodedata.normalize("NFC", plain)).strip()


def normal_doc_no(text: str) -> str:
    """津滨大街发[2026] 3号 → 津滨大街发〔2026〕3号; without a year in brackets only the spaces go."""
    digits = str.maketrans("０１２３４５６７８９", "0123456789")
    return _YEAR.sub(r"〔\1〕", _SPACES.sub("", _line(text).translate(digits)))


def check_description(*, doc_no: str = "", issuer: str = "", pages: int | str | None = None) -> Description:
    """What is kept. InvalidInput with `field`: doc_no_long, issuer_long, pages_invalid."""
    number, who = normal_doc_no(doc_no), _line(issuer)
    if len(number) > DOC_NO_LIMIT:
        raise InvalidInput("doc_no_long", field="doc_no", limit=DOC_NO_LIMIT)
    if len(who) > ISSUER_LIMIT:
        raise InvalidInput("issuer_long", field="issuer", limit=ISSUER_LIMIT)
    text = "" if pages is None else str(pages).strip()
    if not text:
        return Description(number, who)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MOST_PAGES:
        raise InvalidInput("pages_invalid", field="pages", limit=MOST_PAGES)
    return Description(number, who, int(text))
