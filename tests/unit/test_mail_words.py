"""The words of a mail: subject, rungs, wrapping by what a column is worth, no picture and no name from outside."""

from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from tests.support.office import calendars
from tracker.domain.calendar import WorkCalendar, parse_table
from tracker.domain.reminders import plain_rung
from tracker.queries.digest import ORDER, Line, Missing
from tracker.queries.overview import Item, Overview, Share
from tracker.queries.weekly import Weekly
from tracker.web import filters, locale, mail
from tracker.web.mail_plain import plain
from tracker.web.mail_text import COLUMNS, column, width, wrapped
from tracker.web.mail_words import LIGHTS, copied_words, group_words, rung_words

DAY = date(2026, 10, 16)
CALENDAR = WorkCalendar({table["year"]: parse_table(table) for table in calendars()})
LATE = Line(
    "overdue", "/tasks/2026/T01?period=Q3", "T01", "信访矛盾排查化解", "Disputes", 2026, "Q3", 7, date(2026, 10, 13),
    late=True, missing=(Missing("排查会议记录", "Minutes", 1),), department_zh="综治信访办", department_en="Petitions",
    rung="T+3", copied=("legal", "deputy"), stood_in_for="综治信访办经办人",
)  # fmt: skip
NOTICE = Line(
    "notice", "/notices/3", "T01", "信访矛盾排查化解", "Disputes", 2026, "Q3", due=date(2026, 10, 23),
    stage="delivered", reference="督办〔2026〕3号",
)  # fmt: skip
READER: Any = SimpleNamespace(
    id=1, name="综治信访办负责人", department_id=2, office_id=1, locale="zh", role="dept_head"
)


@pytest.fixture
def words() -> Any:
    """Flask with the product's sentences and nothing else."""
    app = Flask("tracker")
    locale.install(app)
    filters.register(app)
    with app.app_context(), locale.speaking("zh"):
        yield app


def letter(*lines: Line, week: Weekly | None = None) -> mail.Letter:
    return mail.compose(READER, lines, DAY, CALENDAR, "http://office", week)


def test_the_subject_names_what_there_is(words: Flask) -> None:
    assert mail.subject([NOTICE, LATE], DAY) == "【法治任务】督办1件 逾期1项（2026-10-16）"
    lines = [Line(group, "/", late=group == "overdue") for group in ORDER]
    assert mail.subject(lines, DAY) == (
        "【法治任务】督办1件 逾期1项 待补4项 临期3项 签收1项 待批1件 系统1项 知悉2项 每周情况（2026-10-16）"
    )


def test_every_group_has_a_word_and_a_sign(words: Flask) -> None:
    assert set(group_words()) == set(ORDER) == set(LIGHTS)


@pytest.mark.parametrize(
    ("rung", "said"),
    [
        ("M03/T-7", "一周前提醒"),
        ("by/2026-06-30/T-1", "前一天提醒"),
        ("2026-10-30/M09/T+1", "逾期第1个工作日提醒"),
        ("2026-10-30/start", "新下达或新登记"),
        ("T-2w", "期限前2个工作日提醒"),
        ("T-10", "期限前10天提醒"),
        ("T+3", "逾期第3个工作日提醒"),
        ("week/2026-10-19", "每周催办"),
        ("press/2026-10-19", "法制办催办"),
        ("soon_stale/T01-E1/2026-11-05", ""),
    ],
)
def test_a_rung_is_said_in_words(words: Flask, rung: str, said: str) -> None:
    assert rung_words(plain_rung(rung)) == said


def test_a_line_says_where_what_and_who_else(words: Flask) -> None:
    entry = letter(LATE).sections[0].entries[0]
    assert entry.title == "T01 信访矛盾排查化解"
    assert entry.where == "2026年第三季度 · 综治信访办"
    assert entry.what == "逾期3个工作日"
    assert entry.wants == "还缺 排查会议记录 × 1"
    assert entry.notes == ("逾期第3个工作日提醒", "已抄送法制办、分管领导", "代综治信访办经办人收")
    assert copied_words(()) == ""


def test_an_early_line_says_what_the_material_must_show_and_stays_short(words: Flask) -> None:
    gaps = tuple(Missing(f"材料{n}", f"Piece {n}", 1, points=("写明日期", "有签字盖章")) for n in range(5))
    made = letter(replace(LATE, group="due_later", late=False, rung="T-14", missing=gaps))
    assert made.sections[0].entries[0].shows == tuple(f"材料{n}须体现：写明日期；有签字盖章" for n in range(3))
    page = words.jinja_env.get_template("mail/digest.html").render(letter=made, subject="x")
    for body in (plain(made), page):
        assert "材料0须体现：写明日期；有签字盖章" in body
        assert "材料3须体现" not in body
    assert letter(LATE).sections[0].entries[0].shows == ()


def test_what_the_law_still_gives_time_for_is_not_called_late(words: Flask) -> None:
    """Reminders of a statutory deadline aim at a workday before its last day; a step after that is no lateness."""
    line = replace(LATE, group="statutory", rung="T+1", late=False, copied=("legal",))
    assert letter(line).sections[0].entries[0].notes[0] == "已抄送法制办"
    assert letter(replace(line, late=True)).sections[0].entries[0].notes[0] == "逾期第1个工作日提醒"


def test_a_notice_stands_first_and_lands_on_itself(words: Flask) -> None:
    text = plain(letter(NOTICE, LATE))
    assert text.index("督办〔2026〕3号：T01") < text.index("逾期3个工作日")
    assert "已送达，待签收" in text
    assert "\n   http://office/notices/3\n" in text
    assert "没有退订链接" in text
    assert "http://office/settings#mail" in text


def test_no_line_is_wider_than_the_page(words: Flask) -> None:
    long = "社区网格化管理与重点人群走访制度落实情况，" * 6
    text = plain(letter(Line("overdue", "/" + "x" * 90, "T01", long, "", 2026, "Q3", due=DAY)))
    wide = [line for line in text.splitlines() if width(line) > COLUMNS]
    assert wide == ["   http://office/" + "x" * 90]  # an address is never torn
    assert not [line for line in text.splitlines() if line.strip()[:1] in set("，。；：、）")]


def test_wrapping_keeps_words_and_clings_signs() -> None:
    assert wrapped("一二三，四五", columns=8) == ["一二三，", "四五"]
    assert wrapped("one two three", columns=8) == ["one two", "three"]
    assert wrapped("“一二”三四", "  ", 8) == ["  “一", "  二”三", "  四"]
    assert [width(column(name, 10)) for name in ("法制办", "综治信访办公室", "Legal")] == [10, 10, 10]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.sources += [value or "" for name, value in attrs if name in {"src", "background", "srcset"}]


def a_week() -> Weekly:
    share = Share("zzxf", "综治信访办", "Petitions", "", dict.fromkeys(("red", "yellow"), 2), 9, 8, 6)
    item = Item(
        7, "T01", "信访矛盾排查化解", "", "综治信访办", "", "Q3", date(2026, 10, 13), 1, "overdue", "red", ("overdue",)
    )
    soon = Item(8, "T02", "网格巡查月报", "", "综治信访办", "", "M10", date(2026, 11, 6), 1, "", "yellow", ())
    overview = Overview(share, (share,), (share,), (item,), 1, (soon,), 1, (), 4, 0)
    return Weekly(((2026, overview),), {7: "督办〔2026〕3号"})


def test_the_week_is_one_page_in_the_same_mail(words: Flask) -> None:
    made = letter(NOTICE, Line("weekly", "/overview"), week=a_week())
    assert [section.word for section in made.sections] == ["督办单"]
    assert made.weekly is not None
    assert made.weekly.years[0].figures == (("完成率", "75%"), ("红灯", "1"), ("失效材料", "4"), ("30天内将变红", "1"))
    text = plain(made)
    assert "综治信访办 · 逾期3个工作日 · 督办〔2026〕3号" in text
    assert "[###############.....]  75%  6 / 8  红灯2" in text
    assert "T02 网格巡查月报 · 2026年10月" in text
    assert "http://office/overview" in text


def test_the_html_fetches_nothing(words: Flask) -> None:
    page = words.jinja_env.get_template("mail/digest.html")
    reader = _Reader()
    made = page.render(letter=letter(NOTICE, LATE, week=a_week()), subject="x")
    reader.feed(made)
    assert reader.sources == []
    assert not reader.tags & {"img", "script", "link", "form", "iframe"}
    assert "url(" not in made
    assert "width:75%" not in made  # a bar is a table: programs for mail know no other
    assert 'width="75%"' in made
