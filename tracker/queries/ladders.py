"""The office's ladders: the product's own, and what the legal office changed of them."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.facts import LadderKind
from tracker.domain.reminders import DEFAULTS, Ladder, parse_ladder
from tracker.models import Setting

NAME = "ladders"  # value: {kind: domain.reminders.as_data}
_KEY = "ladders"


def load_ladders(session: Session, office_id: int) -> Mapping[LadderKind, Ladder]:
    """Every kind's ladder; one statement per session and office, then remembered until `forget_ladders`."""
    known: dict[int, Mapping[LadderKind, Ladder]] = session.info.setdefault(_KEY, {})
    if office_id not in known:
        value = session.scalar(select(Setting.value).where(Setting.office_id == office_id, Setting.name == NAME))
        own = {LadderKind(kind): parse_ladder(data) for kind, data in (value or {}).items()}
        known[office_id] = {**DEFAULTS, **own}
    return known[office_id]


def forget_ladders(session: Session) -> None:
    """To be called by whoever changes a ladder, and by a pass before it begins."""
    session.info.pop(_KEY, None)
