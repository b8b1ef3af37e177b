"""The recipe of a slot: which pieces make the material complete (notice, sign-in sheet, photo, minutes …).

A recipe is `[{code, name_zh, name_en, required}]`. A version names the pieces that it shows; one file may show
several. A version that names none shows them all: it was accepted before the slot had a recipe, and a finished
year does not become unfinished because more is asked of the next one.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracker.domain.facts import VersionFact
from tracker.errors import InvalidInput

MOST_PIECES = 8


@dataclass(frozen=True)
class PieceRule:
    code: str
    name_zh: str
    name_en: str = ""
    required: bool = True


def rules_of(recipe: Iterable[Mapping[str, Any]]) -> tuple[PieceRule, ...]:
    """The pieces as a slot's row keeps them."""
    return tuple(
        PieceRule(
            str(piece["code"]), str(piece.get("name_zh") or piece["code"]), str(piece.get("name_en") or ""),
            bool(piece.get("required", True)),
        )
        for piece in recipe
    )  # fmt: skip


def required_codes(recipe: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(rule.code for rule in rules_of(recipe) if rule.required)


def split(kept: str) -> tuple[str, ...]:
    """The codes in `Version.piece`, which holds them with commas between."""
    return tuple(code for code in kept.split(",") if code)


def lacking(required: Sequence[str], versions: Iterable[VersionFact]) -> tuple[str, ...]:
    """Required pieces that none of the versions shows, in the recipe's order."""
    shown: set[str] = set()
    for version in versions:
        if not version.pieces:
            return ()
        shown |= version.pieces
    return tuple(code for code in required if code not in shown)


def check_pieces(chosen: Iterable[str], recipe: Sequence[Mapping[str, Any]]) -> str:
    """What `Version.piece` keeps for the chosen codes; "" for a slot without a recipe.

    InvalidInput("piece_required") when nothing is chosen, ("piece_unknown") for a code that the recipe has not.
    """
    rules = rules_of(recipe)
    if not rules:
        return ""
    wanted = {code.strip() for code in chosen if code.strip()}
    if not wanted:
        raise InvalidInput("piece_required", field="piece")
    if wanted - {rule.code for rule in rules}:
        raise InvalidInput("piece_unknown", field="piece")
    return ",".join(rule.code for rule in rules if rule.code in wanted)


# What clerks write in file names, beside the piece's own name.
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "通知": ("通知", "方案", "议程"),
    "签到": ("签到", "到会名单", "参会名单"),
    "照片": ("照片", "现场图", "图片", "img_", "dsc_"),
    "纪要": ("纪要", "会议记录", "学习记录"),
    "课件": ("课件", "讲稿", "ppt"),
    "台账": ("台账", "登记表"),
    "回执": ("回执", "送达回证", "签收"),
    "公告": ("公告", "公示"),
}


def guess_pieces(file_name: str, recipe: Sequence[Mapping[str, Any]], slot_name: str = "") -> tuple[str, ...]:
    """The pieces whose names the file's name mentions, in the recipe's order.

    `slot_name`: where the name of the whole slot names pieces itself (“学习记录及签到表”), a file that is called
    like the slot says nothing of its piece.
    """
    text = unicodedata.normalize("NFKC", file_name).lower()
    own = unicodedata.normalize("NFKC", slot_name).lower()
    if own:
        text = text.replace(own, " ")
    return tuple(rule.code for rule in rules_of(recipe) if any(word in text for word in _words(rule)))


def _words(rule: PieceRule) -> set[str]:
    """A piece's name, its halves around 和/或/、 and what is usually written for it; nothing of one character."""
    name = unicodedata.normalize("NFKC", rule.name_zh).lower()
    words = {part.strip() for part in re.split(r"[和或及与、/()\s]+", name)} | {name}
    for key, others in SYNONYMS.items():
        if key in name:
            words |= set(others)
    return {word for word in words if len(word) > 1}
