"""The digest as its reader sees it: subject, text and HTML in his language. No personal data (rules.md 11.5)."""

from collections.abc import Sequence
from datetime import date
from itertools import groupby

from flask import current_app
from flask_babel import force_locale
from sqlalchemy.orm import Session

from tracker.domain.calendar import WorkCalendar
from tracker.models import User
from tracker.queries.calendar import load_calendar
from tracker.queries.digest import Line
from tracker.services.delivery import Render, Rendered
from tracker.web.filters import due_words
from tracker.web.locale import LOCALES, gettext
from tracker.web.vocabulary import insufficient_words

LIGHTS = {
    "overdue": ("▲", "#b42318", "#fdecea"),
    "due_now": ("◆", "#855400", "#fdf3dc"),
    "returned": ("◆", "#855400", "#fdf3dc"),
    "stale": ("▲", "#b42318", "#fdecea"),
    "insufficient": ("▲", "#b42318", "#fdecea"),
    "soon_stale": ("◆", "#855400", "#fdf3dc"),
    "due_later": ("○", "#5a6473", "#edf0f3"),
}


def group_words() -> dict[str, str]:
    return {
        "overdue": gettext("逾期"),
        "due_now": gettext("三天内到期"),
        "returned": gettext("被退回，请补正"),
        "stale": gettext("材料已失效，请更新"),
        "insufficient": gettext("不充分"),
        "soon_stale": gettext("材料即将失效"),
        "due_later": gettext("近期到期"),
    }


def subject(lines: Sequence[Line], today: date) -> str:
    """【法治任务】逾期2项 待补3项 临期1项（2026-10-13）, naming only what there is."""
    late = sum(line.group == "overdue" for line in lines)
    mend = sum(line.group in {"returned", "stale", "insufficient", "soon_stale"} for line in lines)
    soon = sum(line.group in {"due_now", "due_later"} for line in lines)
    parts = []
    if late:
        parts.append(gettext("逾期%(count)s项", count=late))
    if mend:
        parts.append(gettext("待补%(count)s项", count=mend))
    if soon:
        parts.append(gettext("临期%(count)s项", count=soon))
    return gettext("【法治任务】%(what)s（%(day)s）", what=" ".join(parts), day=today.isoformat())


def _what(line: Line, today: date, calendar: WorkCalendar) -> str:
    """The pressing fact of a line: the days left or late, or why what came does not suffice."""
    if line.group != "insufficient" or not line.insufficient:
        return due_words(line.due, today, calendar)
    words = insufficient_words()
    return gettext("、").join(words[code] for code in line.insufficient)


def renderer(session: Session, base_url: str) -> Render:
    """A function that renders one person's digest; needs an application context."""
    calendar = load_calendar(session)

    def render(person: User, lines: Sequence[Line], today: date) -> Rendered:
        with force_locale(person.locale if person.locale in LOCALES else "zh"):
            values = {
                "groups": [(name, list(members)) for name, members in groupby(lines, key=lambda line: line.group)],
                "words": group_words(),
                "lights": LIGHTS,
                "person": person,
                "day": today,
                "when": {line.period_id: _what(line, today, calendar) for line in lines},
                "base_url": base_url,
                "pre_holiday": any(line.pre_holiday for line in lines),
            }
            pages = current_app.jinja_env  # not render_template: a mail has no request and no reader signed in
            return Rendered(
                subject(lines, today),
                pages.get_template("mail/digest.txt").render(values),
                pages.get_template("mail/digest.html").render(values),
            )

    return render
