"""督办单 as an official paper; Chinese in every language of the pages, because the notice itself is."""

from datetime import datetime
from zoneinfo import ZoneInfo

from tracker.adapters.official_paper import (
    Block,
    Body,
    Grid,
    Heading,
    Imprint,
    Paper,
    Signature,
    day_words,
    write_paper,
)
from tracker.domain.calendar import local_date
from tracker.domain.notices import cycle_words
from tracker.queries.notices import NoticePage, StepRow

TITLE = "内部督办单"
COLOURS = {"blue": "蓝色", "yellow": "黄色", "red": "红色"}
RESULTS = {"returned": "退回继续办理", "escalated": "升级督办", "closed": "准予销号"}
NONE = "无"
WIDTHS = (34.0, 122.0)  # mm, together the width of the type area


def notice_number(page: NoticePage) -> str:
    """督办〔2026〕3号; with an empty place before it is signed."""
    return page.row.reference or "督办〔　　〕　号（拟办稿）"


def write_notice(page: NoticePage, zone: ZoneInfo, link: tuple[int, str]) -> bytes:
    """The notice with all that rules.md section 12 lists, as a .docx.

    `link`: number and digest, in the audit log, of the last thing done to it.
    """
    signed = local_date(page.signed_at, zone) if page.signed_at else None
    paper = Paper(
        title=TITLE,
        number=notice_number(page),
        to=page.row.owner_zh,
        letterhead=f"{page.office_zh}法治建设督办",
        imprint=Imprint("、".join((*(zh for zh, _ in page.cooperating), "存档")), page.office_zh, signed),
        blocks=(*_matter(page), Signature(page.office_zh, signed), Grid(_course(page, zone, link), WIDTHS)),
        at=page.steps[-1].at if page.steps else page.row.drafted_at,
    )
    return write_paper(paper)


def _matter(page: NoticePage) -> tuple[Block, ...]:
    row = page.row
    late = f"逾期{row.days_late}个工作日" if row.days_late else "尚未逾期"
    # 「…前」 alone reads as exclusive (rules.md 1.7); the clock runs to the end of the day.
    due = f"{day_words(row.due)}前（含当日）" if row.due else f"送达之日起{page.workdays}个工作日内"
    return (
        Heading("一、督办事项"),
        Body(f"{row.code}　{row.title_zh}（{row.plan_year}年{cycle_words(row.period_no)}）", "任务："),
        Body(row.owner_zh, "责任部门："),
        Body("、".join(page.responsible) or NONE, "责任人："),
        Body("、".join(zh for zh, _ in page.cooperating) or NONE, "协同部门："),
        Body(f"{day_words(row.original_due)}，{late}", "原定时限："),
        Body(COLOURS[row.colour], "督办等级："),
        Heading("二、存在问题"),
        Body(page.problem or NONE),
        Heading("三、办理要求"),
        Body(page.demand or NONE),
        Body(due, "办结时限："),
    )


def _course(page: NoticePage, zone: ZoneInfo, link: tuple[int, str]) -> tuple[tuple[str, ...], ...]:
    def who(name: str, at: datetime | None) -> str:
        return f"{name}　{_moment(at, zone)}" if at else ""

    talks = [step for step in page.steps if step.act == "talk"]
    return (
        ("签发人和日期", who(page.signed_by, page.signed_at)),
        ("送达时间", _moment(page.delivered_at, zone) if page.delivered_at else ""),
        ("签收人和时间", who(page.acknowledged_by, page.acknowledged_at)),
        ("办理情况反馈", "\n".join(_told(step, zone) for step in page.feedback)),
        ("核查意见", "\n".join(_told(step, zone) for step in page.verdicts)),
        *((("约谈记录", "\n".join(_told(step, zone) for step in talks)),) if talks else ()),
        ("销号人和日期", who(page.closed_by, page.closed_at) if page.row.state == "closed" else ""),
        ("审计日志", f"第{link[0]}条　{link[1]}"),
    )


def _told(step: StepRow, zone: ZoneInfo) -> str:
    result = f"{RESULTS[step.act]}。" if step.act in RESULTS else ""
    files = "".join(f"\n佐证材料：{file.slot_zh}，{file.file_name}" for file in step.files)
    return f"{result}{step.text}{files}\n（{step.by}　{_moment(step.at, zone)}）"


def _moment(at: datetime | None, zone: ZoneInfo) -> str:
    if at is None:
        return ""
    return f"{day_words(local_date(at, zone))} {at.astimezone(zone):%H:%M}"
