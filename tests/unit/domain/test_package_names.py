"""Names inside a package: unpackable on every office PC, unique, and the same every time."""

from datetime import date

import pytest

from tracker.domain.package_names import (
    BYTES_LIMIT,
    META,
    NAME_LIMIT,
    PATH_LIMIT,
    Names,
    clean,
    extension,
    file_stem,
    package_name,
)

DAY = date(2026, 6, 18)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("会议纪要", "会议纪要"),
        ('a\\b/c:d*e?f"g<h>i|j', "a＼b／c：d＊e？f＂g＜h＞i｜j"),
        ("津滨〔2026〕3号（定稿）", "津滨〔2026〕3号（定稿）"),
        ("  空 \t 格  ", "空 格"),
        ("尾巴. . ", "尾巴"),
        ("con", "_con"),
        ("LPT1.txt", "_LPT1.txt"),
        ("\u202e倒\u0000写", "倒写"),
        ("e\u0301", "é"),
        ("100%", "100％"),
        ("...", "无名"),
        ("", "无名"),
    ],
)
def test_clean(given: str, name: str) -> None:
    assert clean(given) == name


def test_long_names_fit_characters_and_bytes() -> None:
    name = clean("长" * 300)
    assert len(name) <= NAME_LIMIT
    assert len(name.encode()) <= BYTES_LIMIT
    assert len(clean("a" * 300)) == NAME_LIMIT


@pytest.mark.parametrize(
    ("file_name", "ending"),
    [
        ("a.PDF", ".pdf"),
        ("会议.tar.gz", ".gz"),
        ("没有", ""),
        ("a.", ""),
        ("x.这不是", ""),
        ("x.verylongextension", ""),
    ],
)
def test_extension(file_name: str, ending: str) -> None:
    assert extension(file_name) == ending


def test_a_stem_shortens_the_title_only() -> None:
    stem = file_stem("T42-E1", "长" * 200, DAY, 12)
    assert stem.startswith("T42-E1_长")
    assert stem.endswith("长_20260618_v12")
    assert len(stem) <= 70
    assert file_stem("T42-E1", "会议纪要", DAY, 2) == "T42-E1_会议纪要_20260618_v2"
    assert file_stem("T42-E1", "会议纪要", None, 1) == "T42-E1_会议纪要_v1"


def test_names_are_unique_whatever_their_case() -> None:
    names = Names()
    assert names.give("f", "Report") == "Report"
    assert names.give("f", "report") == "report_2"
    assert names.give("f", "REPORT") == "REPORT_3"
    assert names.give("g", "report") == "report"
    long = "长" * 70
    given = {names.give("h", long, ".pdf") for _ in range(20)}
    assert len(given) == 20
    assert all(len((one + ".pdf" + META).encode()) <= BYTES_LIMIT for one in given)


def test_the_longest_path_leaves_room_for_where_it_is_unpacked() -> None:
    top = package_name("很长很长的街道办事处名称" * 10, 2026, "T42", DAY)
    assert top.endswith("_2026_T42_20260618")
    folder, names = clean("T42_" + "长" * 100, 40), Names()
    stem = names.give(folder, file_stem("T42-E1", "长" * 100, DAY, 2), ".pdf")
    assert len(f"{top}/data/{folder}/{stem}{META}") <= PATH_LIMIT
