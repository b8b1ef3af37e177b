"""The words of the owners' pages: what a light means here, what a slot still wants, what happened."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from flask import g

from tracker.domain.reminders import plain_rung
from tracker.queries.task_page import Card, Happening, PeriodChip
from tracker.web.filters import clauses, zh_en
from tracker.web.locale import gettext, per_language
from tracker.web.vocabulary import return_reasons, stale_words, version_words

TINTS = {"yellow": "amber"}  # the class of a light's colour, where it is not the light's own name
WEIGHT = (
    "damaged", "overdue", "stale", "insufficient", "returned", "due_soon", "notice", "soon_stale", "behind",
    "tentative",
)  # fmt: skip
VERSION_TINTS = {
    "submitted": "blue", "accepted": "green", "archived": "green", "returned": "amber", "rejected": "red",
    "damaged": "red", "voided": "red",
}  # fmt: skip


def tint(light: str) -> str:
    """The CSS class of a light."""
    return TINTS.get(light, light)


@per_language
def _reasons() -> dict[str, str]:
    """Why a period's light is red or yellow."""
    return {
        "damaged": gettext("文件异常"),
        "overdue": gettext("逾期"),
        "stale": gettext("需更新"),
        "insufficient": gettext("不充分"),
        "returned": gettext("退回"),
        "due_soon": gettext("临期"),
        "soon_stale": gettext("将过期"),
        "behind": gettext("进度落后"),
        "tentative": gettext("期限暂定"),
        "notice": gettext("督办中"),
    }


def period_word(light: str, reasons: Iterable[str], *, complete: bool = False, begun: bool = True) -> str:
    """The most exact word for a period's light."""
    known = set(reasons)
    if "waived" in known:
        return gettext("免报")
    if "zero_report" in known:
        return gettext("零报告")
    if light in {"red", "yellow"}:
        for reason in WEIGHT:
            if reason in known:
                return _reasons()[reason]
    if light == "blue":
        return gettext("待审核")
    if complete:
        return gettext("已完成")
    return gettext("进行中") if light == "green" and begun else gettext("未启动")


def chip_word(chip: PeriodChip, today: date) -> str:
    return period_word(chip.light, chip.reasons, complete=chip.complete, begun=chip.start <= today)


def _filled_word(card: Card) -> str:
    if card.zero_report and not card.accepted:
        return gettext("零报告")
    return gettext("将过期") if card.soon_stale else gettext("已采纳")


def card_word(card: Card, today: date) -> str:
    """What a slot's light says: 缺 1 份, 已采纳, 退回, 需更新 …"""
    if card.state == "filled":
        return _filled_word(card)
    if card.state == "submitted":
        return gettext("待审核")
    if card.state == "stale":
        return gettext("需更新")
    if card.state == "returned":
        return gettext("退回")
    if card.missing and card.start > today:
        return gettext("未到期")
    if not card.required:
        return gettext("选交")
    if not card.missing:
        return gettext("待提交")
    # What is merely to come is not yet lacking.
    if card.light in {"red", "yellow"}:
        return gettext("缺 %(count)s 份", count=card.missing)
    return gettext("待交 %(count)s 份", count=card.missing)


def stale_sentences(codes: Iterable[str]) -> list[str]:
    words = stale_words()
    return [words.get(code, code) for code in codes]


def reason_list(codes: Iterable[str]) -> str:
    """R02 and R05 as one text, each with its code behind it."""
    words = return_reasons()
    return gettext("；").join(
        gettext("%(reason)s（%(code)s）", reason=words.get(code, code), code=code) for code in codes
    )


def refusal_words(refusals: Iterable[tuple[str, int]]) -> str:
    """R03 内容与指标要求不对应 ×4: what a slot's material was refused for, and how often."""
    words = return_reasons()
    return clauses(f"{code} {words.get(code, code)} ×{count}" for code, count in refusals)


def version_word(state: str) -> str:
    if "version_words" not in g:  # once per page, not once per file
        g.version_words = version_words()
    return str(g.version_words.get(state, state))


def version_tint(state: str) -> str:
    return VERSION_TINTS.get(state, "grey")


def cycle_word(cycle: str) -> str:
    """How often a figure is evaluated."""
    return {
        "year": gettext("年"),
        "half_year": gettext("半年"),
        "quarter": gettext("季度"),
        "month": gettext("月"),
    }.get(cycle, cycle)


def rung_sentence(rung: str, people: str) -> str:
    """A sent reminder as a sentence."""
    kind = plain_rung(rung)
    if kind == "press":
        return gettext("法制办催办了 %(people)s", people=people)
    if kind in {"stale", "stale_week"}:
        return gettext("材料失效提醒已发给 %(people)s", people=people)
    if kind == "soon_stale":
        return gettext("材料即将失效提醒已发给 %(people)s", people=people)
    if kind == "start":
        return gettext("登记提醒已发给 %(people)s", people=people)
    if kind.startswith("T-") and kind.endswith("w"):
        return gettext("到期前 %(days)s 个工作日的提醒已发给 %(people)s", days=kind[2:-1], people=people)
    if kind.startswith("T-"):
        return gettext("到期前 %(days)s 天的提醒已发给 %(people)s", days=kind[2:], people=people)
    return gettext("逾期提醒已发给 %(people)s", people=people)


def happening_sentence(event: Happening, slots: dict[str, Any]) -> str:
    """One line of a page's history."""
    if event.kind == "reminder":
        return rung_sentence(event.rung, gettext("、").join(event.people))
    words: dict[str, str] = {
        "actor": event.actor,
        "file": event.file_name,
        "slot": zh_en(slots[event.slot_code], "name") if event.slot_code in slots else "",
        "reasons": reason_list(event.codes),
    }
    sentences = {
        "evidence.uploaded": gettext("%(actor)s 上传了“%(file)s”（%(slot)s）"),
        "evidence.submitted": gettext("%(actor)s 提交了“%(file)s”（%(slot)s）"),
        "evidence.withdrawn": gettext("%(actor)s 撤回了“%(file)s”"),
        "evidence.continued": gettext("%(actor)s 声明“%(file)s”继续有效"),
        "evidence.accepted": gettext("%(actor)s 采纳了“%(file)s”"),
        "evidence.returned": gettext("%(actor)s 退回了“%(file)s”：%(reasons)s"),
        "evidence.rejected": gettext("%(actor)s 未采纳“%(file)s”：%(reasons)s"),
        "evidence.flagged": gettext("%(actor)s 标记“%(file)s”已失效"),
        "evidence.requirement_changed": gettext("%(actor)s 变更了佐证要求，“%(file)s”须在30天内确认或更换"),
        "evidence.confirmed": gettext("%(actor)s 确认“%(file)s”仍然有效"),
        "evidence.voided": gettext("%(actor)s 作废了“%(file)s”"),
    }
    return sentences.get(event.kind, event.kind) % words
