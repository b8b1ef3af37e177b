"""督办单 through the services, the way the pages make them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tests.support.office import OfficeKit
from tracker.models import Notice, Period
from tracker.services import notice_checks, notices

# act -> (verb, who usually does it, what he says)
ACTS: dict[str, tuple[Callable[..., Notice], str, dict[str, Any]]] = {
    "edit": (
        notices.edit, "legal_head", {"problem": "缺台账", "demand": "请补齐", "workdays": 5, "colour": "red"},
    ),
    "cancel": (notices.cancel, "legal_head", {"text": "不用了"}),
    "sign": (notices.sign, "deputy", {}),
    "send_back": (notices.send_back, "deputy", {"text": "请写明缺哪几份"}),
    "deliver": (notices.deliver, "reviewer", {}),
    "acknowledge": (notices.acknowledge, "contact", {}),
    "report": (notices.report, "contact", {"text": "已补齐"}),
    "close": (notice_checks.close, "reviewer", {"text": "核查属实"}),
    "give_back": (notice_checks.give_back, "reviewer", {"text": "还缺签字", "workdays": 5}),
    "escalate": (notice_checks.escalate, "legal_head", {"text": "两次未办结"}),
    "talk": (notice_checks.talk, "deputy", {"text": "约谈科室负责人"}),
}  # fmt: skip


def drafted(session: Session, kit: OfficeKit, period: Period, now: datetime, who: str = "legal_head") -> Notice:
    return notices.draft(
        session, actor=kit.actor(session, who), period_id=period.id, problem="缺巡查台账", demand="请补齐", now=now
    )


def advance(
    session: Session, kit: OfficeKit, notice: Notice, act: str, now: datetime, who: str = "", **given: Any
) -> Notice:  # fmt: skip
    """One act, by who usually does it or by `who`."""
    verb, usual, said = ACTS[act]
    return verb(session, actor=kit.actor(session, who or usual), notice_id=notice.id, now=now, **(said | given))


def signed(session: Session, kit: OfficeKit, period: Period, now: datetime) -> Notice:
    return advance(session, kit, drafted(session, kit, period, now), "sign", now)
