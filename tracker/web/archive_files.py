"""What the archive's catalogues say, in Chinese whatever the language of the pages: they are papers of the office."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tracker.domain.archiving import PERIOD_NAMES, ArchiveRules, date8, page_starts
from tracker.domain.calendar import local_date
from tracker.queries.archive import ItemLine, VolumeLine

if TYPE_CHECKING:
    from tracker.adapters.archive_paper import Catalogue

ITEM_HEAD = ("序号", "档号", "文号", "责任者", "题名", "日期", "密级", "页数", "备注")
ITEM_WIDTHS = (12.0, 55.0, 31.0, 30.0, 56.0, 22.0, 13.0, 13.0, 25.0)  # mm; 257 across, a usual number on one line
VOLUME_HEAD = ("顺序号", "文号", "责任者", "题名", "日期", "页号", "备注")
VOLUME_WIDTHS = (14.0, 28.0, 28.0, 41.0, 22.0, 16.0, 16.0)  # mm; 165 upright
STAMP_HEAD = ("档号", "全宗号", "年度", "件号", "机构（问题）", "保管期限", "页数")
SECRECY = "非密"  # nothing else may be in here (security.md)


def head_line(head: tuple[int, str], at: datetime, zone: ZoneInfo) -> str:
    """What every paper says of the log at the time of its making."""
    return f"审计日志链头 第{head[0]}条 {head[1][:16]} {local_date(at, zone):%Y-%m-%d}"


def _pages(count: int | None) -> str:
    return "" if count is None else str(count)


def _remark(item: ItemLine) -> str:
    said = "作废" if item.voided_at else "材料已作废，不移交" if item.revoked else ""
    return "；".join(part for part in (said, item.note) if part)


def _row(place: int, item: ItemLine) -> tuple[str, ...]:
    if item.voided_at:
        return (str(place), item.archive_no, "", "", "（作废）", "", "", "", _remark(item))
    return (
        str(place), item.archive_no, item.doc_no, item.issuer, item.title, date8(item.doc_date), SECRECY,
        _pages(item.pages), _remark(item),
    )  # fmt: skip


def item_catalogue(
    items: Sequence[ItemLine], rules: ArchiveRules, *, office: str, year: int, retention: str, unit: str, at: datetime,
    head: tuple[int, str], zone: ZoneInfo,
) -> "Catalogue":  # fmt: skip
    """归档文件目录 of one class; `retention` and `unit` are names, "" for all of them."""
    from tracker.adapters.archive_paper import Catalogue  # slow to load: only who prints pays for it

    live = [item for item in items if not item.voided_at]
    known = sum(item.pages or 0 for item in live)
    unknown = sum(item.pages is None for item in live)
    said = f"本目录共{len(live)}件，{known}页" + (f"（另有{unknown}件页数待填）" if unknown else "")
    voided = len(items) - len(live)
    return Catalogue(
        title="归档文件目录",
        cover=(
            ("全宗名称", rules.fonds_name or office), ("全宗号", rules.fonds), ("年　　度", str(year)),
            ("保管期限", retention or "全部"), ("机构（问题）", unit or "全部"),
        ),
        head=ITEM_HEAD,
        widths=ITEM_WIDTHS,
        rows=tuple(_row(place, item) for place, item in enumerate(items, 1)),
        remarks=(
            ("情况说明", f"{said}；作废档号{voided}个。" if voided else f"{said}。"), ("补充说明", ""),
            ("整 理 人", ""), ("检 查 人", ""), ("日　　期", ""),
        ),
        at=at,
        foot=head_line(head, at, zone),
        centred=frozenset({0, 5, 6, 7}),
        stamps=(
            STAMP_HEAD,
            *(
                (item.archive_no, rules.fonds, str(item.year), f"{item.number:04}",
                 rules.units.get(item.department_code, item.department_code), PERIOD_NAMES[item.retention],
                 _pages(item.pages))
                for item in live
            ),
        ),
    )  # fmt: skip


def volume_catalogue(
    volume: VolumeLine, items: Sequence[ItemLine], rules: ArchiveRules, *, office: str, unit: str, at: datetime,
    head: tuple[int, str], zone: ZoneInfo,
) -> "Catalogue":  # fmt: skip
    """案卷封面, 卷内文件目录 and 卷内备考表 of one volume."""
    from tracker.adapters.archive_paper import Catalogue

    live = [item for item in items if not item.voided_at]
    starts = page_starts(item.pages for item in live)
    days = f"{date8(volume.first_day)} — {date8(volume.last_day)}" if volume.first_day else ""
    pages = "" if volume.pages is None else f"{volume.pages}页"
    return Catalogue(
        title="卷内文件目录",
        cover=(
            ("全宗名称", rules.fonds_name or office), ("类目名称", unit), ("案卷题名", volume.title),
            ("起止时间", days), ("保管期限", PERIOD_NAMES[volume.retention]),
            ("件 、 页数", f"{len(live)}件　{pages}".strip()), ("归 档 号", ""), ("档　　号", volume.archive_no),
        ),
        head=VOLUME_HEAD,
        widths=VOLUME_WIDTHS,
        rows=tuple(
            (str(place), item.doc_no, item.issuer, item.title, date8(item.doc_date), start, _remark(item))
            for place, (item, start) in enumerate(zip(live, starts, strict=True), 1)
        ),
        remarks=(
            ("本卷情况说明", f"本卷共{len(live)}件{'，' + pages if pages else ''}。{volume.note}"), ("补充说明", ""),
            ("立 卷 人", ""), ("检 查 人", ""), ("立卷时间", f"{local_date(volume.made_at, zone):%Y年%m月%d日}"),
        ),
        at=at,
        foot=head_line(head, at, zone),
        across=False,
        cover_title="案卷封面",
        remarks_title="卷内备考表",
        centred=frozenset({0, 4, 5}),
    )  # fmt: skip
