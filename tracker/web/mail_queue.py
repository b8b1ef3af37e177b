"""The mail queue: what left, what waits and why, dead mailboxes, hourly cap and digest hour.

Nobody reads anybody's mail here: states, answers of servers and subjects (counts and a date), no text.
"""

from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from tracker.db import db
from tracker.domain.mail import EARLIEST, LATEST, MOST_PER_HOUR, State, parse_rules
from tracker.domain.permissions import Action, can
from tracker.errors import Conflict, InvalidInput, TrackerError
from tracker.queries import mail_queue as reads
from tracker.queries.mail_rules import load_mail_rules
from tracker.services import mailboxes as verbs
from tracker.web import base
from tracker.web.admin import field_errors, number_given, page
from tracker.web.locale import gettext as _
from tracker.web.mail_troubles import COLOURS, state_words, transport_words, trouble_words
from tracker.web.messages import explain, status_of

blueprint = Blueprint("mail_queue", __name__, url_prefix="/mail")


def _day() -> date | None:
    try:
        return date.fromisoformat(request.args.get("day", ""))
    except ValueError:
        return None


def _acts(line: reads.QueueLine, today: date) -> list[str]:
    """What can be done about a mail: retry, give_up."""
    if line.state not in verbs.OPEN_STATES:
        return []
    again = line.local_date == today and not line.mail_dead and line.state != State.READY
    return [*(["retry"] if again else []), "give_up"]


def _index(values: Any = None, errors: dict[str, str] | None = None, status: int = 200) -> ResponseReturnValue:
    actor = base.require(Action.SEE_MAIL_QUEUE)
    session, now, today = db.session(), base.now(), base.today()
    states, before = state_words(), number_given("", request.args.get("before", ""))
    chosen = {name: request.args.get(name, "") for name in ("state", "person", "day")}
    found = reads.queue(
        session, actor.office_id, state=chosen["state"] if chosen["state"] in states else "",
        person_id=number_given("", chosen["person"]), day=_day(), before=before,
    )  # fmt: skip
    last = found.lines[-1].id if found.more else None
    rules = load_mail_rules(session)[actor.office_id]
    return page(
        "mail_queue/index.html", status, lines=found.lines, states=states, colours=COLOURS, chosen=chosen,
        people=reads.people(session, actor.office_id), mailboxes=reads.mailboxes(session, actor.office_id),
        counts=reads.counts(session, actor.office_id, today=today, now=now), manages=can(actor, Action.MANAGE_MAIL),
        acts={line.id: _acts(line, today) for line in found.lines}, trouble=trouble_words, transport=transport_words,
        values=values or rules.as_data(), errors=errors or {}, rules=rules,
        limits={"earliest": EARLIEST.strftime("%H:%M"), "latest": LATEST.strftime("%H:%M"), "most": MOST_PER_HOUR},
        bounces=base.settings().bounces, smtp=base.settings().smtp, filtered=any(chosen.values()),
        next_href=url_for("mail_queue.index", before=last, **_kept(chosen)) if last else "",
        first_href=url_for("mail_queue.index", **_kept(chosen)) if before else "",
    )  # fmt: skip


def _kept(chosen: dict[str, str]) -> dict[str, Any]:
    return {name: value for name, value in chosen.items() if value}


@blueprint.get("")
def index() -> ResponseReturnValue:
    return _index()


def _back(error: TrackerError | None, good: str) -> ResponseReturnValue:
    """To the list as it was filtered, with a word about what happened; commits when it went well."""
    if error is None:
        base.commit()
        flash(good, "good")
    else:
        db.session.rollback()
        flash(explain(error), "error")
    return redirect(base.local_path(request.form.get("back")) or url_for("mail_queue.index"))


@blueprint.post("/<int:digest_id>/retry")
def retry(digest_id: int) -> ResponseReturnValue:
    actor = base.require(Action.MANAGE_MAIL)
    good = _("几分钟内会再试一次。")
    try:
        verbs.retry_now(
            db.session(), actor=actor, digest_id=digest_id, today=base.today(), now=base.now(), address=base.address()
        )
    except Conflict as error:
        return _back(error, good)
    return _back(None, good)


@blueprint.post("/<int:digest_id>/give-up")
def give_up(digest_id: int) -> ResponseReturnValue:
    actor = base.require(Action.MANAGE_MAIL)
    good = _("不再发送这封邮件。内容仍在对方的收件箱里。")
    try:
        verbs.give_up(db.session(), actor=actor, digest_id=digest_id, now=base.now(), address=base.address())
    except Conflict as error:
        return _back(error, good)
    return _back(None, good)


@blueprint.post("/people/<int:person_id>/revive")
def revive(person_id: int) -> ResponseReturnValue:
    actor = base.require(Action.MANAGE_MAIL)
    good = _("已恢复。下次有事会再发到这个邮箱。")
    try:
        verbs.revive(db.session(), actor=actor, person_id=person_id, now=base.now(), address=base.address())
    except Conflict as error:
        return _back(error, good)
    return _back(None, good)


@blueprint.post("/rules")
def rules() -> ResponseReturnValue:
    actor = base.require(Action.MANAGE_MAIL)
    try:
        verbs.set_rules(
            db.session(), actor=actor, rules=parse_rules(request.form), now=base.now(), address=base.address()
        )
    except InvalidInput as error:
        return _index(request.form, field_errors(error), status_of(error))
    base.commit()
    flash(_("已保存，从下一次发送起生效。"), "good")
    return redirect(url_for("mail_queue.index"))
