"""督办单: the states of a supervision notice and what may follow what (rules.md section 12).

The street-level act is internal supervision (内部督办), never 政府督查.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

MAX_TEXT = 2000
MAX_WORKDAYS = 60
COLOURS = ("blue", "yellow", "red")  # 蓝 reminder, 黄 progress behind or poor quality, 红 overdue
TALK_AT = 2  # the second red notice of a task in one year is a reason for a talk (约谈)


class NoticeState(StrEnum):
    DRAFT = "draft"  # 拟办: by the system at T+7 or by the legal office
    SIGNED = "signed"  # 审签: signed and numbered by a leader
    DELIVERED = "delivered"  # 送达
    ACKNOWLEDGED = "acknowledged"  # 签收, 办理
    REPORTED = "reported"  # 反馈
    CLOSED = "closed"  # 核查, 销号
    ESCALATED = "escalated"  # 升级: checked and not settled; goes to director and secretary, stays open
    CANCELLED = "cancelled"  # dropped before it was signed


WAIVED = "waived"  # how news calls an open one of a period that nothing is asked of any more: it may be closed
OPEN = frozenset(set(NoticeState) - {NoticeState.CLOSED, NoticeState.CANCELLED})

TRANSITIONS: dict[NoticeState, frozenset[NoticeState]] = {
    NoticeState.DRAFT: frozenset({NoticeState.SIGNED, NoticeState.CANCELLED}),
    NoticeState.SIGNED: frozenset({NoticeState.DELIVERED}),
    NoticeState.DELIVERED: frozenset({NoticeState.ACKNOWLEDGED}),
    NoticeState.ACKNOWLEDGED: frozenset({NoticeState.REPORTED, NoticeState.ESCALATED}),
    # A feedback that does not convince goes back to the department, or up.
    NoticeState.REPORTED: frozenset({NoticeState.CLOSED, NoticeState.ACKNOWLEDGED, NoticeState.ESCALATED}),
    NoticeState.ESCALATED: frozenset({NoticeState.REPORTED, NoticeState.CLOSED}),
}


def may_follow(state: NoticeState, wanted: NoticeState) -> bool:
    return wanted in TRANSITIONS.get(state, frozenset())


def may_close(state: NoticeState, *, fulfilled: bool, waived: bool) -> bool:
    """Whether a check may close it: feedback is there and nothing is open any more, or nothing is asked any more."""
    if waived:
        return state in OPEN - {NoticeState.DRAFT}
    return fulfilled and may_follow(state, NoticeState.CLOSED)


@dataclass(frozen=True)
class OpenPiece:
    """What one slot still owes in one cycle, as a notice names it: `cycle` in words, "" for the period's own.

    `due`: the last day that is not overdue. `code`: of the slot.
    """

    name: str
    cycle: str
    due: date
    missing: int
    returned: bool = False
    stale: bool = False
    code: str = ""


WEAKNESSES = {
    "I1": "采纳的份数不够",
    "I2": "指标没有达到目标",
    "I3": "指标没有数值，或者数值没有材料证明",
    "I4": "有必须体现的要点没有体现",
    "I5": "材料种类单一",
    "I6": "只有文件，没有落实记录",
    "I7": "数字核对不上",
    "I8": "指标本身不明确",
}


def cycle_words(cycle_no: str) -> str:
    """M10, Q3, H1, Y, E007 as a notice writes them; it is Chinese in every language of the pages."""
    kind, place = cycle_no[:1], cycle_no[1:]
    if kind == "M" and place.isdigit():
        return f"{int(place)}月"
    if kind == "E" and place.isdigit():
        return f"第{int(place)}件"
    known = {"Q1": "第一季度", "Q2": "第二季度", "Q3": "第三季度", "Q4": "第四季度", "H1": "上半年", "H2": "下半年"}
    return known.get(cycle_no, "全年" if cycle_no == "Y" else cycle_no)


def _piece(piece: OpenPiece) -> str:
    named = f"{piece.code}“{piece.name}{f'（{piece.cycle}）' if piece.cycle else ''}”"
    due = f"{piece.due.month}月{piece.due.day}日"
    if piece.returned:
        return f"{named}被退回，尚未补正"
    if piece.stale:
        return f"{named}已失效，须更新"
    return f"{named}缺{max(piece.missing, 1)}份，应于{due}前（含当日）报送"


def problem_text(pieces: Iterable[OpenPiece], insufficient: Iterable[str] = ()) -> str:
    """存在问题: what is missing, one numbered line each, and in what the material falls short."""
    lines = [_piece(piece) for piece in pieces]
    lines += [f"{WEAKNESSES.get(code, '')}（{code}）" for code in insufficient if code != "I1" or not lines]
    if not lines:
        return "尚未办结。"
    return "\n".join(f"{place}. {line}{'。' if place == len(lines) else '；'}" for place, line in enumerate(lines, 1))


# Why a draft of the system fell by itself; they stand in the notice's history, which is Chinese as the notice is.
SETTLED_TEXT = "材料已齐，不必再督办。"
WAIVED_TEXT = "本期已免报，不必再督办。"
EXTENDED_TEXT = "期限已延长，不必再督办。"


def stage(state: str, *, waived: bool) -> str:
    """What news says of a notice: its state, or that only the closing is left."""
    signed = state in OPEN - {NoticeState.DRAFT}
    return WAIVED if waived and signed else state


def demand_text(workdays: int) -> str:
    """办理要求 that nobody has worded otherwise."""
    return f"请自收到本单之日起{workdays}个工作日内补齐材料、提交审核，并在系统中反馈办理情况。"


def reference(year: int, number: int) -> str:
    """督办〔2026〕3号: six-cornered brackets, no leading zero."""
    return f"督办〔{year}〕{number}号"
