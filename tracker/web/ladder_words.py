"""The words of the ladders, the ledger and the rehearsal: kinds, steps, rungs and dated sentences."""

import re
from collections.abc import Iterable
from datetime import date

from tracker.domain.facts import LadderKind
from tracker.domain.reminders import RungRule
from tracker.services.ladders import DatedLadder, DatedRung
from tracker.web.filters import day_full, is_english, role_name, weekday, zh_en
from tracker.web.locale import gettext as _

SHORT_DAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")


def kind_words() -> dict[LadderKind, str]:
    return {
        LadderKind.MONTHLY: _("月度任务"),
        LadderKind.QUARTERLY: _("季度任务"),
        LadderKind.HALF_YEARLY: _("半年任务"),
        LadderKind.ANNUAL: _("年度任务"),
        LadderKind.EVENT: _("登记事项"),
        LadderKind.EVENT_SHORT: _("登记事项（短期限）"),
        LadderKind.SIGN: _("签收"),
        LadderKind.REPORT: _("督办反馈"),
    }


def kind_hints() -> dict[LadderKind, str]:
    return {
        LadderKind.MONTHLY: _("每月一期的任务，以及长期次里按月交的材料。"),
        LadderKind.QUARTERLY: _("每季度一期的任务，以及长期次里按季交的材料。"),
        LadderKind.HALF_YEARLY: _("半年一期的任务，以及长期次里按半年交的材料。"),
        LadderKind.ANNUAL: _("一年一期的任务，包括按事项累计、年终汇总的任务。"),
        LadderKind.EVENT: _("登记的事项，法定期限超过 10 个工作日。期限落在休息日的，按前一个工作日算。"),
        LadderKind.EVENT_SHORT: _("登记的事项，法定期限在 10 个工作日以内，因此提醒更早到法制办。"),
        LadderKind.SIGN: _("任务或督办单下达以后，部门要签收。"),
        LadderKind.REPORT: _("督办单签收以后，部门要反馈办理情况。"),
    }


def step_words() -> dict[int, str]:
    """Steps of the escalation path (domain.reminders.STEPS)."""
    return {1: _("经办人"), 2: _("科室负责人"), 3: _("法制办"), 4: _("分管领导"), 5: _("主任、书记")}


def when_words() -> dict[str, str]:
    """How an offset is counted, as the form offers it."""
    return {
        "before_day": _("提前几天"),
        "before_workday": _("提前几个工作日"),
        "after_workday": _("逾期后第几个工作日"),
        "start": _("下达或登记当天"),
    }


def rung_when(rule: RungRule) -> str:
    """提前30天, 提前5个工作日, 逾期后第3个工作日, 下达或登记当天."""
    return code_when(rule.code)


def code_when(code: str) -> str:
    """The same from a rung's code, its cycle left out; other rungs of the ledger by their names."""
    last = code.rpartition("/")[2]
    if last == "start":
        return _("下达或登记当天")
    matched = re.fullmatch(r"T([-+])(\d+)(w?)", last)
    if matched:
        count = int(matched.group(2))
        if matched.group(1) == "+":
            return _("逾期后第%(count)s个工作日", count=count)
        return _("提前%(count)s个工作日", count=count) if matched.group(3) else _("提前%(count)s天", count=count)
    return other_words().get(code.partition("/")[0], code)


def other_words() -> dict[str, str]:
    return {
        "press": _("手工催办"),
        "stale": _("材料失效"),
        "soon_stale": _("材料即将失效"),
        "stale_week": _("失效每周提醒"),
        "week": _("逾期每周提醒"),
        "weekly": _("领导每周情况"),
    }


def cycle_of(code: str) -> str:
    """The cycle inside the period that a rung belongs to: M03/T-7 → M03; "" for the period's own."""
    matched = re.search(r"(?:^|/)([HQM]\d{1,2})/T?", code)
    return matched.group(1) if matched else ""


def state_words() -> dict[str, str]:
    return {
        "waiting": _("待发"),
        "sent": _("已发"),
        "deferred": _("推迟"),
        "refused": _("未发出"),
        "bounced": _("退信"),
        "moot": _("不必再发"),
        "switched_off": _("本人已关闭"),
    }


STATE_LIGHTS = {
    "waiting": "grey", "sent": "green", "deferred": "yellow", "refused": "red", "bounced": "red", "moot": "grey",
    "switched_off": "grey",
}  # fmt: skip


def why_words() -> dict[str, str]:
    """Why a ladder cannot be kept (domain.reminders.parse_ladder)."""
    return {
        "shape": _("这一行没有填完整，请重新填写。"),
        "too_many": _("级数太多，最多 20 级。"),
        "offset": _("请填写 1 至 90 之间的整数。"),
        "after_counts_workdays": _("期限以后只能按工作日计算。"),
        "steps": _("请至少勾选一个提醒对象。"),
        "notice_too_early": _("只有逾期以后才能起草督办单。"),
        "twice": _("与前面的一级时间相同，请改时间或删去一级。"),
        "weekly": _("每周重复只能接在逾期后的一级。"),
        "empty": _("至少要有一级提醒。"),
    }


def date_words(day: date) -> str:
    """2026年12月16日（周三） / 16 Dec 2026 (Wednesday)."""
    if is_english():
        return f"{day_full(day)} ({weekday(day)})"
    return f"{day_full(day)}（{SHORT_DAYS[day.weekday()]}）"


def names_of(people: Iterable[tuple[str, str]]) -> str:
    """科室负责人（张科） for each; the name alone where it is that of the role."""
    said = []
    for role, name in people:
        post = role_name(role)
        said.append(name if post in name else _("%(role)s（%(name)s）", role=post, name=name))
    return _("、").join(said)


def missing_words(one: DatedLadder) -> str:
    """还缺“排查台账”1份、…; "" when nothing is."""
    if not one.missing:
        return ""
    parts = [
        _("“%(name)s”%(count)s份", name=zh_en({"name_zh": zh, "name_en": en}, "name"), count=count)
        for zh, en, count in one.missing
    ]
    return _("还缺%(what)s", what=_("、").join(parts))


def dated_sentence(rung: DatedRung, one: DatedLadder) -> str:
    """One step in plain words: 2026年12月16日（周三）提醒经办人（…）：还缺…；节前提前。"""
    who = names_of(rung.people) or _("（没有人）")
    on, missing = date_words(rung.on), missing_words(one)
    said = (
        _("%(on)s提醒%(who)s：%(what)s", on=on, who=who, what=missing)
        if missing and rung.fired_on is None and one.open_
        else _("%(on)s提醒%(who)s", on=on, who=who)
    )
    more = [said]
    if rung.pre_holiday:
        more.append(_("节前提前"))
    if rung.drafts_notice:
        more.append(_("同时起草督办单"))
    return _("；").join(more)
