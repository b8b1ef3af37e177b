"""Channels next to mail: one's own among the settings, the departments' among the administrator's pages."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from tracker.adapters.sealing import FernetSealer
from tracker.db import db
from tracker.domain.channels import GATEWAY_KINDS
from tracker.domain.permissions import Action
from tracker.errors import Conflict, InvalidInput, TrackerError
from tracker.models import Channel
from tracker.ports import Poster, SealBroken, Sealer
from tracker.queries import channels as reads
from tracker.services import channels as verbs
from tracker.web import base
from tracker.web.admin import number_given, page
from tracker.web.channel_text import test_message
from tracker.web.locale import gettext as _
from tracker.web.messages import explain, status_of

blueprint = Blueprint("channels", __name__)


@dataclass(frozen=True)
class Shown:
    """A channel as its page shows it. `tail`: the end of its key, or a webhook's host; "" when it cannot be read."""

    line: reads.ChannelLine
    kind: str
    tail: str
    light: str
    word: str
    trouble: str


def sealer() -> Sealer:
    return FernetSealer(base.settings().secret_key)


def poster() -> Poster:
    from tracker.adapters.channels import ApprisePoster  # takes a second to load: only who posts pays for it

    return ApprisePoster(base.settings().gateways)


def kind_words() -> dict[str, str]:
    return {
        "wecom": _("企业微信群机器人"),
        "dingtalk": _("钉钉群机器人"),
        "feishu": _("飞书群机器人"),
        "webhook": _("网络接口（Webhook）"),
    }


def trouble_words(said: str) -> str:
    """What the last try met, in words; an answer of the other side stays as it is."""
    known = {
        verbs.SEALED_OTHERWISE: _("密钥换过，读不出这个渠道的地址。请删除后重新添加。"),
        "no answer in time": _("对方没有及时回答。"),
        "cannot be reached": _("连不上对方的地址。"),
        "the proxy does not answer": _("代理服务器没有回答。"),
        "TLS: the certificate is not trusted, or the other side speaks no TLS": _("对方的证书不受信任。"),
    }
    return known.get(said, said)


def shown(lines: list[reads.ChannelLine]) -> list[Shown]:
    named, found = kind_words(), []
    for line in lines:
        try:
            tail = verbs.unsealed(sealer(), line.address).shown()
        except SealBroken:
            tail = ""
        if not line.active:
            light, word = "grey", _("已停用")
        elif line.last_error:
            light, word = "red", _("上次没有发出")
        elif line.last_ok_at:
            light, word = "green", _("正常")
        else:
            light, word = "yellow", _("还没有发过")
        found.append(Shown(line, named[line.kind], tail, light, word, trouble_words(line.last_error)))
    return found


@blueprint.app_context_processor
def _for_settings() -> dict[str, Any]:
    """The settings page says how many channels its reader has; asked for only there."""
    return {"own_channels": own_channels}


def own_channels() -> list[Shown]:
    if not current_user.is_authenticated:
        return []
    return shown(reads.own_channels(db.session(), base.current_person().id))


# -- one's own ---------------------------------------------------------------------------------------------------------


@blueprint.get("/settings/channels")
def index() -> ResponseReturnValue:
    return _own()


def _own(problem: TrackerError | None = None) -> ResponseReturnValue:
    kinds = {kind: word for kind, word in kind_words().items() if kind in GATEWAY_KINDS}
    body = render_template("channels/own.html", channels=own_channels(), **_form(kinds, problem))
    return body, status_of(problem) if problem else 200


def _form(kinds: dict[str, str], problem: TrackerError | None) -> dict[str, Any]:
    """What the form of both pages needs. The address and the secret are never filled in again."""
    wrong = {str(problem.data.get("field") or ""): explain(problem)} if problem else {}
    through = _("、").join(word for kind, word in kinds.items() if kind in base.settings().gateways)
    return {"kinds": kinds, "wrong": wrong, "typed": request.form, "gateways": through}


@blueprint.post("/settings/channels")
def add() -> ResponseReturnValue:
    base.current_actor()
    try:
        _add(None)
    except (InvalidInput, Conflict) as problem:
        db.session.rollback()
        return _own(problem)
    return redirect(url_for("channels.index"), 303)


def _add(department_id: int | None) -> Channel:
    form = request.form
    made = verbs.add(
        db.session(), sealer(), actor=base.current_actor(), kind=form.get("kind", ""), name=form.get("name", ""),
        address=form.get("address", ""), secret=form.get("secret", ""), gateways=base.settings().gateways,
        department_id=department_id, now=base.now(), audited_from=base.address(),
    )  # fmt: skip
    base.commit()
    flash(_("已添加。请发一条测试消息，看看是否收得到。"), "good")
    return made


# -- the departments' --------------------------------------------------------------------------------------------------


@blueprint.get("/admin/channels")
def admin() -> ResponseReturnValue:
    return _departments()


def _departments(problem: TrackerError | None = None) -> ResponseReturnValue:
    actor = base.require(Action.MANAGE_CHANNELS)
    session = db.session()
    return page(
        "channels/departments.html", status_of(problem) if problem else 200,
        channels=shown(reads.department_channels(session, actor.office_id)),
        departments=reads.departments(session, actor.office_id), **_form(kind_words(), problem),
    )  # fmt: skip


@blueprint.post("/admin/channels")
def add_department() -> ResponseReturnValue:
    base.require(Action.MANAGE_CHANNELS)
    try:
        _add(number_given("department") or 0)
    except (InvalidInput, Conflict) as problem:
        db.session.rollback()
        return _departments(problem)
    return redirect(url_for("channels.admin"), 303)


# -- both --------------------------------------------------------------------------------------------------------------


def _back(channel: Channel) -> str:
    return url_for("channels.index" if channel.department_id is None else "channels.admin")


@blueprint.post("/channels/<int:channel_id>/test")
@base.streams_body
def test(channel_id: int) -> ResponseReturnValue:
    """Posts a line and shows the answer; holds no write lock while it waits."""
    session, actor = db.session(), base.current_actor()
    channel = verbs.his(session, actor, channel_id)
    office = base.current_person().office
    message = test_message((office.name_zh, office.name_en), base.settings().base_url)
    kind, sealed, back = channel.kind, channel.address, _back(channel)
    session.rollback()
    good, said = verbs.try_out(poster(), sealer(), kind, sealed, message)
    base.begin_write()
    verbs.note_result(session, actor=actor, channel_id=channel_id, good=good, said=said, now=base.now())
    base.commit()
    if good:
        flash(_("测试消息已发出。对方回答：%(answer)s", answer=said), "good")
    else:
        flash(_("测试消息没有发出：%(answer)s", answer=trouble_words(said)), "error")
    return redirect(back, 303)


@blueprint.post("/channels/<int:channel_id>/switch")
def switch(channel_id: int) -> ResponseReturnValue:
    """Off or on, as the form says."""
    active = request.form.get("active") == "1"
    channel = verbs.switch(
        db.session(), actor=base.current_actor(), channel_id=channel_id, active=active, now=base.now(),
        address=base.address(),
    )  # fmt: skip
    back = _back(channel)
    base.commit()
    flash(_("已启用。") if active else _("已停用，不再往这里发。"), "good")
    return redirect(back, 303)


@blueprint.post("/channels/<int:channel_id>/delete")
def delete(channel_id: int) -> ResponseReturnValue:
    channel = verbs.delete(
        db.session(), actor=base.current_actor(), channel_id=channel_id, now=base.now(), address=base.address()
    )
    back = _back(channel)
    base.commit()
    flash(_("已删除，地址和密钥也一并抹去。"), "good")
    return redirect(back, 303)
