"""The words of the legal office's pages, in the reader's language: states, reasons and lights by their codes.

Each function gives the same mapping to all who speak the language: it is there to be read.
"""

from tracker.web.filters import MONTHS, is_english
from tracker.web.locale import gettext as _
from tracker.web.locale import per_language

SYMBOLS = {"red": "▲", "yellow": "◆", "blue": "■", "green": "●", "grey": "○"}


@per_language
def light_words() -> dict[str, str]:
    return {
        "red": _("逾期或失效"),
        "yellow": _("需要留意"),
        "blue": _("待审核"),
        "green": _("正常"),
        "grey": _("未到"),
    }


@per_language
def tile_words() -> dict[str, str]:
    """Reason of a period's light → the one word on its tile."""
    return {
        "damaged": _("文件损坏"),
        "overdue": _("逾期"),
        "insufficient": _("不充分"),
        "stale": _("已过期"),
        "returned": _("退回"),
        "due_soon": _("临期"),
        "soon_stale": _("将过期"),
        "behind": _("滞后"),
        "tentative": _("暂定"),
        "notice": _("督办"),
        "in_review": _("待审"),
        "complete": _("完成"),
        "zero_report": _("零报告"),
        "waived": _("免报"),
        "on_schedule": _("正常"),
        "not_due": _("进行"),
        "later": _("未到"),
    }


@per_language
def reason_sentences() -> dict[str, str]:
    """Reason of a period's light → what it means."""
    return {
        "damaged": _("有文件与存档时的摘要值不符"),
        "overdue": _("有应交项过了期限还没有交齐"),
        "insufficient": _("期限已过，材料或指标不充分"),
        "stale": _("有材料已经失效，需要更新"),
        "returned": _("有材料被退回，还没有补正"),
        "due_soon": _("期限将到，还有材料没有提交"),
        "soon_stale": _("有材料即将失效"),
        "behind": _("指标落后于时间进度"),
        "tentative": _("节假日表未导入，期限为暂定"),
        "notice": _("督办单还没有销号"),
        "in_review": _("已全部提交，等待审核"),
        "complete": _("已完成"),
        "zero_report": _("零报告，本期无此事项"),
        "waived": _("免报，这一期不用交"),
        "on_schedule": _("按进度进行"),
        "not_due": _("离期限还早"),
    }


@per_language
def period_words() -> dict[str, str]:
    return {
        "not_started": _("未启动"),
        "in_progress": _("进行中"),
        "submitted": _("待审核"),
        "complete": _("已完成"),
        "overdue": _("逾期"),
        "insufficient": _("不充分"),
        "waived": _("免报"),
        "zero_report": _("零报告"),
    }


@per_language
def obligation_words() -> dict[str, str]:
    return {
        "missing": _("缺项"),
        "draft": _("草稿未提交"),
        "submitted": _("待审核"),
        "returned": _("退回补正"),
        "partial": _("未交齐"),
        "filled": _("已采纳"),
        "stale": _("已失效"),
    }


@per_language
def version_words() -> dict[str, str]:
    return {
        "draft": _("草稿"),
        "submitted": _("待审核"),
        "accepted": _("已采纳"),
        "returned": _("退回补正"),
        "rejected": _("不予采纳"),
        "superseded": _("已替代"),
        "withdrawn": _("已撤回"),
        "voided": _("作废"),
        "archived": _("已归档"),
        "damaged": _("完整性异常"),
    }


@per_language
def version_lights() -> dict[str, str]:
    """State of a version → the light it is shown with."""
    return {
        "submitted": "blue",
        "accepted": "green",
        "archived": "green",
        "returned": "yellow",
        "rejected": "red",
        "damaged": "red",
    }


@per_language
def stale_words() -> dict[str, str]:
    return {
        "S1": _("有效期已过"),
        "S2": _("到期没有更新"),
        "S3": _("只有以前期次的材料"),
        "S4": _("佐证要求已变更，须重新确认"),
        "S5": _("所依据的规定、名单或合同已失效"),
        "S6": _("名单上的人员已变动"),
    }


@per_language
def insufficient_words() -> dict[str, str]:
    return {
        "I1": _("采纳的份数不够"),
        "I2": _("指标没有达到目标"),
        "I3": _("指标没有数值，或数值没有材料证明"),
        "I4": _("有必须体现的要点没有体现"),
        "I5": _("材料种类单一"),
        "I6": _("只有文件，没有落实记录"),
        "I7": _("数字核对不上"),
        "I8": _("指标本身不明确"),
    }


@per_language
def kind_words() -> dict[str, str]:
    return {
        "document": _("文件"),
        "minutes": _("会议纪要"),
        "ledger": _("台账"),
        "statistics": _("统计表"),
        "photo": _("照片"),
        "screenshot": _("截图"),
        "case_file": _("案卷"),
        "video": _("视频"),
    }


@per_language
def return_reasons() -> dict[str, str]:
    """R01 to R12, in order."""
    return {
        "R01": _("材料日期或所属期间不在本期"),
        "R02": _("缺少签字、盖章或发文编号"),
        "R03": _("内容与指标要求不对应"),
        "R04": _("缺页、缺附件或只上传了首页"),
        "R05": _("扫描或拍摄模糊，无法辨认"),
        "R06": _("数字与台账、统计表或报告口径不一致"),
        "R07": _("重复使用以前期次的材料"),
        "R08": _("时间、地点、来源无法核实"),
        "R09": _("含未脱敏的个人信息"),
        "R10": _("只有通知或方案，没有落实记录"),
        "R11": _("格式不可读、加密或损坏"),
        "R12": _("涉密或工作秘密内容不得上传"),
    }


@per_language
def warning_words() -> dict[str, str]:
    """What the reviewer is warned of."""
    return {
        "duplicate": _("与以前交过的文件逐字节相同，不能刷新有效期。"),
        "shared_widely": _("这份文件已用于三个以上的佐证要求，请核对是否都合适。"),
        "backdated": _("疑似倒签：文件内嵌的创建日期比形成日期晚 7 天以上。"),
        "supplement": _("补录：形成 90 天以后才上传。"),
        "corrected": _("更正日期：内容与上一版逐字节相同，只改了日期，请核对。"),
    }


@per_language
def flag_words() -> dict[str, str]:
    return {"S5": _("依据已失效（法规、名单或合同）"), "S6": _("人员已变动（名单、小组成员）")}


def month_words() -> list[str]:
    return list(MONTHS) if is_english() else [f"{month}月" for month in range(1, 13)]


def short_cycle(number: str) -> str:
    """Y, H1, Q3, M10 without the year: 全年, 上半年, 三季度, 10月."""
    kind, place = number[:1], number[1:]
    if kind == "E" and place.isdigit():
        return str(_("第%(number)s件", number=int(place)))
    if kind == "M" and place.isdigit():
        return month_words()[int(place) - 1]
    names = {
        "Y": _("全年"),
        "H1": _("上半年"),
        "H2": _("下半年"),
        "Q1": _("一季度"),
        "Q2": _("二季度"),
        "Q3": _("三季度"),
        "Q4": _("四季度"),
    }
    return str(names.get(number, number))
