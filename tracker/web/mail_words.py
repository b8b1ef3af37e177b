"""The words of digests and of the inbox, in the reader's language: groups, rungs, notices, requests."""

import re
from collections.abc import Sequence

from tracker.queries.inbox import News
from tracker.web.filters import cycle_name, zh_en
from tracker.web.locale import gettext, per_language

RED, AMBER, BLUE, GREY, GREEN = (
    ("▲", "#b42318", "#fdecea"),
    ("◆", "#855400", "#fdf3dc"),
    ("■", "#1f5fa8", "#e6f0fb"),
    ("○", "#5a6473", "#edf0f3"),
    ("●", "#1d6b45", "#e5f4ec"),
)
# Group of lines → symbol, ink, ground: never colour alone.
LIGHTS = {
    "custody": RED, "notice": RED, "statutory": RED, "overdue": RED, "due_now": AMBER, "sign": AMBER,
    "returned": AMBER, "stale": RED,
    "insufficient": RED, "soon_stale": AMBER, "due_later": GREY, "asked": BLUE, "decided": BLUE, "accepted": GREEN,
    "system": BLUE, "weekly": GREY,
}  # fmt: skip


@per_language
def group_words() -> dict[str, str]:
    return {
        "custody": gettext("文件完整性异常"),
        "notice": gettext("督办单"),
        "statutory": gettext("法定期限"),
        "overdue": gettext("逾期"),
        "due_now": gettext("三天内到期"),
        "sign": gettext("待签收"),
        "returned": gettext("被退回，请补正"),
        "stale": gettext("材料已失效，请更新"),
        "insufficient": gettext("不充分"),
        "soon_stale": gettext("材料即将失效"),
        "due_later": gettext("近期到期"),
        "asked": gettext("等您决定的申请"),
        "decided": gettext("您的申请有结果"),
        "accepted": gettext("已采纳，供知悉"),
        "system": gettext("系统事项"),
        "weekly": gettext("每周情况"),
    }


@per_language
def _rungs() -> dict[str, str]:
    return {
        "T-30": gettext("一个月前提醒"),
        "T-14": gettext("两周前提醒"),
        "T-7": gettext("一周前提醒"),
        "T-3": gettext("三天前提醒"),
        "T-1": gettext("前一天提醒"),
        "start": gettext("新下达或新登记"),
        "week": gettext("每周催办"),
        "stale_week": gettext("每周提醒"),
        "press": gettext("法制办催办"),
    }


def rung_words(rung: str) -> str:
    """T-7, T-2w, T+3, week, press … as its reader would say it; "" where the group says it already."""
    said = _rungs()
    if rung in said:
        return said[rung]
    matched = re.fullmatch(r"T([-+])(\d+)(w?)", rung)
    if not matched:
        return ""
    before, count, workdays = matched.group(1) == "-", int(matched.group(2)), bool(matched.group(3))
    if not before:
        return gettext("逾期第%(count)s个工作日提醒", count=count)
    if workdays:
        return gettext("期限前%(count)s个工作日提醒", count=count)
    return gettext("期限前%(count)s天提醒", count=count)


def milestone_words(text: str) -> str:
    """What a date on the way asks for; "" for none."""
    return gettext("节点：%(text)s", text=text) if text else ""


def copied_words(steps: Sequence[str]) -> str:
    """已抄送法制办、分管领导; "" for nobody."""
    if not steps:
        return ""
    names = {"legal": gettext("法制办"), "deputy": gettext("分管领导"), "first": gettext("主任、书记")}
    who = gettext("、").join(names[step] for step in steps)
    return gettext("已抄送%(who)s", who=who)


def notice_words(state: str, clock: str = "") -> str:
    """What a notice waits for."""
    said = {
        "draft": gettext("拟办稿待审签"),
        "signed": gettext("已签发，待送达"),
        "delivered": gettext("已送达，待签收"),
        "acknowledged": gettext("已签收，请反馈办理情况") if clock == "report" else gettext("已签收，办理中"),
        "reported": gettext("已反馈，待核查"),
        "closed": gettext("已销号"),
        "escalated": gettext("已升级"),
        "cancelled": gettext("已撤销"),
        "waived": gettext("本期已免报，可以销号"),
    }
    return said.get(state, state)


@per_language
def request_words() -> dict[str, str]:
    return {
        "extension": gettext("延期申请"),
        "waiver": gettext("免报申请"),
        "zero_report": gettext("零报告"),
        "owner_change": gettext("调整责任部门的申请"),
        "delegation": gettext("外出代理申请"),
    }


def decision_words(kind: str, state: str) -> str:
    """Where a request stands."""
    said = {
        "open": gettext("待签字确认") if kind == "zero_report" else gettext("待决定"),
        "confirmed": gettext("科室已签字，待决定"),
        "approved": gettext("已同意"),
        "refused": gettext("未同意"),
        "withdrawn": gettext("已撤回"),
        "cancelled": gettext("已自动撤销"),
    }
    return said.get(state, state)


def system_words(what: str) -> str:
    """What the administrator is told of, by the beginning of its own name (Outbox.once)."""
    said = {
        "calendar": gettext("明年的节假日表还没有导入"),
        "mailbox": gettext("有人的邮箱收不到邮件，请核实地址"),
        "removal": gettext("有一份文件的清除需要您知道或确认"),
    }
    return said.get(what, gettext("系统有一件事需要处理"))


@per_language
def kind_words() -> dict[str, str]:
    """Kinds of news (domain.telling.Kind) as the inbox and the settings call them."""
    return {
        "reminder": gettext("期限提醒"),
        "press": gettext("催办"),
        "stale": gettext("材料已失效"),
        "soon_stale": gettext("材料即将失效"),
        "returned": gettext("退回补正"),
        "rejected": gettext("不予采纳"),
        "voided": gettext("材料已作废"),
        "accepted": gettext("材料已采纳"),
        "sign": gettext("待签收"),
        "report": gettext("待反馈"),
        "notice": gettext("督办单"),
        "asked": gettext("待办申请"),
        "decided": gettext("申请结果"),
        "weekly": gettext("每周情况"),
        "system": gettext("系统事项"),
        "custody": gettext("文件完整性异常"),
    }


def setting_words() -> dict[str, tuple[str, str]]:
    """Kind of news → its name in the settings and what it is."""
    return {
        "accepted": (gettext("材料已采纳"), gettext("您提交的材料通过了审核。")),
        "soon_stale": (gettext("材料即将失效"), gettext("材料离失效还有一段时间，先告诉您一声。失效当天仍会通知。")),
        "decided": (gettext("申请结果"), gettext("您的延期、免报、零报告等申请已有决定。")),
        "weekly": (gettext("每周情况"), gettext("每周第一个工作日的红灯清单和各部门完成率。")),
        "reminder": (gettext("期限提醒和催办"), gettext("到期前、逾期后各级提醒，以及法制办手动催办。")),
        "stale": (gettext("材料已失效"), gettext("材料过了有效期或没有按期更新。")),
        "returned": (gettext("退回补正、不予采纳"), gettext("审核人退回了材料，写明了原因。")),
        "notice": (gettext("督办单"), gettext("督办单的审签、送达、反馈和核查。")),
        "sign": (gettext("待签收、待反馈"), gettext("新下达的任务和督办单，要在时限内签收、反馈。")),
        "asked": (gettext("待办申请"), gettext("别人的申请等您签字或决定。")),
        "custody": (gettext("文件完整性异常"), gettext("存档的文件变了或者找不到了。")),
        "system": (gettext("系统事项"), gettext("邮箱收不到邮件、节假日表缺失等。")),
    }


def fixed_words(fix_days: int) -> dict[str, str]:
    """Kind of news → why its mail may not be switched off. `fix_days`: workdays to mend a return."""
    ladder = gettext("催办以告知为前提，每次都记入催办记录，不能关。")
    return {
        "reminder": ladder,
        "stale": ladder,
        "sign": ladder,
        "returned": gettext("要在%(days)s个工作日内补正，不能错过。", days=fix_days),
        "notice": gettext("督办单有签收时限，不能关。"),
        "asked": gettext("别人在等您的决定，不能关。"),
        "custody": gettext("佐证可能保不住，要马上处理，不能关。"),
        "system": gettext("没有人处理，提醒就会断，不能关。"),
    }


def outcome_words(outcome: str, *, settled: bool) -> str:
    """What became of one row of the outbox, where it is not a day's mail."""
    if not settled:
        return gettext("等下一封邮件")
    said = {
        "moot": gettext("已办完，没有发邮件"),
        "not_theirs": gettext("已不归您办，没有发邮件"),
        "switched_off": gettext("您关了这类邮件"),
        "mailbox_dead": gettext("邮箱收不到邮件，已告知他人"),
    }
    return said.get(outcome, gettext("没有发邮件"))


def news_title(news: News) -> str:
    """The line of the inbox that is pressed: what it is about, in words."""
    task = f"{news.code} {zh_en(news, 'title')}".strip()
    if news.kind == "system":
        return system_words(news.subject)
    if news.kind == "custody":
        return gettext("有存档的文件变了或者找不到了")
    if news.kind == "weekly":
        return gettext("红灯清单和各部门完成率")
    if news.kind in {"asked", "decided"} and news.subject:
        named = request_words().get(news.subject, news.subject)
        return gettext("%(named)s：%(task)s", named=named, task=task) if task else named
    if news.reference:
        return gettext("%(named)s：%(task)s", named=news.reference, task=task)
    return task


def news_notes(news: News) -> list[str]:
    """What stands below it: period, department, slot, rung, state."""
    state = ""
    if news.kind in {"notice", "sign", "report"} and news.stage:
        state = notice_words(news.stage, news.subject)
    elif news.kind in {"asked", "decided"}:
        state = decision_words(news.subject, news.stage)
    said = [
        cycle_name(news.period_no, news.plan_year) if news.period_no else "",
        zh_en(news, "owner"),
        zh_en(news, "slot"),
        milestone_words(news.milestone),
        rung_words(news.rung),
        state,
        gettext("代%(name)s收", name=news.stood_in_for) if news.stood_in_for else "",
    ]
    return [part for part in said if part]
