"""What would be sent on the next working day, and to whom: to judge before it leaves. Nothing is sent or changed."""

from dataclasses import dataclass
from datetime import date, timedelta

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from tracker.db import db
from tracker.domain.permissions import Action
from tracker.errors import InvalidInput
from tracker.queries.calendar import load_calendar
from tracker.queries.people import departments
from tracker.services.delivery import Render
from tracker.services.foresight import MOST_DAYS, Foreseen, foresee, next_day
from tracker.web import base, mail
from tracker.web.filters import zh_en
from tracker.web.mail import Section

blueprint = Blueprint("tomorrow", __name__)


@dataclass(frozen=True)
class Recipient:
    """One mail: who gets it, its subject in the recipient's language, its lines in the reader's."""

    name: str
    role: str
    department: str
    subject: str
    sections: list[Section]
    weekly: bool
    count: int


def _day(calendar_next: date) -> date:
    text = request.args.get("on", "")
    try:
        return date.fromisoformat(text) if text else calendar_next
    except ValueError as error:
        raise InvalidInput("date_invalid", field="on") from error


def _render_with(session: Session) -> Render:
    return mail.renderer(session, base.settings().base_url)


def _recipient(found: Foreseen, today: date, names: dict[int, str]) -> Recipient:
    lines = mail.sections(found.lines, today, load_calendar(db.session()), base.settings().base_url)
    weekly = any(line.group == "weekly" for line in found.lines)
    return Recipient(
        found.name, found.role, names.get(found.department_id or 0, ""), found.mail.subject, lines, weekly,
        sum(section.total for section in lines) + weekly,
    )  # fmt: skip


@blueprint.get("/tomorrow")
def index() -> ResponseReturnValue:
    actor = base.require(Action.SEE_LEDGER)
    session, today = db.session(), base.today()
    day = _day(next_day(session, today))
    found = foresee(
        db.engine, day=day, now=base.now(), office_id=actor.office_id, zone=base.zone(), render_with=_render_with
    )
    names = {row.id: zh_en(row, "name") for row in departments(session, actor.office_id)}
    people = [_recipient(one, day, names) for one in found]
    return render_template(
        "tomorrow/index.html",
        on=day,
        workday=load_calendar(session).is_workday(day),
        people=people,
        lines=sum(one.count for one in people),
        first=today + timedelta(1),
        last=today + timedelta(MOST_DAYS),
    )
