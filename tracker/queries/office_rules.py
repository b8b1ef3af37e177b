"""The office's own values of the rules that it may set, and who submits under them."""

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from tracker.domain.office_rules import OfficeRules, parse_rules
from tracker.domain.permissions import Action, Actor, TaskSubject, can
from tracker.errors import Forbidden
from tracker.models import Setting
from tracker.queries.subjects import require

NAME = "rules"  # value: OfficeRules.as_data
_KEY = "office_rules"
_VALUE = select(Setting.value).where(Setting.office_id == bindparam("office_id"), Setting.name == NAME)


def load_rules(session: Session, office_id: int) -> OfficeRules:
    """One statement per session and office, then remembered until `forget_rules`."""
    known: dict[int, OfficeRules] = session.info.setdefault(_KEY, {})
    if office_id not in known:
        value = session.scalar(_VALUE, {"office_id": office_id})
        known[office_id] = parse_rules(value or {})
    return known[office_id]


def forget_rules(session: Session) -> None:
    session.info.pop(_KEY, None)


def may_submit(session: Session, actor: Actor, subject: TaskSubject) -> bool:
    """Whether this person submits for the task; with HEAD_CHECK only who signs for the department (rules.md 5)."""
    if load_rules(session, subject.office_id).head_check and not can(actor, Action.CONFIRM, subject):
        return False
    return can(actor, Action.SUBMIT, subject)


def require_submit(session: Session, actor: Actor, subject: TaskSubject) -> None:
    """As `subjects.require`; Forbidden("head_submits") where only the head may."""
    require(actor, Action.SUBMIT, subject)
    if not may_submit(session, actor, subject):
        raise Forbidden("head_submits")
