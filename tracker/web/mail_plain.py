"""A letter as plain text, for readers without HTML and for the record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tracker.web.locale import gettext
from tracker.web.mail_text import COLUMNS, column, paragraphs, width, wrapped

if TYPE_CHECKING:
    from tracker.web.mail import Entry, Letter, RedItem, Section, WeeklyPage, WeekOfYear

BAR = 20  # columns of a department's bar


def plain(letter: Letter) -> str:
    """The whole letter; links stand on lines of their own and are never torn."""
    return paragraphs(_parts(letter))


def _parts(letter: Letter) -> Iterator[str]:
    yield letter.greeting
    for sentence in letter.opening:
        yield _lines(sentence)
    for section in letter.sections:
        yield _heading(f"{section.symbol} {section.word}", section.total)
        for number, entry in enumerate(section.entries, 1):
            yield "\n".join(_entry(number, entry))
        if section.total > len(section.entries):
            yield _lines(_more(section))
    if letter.weekly:
        yield from _weekly(letter.weekly)
    yield f"{letter.button}\n{letter.button_url}"
    yield "-" * COLUMNS
    yield "\n".join([*(_lines(sentence) for sentence in letter.closing), letter.settings_url])


def _lines(text: str) -> str:
    return "\n".join(wrapped(text))


def _heading(words: str, total: int | None = None) -> str:
    said = words if total is None else _counted(words, total)
    return f"{said}\n{'=' * min(width(said), COLUMNS)}"


def _more(section: Section) -> str:
    return gettext("另有%(count)s项，请登录查看。", count=section.total - len(section.entries))


def _entry(number: int, entry: Entry) -> Iterator[str]:
    lead = f"{number}. "
    first, *rest = wrapped(entry.title, " " * len(lead))
    yield lead + first.lstrip()
    yield from rest
    indent = " " * len(lead)
    for said in (
        entry.where,
        " · ".join(part for part in (entry.what, entry.due) if part),
        entry.wants,
        *entry.shows,
        " · ".join(entry.notes),
    ):
        if said:
            yield from wrapped(said, indent)
    yield indent + entry.url


def _weekly(page: WeeklyPage) -> Iterator[str]:
    for year in page.years:
        yield _heading(gettext("%(year)s年度每周情况", year=year.year))
        yield _lines(" · ".join(f"{name} {value}" for name, value in year.figures))
    if page.red:
        yield "\n".join([_counted(gettext("红灯清单（最久的在前）"), page.red_total), *_items(page.red)])
    for year in page.years:
        yield "\n".join(_departments(year, of=str(year.year) if len(page.years) > 1 else ""))
    if page.soon:
        yield "\n".join(
            [_counted(gettext("%(days)s天内将变红的", days=page.ahead), page.soon_total), *_items(page.soon)]
        )
    yield gettext("打开总览") + "\n" + page.url


def _counted(words: str, total: int) -> str:
    return f"{words} ({total})"


def _departments(year: WeekOfYear, of: str) -> Iterator[str]:
    yield gettext("各部门完成率（%(year)s年度）", year=of) if of else gettext("各部门完成率")
    for name, percent, share, red in year.departments:
        filled = round(percent * BAR / 100)
        bar = "#" * filled + "." * (BAR - filled)
        note = gettext("红灯%(count)s", count=red) if red else ""
        yield f"{column(name, 30)} [{bar}] {percent:3d}%  {share}  {note}".rstrip()


def _items(items: tuple[RedItem, ...]) -> Iterator[str]:
    for item in items:
        first, *rest = wrapped(item.title, "    ")
        yield "  - " + first.lstrip()
        yield from rest
        yield from wrapped(" · ".join(part for part in (item.owner, item.late, item.notice) if part), "    ")
        yield f"    {item.url}"
