"""Every file of an inspection package that is made and not evidence, except its manifests: (path, bytes), in order.

Paths lie below the top folder. The same content gives the same bytes.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

from tracker.adapters import package_pages as pages
from tracker.adapters import package_sheets as sheets
from tracker.domain import package_words as words
from tracker.domain.package import AuditLine, Content, PackedFile

VERIFIER = Path(__file__).with_name("package_verify.py")
UNKNOWN = {"", "application/octet-stream"}
GAPS = "data/缺项声明.csv"
# What a spreadsheet would compute instead of show. The extract is for programs: its cells stay as they are.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
README = """检查包：{name}
截至 {day} 24:00 的有效材料、缺项声明和审计记录。

怎样看：双击“打开目录.html”，在浏览器里看目录和材料，不需要网络。
怎样核验：用 Python 3.6 以上运行  python verify.py  （解开的文件夹）
          或者  python verify.py 检查包.zip  （没有解开的压缩包），不需要网络和其他软件。
          改动、缺少、多出的文件和改过的审计记录都会按名称列出。
怎样放：  data/ 是材料，每个任务一个文件夹；每份材料旁边的 .meta.json 是它的登记信息。
          index/ 是目录和对照表；审计/ 是审计记录摘录和检测结果。
          本包按 BagIt 1.0 (RFC 8493) 制作，任何 BagIt 工具都能核验。

Inspection package {name}: what was valid at the end of {day}, with its declared gaps and its audit records.
To read: open 打开目录.html by a double click; no network is needed.
To verify: python verify.py (unpacked) or python verify.py FILE.zip, with Python 3.6 or later and nothing else.
Layout: BagIt 1.0 (RFC 8493); evidence in data/, tables and pages in index/, audit records in 审计/.
"""


def _text(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def as_json(data: Any) -> bytes:
    return (json.dumps(data, ensure_ascii=False, sort_keys=True, indent=1, default=_text) + "\n").encode()


def as_csv(head: Sequence[str], rows: Iterable[Sequence[object]], *, safe: bool = True) -> bytes:
    """UTF-8 with its mark, so that spreadsheets read it right."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    for row in rows:
        cells = ["" if value is None else str(value) for value in row]
        writer.writerow([f"'{cell}" if safe and cell.startswith(FORMULA) else cell for cell in cells])
    return out.getvalue().encode("utf-8-sig")


def meta(one: PackedFile) -> bytes:
    """What is known of one file: dates, digests, people, history."""
    data = asdict(one)
    data["serves"] = [{"period": period, "cycle": cycle} for period, cycle in one.serves]
    return as_json({key: value for key, value in data.items() if key != "meta_path"})


def _index(content: Content) -> bytes:
    data = asdict(content)
    for key in ("audit", "day_heads"):
        data.pop(key)
    for task in data["tasks"]:
        for one in task["files"]:
            one.pop("history")  # in its .meta.json
    return as_json(data)


def _gaps(content: Content) -> bytes:
    rows = (
        (one.task_code, one.period_no, one.cycle_no, one.slot_code, one.slot_zh, one.due, one.kind,
         *words.gap(one.kind, one.codes, one.names))
        for one in content.gaps
    )  # fmt: skip
    return as_csv(("任务", "期次", "周期", "要求编号", "要求", "应于", "代码", "情况", "What"), rows)


def _extract(lines: Iterable[AuditLine]) -> bytes:
    head = ("seq", "office", "at", "actor_id", "actor", "address", "action", "subject", "subject_id", "data",
            "previous", "digest")  # fmt: skip
    rows = (
        (one.seq, one.office, one.at, one.actor_id, one.actor, one.address, one.action, one.subject, one.subject_id,
         one.data, one.previous, one.digest)
        for one in lines
    )  # fmt: skip
    return as_csv(head, rows, safe=False)


def _qualities(content: Content) -> bytes:
    """四性检测: what was checked while packing, honestly with what was not."""
    files = content.files
    packed, absent = [one for one in files if one.path], [one for one in files if one.absent]
    total, owed = len(packed), sum(len(task.owed) for task in content.tasks)

    def lacking(title: str, bad: Sequence[PackedFile]) -> tuple[str, str, str, str]:
        names = "；".join(one.path or one.title for one in bad[:20]) + ("…" if len(bad) > 20 else "")
        return (title, str(len(files)), str(len(bad)), names)

    rows = [
        ("真实性", *lacking("有提交人和提交时间", [one for one in files if not one.submitted_at or not one.uploader])),
        ("真实性", *lacking("有审核人和审核时间", [one for one in files if not one.reviewer])),
        ("真实性", "审计记录可重新计算", str(len(content.audit)), "0",
         f"链头 {content.head_seq} {content.head_digest}"),
        ("完整性", "装入时逐件核对 SHA-256", str(total), "0", "任何一件不符即不成包"),
        ("完整性", *lacking("材料内容在包内", absent)),
        ("完整性", *lacking("有形成日期", [one for one in files if one.doc_date is None])),
        ("完整性", "到期要求有有效材料", str(owed), str(len(content.gaps)), "见缺项声明"),
        ("可用性", *lacking("格式已识别", [one for one in packed if one.media_type in UNKNOWN])),
        ("可用性", *lacking("页数已知", [one for one in packed if one.pages is None])),
        ("可用性", "上传时已拒收设密码和带宏的文档", str(total), "0", ""),
        ("安全性", "已清除的内容不在包内", str(sum(one.absent == "removed" for one in absent)), "0", ""),
        ("安全性", "病毒查杀", str(total), "", "本系统不做，请用本单位的杀毒软件检查"),
    ]  # fmt: skip
    return as_csv(("性质", "检测项目", "检测数量", "不符数量", "说明"), rows)


def render(content: Content) -> list[tuple[str, bytes]]:
    """All of them; those below data/ are payload."""
    found: list[tuple[str, bytes]] = [
        ("打开目录.html", pages.door_page(content)),
        ("读我.txt", README.format(name=content.name, day=content.as_of).replace("\n", "\r\n").encode("utf-8-sig")),
        ("verify.py", VERIFIER.read_bytes()),
        ("index/index.html", pages.index_page(content)),
        (f"index/{pages.LIST}", pages.list_page(content)),
        *pages.statics(),
        ("index/index.json", _index(content)),
        ("index/佐证材料目录.xlsx", sheets.catalogue(content)),
        ("index/指标对照表.xlsx", sheets.comparison(content)),
    ]
    for task in content.tasks:
        name = pages.task_page_name(task)
        found.append((f"{pages.FOLDER}/{name}.html", pages.task_page(content, task)))
        found.append((f"{pages.FOLDER}/{name}.xlsx", sheets.volume(content, task)))
    heads = as_csv(("日期", "seq", "digest"), content.day_heads)
    found += [
        ("审计/audit_extract.csv", _extract(content.audit)),
        ("审计/每日链头.csv", heads),
        ("审计/四性检测结果.csv", _qualities(content)),
        (GAPS, _gaps(content)),
    ]
    found += [(one.meta_path, meta(one)) for one in content.files]
    return found
