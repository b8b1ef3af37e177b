"""The words of requests: what is asked, how it stands, who decides, what it comes to."""

from typing import Any

from tracker.domain.permissions import Role
from tracker.queries.requests import RequestRow
from tracker.web.filters import day_full, zh_en
from tracker.web.locale import gettext as _
from tracker.web.locale import per_language

STATE_LIGHTS = {"open": "blue", "confirmed": "blue", "approved": "green", "refused": "red"}


@per_language
def kind_names() -> dict[str, str]:
    return {
        "extension": _("延期"),
        "waiver": _("免报"),
        "zero_report": _("零报告"),
        "owner_change": _("调整责任部门"),
        "delegation": _("外出代理"),
    }


@per_language
def state_names() -> dict[str, str]:
    return {
        "open": _("待处理"),
        "confirmed": _("负责人已确认，待批准"),
        "approved": _("已批准"),
        "refused": _("未批准"),
        "withdrawn": _("已撤回"),
        "cancelled": _("已自动撤销"),
    }


@per_language
def decider_names() -> dict[str, str]:
    return {
        Role.LEGAL_HEAD.value: _("法制办负责人"),
        Role.DEPUTY.value: _("分管领导"),
        Role.DEPT_HEAD.value: _("科室负责人"),
    }


def outcome(row: RequestRow) -> str:
    """What an approval comes to, as one sentence that does not claim what has not been granted."""
    words = _outcome(row)
    if not words or row.state == "approved":
        return words
    waits = row.state in {"open", "confirmed"}
    return _("批准后：%(words)s", words=words) if waits else _("申请内容：%(words)s", words=words)


def _outcome(row: RequestRow) -> str:
    match row.kind:
        case "extension" if row.new_due and row.asked_due:
            return _("期限由 %(old)s 延到 %(new)s", old=day_full(row.asked_due), new=day_full(row.new_due))
        case "waiver":
            return _("这一期不用交材料，也不再提醒")
        case "zero_report":
            return _("“%(slot)s”按本期无此事项处理，不用交材料", slot=zh_en(row, "slot"))
        case "owner_change":
            return _("责任部门由 %(old)s 改为 %(new)s", old=zh_en(row, "owner"), new=zh_en(row, "wanted"))
        case "delegation" if row.starts_on and row.ends_on:
            return _(
                "%(person)s 外出期间（%(start)s 至 %(end)s）由 %(delegate)s 代理",
                person=row.person, start=day_full(row.starts_on), end=day_full(row.ends_on), delegate=row.delegate,
            )  # fmt: skip
    return ""


def helpers() -> dict[str, Any]:
    """For templates that show requests."""
    return {
        "request_kinds": kind_names(),
        "request_states": state_names(),
        "request_lights": STATE_LIGHTS,
        "request_outcome": outcome,
    }
