"""The words of notices: states, grades, clocks, steps, and what somebody can do about one now."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from tracker.domain.notices import NoticeState, may_close, may_follow
from tracker.domain.permissions import Action, Actor, TaskSubject, can
from tracker.queries.notices import ClockRow, NoticePage
from tracker.web.filters import day, due_words
from tracker.web.locale import gettext as _
from tracker.web.locale import per_language

STATE_LIGHTS = {
    "draft": "grey", "signed": "blue", "delivered": "yellow", "acknowledged": "yellow", "reported": "blue",
    "closed": "green", "escalated": "red", "cancelled": "grey",
}  # fmt: skip
OPEN_STATES = ("draft", "signed", "delivered", "acknowledged", "reported", "escalated")


@per_language
def state_names() -> dict[str, str]:
    return {
        "draft": _("拟办稿，待审签"),
        "signed": _("已签发，待送达"),
        "delivered": _("已送达，待签收"),
        "acknowledged": _("办理中，待反馈"),
        "reported": _("已反馈，待核查"),
        "escalated": _("已升级，待反馈"),
        "closed": _("已销号"),
        "cancelled": _("已撤销"),
    }


@per_language
def colour_names() -> dict[str, str]:
    """Grade → its word; the light of the same name goes with it."""
    return {"blue": _("蓝色督办"), "yellow": _("黄色督办"), "red": _("红色督办")}


@per_language
def colour_hints() -> dict[str, str]:
    return {"blue": _("提醒"), "yellow": _("进度落后或质量不高"), "red": _("逾期")}


@per_language
def step_names() -> dict[str, str]:
    return {
        "drafted": _("拟办"),
        "edited": _("修改拟办稿"),
        "sent_back": _("退回修改"),
        "signed": _("签发"),
        "delivered": _("送达"),
        "acknowledged": _("签收"),
        "reported": _("反馈办理情况"),
        "returned": _("核查后退回继续办理"),
        "escalated": _("升级"),
        "closed": _("核查销号"),
        "cancelled": _("撤销督办"),
        "waived": _("本期免报，可以销号"),
        "talk": _("约谈"),
    }


def clock_word(clock: ClockRow, today: date) -> str:
    """What the light of a clock says: 已签收, 签收逾期2个工作日, 反馈还有3天 …"""
    sign = clock.kind == "sign"
    if clock.stopped_at is not None:
        return _("已签收") if sign else _("已反馈")
    if clock.due < today:
        late = due_words(clock.due, today)
        return _("签收%(late)s", late=late) if sign else _("反馈%(late)s", late=late)
    left = due_words(clock.due, today)
    return _("待签收，%(left)s", left=left) if sign else _("待反馈，%(left)s", left=left)


def clock_light(clock: ClockRow, today: date) -> str:
    """The stored light, but red at once when the day has passed and no sweep has been yet."""
    return "red" if clock.stopped_at is None and clock.due < today else clock.light


def signature_word(light: str, due: date, today: date) -> str:
    """The same of a year's task that waits for its signature."""
    if due < today:
        return _("签收%(late)s", late=due_words(due, today))
    return _("待签收，%(day)s前", day=day(due)) if light else ""


@dataclass(frozen=True)
class Possible:
    """One act that the reader may do now, the loud one first; `form`: what it asks for."""

    act: str
    label: str
    loud: bool = False


def possible(actor: Actor, page: NoticePage, *, own_feedback: bool) -> list[Possible]:
    """Exactly what this person may do about the notice now."""
    state = NoticeState(page.row.state)
    answers = can(actor, Action.ANSWER_NOTICE, TaskSubject(actor.office_id, page.department_id))
    signs, drafts = can(actor, Action.SIGN_NOTICE), can(actor, Action.DRAFT_NOTICE)
    checks = can(actor, Action.CHECK_NOTICE) and not own_feedback
    draft = state is NoticeState.DRAFT
    settled = may_close(state, fulfilled=page.fulfilled, waived=page.waived)
    found = [
        (signs and draft, Possible("sign", _("签发"), loud=True)),
        (signs and draft, Possible("send_back", _("退回修改"))),
        (drafts and draft, Possible("edit", _("保存修改"), loud=not signs)),
        (drafts and draft, Possible("cancel", _("撤销拟办稿"))),
        (can(actor, Action.DELIVER_NOTICE) and state is NoticeState.SIGNED, Possible("deliver", _("送达"), loud=True)),
        (answers and state is NoticeState.DELIVERED, Possible("acknowledge", _("签收"), loud=True)),
        (answers and may_follow(state, NoticeState.REPORTED), Possible("report", _("反馈办理情况"), loud=True)),
        (checks and settled, Possible("close", _("核查销号"), loud=True)),
        (checks and state is NoticeState.REPORTED, Possible("give_back", _("退回继续办理"), loud=not settled)),
        (checks and may_follow(state, NoticeState.ESCALATED), Possible("escalate", _("升级"))),
        (signs and (page.talk_due or state is NoticeState.ESCALATED), Possible("talk", _("记录约谈"))),
    ]
    return [act for allowed, act in found if allowed]


def helpers() -> dict[str, Any]:
    """For templates that show notices."""
    return {
        "notice_states": state_names(),
        "notice_lights": STATE_LIGHTS,
        "notice_colours": colour_names(),
        "notice_steps": step_names(),
        "clock_word": clock_word,
        "clock_light": clock_light,
        "signature_word": signature_word,
    }
