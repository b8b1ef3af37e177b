"""Which slot a file belongs to, read from its name and its folders: a proposal that a person corrects.

What counts, from the plainest to the faintest: the slot's code, the slot's whole name, the task's code or title,
and the words that the name shares with the slot. Dates in the name choose among the cycles of one slot. Where two
different slots fit about as well, nothing is proposed: a wrong guess costs more than a choice.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache

from tracker.domain.evidence import guess_dates

CODE, PART_CODE, NAME, FOLDER_NAME, REFERENCE, TASK_CODE, TITLE = 100, 70, 40, 30, 30, 25, 15
WORDS, FOLDER_WORDS, TITLE_WORDS = 30, 16, 10
DATE_FITS, DATE_DIFFERS, KIND_FITS = 12, -14, 3
ENOUGH = 12  # of what the words say; dates and kinds alone say nothing
APART = 4  # so much better than the next slot, or it is not proposed
CLEAR = 10  # so much better, and it needs no second look
SHARE = 0.3  # of a name's words, below which a likeness is chance

_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,5})$")
_SEPARATORS = re.compile(r"[\W_]+")
_PIECES = re.compile(r"[a-z]+|\d+")
_KINDS: dict[str, frozenset[str]] = {
    "photo": frozenset({"jpg", "jpeg", "png", "webp", "heic", "bmp"}),
    "screenshot": frozenset({"png", "jpg", "jpeg", "webp"}),
    "video": frozenset({"mp4", "mov", "avi", "wmv", "mkv"}),
    "ledger": frozenset({"xlsx", "xls", "et", "csv"}),
    "statistics": frozenset({"xlsx", "xls", "et"}),
    "minutes": frozenset({"docx", "doc", "wps", "pdf", "ofd"}),
    "document": frozenset({"docx", "doc", "wps", "pdf", "ofd"}),
    "case_file": frozenset({"pdf", "ofd", "zip"}),
}


class Reason(StrEnum):
    """What the name says; shown beside the proposal."""

    CODE = "code"  # the slot's own code
    NAME = "name"  # the slot's whole name
    TASK = "task"  # the task's code or title
    WORDS = "words"  # words of the slot's name
    NONE = ""


@dataclass(frozen=True)
class Target:
    """One slot in one cycle that still takes files."""

    obligation_id: int
    task_code: str
    task_title: str
    slot_code: str
    slot_name: str
    kind: str
    start: date
    end: date
    due: date
    reference: str = ""  # 文号 of the event that the cycle belongs to


@dataclass(frozen=True)
class Proposal:
    """`obligation_id` is None where nothing is proposed; `sure` where nothing else comes near."""

    path: str
    obligation_id: int | None = None
    reason: Reason = Reason.NONE
    sure: bool = False


@dataclass(frozen=True)
class _Score:
    target: Target
    words: float  # what codes and words say
    rest: float  # what dates and the kind of file add
    reason: Reason

    @property
    def whole(self) -> float:
        return self.words + self.rest


def propose(paths: Iterable[str], targets: Sequence[Target]) -> list[Proposal]:
    """A proposal for every path (folders divided by `/`), in their order."""
    weights = _weights(targets)
    return [_propose(path, targets, weights) for path in paths]


def _propose(path: str, targets: Sequence[Target], weights: Counter[str]) -> Proposal:
    scores = sorted(
        (_score(path, target, weights) for target in targets),
        key=lambda score: (-score.whole, score.target.due, score.target.obligation_id),
    )
    if not scores or scores[0].words < ENOUGH:
        return Proposal(path)
    best = scores[0]
    others = [score for score in scores if score.target.slot_code != best.target.slot_code]
    lead = best.whole - others[0].whole if others else best.whole
    if lead < APART:
        return Proposal(path)
    cycles = [score for score in scores[1:] if score.target.slot_code == best.target.slot_code]
    told = not cycles or best.whole > cycles[0].whole  # the name says which cycle it is of
    plain = best.reason in {Reason.CODE, Reason.NAME} or best.words >= NAME
    return Proposal(path, best.target.obligation_id, best.reason, plain and told and lead >= CLEAR)


def _score(path: str, target: Target, weights: Counter[str]) -> _Score:
    *folders, name = path.split("/")
    stem, around = _plain(_EXTENSION.sub("", name)), [_plain(folder) for folder in folders]
    whole = _tokens(path)
    title = _plain(target.task_title)
    found: list[tuple[float, Reason]] = []
    task_named = _has_code(whole, target.task_code)
    if _has_code(whole, target.slot_code):
        found.append((CODE, Reason.CODE))
    elif task_named and _has_code(whole, target.slot_code.removeprefix(target.task_code).strip("-_ .")):
        found.append((PART_CODE, Reason.CODE))
    found.append(_likeness(_plain(target.slot_name), stem, around, weights))
    if target.reference and any(_plain(target.reference) in text for text in (stem, *around)):
        found.append((REFERENCE, Reason.TASK))
    if task_named:
        found.append((TASK_CODE, Reason.TASK))
    if title and any(title in text for text in (stem, *around)):
        found.append((TITLE, Reason.TASK))
    else:
        found.append((max(_share(title, text, weights) for text in (stem, *around)) * TITLE_WORDS, Reason.TASK))
    best = max(found, key=lambda one: one[0])
    words = sum(points for points, _ in found)
    rest = _dates(path, target) + _kind(name, target.kind) if words >= ENOUGH else 0
    return _Score(target, words, rest, best[1])


def _likeness(wanted: str, stem: str, around: Sequence[str], weights: Counter[str]) -> tuple[float, Reason]:
    if wanted and wanted in stem:
        return NAME, Reason.NAME
    if wanted and any(wanted in folder for folder in around):
        return FOLDER_NAME, Reason.NAME
    nearest = max((_share(wanted, folder, weights) for folder in around), default=0.0)
    return max(_share(wanted, stem, weights) * WORDS, nearest * FOLDER_WORDS), Reason.WORDS


@lru_cache(2000)
def _plain(text: str) -> str:
    """Without case, width, spaces and punctuation."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text).casefold())


@lru_cache(2000)
def _pairs(text: str) -> frozenset[str]:
    """Neighbouring characters: Chinese has no spaces to find words by."""
    return frozenset(text[at : at + 2] for at in range(len(text) - 1) if not text[at : at + 2].isdigit())


def _weights(targets: Sequence[Target]) -> Counter[str]:
    """In how many slots' names a pair occurs: what they all share tells none of them apart."""
    slots = {(target.slot_code, _plain(target.slot_name)) for target in targets}
    return Counter(pair for _, name in slots for pair in _pairs(name))


def _share(wanted: str, text: str, weights: Counter[str]) -> float:
    """How much of `wanted` is in `text`, from 0 to 1; 0 for what may be chance."""
    pairs = _pairs(wanted)
    total = sum(1 / max(1, weights[pair]) for pair in pairs)
    if not total:
        return 0.0
    share = sum(1 / max(1, weights[pair]) for pair in pairs & _pairs(text)) / total
    return share if share >= SHARE else 0.0


@lru_cache(2000)
def _tokens(path: str) -> list[str]:
    """Runs of letters and runs of digits, digits without leading zeros, `/` between folders."""
    text = unicodedata.normalize("NFKC", _EXTENSION.sub("", path)).casefold()
    return _numbers(re.findall(r"[a-z]+|\d+|/|[^\W\da-z_]+", text))


def _numbers(tokens: Iterable[str]) -> list[str]:
    return [token.lstrip("0") or "0" if token.isdigit() else token for token in tokens]


def _has_code(tokens: list[str], code: str) -> bool:
    """Whether T01-E2 stands there, also as t1e2, T01_E2 or T01 E2."""
    wanted = _code(code)
    if not any(piece.isdigit() for piece in wanted):
        return False
    return any(tokens[at : at + len(wanted)] == wanted for at in range(len(tokens) - len(wanted) + 1))


@lru_cache(2000)
def _code(code: str) -> list[str]:
    return _numbers(_PIECES.findall(code.casefold()))


def _dates(path: str, target: Target) -> float:
    """Whether the innermost date of the path falls into the slot's cycle."""
    for text in reversed(path.split("/")):
        guess = guess_dates(text, target.start, target.end)
        first, last = guess.covered_from or guess.doc_date, guess.covered_to or guess.doc_date
        if first and last:
            return DATE_FITS if first <= target.end and last >= target.start else DATE_DIFFERS
    return 0


def _kind(name: str, kind: str) -> float:
    found = _EXTENSION.search(name)
    return KIND_FITS if found and found[1].casefold() in _KINDS.get(kind, ()) else 0
