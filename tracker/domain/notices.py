"""督办单: the states of a supervision notice and what may follow what (rules.md section 12).

The street-level act is internal supervision (内部督办), never 政府督查.
"""

from enum import StrEnum


class NoticeState(StrEnum):
    DRAFT = "draft"  # 拟办: by the system at T+7 or by the legal office
    SIGNED = "signed"  # 审签: signed and numbered by a leader
    DELIVERED = "delivered"  # 送达
    ACKNOWLEDGED = "acknowledged"  # 签收, 办理
    REPORTED = "reported"  # 反馈
    CLOSED = "closed"  # 核查, 销号
    ESCALATED = "escalated"  # 升级: checked and not settled; goes to director and secretary, stays open
    CANCELLED = "cancelled"  # dropped before it was signed


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


def reference(year: int, number: int) -> str:
    """督办〔2026〕3号: six-cornered brackets, no leading zero."""
    return f"督办〔{year}〕{number}号"
