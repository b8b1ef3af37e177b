"""The pages that travel in an inspection package: plain HTML in both languages that any office browser shows from a
folder, without network and without scripts."""

import html
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

from tracker.domain import package_words as words
from tracker.domain.package import Content, Gap, Owed, PackedFile, PackedTask
from tracker.domain.package_bag import size_words

FOLDER = "index/卷内目录"
LIST = "材料目录.html"
STATIC = Path(__file__).parent / "package_static"
BAD_OWED = {"missing", "stale", "returned", "partial"}


def esc(text: object) -> str:
    return html.escape(str(text), quote=True)


def both(zh: object, en: object) -> str:
    """Both languages, of which one is shown; once where they are the same."""
    if str(zh) == str(en) or not str(en):
        return esc(zh)
    return f'<span class="zh" lang="zh">{esc(zh)}</span><span class="en" lang="en">{esc(en)}</span>'


def mark(kind: str, told: words.Words) -> str:
    """A state with colour, shape and word; `kind`: good, wait, bad, none."""
    return f'<span class="mark {kind}">{both(*told)}</span>'


def act(action: str) -> str:
    return both(*words.of(words.ACTIONS, action))


def link(path: str, up: int) -> str:
    """A relative address of `path` (below the top folder) from a page `up` folders below it."""
    return "../" * up + quote(path, safe="/")


def day(value: date | None) -> str:
    return f"{value:%Y-%m-%d}" if value else ""


def moment(value: datetime | None, zone: ZoneInfo) -> str:
    return f"{value.astimezone(zone):%Y-%m-%d %H:%M}" if value else ""


def _row(cells: Iterable[str], tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>\n"


def table(head: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]], *, ident: str = "") -> str:
    """Cells are HTML already; heads are pairs of words."""
    body = "".join(_row(cells) for cells in rows)
    name = f' id="{ident}"' if ident else ""
    return f"<table{name}><thead>{_row((both(*one) for one in head), 'th')}</thead><tbody>\n{body}</tbody></table>\n"


def page(content: Content, title: tuple[str, str], body: str, *, up: int) -> bytes:
    """A whole page; `up`: folders below the top."""
    base = "../" * (up - 1)
    home = f'<a href="{base}index.html" data-page="">{both("总目录", "Contents")}</a>'
    listed = f'<a href="{base}{quote(LIST)}" data-page="">{both("材料目录", "All files")}</a>'
    text = f"""<!DOCTYPE html>
<html lang="zh-CN">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{esc(title[0])} · {esc(content.name)}</title>
<link rel="stylesheet" href="{base}package.css"></head>
<body>
<input class="switch" type="radio" name="language" id="zh" checked>
<input class="switch" type="radio" name="language" id="en">
<div class="bar"><span class="name">{esc(content.name)}</span>{home}{listed}
<label for="zh">中文</label><label for="en">English</label></div>
<main>
<h1>{both(*title)}</h1>
{body}</main>
<script src="{base}package.js"></script>
</body>
</html>
"""
    return text.encode()


def task_page_name(task: PackedTask) -> str:
    return f"{task.folder}_卷内目录"


# ------------------------------------------------------------------------------------------------------- the index


def index_page(content: Content) -> bytes:
    body = (
        _cover(content) + _tasks(content) + _gaps(content.gaps, content) + _specials(content) + _problems(content)
        + _how()
    )  # fmt: skip
    return page(
        content, (f"{content.office_zh} {content.year} 年度检查包", f"Inspection package {content.year}"), body, up=1
    )


def _cover(content: Content) -> str:
    packed = [one for one in content.files if one.path]
    size = sum(one.size for one in packed)
    chosen, until = "、".join(content.codes) or "全部任务", day(content.as_of)
    old = both("一并装入", "included") if content.superseded else both("不装入", "not included")
    head = both(f"第 {content.head_seq} 条", f"no. {content.head_seq}")
    figures = (
        ("任务", "Tasks", len(content.tasks)), ("材料", "Files", len(packed)),
        ("大小", "Size", size_words(size)), ("缺项", "Declared gaps", len(content.gaps)),
    )  # fmt: skip
    facts = (
        (both("单位", "Office"), both(content.office_zh, content.office_en)),
        (both("计划年度", "Plan year"), esc(content.year)),
        (both("任务范围", "Tasks"), both(chosen, ", ".join(content.codes) or "all")),
        (both("截至", "As of"), both(f"{until} 24:00（{content.zone}）", f"the end of {until} ({content.zone})")),
        (both("已替代的版本", "Superseded versions"), old),
        (both("审计链头", "Head of the audit chain"), f'{head}<br><span class="hash">{content.head_digest}</span>'),
    )  # fmt: skip
    note = ""
    if not content.over:
        zh = "制作时这一天还没有结束：当天后来的提交和审核不在包内。"
        en = "Made before the day was over: what came later that day is not in here."
        note = f'<p class="note">{both(zh, en)}</p>'
    shown = "".join(f"<div><b>{esc(value)}</b>{both(zh, en)}</div>" for zh, en, value in figures)
    rows = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>\n" for name, value in facts)
    table_ = f'<table class="facts"><tbody>{rows}</tbody></table>'
    return f'{note}<div class="figures">{shown}</div>\n<section>{table_}</section>\n'


def _tasks(content: Content) -> str:
    head = (("编号", "Code"), ("任务", "Task"), ("责任部门", "Owner"), ("应交项", "Obligations"), ("材料", "Files"),
            ("缺项", "Gaps"), ("最近更新", "Last refreshed"))  # fmt: skip
    out, part = [], ""
    for task in content.tasks:
        if task.part_no != part:
            if part:
                out.append("</tbody></table>\n")
            part = task.part_no
            title = both(f"{task.part_no}、{task.part_zh}", task.part_en)
            out.append(f"<h3>{title}</h3><table><thead>{_row((both(*one) for one in head), 'th')}</thead><tbody>\n")
        address = quote(f"卷内目录/{task_page_name(task)}.html")
        files = [one for one in task.files if one.path]
        last = max((one.doc_date for one in files if one.doc_date), default=None)
        gaps = (
            f'<span class="mark bad">{len(task.gaps)}</span>'
            if task.gaps
            else f'<span class="mark good">{both("无", "none")}</span>'
        )
        due = [one for one in task.owed if one.required]
        done = sum(one.state in {"filled", "zero", "waived"} for one in due)
        out.append(
            _row(
                (
                    esc(task.code),
                    f'<a href="{address}" data-page="">{both(task.title_zh, task.title_en)}</a>',
                    both(task.owner_zh, task.owner_en),
                    f"{done} / {len(due)}",
                    str(len(files)),
                    gaps,
                    day(last),
                )
            )
        )
    out.append("</tbody></table>\n" if part else "")
    return f'<section id="tasks"><h2>{both("任务一览", "Tasks")}</h2>{"".join(out)}</section>\n'


def _gaps(gaps: Sequence[Gap], content: Content) -> str:
    title = f"<h2>{both(f'缺项声明（{len(gaps)}）', f'Declared gaps ({len(gaps)})')}</h2>"
    about = both(
        f"截至 {content.as_of:%Y-%m-%d}，下列要求没有有效材料，如实列出。",
        f"As of {content.as_of:%Y-%m-%d} nothing valid answers the following.",
    )
    if not gaps:
        none = both("到期的要求都有有效材料。", "Everything that was due is answered by valid material.")
        return f'<section id="gaps">{title}<p><span class="mark good">{none}</span></p></section>\n'
    head = (("任务", "Task"), ("期次", "Period"), ("要求", "Slot"), ("应于", "Due"), ("情况", "What"))
    rows = [
        (esc(one.task_code), period_words(one.period_no, one.cycle_no), slot_words(one), day(one.due),
         mark("wait" if one.kind == "in_review" else "bad", words.gap(one.kind, one.codes, one.names)))
        for one in gaps
    ]  # fmt: skip
    return f'<section id="gaps">{title}<p class="sub">{about}</p>{table(head, rows)}</section>\n'


def period_words(period_no: str, cycle_no: str = "") -> str:
    if not period_no:
        return ""
    zh, en = words.cycle(period_no)
    if cycle_no and cycle_no != period_no:
        inner = words.cycle(cycle_no)
        return both(f"{zh}·{inner[0]}", f"{en}, {inner[1]}")
    return both(zh, en)


def slot_words(one: Gap | Owed | PackedFile) -> str:
    return f"{esc(one.slot_code)} {both(one.slot_zh, one.slot_en)}" if one.slot_code else ""


def _specials(content: Content) -> str:
    lines = [one for task in content.tasks for one in task.specials]
    if not lines:
        return ""
    head = (("任务", "Task"), ("期次", "Period"), ("种类", "Kind"), ("材料", "File"), ("日期", "Date"),
            ("期限", "Until"), ("理由", "Reason"))  # fmt: skip
    rows = [
        (esc(one.task_code), period_words(one.period_no), both(*words.of(words.SPECIALS, one.kind)),
         esc(one.what.rpartition("/")[2]), day(one.day), day(one.until), esc(one.reason))
        for one in lines
    ]  # fmt: skip
    title = both("逾期、补录、零报告、免报、延期", "Late, supplemented, zero reports, waivers, extensions")
    return f'<section id="specials"><h2>{title}</h2>{table(head, rows)}</section>\n'


def _problems(content: Content) -> str:
    lines = [one for task in content.tasks for one in task.problems]
    if not lines:
        return ""
    head = (("督办单", "Notice"), ("任务", "Task"), ("期次", "Period"), ("问题", "Problem"), ("要求", "Demand"),
            ("签发", "Signed"), ("限期", "Due"), ("销号", "Closed"))  # fmt: skip
    rows = [
        (esc(one.number), esc(one.task_code), period_words(one.period_no), esc(one.problem), esc(one.demand),
         day(one.signed_on), day(one.due),
         day(one.closed_on) or f'<span class="mark wait">{both("未销号", "open")}</span>')
        for one in lines
    ]  # fmt: skip
    title = both("问题清单和整改", "Problems and rectification")
    return f'<section id="problems"><h2>{title}</h2>{table(head, rows)}</section>\n'


def _how() -> str:
    zh = (
        "<ul><li>把压缩包解开，用 Python 3.6 以上运行 <code>python verify.py</code>；"
        "或不解开，运行 <code>python verify.py 检查包.zip</code>。不需要网络和其他软件。</li>"
        "<li>每个文件的 SHA-256 在 <code>manifest-sha256.txt</code>，SM3 在 <code>digests/sm3sum.txt</code>；"
        "其余文件的摘要在 <code>tagmanifest-sha256.txt</code>。</li>"
        "<li>单个文件可在 Windows 命令行用 <code>certutil -hashfile 文件 SHA256</code> 核对。</li>"
        "<li>审计记录在 <code>审计/audit_extract.csv</code>，每条可重新计算；链头应与本单位留存的一致。</li></ul>"
    )
    en = (
        "<ul><li>Unpack the ZIP and run <code>python verify.py</code> with Python 3.6 or later, "
        "or leave it packed and run <code>python verify.py FILE.zip</code>. Nothing else is needed.</li>"
        "<li>SHA-256 of every file: <code>manifest-sha256.txt</code>; SM3: <code>digests/sm3sum.txt</code>; "
        "all other files: <code>tagmanifest-sha256.txt</code>.</li>"
        "<li>A single file on Windows: <code>certutil -hashfile FILE SHA256</code>.</li>"
        "<li>Audit records: <code>审计/audit_extract.csv</code>; each can be computed again, "
        "and the head must be the one that the office keeps.</li></ul>"
    )
    return (
        f'<section id="verify"><h2>{both("怎样核验", "How to verify")}</h2>'
        f'<div class="zh" lang="zh">{zh}</div><div class="en" lang="en">{en}</div></section>\n'
    )


# --------------------------------------------------------------------------------------------------- all the files


def list_page(content: Content) -> bytes:
    head = (("任务", "Task"), ("要求", "Slot"), ("材料", "File"), ("文号", "Doc. no."), ("责任者", "Issuer"),
            ("形成日期", "Dated"), ("所属期间", "Covers"), ("页数", "Pages"), ("大小", "Size"),
            ("状态", "State"))  # fmt: skip
    rows = [
        (esc(one.task_code), f"{esc(one.slot_code)} {both(one.slot_zh, one.slot_en)}", file_link(one, 1),
         esc(one.doc_no), esc(one.issuer), day(one.doc_date), covered(one),
         esc(one.pages if one.pages is not None else ""), size_words(one.size),
         both(*words.of(words.STATES, one.state)))
        for one in content.files
    ]  # fmt: skip
    search = (
        '<p class="gone"><input class="search" type="search" placeholder="查找 / Search" aria-label="查找 / Search"> '
        f'<span id="count">{len(rows)}</span></p>'
    )
    return page(
        content, ("佐证材料目录", "All files"), f"<section>{search}{table(head, rows, ident='files')}</section>\n", up=1
    )


def file_link(one: PackedFile, up: int) -> str:
    """The file by its name in the package, its original name, and the link to its record."""
    original = f'<div class="tiny">{esc(one.file_name)}</div>'
    record = f'<div class="tiny"><a href="{link(one.meta_path, up)}">{both("登记信息", "record")}</a></div>'
    if not one.path:
        why = both(*words.of(words.GAPS, one.absent))
        return f'<span class="mark bad">{why}</span>{original}{record}'
    return f'<a href="{link(one.path, up)}">{esc(one.path.rpartition("/")[2])}</a>{original}{record}'


def covered(one: PackedFile) -> str:
    if not one.covered_from and not one.covered_to:
        return ""
    return f"{day(one.covered_from)} – {day(one.covered_to)}"


# -------------------------------------------------------------------------------------------------------- one task


def task_page(content: Content, task: PackedTask) -> bytes:
    """卷内目录 with everything about the task."""
    owner = both(f"责任部门：{task.owner_zh}", f"Owner: {task.owner_en or task.owner_zh}")
    part = both(f"{task.part_no}、{task.part_zh}", task.part_en)
    body = f'<p class="sub">{part}　·　{owner}{"　·　" + esc(task.deadline) if task.deadline else ""}</p>\n'
    body += _periods(task) + _gaps(task.gaps, content) + _figures(task) + _volume(content, task) + _obligations(task)
    return page(content, (f"{task.code} {task.title_zh}", f"{task.code} {task.title_en or task.title_zh}"), body, up=2)


def _periods(task: PackedTask) -> str:
    head = (("期次", "Period"), ("起止", "From, to"), ("期限", "Due"), ("状态", "State"), ("说明", "Why"))
    marks = {"complete": "good", "zero_report": "good", "overdue": "bad", "insufficient": "bad", "submitted": "wait"}
    rows = [
        (period_words(one.period_no), f"{day(one.start)} – {day(one.end)}", day(one.due),
         f'<span class="mark {marks.get(one.state, "none")}">{both(*words.of(words.PERIODS, one.state))}</span>',
         "；".join(both(*words.of(words.CODES, code)) for code in one.insufficient))
        for one in task.periods
    ]  # fmt: skip
    return f"<section><h2>{both('期次', 'Periods')}</h2>{table(head, rows)}</section>\n"


def _figures(task: PackedTask) -> str:
    if not task.figures:
        return ""
    head = (("编号", "Code"), ("指标", "Indicator"), ("目标", "Target"), ("期次", "Period"), ("数值", "Value"),
            ("截至", "As of"), ("要求", "Slot"), ("佐证", "Proof"), ("页码", "Pages"))  # fmt: skip
    rows = []
    for one in task.figures:
        proof = task.files[one.file] if one.file is not None else None
        rows.append(
            (esc(one.code), both(one.name_zh, one.name_en), esc(words.target(one.op, one.target, one.unit)),
             period_words(one.period_no), esc(words.figure(one.value, one.qualifier, one.unit) or "—"),
             day(one.as_of), slot_words(proof) if proof else "", file_link(proof, 2) if proof else "",
             words.page_range(proof.pages) if proof else "")
        )  # fmt: skip
    return f"<section><h2>{both('指标', 'Indicators')}</h2>{table(head, rows)}</section>\n"


def _volume(content: Content, task: PackedTask) -> str:
    zone = ZoneInfo(content.zone)
    head = (("顺序号", "No."), ("题名", "Title"), ("文号", "Doc. no."), ("责任者", "Issuer"), ("日期", "Dated"),
            ("页数", "Pages"), ("提交、审核", "Submitted, reviewed"), ("SHA-256", "SHA-256"))  # fmt: skip
    rows = []
    for number, one in enumerate(task.files, 1):
        reviewed = f"{esc(one.reviewer)} {moment(one.decided_at, zone)}" if one.reviewer else ""
        acts = "".join(
            f'<div class="tiny">{moment(line.at, zone)} {esc(line.actor)} {act(line.action)}</div>'
            for line in one.history
        )
        state = f'<div><span class="mark none">{both(*words.of(words.STATES, one.state))}</span></div>'
        span = f'<div class="tiny">{both("所属期间", "covers")} {covered(one)}</div>' if covered(one) else ""
        late = (
            f'<div class="tiny">{both("补录理由", "late because")}：{esc(one.late_reason)}</div>'
            if one.late_reason
            else ""
        )
        rows.append(
            (str(number), file_link(one, 2) + span + late, esc(one.doc_no), esc(one.issuer), day(one.doc_date),
             esc(one.pages if one.pages is not None else ""), state + reviewed + acts,
             f'<span class="hash">{one.sha256}</span>')
        )  # fmt: skip
    title = both("卷内目录", "Files of this volume")
    if not rows:
        return f'<section><h2>{title}</h2><p class="sub">{both("没有有效材料。", "No valid material.")}</p></section>\n'
    return f"<section><h2>{title}</h2>{table(head, rows)}</section>\n"


def _obligations(task: PackedTask) -> str:
    head = (
        ("要求", "Slot"),
        ("期次", "Period"),
        ("应于", "Due"),
        ("份数", "Count"),
        ("状态", "State"),
        ("材料", "Files"),
    )
    rows = []
    for one in task.owed:
        mark = "bad" if one.state in BAD_OWED else "good" if one.state in {"filled", "zero", "waived"} else "none"
        names = "".join(f"<div>{file_link(file, 2)}{_pages(file)}</div>" for file in _found(task, one))
        rows.append(
            (slot_words(one) + ("" if one.required else f' <span class="tiny">{both("选报", "optional")}</span>'),
             period_words(one.period_no, one.cycle_no), day(one.due), f"{one.accepted} / {one.min_count}",
             f'<span class="mark {mark}">{both(*words.of(words.OWED, one.state))}</span>', names)
        )  # fmt: skip
    return f"<section><h2>{both('应交项', 'Obligations')}</h2>{table(head, rows)}</section>\n"


def _found(task: PackedTask, owed: Owed) -> list[PackedFile]:
    return [task.files[number] for number in owed.files]


def _pages(file: PackedFile) -> str:
    pages = words.page_range(file.pages)
    return f'<div class="tiny">{both(f"页码 {pages}", f"pages {pages}")}</div>' if pages else ""


def door_page(content: Content) -> bytes:
    """At the top of the package, to be opened by a double click."""
    title = f"打开 {content.name}"
    return (
        f'<!DOCTYPE html>\n<html lang="zh-CN"><head><meta charset="utf-8"><title>{esc(title)}</title>'
        '<meta http-equiv="refresh" content="0; url=index/index.html"></head>\n'
        '<body><p><a href="index/index.html">打开目录 / Open the contents</a></p></body></html>\n'
    ).encode()


def statics() -> list[tuple[str, bytes]]:
    return [(f"index/{name}", (STATIC / name).read_bytes()) for name in ("package.css", "package.js")]
