"""The words of the owners' pages: what a light means here, what a slot still wants, what happened."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from flask_babel import gettext as _

from tracker.queries.task_page import Card, Happening, PeriodChip
from tracker.web.filters import zh_en
from tracker.web.vocabulary import return_reasons, stale_words, version_words

TINTS = {"yellow": "amber"}  # the class of a light's colour, where it is not the light's own name
WEIGHT = ("damaged", "overdue", "stale", "insufficient", "returned", "due_soon", "soon_stale", "behind", "tentative")
VERSION_TINTS = {
    "submitted": "blue", "accepted": "green", "archived": "green", "returned": "amber", "rejected": "red",
    "damaged": "red", "voided": "red",
}  # fmt: skip


def tint(light: str) -> str:
    """The CSS class of a light."""
    return TINTS.get(light, light)


def period_word(light: str, reasons: Iterable[str], *, complete: bool = False, begun: bool = True) -> str:
    """The most exact word for a period's light."""
    said = {
        "damaged": _("文件异常"), "overdue": _("逾期"), "stale": _("需更新"), "insufficient": _("不充分"),
        "returned": _("退回"), "due_soon": _("临期"), "soon_stale": _("将过期"), "behind": _("进度落后"),
        "tentative": _("期限暂定"),
    }  # fmt: skip
    known = set(reasons)
    if light in {"red", "yellow"}:
        for reason in WEIGHT:
            if reason in known:
                return said[reason]
    if light == "blue":
        return _("待审核")
    if complete:
        return _("已完成")
    return _("进行中") if light == "green" and begun else _("未启动")


def chip_word(chip: PeriodChip, today: date) -> str:
    return period_word(chip.light, chip.reasons, complete=chip.complete, begun=chip.start <= today)


def card_word(card: Card, today: date) -> str:
    """What a slot's light says: 缺 1 份, 已采纳, 退回, 需更新 …"""
    if card.state == "filled":
        return _("将过期") if card.soon_stale else _("已采纳")
    if card.state == "submitted":
        return _("待审核")
    if card.state == "stale":
        return _("需更新")
    if card.state == "returned":
        return _("退回")
    if card.missing and card.start > today:
        return _("未到期")
    if not card.required:
        return _("选交")
    return _("缺 %(count)s 份", count=card.missing) if card.missing else _("待提交")


def stale_sentences(codes: Iterable[str]) -> list[str]:
    words = stale_words()
    return [words.get(code, code) for code in codes]


def reason_list(codes: Iterable[str]) -> str:
    """R02 and R05 as one text, each with its code behind it."""
    words = return_reasons()
    return _("；").join(_("%(reason)s（%(code)s）", reason=words.get(code, code), code=code) for code in codes)


def version_word(state: str) -> str:
    return version_words().get(state, state)


def version_tint(state: str) -> str:
    return VERSION_TINTS.get(state, "grey")


def cycle_word(cycle: str) -> str:
    """How often a figure is evaluated."""
    return {"year": _("年"), "half_year": _("半年"), "quarter": _("季度"), "month": _("月")}.get(cycle, cycle)


def rung_sentence(rung: str, people: str) -> str:
    """A sent reminder as a sentence."""
    kind, _sep, _rest = rung.partition("/")
    if kind == "stale":
        return _("材料失效提醒已发给 %(people)s", people=people)
    if kind == "soon_stale":
        return _("材料即将失效提醒已发给 %(people)s", people=people)
    if kind.startswith("T-"):
        return _("到期前 %(days)s 天的提醒已发给 %(people)s", days=kind[2:], people=people)
    return _("逾期提醒已发给 %(people)s", people=people)


def happening_sentence(event: Happening, slots: dict[str, Any]) -> str:
    """One line of a page's history."""
    if event.kind == "reminder":
        return rung_sentence(event.rung, _("、").join(event.people))
    words: dict[str, str] = {
        "actor": event.actor,
        "file": event.file_name,
        "slot": zh_en(slots[event.slot_code], "name") if event.slot_code in slots else "",
        "reasons": reason_list(event.codes),
    }
    sentences = {
        "evidence.uploaded": _("%(actor)s 上传了“%(file)s”（%(slot)s）"),
        "evidence.submitted": _("%(actor)s 提交了“%(file)s”（%(slot)s）"),
        "evidence.withdrawn": _("%(actor)s 撤回了“%(file)s”"),
        "evidence.continued": _("%(actor)s 声明“%(file)s”继续有效"),
        "evidence.accepted": _("%(actor)s 采纳了“%(file)s”"),
        "evidence.returned": _("%(actor)s 退回了“%(file)s”：%(reasons)s"),
        "evidence.rejected": _("%(actor)s 未采纳“%(file)s”：%(reasons)s"),
        "evidence.flagged": _("%(actor)s 标记“%(file)s”已失效"),
        "evidence.voided": _("%(actor)s 作废了“%(file)s”"),
    }
    return sentences.get(event.kind, event.kind) % words
