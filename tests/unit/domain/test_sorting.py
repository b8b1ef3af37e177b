"""Which slot a file's name and folders speak of."""

from datetime import date

import pytest

from tracker.domain.sorting import Proposal, Reason, Target, propose


def target(number: int, task: str, title: str, slot: str, name: str, kind: str, first: str, last: str) -> Target:
    start, end = date.fromisoformat(f"2026-{first}"), date.fromisoformat(f"2026-{last}")
    return Target(number, task, title, slot, name, kind, start, end, end)


TARGETS = [
    target(1, "T01", "信访矛盾排查化解", "T01-E1", "年度工作方案", "document", "01-01", "12-31"),
    target(2, "T01", "信访矛盾排查化解", "T01-E2", "排查会议记录", "minutes", "10-01", "12-31"),
    target(3, "T01", "信访矛盾排查化解", "T01-E3", "排查台账", "ledger", "10-01", "10-31"),
    target(4, "T01", "信访矛盾排查化解", "T01-E3", "排查台账", "ledger", "11-01", "11-30"),
    target(5, "T02", "网格巡查月报", "T02-E1", "巡查台账", "ledger", "10-01", "10-31"),
    target(6, "T02", "网格巡查月报", "T02-E1", "巡查台账", "ledger", "11-01", "11-30"),
    target(7, "T03", "法治宣传活动", "T03-E1", "活动照片", "photo", "01-01", "12-31"),
    target(8, "T03", "法治宣传活动", "T03-E2", "工作制度", "document", "01-01", "12-31"),
    target(9, "T13", "窗口自查", "T13-E1", "自查报告和问题整改清单", "document", "01-01", "12-31"),
]


def best(path: str) -> Proposal:
    return propose([path], TARGETS)[0]


@pytest.mark.parametrize(
    ("path", "wanted", "reason"),
    [
        ("T01-E2.docx", 2, Reason.CODE),
        ("扫描件 t1e2 终稿.pdf", 2, Reason.CODE),
        ("Ｔ０１－Ｅ２ 定稿.pdf", 2, Reason.CODE),
        ("T01 信访/E2 扫描.pdf", 2, Reason.CODE),
        ("排查会议记录.docx", 2, Reason.NAME),
        ("第四季度排查会议记录（定稿）.docx", 2, Reason.NAME),
        ("会议记录1116.docx", 2, Reason.WORDS),
        ("排查会议记录/IMG_2231.jpg", 2, Reason.NAME),
        ("排查台账2026年10月.xlsx", 3, Reason.NAME),
        ("排查台账2026年11月.xlsx", 4, Reason.NAME),
        ("10月/排查台账.xlsx", 3, Reason.NAME),
        ("网格巡查台账20261112.xlsx", 6, Reason.NAME),
        ("材料/网格巡查月报/10月.xlsx", 5, Reason.TASK),
        ("T02/2026年11月.xlsx", 6, Reason.TASK),
        ("法治宣传/照片01.jpg", 7, Reason.WORDS),
        ("T13 窗口/整改清单.docx", 9, Reason.TASK),
        ("问题整改清单.docx", 9, Reason.WORDS),
    ],
)
def test_a_name_says_where_it_belongs(path: str, wanted: int, reason: Reason) -> None:
    found = best(path)
    assert (found.obligation_id, found.reason) == (wanted, reason)


@pytest.mark.parametrize("path", [
    "IMG_20261102_101500.jpg", "扫描0001.pdf", "", "/", "新建文件夹/新建文本.txt", "台账.xlsx", "T01 材料.docx",
    "T1.docx", "2026.pdf", "T1301.pdf", "AT01-E2B9.docx",
])  # fmt: skip
def test_nothing_is_proposed_where_nothing_is_said(path: str) -> None:
    assert best(path).obligation_id is None


def test_a_proposal_is_sure_only_when_slot_and_cycle_are_named() -> None:
    assert best("T01-E2.docx").sure
    assert best("排查会议记录.docx").sure
    assert best("排查台账10月.xlsx").sure
    unnamed = best("排查台账.xlsx")  # of which month it does not say: the earlier one, to be looked at
    assert (unnamed.obligation_id, unnamed.sure) == (3, False)
    assert not best("会议记录1116.docx").sure


def test_the_folder_nearest_to_the_file_dates_it() -> None:
    assert best("2026年10月/排查台账11月.xlsx").obligation_id == 4


def test_the_order_is_kept_and_without_slots_nothing_is_proposed() -> None:
    paths = ["排查台账10月.xlsx", "什么.pdf", "T01-E2.docx"]
    assert [one.obligation_id for one in propose(paths, TARGETS)] == [3, None, 2]
    assert [one.obligation_id for one in propose(paths, [])] == [None] * 3


def test_an_events_number_tells_its_slot_from_another_events() -> None:
    first, second = (
        Target(number, "R01", "行政复议答复", "R01-E1", "答复书", "document", date(2026, 11, 1), date(2026, 11, 30),
               date(2026, 11, 20 + number), f"津复〔2026〕{number}号")
        for number in (1, 2)
    )  # fmt: skip
    found = propose(["津复[2026]2号/答复书.pdf", "答复书.pdf"], [first, second])
    assert [(one.obligation_id, one.sure) for one in found] == [(2, True), (1, False)]
