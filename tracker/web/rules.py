"""规则参数: the rules that an office may set, as one small form."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.db import db
from tracker.domain.office_rules import DEFAULT_RULES, LIMITS, NAMES, parse_rules
from tracker.domain.permissions import Action, can
from tracker.errors import InvalidInput
from tracker.queries.office_rules import load_rules
from tracker.services import office_rules as verbs
from tracker.web import base
from tracker.web.locale import gettext as _
from tracker.web.messages import explain

blueprint = Blueprint("rules", __name__, url_prefix="/rules")


def rule_words() -> dict[str, str]:
    """domain.office_rules, by name; HEAD_CHECK is a box of its own."""
    return {
        "lag_monthly": _("月度材料：月底后几个工作日内交"),
        "lag_quarterly": _("季度材料：季末后几个工作日内交"),
        "lag_half_yearly": _("半年材料：半年末后几个工作日内交"),
        "lag_annual": _("年度材料：规定日期后几个工作日内交（0 为当天或之前的工作日）"),
        "fix_days": _("退回后几个工作日内补正，仍按原提交时间算"),
        "review_sla": _("提交后法制办几个工作日内答复"),
        "soon_annual": _("年度、长期材料：失效前几天算“即将失效”"),
        "soon_quarterly": _("季度、半年材料：失效前几天算“即将失效”"),
        "soon_monthly": _("月度材料：失效前几天算“即将失效”"),
        "sign_days": _("年度任务下达后几个工作日内签收"),
        "notice_sign_days": _("督办单送达后几个工作日内签收"),
        "notice_days": _("督办单送达后几个工作日内办结（拟办时没有另定的）"),
        "stale_to_legal": _("材料失效满几个工作日后，每周提醒也发给法制办"),
    }


def _page(problem: InvalidInput | None = None) -> ResponseReturnValue:
    actor = base.require(Action.SEE_LADDERS)
    saved = load_rules(db.session(), actor.office_id).as_data()
    html = render_template(
        "rules/index.html",
        words=rule_words(),
        typed={**saved, "head_check": 0, **request.form.to_dict()} if problem else saved,
        usual=DEFAULT_RULES.as_data(),
        limits=LIMITS,
        bad=str(problem.data.get("field")) if problem else "",
        problem=explain(problem) if problem else "",
        may_edit=can(actor, Action.MANAGE_LADDERS),
    )
    return html, 422 if problem else 200


@blueprint.get("")
def index() -> ResponseReturnValue:
    return _page()


@blueprint.post("")
def save() -> ResponseReturnValue:
    actor = base.require(Action.MANAGE_LADDERS)
    try:
        rules = parse_rules({name: request.form.get(name, "0" if name == "head_check" else "") for name in NAMES})
    except InvalidInput as problem:
        return _page(problem)
    moved = verbs.save_rules(
        db.session(), actor=actor, rules=rules, now=base.now(), zone=base.zone(), address=base.address()
    )
    base.commit()
    flash(_("已保存，没有完成的期次已按新的参数重算，%(count)s 期的期限变了。", count=moved), "good")
    return redirect(url_for("rules.index"))
