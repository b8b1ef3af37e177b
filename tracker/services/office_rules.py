"""The rules that an office may set, changed by the head of its legal office."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.office_rules import OfficeRules
from tracker.domain.permissions import Action, Actor
from tracker.models import Period, Setting, Task
from tracker.queries.office_rules import NAME, forget_rules, load_rules
from tracker.queries.subjects import require
from tracker.services import audit
from tracker.services.assessment import OFFICE_ZONE, reassess
from tracker.services.plan import generate_year


def save_rules(
    session: Session, *, actor: Actor, rules: OfficeRules, now: datetime, zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> int:  # fmt: skip
    """Keeps the values and judges everything open by them; how many deadlines moved.

    What is complete keeps its dates, as when the calendar moves (services.plan).
    """
    require(actor, Action.MANAGE_LADDERS)
    row = session.scalar(
        select(Setting).where(Setting.office_id == actor.office_id, Setting.name == NAME).with_for_update()
    )
    if row is None:
        row = Setting(office_id=actor.office_id, name=NAME, value={})
        session.add(row)
    forget_rules(session)
    before = load_rules(session, actor.office_id)
    if rules == before:
        return 0
    row.value = rules.as_data()
    session.flush()
    forget_rules(session)
    moved = _judge_again(session, actor.office_id, now, zone, dates=rules.lags != before.lags)
    changed = {name: value for name, value in before.as_data().items() if rules.as_data()[name] != value}
    audit.record(
        session, now=now, actor=actor, action="rules.changed", subject="setting", subject_id=row.id,
        office_id=actor.office_id, address=address, before=changed,
        after={name: rules.as_data()[name] for name in changed}, moved=moved,
    )  # fmt: skip
    return moved


def _judge_again(session: Session, office_id: int, now: datetime, zone: ZoneInfo, *, dates: bool) -> int:
    active = select(Task.plan_year).where(Task.office_id == office_id, Task.active.is_(True)).distinct()
    moved = 0
    for year in sorted(session.scalars(active)) if dates else ():
        moved += generate_year(session, office_id=office_id, year=year, now=now, zone=zone, only_future=True).moved
    open_ = or_(Period.complete.is_(False), Period.end >= local_date(now, zone))
    found = session.scalars(select(Period.id).where(Period.office_id == office_id, open_)).all()
    reassess(session, found, now=now, zone=zone)
    return moved
