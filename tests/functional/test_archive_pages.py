"""The pages of 归档: settings, numbers through the form, catalogues as they are printed, what the archives get."""

import hashlib
import io
import re
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import bagit
import pytest
from docx import Document
from docx.oxml.ns import qn
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.conftest import Login
from tests.support import packages
from tests.support.archiving import RULES, filed, filing, settle, waiting
from tests.support.clock import FROZEN, FrozenClock
from tests.support.office import PEOPLE, OfficeKit
from tracker.models import ArchiveItem, AuditEvent, Blob, Setting, Version
from tracker.ports import ObjectStore
from tracker.services import archiving, review
from tracker.web import base
from tracker.web.messages import SENTENCES

ITEM_HEAD = ["序号", "档号", "文号", "责任者", "题名", "日期", "密级", "页数", "备注"]
VOLUME_HEAD = ["顺序号", "文号", "责任者", "题名", "日期", "页号", "备注"]
SETTINGS = {
    "fonds": "0194", "fonds_name": "测试街道办事处", "category": "ws", "pattern": RULES.pattern,
    "volume_pattern": RULES.volume_pattern, "order": RULES.order,
    **{f"unit-{code}": unit.lower() for code, unit in RULES.units.items()},
}  # fmt: skip


@pytest.fixture
def ledgers(session: Session, office: OfficeKit, store: ObjectStore) -> list[Version]:
    """Ledgers of September and October that wait for their numbers."""
    settle(session, office)
    found = [
        waiting(session, office, store, month, name=f"{month}台账.pdf", retention="30年") for month in ("M09", "M10")
    ]
    session.commit()
    return found


@pytest.fixture
def items(session: Session, office: OfficeKit, ledgers: list[Version]) -> list[ArchiveItem]:
    """Their numbers, both in one volume."""
    more: list[dict[str, Any]] = [{"doc_no": "津滨大港发〔2026〕3号", "note": "=缺附件"}, {"pages": None}]
    wanted = [filing(one, retention="D30", **more) for one, more in zip(ledgers, more, strict=True)]
    found = filed(session, office, *wanted, volume="网格巡查台账")
    session.commit()
    return found


def text(client: FlaskClient, path: str = "/archive", status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, path
    return answer.get_data(as_text=True)


def form(*versions: Version, **more: str) -> dict[str, Any]:
    """What the page sends when everything is left as it is."""
    found: dict[str, Any] = {"year": "2026", "version": [str(one.id) for one in versions]}
    for one in versions:
        found |= {f"title-{one.id}": one.file_name[:-4], f"retention-{one.id}": "D30", f"pages-{one.id}": "2"}
    return found | more


def table(document: Any, place: int) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in document.tables[place].rows]


def sheet(book: Any, name: str) -> list[list[Any]]:
    return [list(row) for row in book[name].iter_rows(values_only=True)]


# -- numbers -----------------------------------------------------------------------------------------------------------


def test_from_the_settings_to_the_first_numbers(
    client: FlaskClient, login: Login, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    first, second = (
        waiting(session, office, store, month, name=f"{month}.pdf", retention="30年") for month in ("M09", "M10")
    )
    session.commit()
    login("archivist")
    page = text(client)
    assert "还没有设置全宗号和档号格式" in page
    assert re.search(r"<button class=\"btn\" disabled>归档并编号", page)
    assert client.post("/archive/file", data=form(first)).status_code == 409
    assert 'value="ZZXF"' in text(client, "/archive/settings")  # proposed
    said = client.post("/archive/settings", data=SETTINGS, follow_redirects=True).get_data(as_text=True)
    assert "归档设置已保存" in said
    assert "<code>0194-WS·2026-D30-FZB-0001</code>" in text(client, "/archive/settings")
    page = text(client)
    assert "<b>2</b><span>件待归档" in page
    assert page.count('value="D30" selected') == 2  # as the requirement says
    data = form(first, second, **{f"title-{first.id}": "〔九月台账〕", f"doc_no-{second.id}": "津滨[2026] 3号",
                              f"pages-{second.id}": ""})  # fmt: skip
    said = client.post("/archive/file", data=data, follow_redirects=True).get_data(as_text=True)
    assert "已归档2件：0194-WS·2026-D30-ZZXF-0001 至 0194-WS·2026-D30-ZZXF-0002。" in said
    assert "<b>0</b><span>件待归档" in said
    listed = text(client, "/archive/items?year=2026&retention=D30&dept=zzxf")
    assert "〔九月台账〕" in listed
    assert "津滨〔2026〕3号" in listed
    assert "<dt>件号</dt><dd>0002</dd></div>" in listed
    assert "<dt>页数</dt><dd>—</dd>" in listed


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("pages-{}", "两页", "页数应是1至100000的整数"),
        ("pages-{}", "0", "页数应是1至100000的整数"),
        ("title-{}", "  ", "题名必须填写"),
        ("retention-{}", "D15", "请选择保管期限"),
    ],
)
def test_what_was_typed_stays_when_something_is_wrong(
    client: FlaskClient, login: Login, session: Session, ledgers: list[Version], name: str, value: str, sentence: str
) -> None:
    one, other = ledgers
    login("archivist")
    data = form(other, volume_title="一卷", **{f"title-{one.id}": "没有勾选的", f"issuer-{other.id}": "司法所"})
    answer = client.post("/archive/file", data=data | {name.format(other.id): value})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert f'role="alert">{sentence}' in page
    assert 'value="没有勾选的"' in page
    assert 'value="司法所"' in page
    assert 'name="volume_title" value="一卷"' in page
    assert page.count('<li class="bad">') == 1
    ticked = re.findall(r'name="version" value="(\d+)"[^>]* checked', page)
    assert ticked == [str(other.id)]
    assert session.scalars(select(ArchiveItem)).all() == []


def test_nothing_ticked_or_filed_by_somebody_else_is_said(
    client: FlaskClient, login: Login, session: Session, office: OfficeKit, ledgers: list[Version]
) -> None:
    login("legal_head")
    for nothing in ([], ["x"], ["9" * 30]):
        answer = client.post("/archive/file", data=form(*ledgers) | {"version": nothing})
        assert answer.status_code == 422
        assert "请至少勾选一件" in answer.get_data(as_text=True)
    data = form(*ledgers)
    filed(session, office, filing(ledgers[0]))
    session.commit()
    answer = client.post("/archive/file", data=data)
    assert answer.status_code == 409
    assert "没有编任何号" in answer.get_data(as_text=True)
    session.rollback()
    assert len(session.scalars(select(ArchiveItem)).all()) == 1


def test_what_is_damaged_is_shown_and_cannot_be_ticked(
    client: FlaskClient, login: Login, session: Session, ledgers: list[Version]
) -> None:
    blob = session.get_one(Blob, ledgers[0].blob_id)
    blob.condition, ledgers[0].state = "changed", "damaged"
    session.commit()
    login("archivist")
    page = text(client)
    assert "<b>2</b><span>件待归档" in page
    assert "文件异常，不能归档" in page
    assert len(re.findall(r'name="version" value="\d+"[^>]* disabled', page)) == 1
    assert client.post("/archive/file", data=form(*ledgers)).status_code == 409


def test_only_the_documents_of_one_department(
    client: FlaskClient, login: Login, session: Session, office: OfficeKit, store: ObjectStore, ledgers: list[Version]
) -> None:
    waiting(session, office, store, "Y", "T03-E1", name="活动照片.pdf", who="contact_sfs")
    session.commit()
    login("archivist")
    page = text(client, "/archive?year=2026&dept=sfs")
    assert "活动照片.pdf" in page
    assert ledgers[0].file_name not in page
    assert "综治信访办（2）" in page
    answer = client.post("/archive/file", data=form(ledgers[0], dept="zzxf"))
    assert answer.location == "/archive?year=2026&dept=zzxf"


@pytest.mark.parametrize(
    ("now", "sentence"),
    [
        (datetime(2025, 12, 1, 2, tzinfo=UTC), "年度未结束"),
        (datetime(2026, 3, 2, 2, tzinfo=UTC), "还有120天"),
        (datetime(2026, 5, 11, 2, tzinfo=UTC), "临近归档期限"),
        (FROZEN, "已过归档期限"),
    ],
)
def test_the_day_by_which_a_year_is_filed(
    client: FlaskClient, login: Login, session: Session, office: OfficeKit, store: ObjectStore, frozen: FrozenClock,
    now: datetime, sentence: str,
) -> None:  # fmt: skip
    version = waiting(session, office, store, "Q4", "T01-E1", name="方案.pdf", day=date(2025, 12, 30))
    settle(session, office)
    session.commit()
    frozen.now = now
    login("archivist")
    assert sentence in text(client, "/archive?year=2025")
    assert "2025年归档" in (
        text(client) if now == FROZEN else text(client, "/archive?year=2025")
    )  # the last that is over
    filed(session, office, filing(version), year=2025)
    session.commit()
    assert ("已全部归档" in text(client, "/archive?year=2025")) is (now.year > 2025)


def test_a_note_and_a_void_number(
    client: FlaskClient, login: Login, session: Session, items: list[ArchiveItem]
) -> None:
    one, other = (item.id for item in items)
    login("archivist")
    back = "/archive/items?year=2026"
    answer = client.post(f"/archive/items/{other}/note", data={"note": "附光盘", "pages": "x", "back": back})
    assert answer.status_code == 422
    answer = client.post(f"/archive/items/{other}/note", data={"note": "附光盘", "pages": "12", "back": back})
    assert (answer.status_code, answer.location) == (302, back)
    page = text(client, back)
    assert "备注：附光盘" in page
    assert "<dt>页数</dt><dd>12</dd>" in page
    assert client.post(f"/archive/items/{one}/void", data={"reason": " "}).status_code == 422
    answer = client.post(f"/archive/items/{one}/void", data={"reason": "传错", "back": "//elsewhere.example"})
    assert answer.location == "/archive"
    page = text(client, back)
    assert "作废原因：传错" in page
    assert page.count("作废档号") == 1  # of the other one only
    assert "另有作废1个" in text(client)
    assert client.get("/archive/catalogue.xlsx?year=2026").status_code == 200
    page = text(client, back)
    assert "已印目录" in page
    assert "作废档号" not in page
    answer = client.post(f"/archive/items/{other}/void", data={"reason": "传错"})
    assert (answer.status_code, "已印在目录上" in answer.get_data(as_text=True)) == (409, True)
    session.rollback()
    assert session.get_one(ArchiveItem, other).voided_at is None


# -- catalogues --------------------------------------------------------------------------------------------------------


def in_order(tag: Any, names: str) -> bool:
    """Whether the children stand in the schema's order: Word calls other files damaged."""
    places = [names.split().index(child.tag.rpartition("}")[2]) for child in tag]
    return places == sorted(places)


def test_the_item_catalogue_is_that_of_da_t_22(
    client: FlaskClient, login: Login, session: Session, items: list[ArchiveItem]
) -> None:
    login("archivist")
    answer = client.get("/archive/catalogue.docx?year=2026&retention=D30&dept=zzxf")
    assert "2026_D30_ZZXF.docx" in answer.headers["Content-Disposition"]
    document: Any = Document(io.BytesIO(answer.data))
    cover, rows, remarks = (table(document, place) for place in range(3))
    assert cover == [["全宗名称", "测试街道"], ["全宗号", "0194"], ["年　　度", "2026"], ["保管期限", "30年"],
                     ["机构（问题）", "综治信访办"]]  # fmt: skip
    lines = [
        ["1", "0194-WS·2026-D30-ZZXF-0001", "津滨大港发〔2026〕3号", "综治信访办", "M09台账", "20260901", "非密", "2",
         "=缺附件"],
        ["2", "0194-WS·2026-D30-ZZXF-0002", "", "综治信访办", "M10台账", "20261001", "非密", "", ""],
    ]  # fmt: skip
    assert rows == [ITEM_HEAD, *lines]
    assert remarks[0] == ["情况说明", "本目录共2件，2页（另有1件页数待填）。"]
    assert [row[0] for row in remarks] == ["情况说明", "补充说明", "整 理 人", "检 查 人", "日　　期"]
    assert [paragraph.text for paragraph in document.paragraphs if paragraph.text] == [
        "归档文件目录", "归档文件目录", "备考表",
    ]  # fmt: skip
    for section in document.sections:
        assert (round(section.page_width.mm), round(section.page_height.mm)) == (297, 210)
        assert round(section.top_margin.mm) == 25  # the binding edge
    assert [bool(section.footer.paragraphs[0].text) for section in document.sections] == [False, True]
    footer = document.sections[1].footer._element.xml
    assert ">第 <" in footer
    assert " PAGE " in footer
    assert "审计日志链头 第" in footer
    head, *others = document.tables[1].rows
    assert head._tr.trPr.find(qn("w:tblHeader")) is not None
    assert all(row._tr.trPr.find(qn("w:cantSplit")) is not None for row in (head, *others))
    cells = "tcW gridSpan vMerge tcBorders shd noWrap tcMar textDirection tcFitText vAlign hideMark"
    assert all(in_order(cell._tc.tcPr, cells) for one in document.tables for row in one.rows for cell in row.cells)
    widths = [cell.width.mm for cell in head.cells]
    assert widths == [column.width.mm for column in document.tables[1].columns]  # Word asks the cells, WPS the columns
    assert sum(widths) == pytest.approx(297 - 40, abs=0.2)
    assert widths[1] > 52.1 + 2  # 0194-WS·2026-D30-ZZXF-0001 in Times of 10.5 points, and the cell's margins

    answer = client.get("/archive/catalogue.xlsx?year=2026&retention=D30&dept=zzxf")
    book = load_workbook(io.BytesIO(answer.data))
    assert book.sheetnames == ["封面", "目录", "备考表", "归档章"]
    assert sheet(book, "目录")[1:] == [ITEM_HEAD, *([value or None for value in row] for row in shown(lines))]
    assert sheet(book, "归档章") == [
        ["档号", "全宗号", "年度", "件号", "机构（问题）", "保管期限", "页数"],
        ["0194-WS·2026-D30-ZZXF-0001", "0194", "2026", "0001", "ZZXF", "30年", "2"],
        ["0194-WS·2026-D30-ZZXF-0002", "0194", "2026", "0002", "ZZXF", "30年", None],
    ]
    page = book["目录"]
    assert (page.page_setup.orientation, page.page_setup.paperSize, page.print_title_rows) == ("landscape", 9, "$1:$2")
    assert page["D3"].data_type == "s"
    assert [page.row_dimensions[place].height for place in (2, 3)] == [28, 30]  # two lines of a long 文号
    events = session.scalars(select(AuditEvent.action).order_by(AuditEvent.seq.desc()).limit(3)).all()
    assert events == ["archive.exported", "archive.exported", "archive.printed"]


def shown(lines: list[list[str]]) -> list[list[str]]:
    """As a workbook shows them: what a spreadsheet would compute has an apostrophe before it."""
    return [[f"'{value}" if value.startswith("=") else value for value in row] for row in lines]


def test_who_only_reads_prints_a_copy_that_fixes_no_number(
    client: FlaskClient, login: Login, session: Session, items: list[ArchiveItem]
) -> None:
    login("inspector")
    assert client.get("/archive/catalogue.xlsx?year=2026").status_code == 200
    session.rollback()
    assert not session.scalars(select(ArchiveItem.id).where(ArchiveItem.printed_at.is_not(None))).all()
    login("archivist")
    assert client.get("/archive/catalogue.xlsx?year=2026").status_code == 200
    session.rollback()
    assert not session.scalars(select(ArchiveItem.id).where(ArchiveItem.printed_at.is_(None))).all()


def test_void_numbers_stay_in_the_catalogue_and_classes_in_order(
    client: FlaskClient, login: Login, session: Session, office: OfficeKit, store: ObjectStore,
    items: list[ArchiveItem],
) -> None:  # fmt: skip
    photo = waiting(session, office, store, "Y", "T03-E1", name="照片.pdf", who="contact_sfs")
    record = waiting(session, office, store, "Q3", "T01-E2", name="会议.pdf")
    filed(session, office, filing(photo, retention="Y"), filing(record, retention="Y"))
    session.commit()
    login("archivist")
    client.post(f"/archive/items/{items[0].id}/void", data={"reason": "传错"})
    for order, numbers in (
        ("year-unit-period", ["Y-SFS-0001", "Y-ZZXF-0001", "D30-ZZXF-0001", "D30-ZZXF-0002"]),
        ("year-period-unit", ["Y-SFS-0001", "Y-ZZXF-0001", "D30-ZZXF-0001", "D30-ZZXF-0002"]),
    ):
        client.post("/archive/settings", data=SETTINGS | {"order": order})
        document: Any = Document(io.BytesIO(client.get("/archive/catalogue.docx?year=2026").data))
        rows = table(document, 1)[1:]
        assert [row[1].removeprefix("0194-WS·2026-") for row in rows] == numbers
        assert rows[2][2:] == ["", "", "（作废）", "", "", "", "作废；=缺附件"]
        assert dict(table(document, 0)) == {
            "全宗名称": "测试街道办事处", "全宗号": "0194", "年　　度": "2026", "保管期限": "全部",
            "机构（问题）": "全部",
        }  # fmt: skip
        assert table(document, 2)[0][1] == "本目录共3件，4页（另有1件页数待填）；作废档号1个。"


def test_the_volume_catalogue_is_that_of_gb_t_9705(
    client: FlaskClient, login: Login, session: Session, items: list[ArchiveItem]
) -> None:
    login("archivist")
    path = f"/archive/volumes/{items[0].volume_id}"
    assert f'href="{path}.docx"' in text(client)
    document: Any = Document(io.BytesIO(client.get(f"{path}.docx").data))
    cover, rows, remarks = (table(document, place) for place in range(3))
    assert cover == [
        ["全宗名称", "测试街道"], ["类目名称", "综治信访办"], ["案卷题名", "网格巡查台账"],
        ["起止时间", "20260901 — 20261001"], ["保管期限", "30年"], ["件 、 页数", "2件"], ["归 档 号", ""],
        ["档　　号", "0194-WS·2026-D30-ZZXF-AJ001"],
    ]  # fmt: skip
    lines = [
        ["1", "津滨大港发〔2026〕3号", "综治信访办", "M09台账", "20260901", "1", "=缺附件"],
        ["2", "", "综治信访办", "M10台账", "20261001", "3", ""],
    ]
    assert rows == [VOLUME_HEAD, *lines]
    assert [row[0] for row in remarks] == ["本卷情况说明", "补充说明", "立 卷 人", "检 查 人", "立卷时间"]
    assert (remarks[0][1], remarks[4][1]) == ("本卷共2件。", "2026年11月23日")
    assert [paragraph.text for paragraph in document.paragraphs if paragraph.text] == [
        "案卷封面", "卷内文件目录", "卷内备考表",
    ]  # fmt: skip
    for section in document.sections:
        assert (round(section.page_width.mm), round(section.page_height.mm)) == (210, 297)
        assert round(section.left_margin.mm) == 25
    session.rollback()
    assert items[1].printed_at == FROZEN
    items[1].pages = 3
    session.commit()
    book = load_workbook(io.BytesIO(client.get(f"{path}.xlsx").data))
    assert book.sheetnames == ["封面", "目录", "备考表"]
    lines[1][5] = "3-5"
    assert sheet(book, "目录")[1:] == [VOLUME_HEAD, *([value or None for value in row] for row in shown(lines))]
    assert ["件 、 页数", "2件　5页"] in sheet(book, "封面")
    assert book["目录"].page_setup.orientation == "portrait"
    for item in items:
        item.voided_at = FROZEN
    session.commit()
    assert table(Document(io.BytesIO(client.get(f"{path}.docx").data)), 1) == [VOLUME_HEAD]
    assert client.get(f"{path}.xlsx").status_code == 200


def test_what_is_made_void_while_it_is_printed_is_printed_as_void(
    client: FlaskClient, login: Login, session: Session, office: OfficeKit, items: list[ArchiveItem],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    begin, item = base.begin_write, items[0]

    def late() -> None:
        if item.voided_at is None:
            actor = office.actor(session, "legal_head")
            archiving.void_item(session, actor=actor, item_id=item.id, reason="传错", now=FROZEN)
            session.commit()
        begin()

    login("archivist")
    monkeypatch.setattr(base, "begin_write", late)
    document: Any = Document(io.BytesIO(client.get("/archive/catalogue.docx?year=2026").data))
    assert [row[4] for row in table(document, 1)[1:]] == ["（作废）", "M10台账"]
    session.rollback()
    assert [one.printed_at for one in items] == [None, FROZEN]


def test_what_is_not_there_cannot_be_printed(
    client: FlaskClient, login: Login, session: Session, office: OfficeKit, ledgers: list[Version]
) -> None:
    login("archivist")
    for path in ("catalogue.docx?year=2026", "catalogue.xlsx?year=2019&dept=x", "transfer.zip?year=2026"):
        assert "没有可以导出的归档文件" in text(client, f"/archive/{path}", 404)
    text(client, "/archive/volumes/1.docx", 404)
    text(client, "/archive/catalogue.pdf", 404)
    assert "还没有归档的文件" in text(client, "/archive/items?year=2026")
    assert "2019年没有可归档的材料" in text(client, "/archive?year=2019")
    text(client, "/archive?year=" + "9" * 5000)
    assert SENTENCES["archive_empty"] == "压缩包里没有文件。"  # which is said of an upload


# -- handed over -------------------------------------------------------------------------------------------------------


def test_the_package_for_the_archives_proves_itself(
    client: FlaskClient, login: Login, session: Session, office: OfficeKit, store: ObjectStore,
    items: list[ArchiveItem], ledgers: list[Version], tmp_path: Path,
) -> None:  # fmt: skip
    extra = [waiting(session, office, store, month, name=f"{month}.pdf") for month in ("M07", "M08")]
    kept = waiting(session, office, store, "Q3", "T01-E2", name="会议.pdf", retention="永久")
    filed(session, office, *(filing(one, retention="D30") for one in extra), filing(kept, retention="Y"))
    review.void(session, actor=office.actor(session, "legal_head"), version_id=extra[1].id, reason="传错", now=FROZEN)
    session.commit()
    login("archivist")
    voided = session.scalars(select(ArchiveItem).where(ArchiveItem.version_id == extra[0].id)).one()
    client.post(f"/archive/items/{voided.id}/void", data={"reason": "重复"})
    assert "材料已作废" in text(client, "/archive/items?year=2026")
    answer = client.get("/archive/transfer.zip?year=2026&retention=D30")
    assert answer.content_length == len(answer.data)
    assert "_0194_2026_D30_20261123.zip" in answer.headers["Content-Disposition"]
    top = packages.unpacked(answer.data, tmp_path / "u")
    bagit.Bag(str(top)).validate()
    assert top.name == "移交包_0194_2026_D30_20261123"
    payload = {path.relative_to(top).as_posix(): path.read_bytes() for path in top.glob("data/*/*")}
    assert sorted(payload) == [f"data/2026-D30-ZZXF/000{n}_M{8 + n:02}台账.pdf" for n in (1, 2)]
    digests = {version.blob.sha256 for version in ledgers if version.blob}
    assert {hashlib.sha256(content).hexdigest() for content in payload.values()} == digests
    manifest = dict(line.split("  ", 1)[::-1] for line in (top / "manifest-sha256.txt").read_text().splitlines())
    assert set(manifest) == set(payload)
    about = dict(line.split(": ", 1) for line in (top / "bag-info.txt").read_text().splitlines())
    assert about["Source-Organization"] == "测试街道"
    assert about["Payload-Oxum"] == f"{sum(map(len, payload.values()))}.2"
    session.rollback()
    head = session.scalars(select(AuditEvent).where(AuditEvent.seq == int(about["Audit-Head-Seq"]))).one()
    assert about["Audit-Head-Digest"] == head.digest
    with zipfile.ZipFile(io.BytesIO(answer.data)) as packed:
        assert packed.testzip() is None
        assert {info.date_time[:3] for info in packed.infolist()} == {(2026, 11, 23)}
    catalogues = sorted(path.name for path in top.glob("catalogues/*"))
    assert catalogues == [
        f"{name}.{ending}"
        for name in ("卷内文件目录_0194-WS·2026-D30-ZZXF-AJ001", "归档文件目录_2026-D30-ZZXF")
        for ending in ("docx", "xlsx")
    ]
    rows = table(Document(str(top / "catalogues/归档文件目录_2026-D30-ZZXF.docx")), 1)[1:]
    assert [(row[4], row[8]) for row in rows] == [
        ("M09台账", "=缺附件"), ("M10台账", ""), ("（作废）", "作废"), ("M08", "材料已作废，不移交"),
    ]  # fmt: skip
    printed = session.scalars(select(ArchiveItem.version_id).where(ArchiveItem.printed_at.is_not(None))).all()
    assert set(printed) == {ledgers[0].id, ledgers[1].id, extra[1].id}  # neither void ones nor other periods
    whole = packages.unpacked(client.get("/archive/transfer.zip?year=2026").data, tmp_path / "w")
    assert [path.name for path in whole.glob("data/2026-Y-ZZXF/*")] == ["0001_会议.pdf"]


def test_a_damaged_item_stops_the_package_and_prints_nothing(
    client: FlaskClient, login: Login, session: Session, items: list[ArchiveItem], ledgers: list[Version]
) -> None:
    session.get_one(Blob, ledgers[1].blob_id).condition = "missing"
    session.commit()
    login("archivist")
    said = text(client, "/archive/transfer.zip?year=2026", 409)
    assert f"档号 {items[1].archive_no} 的文件与存档时不符" in said
    session.rollback()
    assert session.scalars(select(ArchiveItem.printed_at)).all() == [None, None]


def test_whatever_the_pattern_says_nothing_leaves_its_folder(
    client: FlaskClient, login: Login, session: Session, office: OfficeKit, ledgers: list[Version], tmp_path: Path
) -> None:
    login("archivist")
    pattern = "../../{year}/{period}:{unit}/{item}"
    assert client.post("/archive/settings", data=SETTINGS | {"volume_pattern": pattern}).status_code == 302
    filed(session, office, *(filing(one) for one in ledgers), volume="一卷")
    session.commit()
    data = client.get("/archive/transfer.zip?year=2026").data
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert not [name for name in names if ".." in name.split("/") or ":" in name]
    assert [name.rpartition("/")[2] for name in names if name.endswith(".xlsx")] == [
        "归档文件目录_2026-D10-ZZXF.xlsx", "卷内文件目录_..／..／2026／D10：ZZXF／1.xlsx",
    ]  # fmt: skip
    bagit.Bag(str(packages.unpacked(data, tmp_path / "u"))).validate()


# -- settings, people, languages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"fonds": "零一"}, "全宗号用1至12个大写字母或数字"),
        ({"category": "W"}, "档案门类代码用2至8个大写字母"),
        ({"pattern": "{year}-{item}"}, "档号格式不对"),
        ({"volume_pattern": RULES.pattern}, "归档文件和案卷的格式不能相同"),
        ({"order": "another"}, "没有这种分类顺序"),
        ({"unit-sfs": "s1"}, "代码“S1”不对"),
        ({"unit-sfs": "zzxf"}, "有两个部门用了同一个"),
    ],
)
def test_settings_that_are_refused_stay_typed(
    client: FlaskClient, login: Login, session: Session, wrong: dict[str, str], sentence: str
) -> None:
    login("archivist")
    answer = client.post("/archive/settings", data=SETTINGS | {"fonds_name": "刚刚填写的"} | wrong)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert sentence in page
    assert 'value="刚刚填写的"' in page
    assert page.count('aria-invalid="true"') <= 1
    assert session.scalars(select(Setting).where(Setting.name == "archive")).all() == []


def test_numbers_that_were_given_do_not_change_with_the_settings(
    client: FlaskClient, login: Login, session: Session, items: list[ArchiveItem]
) -> None:
    login("archivist")
    client.post("/archive/settings", data=SETTINGS | {"fonds": "0200"})
    page = text(client, "/archive/items?year=2026")
    assert items[0].archive_no in page
    assert "0200-WS" not in page


READ = ("/archive", "/archive/items", "/archive/settings", "/archive/catalogue.docx?year=2026")
WRITE = ("/archive/file", "/archive/settings", "/archive/items/1/note", "/archive/items/1/void")


def test_who_may(app: Flask, login: Login, items: list[ArchiveItem]) -> None:
    assert items
    files_ = {"legal_head", "archivist"}
    reads_ = files_ | {"reviewer", "reviewer2", "inspector"}
    for who in sorted(PEOPLE, key=lambda who: (who in files_, who)):
        client = login(who, app.test_client())
        assert {client.get(path).status_code for path in READ} == {200 if who in reads_ else 403}, who
        found = {client.post(path, data={"year": "2026"}).status_code for path in WRITE}
        assert found == {403} if who not in files_ else 403 not in found, who
        assert client.get("/archive/transfer.zip?year=2026").status_code == (200 if who in files_ else 403), who
        if who in reads_:
            for path, sign in (
                ("settings", "保存归档设置"),
                ("items?year=2026", "保存备注"),
                ("?year=2026", "下载移交包"),
            ):
                page = text(client, f"/archive/{path}".replace("/?", "?"))
                assert (sign in page) is (who in files_), (who, path)


def test_in_english_the_pages_are_english_and_the_papers_chinese(
    client: FlaskClient, login: Login, session: Session, office: OfficeKit, store: ObjectStore,
    items: list[ArchiveItem],
) -> None:  # fmt: skip
    waiting(session, office, store, "M11")
    session.commit()
    login("archivist")
    client.post("/language", data={"locale": "en"})
    said = re.compile(r"<(?:h1|h2|th|label|button|dt|summary|span|title)[^>]*>([^<]*)")
    for path in ("/archive?year=2026", "/archive/items?year=2026", "/archive/settings"):
        words = [word for word in said.findall(text(client, path)) if re.search("[一-鿿]", word)]
        assert set(words) <= {"中文", "网格巡查台账"}, path  # the button, and a title that somebody wrote
    page = text(client, "/archive?year=2026")
    assert "Petition office" in page
    assert "30 years" in page
    refused = client.post("/archive/file", data={"year": "2026"}).get_data(as_text=True)
    assert not re.search(r'role="alert">[^<]*[一-鿿]', refused)
    assert 'role="alert">' in refused
    document: Any = Document(io.BytesIO(client.get("/archive/catalogue.docx?year=2026&dept=zzxf").data))
    assert table(document, 1)[0] == ITEM_HEAD
    assert ["机构（问题）", "综治信访办"] in table(document, 0)
