"""What the tables and pages of a package say: page ranges, demands beside proofs, both languages."""

import io
from dataclasses import replace
from datetime import date

import pytest
from openpyxl import load_workbook

from tests.support.package_sample import content
from tracker.adapters import package_pages as pages
from tracker.adapters import package_sheets as sheets
from tracker.domain import package_words as words
from tracker.domain.package import Content, Figure, Gap


@pytest.fixture
def made() -> Content:
    """The sample with an indicator whose proof is its first file, of twelve pages; its second has none that count."""
    sample = content(b"one", b"two")
    task = sample.tasks[0]
    figure = Figure("T42-I1", "听取汇报次数", "Reports", "次", ">=", 1.0, "Q2", 2.0, "exact", date(2026, 6, 30), 0)
    gap = Gap("T42", "Q1", "Q1", "T42-E3", "照片", "Photo", None, "lacking", (), (("签到表", "Sheet"), ("纪要", "")))
    files = (replace(task.files[0], pages=12), replace(task.files[1], pages=None))
    owed = (replace(task.owed[0], files=(0, 1)),)
    return replace(sample, tasks=(replace(task, files=files, owed=owed, figures=(figure,), gaps=(gap,)),))


def rows(data: bytes, sheet: str) -> list[dict[str, object]]:
    cells = list(load_workbook(io.BytesIO(data))[sheet].iter_rows(values_only=True))
    if cells[0][1] is None:  # the sheet's heading
        del cells[0]
    return [dict(zip(map(str, cells[0]), row, strict=True)) for row in cells[1:]]


@pytest.mark.parametrize(("pages_", "range_"), [(None, ""), (0, ""), (1, "1"), (2, "1—2"), (12, "1—12")])
def test_a_range_is_said_only_where_the_number_is_known(pages_: int | None, range_: str) -> None:
    assert words.page_range(pages_) == range_


def test_the_comparison_has_indicator_demand_material_and_pages(made: Content) -> None:
    book = sheets.comparison(made)
    (figure,) = rows(book, "指标—材料")
    assert (figure["要求"], figure["材料"], figure["页码"]) == ("T42-E1 会议纪要", made.files[0].path, "1—12")
    demands = rows(book, "要求—材料")
    assert [row["页码"] for row in demands] == ["1—12", None]
    (first, _second) = rows(sheets.catalogue(made), "佐证材料目录")
    assert first["页数"] == 12  # a number of pages stays one


def test_the_page_of_a_task_says_the_same(made: Content) -> None:
    page = pages.task_page(made, made.tasks[0]).decode()
    head, _, tail = page.partition("<h2>" + pages.both("指标", "Indicators"))
    assert "1—12" not in head
    figures, _, rest = tail.partition("<h2>")
    assert "<td>1—12</td>" in figures
    assert "会议纪要" in figures
    assert pages.both("页码 1—12", "pages 1—12") in rest


def test_what_makes_a_gap_exact_is_said_in_both_languages(made: Content) -> None:
    (gap,) = made.gaps
    zh, en = words.gap(gap.kind, gap.codes, gap.names)
    assert zh == "材料组成不齐（签到表；纪要）"
    assert en == "Parts of the set are missing (Sheet; 纪要)"
    assert pages.esc(en) in pages.index_page(made).decode()
    assert words.gap("stale", ("S1",)) == (
        "已过期，更新不及时（有效期已过）",
        "Stale: no longer in force (validity expired)",
    )
