"""A row of the board as HTML, remembered: a page draws again only the rows that have changed since the last one."""

from datetime import date
from functools import lru_cache
from typing import NamedTuple

from flask import current_app
from markupsafe import Markup

from tracker.queries.board import BoardRow
from tracker.web import vocabulary as words
from tracker.web.locale import language

REMEMBERED = 512  # rows; each weighs some 15 kB


class Mark(NamedTuple):
    """A task that waits for its department's signature: colour, the word shown, and until when as a tooltip."""

    light: str
    word: str
    when: str


def drawn(row: BoardRow, year: int, at: date, on: date | None, mark: Mark | None) -> Markup:
    """The row in the language of the request. `at`: the day shown; `on`: the same when it is not today."""
    return _drawn(language(), row, year, at, on, mark)


@lru_cache(maxsize=REMEMBERED)
def _drawn(_language: str, row: BoardRow, year: int, at: date, on: date | None, mark: Mark | None) -> Markup:
    page = current_app.jinja_env.get_template("board/_row.html")
    tile_words, short_cycle = words.tile_words(), words.short_cycle
    html = page.render(row=row, year=year, at=at, on=on, mark=mark, words=tile_words, short_cycle=short_cycle)
    return Markup(html)  # noqa: S704 - what the template has escaped already
