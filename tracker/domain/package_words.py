"""The words of an inspection package in both languages: it leaves the installation, so it carries its own.

Each table: code -> (Chinese, English). What is not in a table is shown as its code.
"""

from collections.abc import Iterable

Words = tuple[str, str]

GAPS: dict[str, Words] = {
    "missing": ("缺项：到期未提供", "Missing: due and never provided"),
    "partial": ("份数不足", "Fewer than asked for"),
    "stale": ("已过期，更新不及时", "Stale: no longer in force"),
    "returned": ("退回补正，尚未重新提交", "Returned and not yet mended"),
    "in_review": ("已提交，尚未审核", "Submitted, not yet reviewed"),
    "lacking": ("材料组成不齐", "Parts of the set are missing"),
    "insufficient": ("不充分", "Insufficient"),
    "damaged": ("完整性异常，未装入", "Damaged: not packed"),
    "removed": ("内容已按程序清除，只留记录和摘要", "Removed by procedure; record and digest remain"),
    "object_missing": ("文件在存储中丢失，未装入", "The file is missing in the store: not packed"),
    "object_changed": ("文件与登记的摘要不符，未装入", "The file does not match its digest: not packed"),
}
CODES: dict[str, Words] = {
    "S1": ("有效期已过", "validity expired"),
    "S2": ("到期未更新", "refresh missed"),
    "S3": ("期间不符，只有旧材料", "only material of another period"),
    "S4": ("要求已改，尚未确认", "requirement changed"),
    "S5": ("依据已废止", "basis repealed"),
    "S6": ("人员已变动", "people changed"),
    "I1": ("采纳份数不足", "fewer accepted than asked for"),
    "I2": ("指标未达到目标值", "a target is not met"),
    "I3": ("指标没有数值或没有佐证", "an indicator has no value or no proof"),
    "I4": ("有应体现的内容未核实", "a point to be shown is not ticked"),
    "I5": ("材料种类单一", "all material is of one kind"),
    "I6": ("只有文件，没有落实记录", "plans only, no record of execution"),
    "I7": ("口径核对不一致", "figures do not reconcile"),
    "I8": ("指标定义不完整", "the indicator is not defined"),
}
STATES: dict[str, Words] = {
    "accepted": ("已采纳", "Accepted"),
    "archived": ("已归档", "Archived"),
    "superseded": ("已替代", "Superseded"),
    "damaged": ("完整性异常", "Damaged"),
}
OWED: dict[str, Words] = {
    "missing": ("缺项", "Missing"),
    "draft": ("草稿", "Draft"),
    "submitted": ("待审核", "Awaiting review"),
    "returned": ("退回补正", "Returned"),
    "partial": ("份数不足", "Partly provided"),
    "filled": ("已备齐", "Provided"),
    "stale": ("已过期", "Stale"),
    "waived": ("免报", "Waived"),
    "not_due": ("未到期", "Not yet due"),
    "zero": ("零报告", "Zero report"),
    "optional": ("选报，未提供", "Optional, not provided"),
}
PERIODS: dict[str, Words] = {
    "not_started": ("未启动", "Not started"),
    "in_progress": ("进行中", "In progress"),
    "submitted": ("待审核", "In review"),
    "complete": ("已完成", "Complete"),
    "overdue": ("逾期", "Overdue"),
    "insufficient": ("不充分", "Insufficient"),
    "waived": ("免报", "Waived"),
    "zero_report": ("零报告", "Zero report"),
    "closed": ("已关账", "Closed"),
}
SPECIALS: dict[str, Words] = {
    "late": ("逾期提交", "Submitted late"),
    "supplement": ("补录", "Late supplement"),
    "zero_report": ("零报告", "Zero report"),
    "waiver": ("免报", "Waiver"),
    "extension": ("延期", "Extension"),
    "continuation": ("声明继续有效", "Continuation statement"),
}
ACTIONS: dict[str, Words] = {
    "evidence.uploaded": ("上传", "uploaded"),
    "evidence.submitted": ("提交", "submitted"),
    "evidence.withdrawn": ("撤回", "withdrawn"),
    "evidence.accepted": ("采纳", "accepted"),
    "evidence.returned": ("退回", "returned"),
    "evidence.rejected": ("不予采纳", "rejected"),
    "evidence.continued": ("声明继续有效", "continuation stated"),
    "evidence.flagged": ("标记失效", "flagged"),
    "evidence.confirmed": ("确认仍有效", "confirmed"),
    "evidence.voided": ("作废", "voided"),
}
COLOURS: dict[str, Words] = {"red": ("红", "red"), "yellow": ("黄", "yellow"), "blue": ("蓝", "blue")}

_CYCLES: dict[str, Words] = {
    "Y": ("全年", "Year"), "H1": ("上半年", "1st half"), "H2": ("下半年", "2nd half"),
    "Q1": ("第一季度", "Q1"), "Q2": ("第二季度", "Q2"), "Q3": ("第三季度", "Q3"), "Q4": ("第四季度", "Q4"),
}  # fmt: skip


def of(table: dict[str, Words], code: str) -> Words:
    return table.get(code, (code, code))


def cycle(code: str) -> Words:
    """Q3 -> 第三季度; M09 -> 9月; E002 -> 事项2."""
    if code in _CYCLES:
        return _CYCLES[code]
    number = code[1:].lstrip("0")
    if code[:1] == "M" and number.isdigit():
        return f"{number}月", f"Month {number}"
    if code[:1] == "E" and number.isdigit():
        return f"事项{number}", f"Event {number}"
    return code, code


def exact(codes: Iterable[str], names: Iterable[Words] = ()) -> Words:
    """What makes a gap exact: why it is stale or insufficient, which piece, which file; ("", "") when nothing does."""
    told = [*(of(CODES, code) for code in codes), *((zh, en or zh) for zh, en in names)]
    return "；".join(one[0] for one in told), "; ".join(one[1] for one in told)


def gap(kind: str, codes: Iterable[str] = (), names: Iterable[Words] = ()) -> Words:
    """The gap in words, with what makes it exact in brackets."""
    (zh, en), (why_zh, why_en) = of(GAPS, kind), exact(codes, names)
    return (f"{zh}（{why_zh}）", f"{en} ({why_en})") if why_zh else (zh, en)


def page_range(pages: int | None) -> str:
    """页码 of a file that answers as a whole: 1—12; "" where nobody knows how many pages it has."""
    if not pages:
        return ""
    return "1" if pages == 1 else f"1—{pages}"


def figure(value: float | None, qualifier: str, unit: str) -> str:
    """150余次; "" where there is no value."""
    if value is None:
        return ""
    number = f"{value:.10g}"
    return f"{number}{'余' if qualifier == 'over' else ''}{unit}"


def target(op: str | None, value: float | None, unit: str) -> str:
    """≥4次; "" for an indicator that is only watched."""
    if op is None or value is None:
        return ""
    return f"{ {'>=': '≥', '<=': '≤', '=': '＝'}.get(op, op) }{value:.10g}{unit}"
