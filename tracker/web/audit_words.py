"""The audit log in words: 谁 何时 对什么 做了什么, and what was there before and after."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import url_for

from tracker.domain.audit_acts import FAILURES, GROUP_OF
from tracker.queries.audit import About, EventLine
from tracker.web.filters import cycle_name, role_name, zh_en
from tracker.web.locale import gettext as _

LONGEST = 160  # characters of a value in the line; the opened row shows all
SAID = ("reason", "comment", "text", "note", "why", "error", "late_reason")  # what somebody gave as his words
HIDDEN = {*SAID, "before", "after", "old", "new", "changes"}


def groups() -> dict[str, str]:
    return {
        "login": _("登录和退出"),
        "people": _("账号和权限"),
        "evidence": _("材料报送"),
        "reading": _("查看和下载"),
        "review": _("审核"),
        "request": _("申请"),
        "notice": _("督办和催办"),
        "rules": _("目录、日历和参数"),
        "telling": _("邮件和渠道"),
        "export": _("导出和检查包"),
        "drill": _("模拟检查"),
        "archive": _("归档"),
        "custody": _("保管和清除"),
        "system": _("系统、备份和日志"),
    }


def verbs() -> dict[str, str]:
    """Action → what was done, as it stands between who did it and what it was done to."""
    return {
        "user.login": _("登录"),
        "user.logout": _("退出登录"),
        "user.login_failed": _("登录失败（口令不对）"),
        "user.login_refused": _("登录被拒绝（账号已停用或到期）"),
        "user.login_unknown": _("登录失败（没有这个账号）"),
        "user.locked": _("账号因多次登录失败被锁定"),
        "user.address_blocked": _("地址因多次登录失败被限制"),
        "user.password_changed": _("修改了自己的口令"),
        "access.denied": _("打开无权访问的页面，被拒绝"),
        "user.created": _("新建账号"),
        "user.changed": _("修改账号"),
        "user.disabled": _("停用账号"),
        "user.enabled": _("启用账号"),
        "user.unlocked": _("解锁账号"),
        "user.password_reset": _("重置口令"),
        "user.language": _("更换界面语言"),
        "user.mail_chosen": _("修改邮件提醒的选择"),
        "department.created": _("新建部门"),
        "department.changed": _("修改部门"),
        "delegation.revoked": _("撤销委托代理"),
        "evidence.uploaded": _("上传材料"),
        "evidence.submitted": _("提交材料"),
        "evidence.withdrawn": _("撤回材料"),
        "evidence.continued": _("声明材料继续有效"),
        "indicator.recorded": _("填报指标"),
        "event.registered": _("登记事项"),
        "event.cancelled": _("撤销登记的事项"),
        "evidence.viewed": _("查看材料"),
        "evidence.downloaded": _("下载材料"),
        "evidence.previewed": _("预览材料"),
        "evidence.accepted": _("审核通过材料"),
        "evidence.returned": _("退回材料"),
        "evidence.rejected": _("不予认可材料"),
        "evidence.flagged": _("标记材料需要更新"),
        "evidence.confirmed": _("确认材料仍然有效"),
        "evidence.voided": _("作废材料"),
        "request.asked": _("提出申请"),
        "request.confirmed": _("签字确认申请"),
        "request.approved": _("批准申请"),
        "request.refused": _("不批准申请"),
        "request.withdrawn": _("撤回申请"),
        "request.cancelled": _("取消已批准的申请"),
        "notice.drafted": _("起草督办单"),
        "notice.edited": _("修改督办单"),
        "notice.sent_back": _("退回督办单重拟"),
        "notice.signed": _("签发督办单"),
        "notice.delivered": _("送达督办单"),
        "notice.acknowledged": _("签收督办单"),
        "notice.reported": _("反馈督办单办理情况"),
        "notice.returned": _("核查后退回督办单"),
        "notice.escalated": _("升级督办单"),
        "notice.talk": _("记录督办约谈"),
        "notice.closed": _("督办单销号"),
        "notice.cancelled": _("撤销督办单"),
        "notice.waived": _("本期免报，督办单待销号"),
        "task.handed_out": _("下达年度任务"),
        "task.signed_on": _("签收任务"),
        "task.contact_named": _("指定任务的经办人"),
        "period.pressed": _("催办"),
        "period.reopened": _("撤销已完成状态（回退）"),
        "catalogue.imported": _("导入任务目录"),
        "catalogue.year_chosen": _("切换工作年度"),
        "calendar.imported": _("导入节假日表"),
        "calendar.started": _("新建节假日表"),
        "calendar.finished": _("启用手工录入的节假日表"),
        "calendar.day_set": _("修改节假日表的一天"),
        "ladder.changed": _("修改提醒步骤"),
        "rules.changed": _("修改规则参数"),
        "ladder.reset": _("恢复默认提醒步骤"),
        "mail.rules_changed": _("修改邮件规则"),
        "archive.settings_changed": _("修改归档设置"),
        "channel.added": _("添加通知渠道"),
        "channel.switched_on": _("启用通知渠道"),
        "channel.switched_off": _("停用通知渠道"),
        "channel.deleted": _("删除通知渠道"),
        "feed.made": _("生成日历订阅地址"),
        "feed.revoked": _("作废日历订阅地址"),
        "mail.mailbox_dead": _("邮箱无法送达，停止向它发信"),
        "mail.revived": _("恢复向邮箱发信"),
        "mail.retried": _("重新发送邮件"),
        "mail.given_up": _("放弃发送邮件"),
        "board.exported": _("导出看板"),
        "ledger.exported": _("导出催办记录"),
        "catalogue.exported": _("导出任务目录"),
        "notice.exported": _("导出督办单"),
        "audit.exported": _("导出审计日志"),
        "archive.exported": _("导出归档目录或移交包"),
        "package.created": _("制作检查包"),
        "package.ready": _("检查包制作完成"),
        "package.cancelled": _("取消制作检查包"),
        "package.downloaded": _("下载检查包"),
        "package.recheck": _("要求重新核验检查包"),
        "package.retry": _("要求重做检查包"),
        "package.checked": _("核验检查包"),
        "drill.started": _("开始模拟检查"),
        "drill.asked": _("模拟检查抽问"),
        "drill.found": _("模拟检查找到材料"),
        "drill.not_found": _("模拟检查没有找到材料"),
        "drill.finished": _("结束模拟检查"),
        "archive.filed": _("归档编号"),
        "archive.volume_made": _("组成案卷"),
        "archive.noted": _("给归档文件加备注"),
        "archive.voided": _("归档号作废"),
        "archive.printed": _("首次打印归档目录"),
        "custody.changed": _("发现存档文件被改动"),
        "custody.missing": _("发现存档文件缺失"),
        "custody.healed": _("从备份修复存档文件"),
        "custody.renewed": _("再次上传的同一文件替换了损坏的存档文件"),
        "custody.returned": _("存档文件恢复正常"),
        "custody.lock_lost": _("发现存档文件的锁定丢失"),
        "custody.asked": _("要求重新核对全部存档文件"),
        "hold.placed": _("设置检查冻结"),
        "hold.released": _("解除检查冻结"),
        "removal.asked": _("申请清除内容"),
        "removal.confirmed": _("确认清除内容"),
        "removal.approved": _("两人确认，准予清除内容"),
        "removal.refused": _("不同意清除内容"),
        "removal.blocked": _("内容暂时清除不了"),
        "removal.done": _("清除内容"),
        "backup.made": _("备份完成"),
        "backup.failed": _("备份失败"),
        "drill.made": _("恢复演练完成"),
        "drill.failed": _("恢复演练失败"),
        "backup.restored": _("从备份恢复"),
        "audit.verified": _("核验审计日志，完好"),
        "audit.broken": _("核验审计日志，发现问题"),
        "audit.stamped": _("给审计日志加盖时间戳"),
        "clock.jumped": _("系统时钟跳变"),
        "office.set_up": _("完成首次设置"),
        "demo.seeded": _("写入演示数据"),
    }


def faults() -> dict[str, str]:
    """Why the chain does not hold, with the number of the event (`seq`)."""
    return {
        "edited": _("第%(seq)s条被改动过：内容和它的摘要值不符。"),
        "gap": _("第%(seq)s条不见了。"),
        "reordered": _("第%(seq)s条接不上前一条：顺序被调换，或者有记录被插入、替换。"),
        "cut": _("第%(seq)s条起不见了：日志的末尾被截去。"),
        "added": _("第%(seq)s条是在日志末尾之外添加的。"),
        "stamped": _("第%(seq)s条和当时加盖时间戳（或印在检查包封面上）的摘要值不符：之前的记录被整体改写过。"),
    }


def fault(why: str, seq: int) -> str:
    return faults()[why] % {"seq": seq}


def stamp_faults() -> dict[str, str]:
    return {
        "digest": _("时间戳对应的不是这个摘要值"),
        "signature": _("时间戳的签名和配置的证书不符"),
        "malformed": _("时间戳内容看不懂"),
        "chain": _("时间戳对应的记录和日志不符"),
    }


@dataclass(frozen=True)
class Said:
    """One event for people: `what` it was done to, `words` that were given, `pairs` of (name, before, after)."""

    verb: str
    failed: bool
    group: str
    what: str
    href: str
    words: str
    pairs: tuple[tuple[str, str, str], ...]
    more: tuple[tuple[str, str], ...]  # (name, value) of the data, for the opened row
    sentence: str


def actor_words(name: str) -> str:
    return _("系统") if name == "system" else name or _("没有登录的人")


def names() -> dict[str, str]:
    """Key of an event's data → its name; keys that are not here are shown as they are."""
    return {
        "after": _("之后"), "all": _("全部"), "as_of": _("截至"), "before": _("之前"), "blob": _("存档文件编号"),
        "bounce": _("退信种类"), "code": _("编号"), "codes": _("编号"), "corrects": _("更正的版本"),
        "covered_from": _("所属期间起"), "covered_to": _("所属期间止"), "date": _("日期"), "day": _("日期"),
        "days": _("天数"), "department": _("部门"), "department_id": _("部门编号"), "departments": _("部门数"),
        "digest": _("摘要值"), "doc_date": _("文件日期"), "doc_no": _("文号"), "due": _("期限"), "email": _("邮箱"),
        "evidence": _("材料编号"), "events": _("记录条数"), "extends": _("延续的版本"), "failures": _("连续失败次数"),
        "file_name": _("文件名"), "filter": _("筛选条件"), "finding": _("发现编号"), "flag": _("原因"),
        "flags": _("原因"), "form": _("格式"), "found": _("实际"), "gaps": _("缺项数"), "head": _("链头序号"),
        "items": _("件数"), "issuer": _("责任者"), "key": _("存放位置"), "kind": _("种类"), "late": _("是否逾期"),
        "lines": _("行数"), "linked_from": _("来源版本"), "locale": _("语言"), "machine": _("机器"),
        "minutes": _("分钟"), "moved": _("变动的期限数"), "name": _("名称"), "new": _("新增"), "number": _("版本号"),
        "numbers": _("档号"), "objects": _("文件数"), "pages": _("页数"), "path": _("地址"), "people": _("人员编号"),
        "period": _("期次编号"), "piece": _("组成部分"), "qualifier": _("精确度"), "reason_codes": _("退回原因"),
        "superseded": _("取代的版本"),
        "reference": _("文号"), "retention": _("保管期限"), "role": _("岗位"), "seconds": _("秒数"), "seed": _("种子"),
        "sha256": "SHA-256", "since": _("自"), "size": _("字节数"), "slot": _("要求编号"), "source": _("来源"),
        "state": _("状态"), "task": _("任务"), "tasks": _("任务"), "ticked": _("已核对的要点"), "title": _("题名"),
        "trigger": _("触发日期"), "valid_to": _("有效期至"), "valid_until": _("账号有效期"), "value": _("数值"),
        "version": _("版本编号"), "versions": _("版本编号"), "way": _("方式"), "year": _("年度"),
    }  # fmt: skip


def _value(value: Any, limit: int = LONGEST) -> str:
    if value is None or value in ("", [], {}):
        return "—"
    if isinstance(value, bool):
        return _("是") if value else _("否")
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        text = _("、").join(map(str, value))
    elif isinstance(value, dict | list):
        text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    else:
        text = str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def changes(data: dict[str, Any], limit: int = LONGEST) -> Iterable[tuple[str, str, str]]:
    """(name, before, after) of what an event changed, however it was written down."""
    known = names()
    for name, pair in (data.get("changes") or {}).items():
        if isinstance(pair, list) and len(pair) == 2:
            yield known.get(name, name), _value(pair[0], limit), _value(pair[1], limit)
    for first, second in (("before", "after"), ("old", "new")):
        if first not in data:
            continue
        old, new = data[first], data.get(second)
        if isinstance(old, dict) and not isinstance(new, dict):
            new = {name: data.get(name) for name in old}
        if isinstance(old, dict) and isinstance(new, dict):
            for name in [*old, *(name for name in new if name not in old)]:
                if old.get(name) != new.get(name):
                    yield known.get(name, name), _value(old.get(name), limit), _value(new.get(name), limit)
        else:
            yield "", _value(old, limit), _value(new, limit) if second in data else ""


def _about(line: EventLine, about: About | None) -> tuple[str, str]:
    """(what it was done to, where that can be looked at)."""
    data, number = line.data, line.subject_id
    if about is not None and about.task_code:
        named = f"{about.task_code} {zh_en(about, 'title')}"
        if about.slot_code:
            named = f"{about.slot_code} {zh_en(about, 'slot')}"
        if about.version:
            named = _("%(item)s 第%(number)s版", item=named, number=about.version)
        if about.period_no and about.year:
            named = f"{named} · {cycle_name(about.period_no, about.year)}"
        if about.name:
            named = f"{about.name} · {named}"
        href = url_for("task.page", year=about.year, code=about.task_code, period=about.period_no or None)
        return named, href
    if about is not None and about.name:
        return f"{about.name} · {role_name(about.role)}" if about.role else about.name, ""
    if line.subject in {"removal", "blob"}:
        return _("文件 %(digest)s…", digest=str(data.get("sha256", ""))[:16]), ""
    if line.subject in {"calendar", "catalogue"} and number:
        return _("%(year)s年", year=number), ""
    if line.subject == "backup":
        return str(data.get("stamp", "")), ""
    if line.subject == "audit" and number:
        return _("第%(seq)s条", seq=number), ""
    return str(data.get("name") or data.get("title") or data.get("path") or ""), ""


def said(line: EventLine, about: About | None = None, *, whole: bool = False) -> Said:
    """The event in words; `whole`: nothing is shortened, for the opened row."""
    limit = 100_000 if whole else LONGEST
    verb = verbs().get(line.action, line.action)
    what, href = _about(line, about)
    words = " ".join(_value(line.data[key], limit) for key in SAID if line.data.get(key))
    pairs = tuple(changes(line.data, limit))
    known = names()
    more = tuple(
        (known.get(key, key), _value(value, limit))
        for key, value in sorted(line.data.items())
        if key not in HIDDEN and value not in (None, "", [], {})
    )
    who = actor_words(line.actor)
    if line.subject == "user" and what.partition(" · ")[0] == line.actor:
        what = ""  # about himself
    sentence = (
        _("%(who)s%(verb)s：%(what)s", who=who, verb=verb, what=what)
        if what
        else _("%(who)s%(verb)s", who=who, verb=verb)
    )
    return Said(
        verb, line.action in FAILURES, GROUP_OF.get(line.action, "system"), what, href, words, pairs, more, sentence
    )
