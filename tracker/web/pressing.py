"""催办 by hand, from the board, the list of what is late and the page of a task."""

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue

from tracker.db import db
from tracker.domain.permissions import Action
from tracker.errors import Conflict, InvalidInput
from tracker.services import pressing as verbs
from tracker.services.pressing import Pressed, PressedMany
from tracker.web import base
from tracker.web.filters import day_full
from tracker.web.locale import gettext as _
from tracker.web.messages import explain

blueprint = Blueprint("pressing", __name__)


def _back() -> ResponseReturnValue:
    return redirect(base.local_path(request.form.get("next")) or base.page_of_request())


def told(done: Pressed) -> str:
    """Who is told, and by which mail."""
    names = _("、").join(done.people)
    if done.later:
        return _("已催办%(names)s，将随下一个工作日（%(day)s）的汇总邮件发送。", names=names, day=day_full(done.on))
    return _("已催办%(names)s，将随今天的汇总邮件发送。", names=names)


@blueprint.post("/periods/<int:period_id>/press")
def one(period_id: int) -> ResponseReturnValue:
    actor = base.require(Action.PRESS)
    try:
        done = verbs.press(
            db.session(), actor=actor, period_id=period_id, note=request.form.get("note", ""), now=base.now(),
            zone=base.zone(), address=base.address(),
        )  # fmt: skip
    except (Conflict, InvalidInput) as refused:
        db.session.rollback()
        flash(explain(refused), "warning")
        return _back()
    base.commit()
    flash(told(done), "good")
    return _back()


@blueprint.post("/attention/press")
def many() -> ResponseReturnValue:
    """A selection of the list of what is late; a period is pressed once, however many of its lines are ticked."""
    actor = base.require(Action.PRESS)
    chosen = [int(number) for number in request.form.getlist("period") if number.isascii() and number.isdigit()]
    try:
        done = verbs.press_many(
            db.session(), actor=actor, period_ids=chosen, note=request.form.get("note", ""), now=base.now(),
            zone=base.zone(), address=base.address(),
        )  # fmt: skip
    except InvalidInput as refused:
        db.session.rollback()
        flash(explain(refused), "warning")
        return _back()
    base.commit()
    for sentence, category in _summary(done):
        flash(sentence, category)
    return _back()


def _summary(done: PressedMany) -> list[tuple[str, str]]:
    found = []
    if done.pressed:
        later = [one.on for one in done.pressed if one.later]
        count, people = len(done.pressed), len({name for one in done.pressed for name in one.people})
        sentence = (
            _("已催办 %(count)s 期，共 %(people)s 人，最迟随下一个工作日（%(day)s）的汇总邮件发送。", count=count,
              people=people, day=day_full(max(later)))
            if later
            else _("已催办 %(count)s 期，共 %(people)s 人，将随今天的汇总邮件发送。", count=count, people=people)
        )  # fmt: skip
        found.append((sentence, "good"))
    if done.already:
        found.append((_("%(count)s 期今天已经催办过，没有重复。", count=len(done.already)), "warning"))
    if done.nothing:
        found.append((_("%(count)s 期没有需要催办的，已跳过。", count=len(done.nothing)), "warning"))
    return found
