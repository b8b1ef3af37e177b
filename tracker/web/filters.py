"""Dates, names and sizes as people say them, in the language of the request; for templates and mails alike."""

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

from flask import Flask, current_app
from jinja2 import pass_context

from tracker.domain.calendar import WorkCalendar
from tracker.web.locale import gettext, language, per_language

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日")
ENGLISH_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ORDINALS = ("一", "二", "三", "四")


def is_english() -> bool:
    return language() == "en"


def zh_en(row: Any, name: str) -> str:
    """`name`_zh or `name`_en of a row or a mapping by language; English falls back to Chinese."""

    def part(suffix: str) -> str:
        key = f"{name}_{suffix}"
        found = row.get(key) if isinstance(row, dict) else getattr(row, key, "")
        return str(found or "")

    return (is_english() and part("en")) or part("zh")


def listed(words: Iterable[Any]) -> str:
    """甲、乙 / A, B: every list of words goes through here."""
    return gettext("、").join(map(str, words))


def clauses(sentences: Iterable[Any]) -> str:
    """甲；乙 / A; B: half sentences one after the other."""
    return gettext("；").join(map(str, sentences))


def headed(head: Any, text: Any) -> str:
    """甲：乙 / A: B"""
    return gettext("%(head)s：%(text)s", head=head, text=text)


def bracketed(text: Any) -> str:
    """（甲） / _(A): what is put in brackets behind a word, with the space that English wants before it."""
    return gettext("（%(text)s）", text=text)


def piece_names(rules: Iterable[Any]) -> str:
    """签到表、会议纪要: pieces of a recipe, by their names."""
    return listed(zh_en(rule, "name") for rule in rules)


def day(value: date) -> str:
    """11月23日 / 23 Nov"""
    return f"{value.day} {MONTHS[value.month - 1]}" if is_english() else f"{value.month}月{value.day}日"


def month(number: int) -> str:
    """11月 / Nov"""
    return MONTHS[number - 1] if is_english() else f"{number}月"


def day_full(value: date) -> str:
    """2026年11月23日 / 23 Nov 2026"""
    if is_english():
        return f"{value.day} {MONTHS[value.month - 1]} {value.year}"
    return f"{value.year}年{value.month}月{value.day}日"


def weekday(value: date) -> str:
    """星期一 / Monday"""
    return (ENGLISH_WEEKDAYS if is_english() else WEEKDAYS)[value.weekday()]


def moment(value: datetime) -> str:
    """11月20日 16:42 / 20 Nov 16:42, in the office's time zone; with the year where it is another one."""
    from tracker.web.base import today, zone

    local = value.astimezone(zone())
    said = day(local.date()) if local.year == today().year else day_full(local.date())
    return f"{said} {local:%H:%M}"


def local_day(value: datetime) -> date:
    """The date of an instant in the office's time zone."""
    from tracker.web.base import zone

    return value.astimezone(zone()).date()


def last_day(end: datetime) -> date:
    """The last day of a term: midnight ends the day before it."""
    return local_day(end - timedelta(microseconds=1))


def due_words(due: date, today: date, calendar: WorkCalendar | None = None) -> str:
    """还有3天, 明天到期, 今天到期, 逾期5个工作日: calendar days ahead, working days behind.

    A date in a year without a holiday table is marked as tentative (rules.md 1.8).
    """
    calendar = calendar or _calendar()
    words = _distance(due, today, calendar)
    return gettext("%(words)s（暂定）", words=words) if calendar.is_tentative(due) else words


def due_day(due: date) -> str:
    """2027年1月8日（暂定）: the day itself, with the same mark."""
    words = day_full(due)
    return gettext("%(words)s（暂定）", words=words) if _calendar().is_tentative(due) else words


def _calendar() -> WorkCalendar:
    from tracker.db import db
    from tracker.queries.calendar import load_calendar

    return load_calendar(db.session())


def _distance(due: date, today: date, calendar: WorkCalendar) -> str:
    ahead = (due - today).days
    if ahead > 1:
        return gettext("还有%(days)s天", days=ahead)
    if ahead == 1:
        return gettext("明天到期")
    if ahead == 0:
        return gettext("今天到期")
    late = calendar.workdays_between(due, today)
    if late == 0:  # only days off have passed
        return gettext("逾期%(days)s天", days=-ahead)
    if late == 1:
        return gettext("逾期1个工作日")
    return gettext("逾期%(days)s个工作日", days=late)


def cycle_name(no: str, year: int) -> str:
    """Y, H1, Q3, M10 of a year, or a calendar date, as a name: 2026年度, 2026年上半年, 2026年第三季度, 2026年10月."""
    if event := re.fullmatch(r"E(\d+)", no):
        return gettext("%(year)s年第%(number)s件", year=year, number=int(event.group(1)))
    matched = re.fullmatch(r"([HQM])(\d{1,2})", no)
    if no == "Y":
        return gettext("%(year)s年度", year=year)
    if not matched:
        return no
    kind, number = matched.group(1), int(matched.group(2))
    if kind == "H":
        return gettext("%(year)s年上半年", year=year) if number == 1 else gettext("%(year)s年下半年", year=year)
    if kind == "Q":
        return f"Q{number} {year}" if is_english() else f"{year}年第{ORDINALS[number - 1]}季度"
    return f"{MONTHS[number - 1]} {year}" if is_english() else f"{year}年{number}月"


def period_name(period: Any) -> str:
    """The name of a period: 2026年第三季度 / Q3 2026."""
    return cycle_name(period.period_no, period.plan_year)


def size(count: int) -> str:
    """Bytes as 812 B, 3.1 MB, 1.2 GB."""
    amount = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            digits = 1 if unit != "B" and amount < 100 else 0
            return f"{_figure(amount, digits)} {unit}"
        amount /= 1024
    raise AssertionError


def number(value: float) -> str:
    """A figure without needless digits: 12, 3.5, 1,204."""
    return _figure(value, 3)


def _figure(value: float, digits: int) -> str:
    """With commas between thousands, as both languages have them, and no zeros at its end."""
    whole, _, rest = f"{value:,.{digits}f}".partition(".")
    return f"{whole}.{rest}".rstrip("0").rstrip(".") if rest else whole


def light_word(light: str) -> str:
    """The word of a light, when nothing more exact is to be said."""
    words = {
        "red": gettext("逾期或失效"),
        "yellow": gettext("需要留意"),
        "blue": gettext("待审核"),
        "green": gettext("正常"),
        "grey": gettext("未启动"),
    }
    return words.get(light, light)


@per_language
def _roles() -> dict[str, str]:
    return {
        "contact": gettext("经办人"),
        "dept_head": gettext("科室负责人"),
        "reviewer": gettext("法制办审核员"),
        "legal_head": gettext("法制办负责人"),
        "deputy": gettext("分管领导"),
        "director": gettext("办事处主任"),
        "secretary": gettext("工委书记"),
        "inspector": gettext("检查员"),
        "archivist": gettext("档案员"),
        "sysadmin": gettext("系统管理员"),
        "secadmin": gettext("安全管理员"),
        "auditadmin": gettext("审计管理员"),
    }


def role_name(role: str) -> str:
    return _roles().get(role, role)


FILTERS = (
    zh_en, listed, clauses, headed, bracketed, piece_names, day, month, day_full, weekday, moment, local_day, last_day,
    due_words, due_day, cycle_name, period_name, size, number, light_word, role_name,
)  # fmt: skip


def _each_time(function: Callable[..., Any]) -> Callable[..., Any]:
    """As a filter that is asked for every page: Jinja works out a filter of constants once, when it reads the
    template, in the language of whoever came first. One that takes the context it leaves alone."""

    @pass_context
    def asked(_context: object, *given: Any, **named: Any) -> Any:
        return function(*given, **named)

    return asked


def register(app: Flask) -> None:
    """All of them as filters and as functions of the templates."""
    for function in FILTERS:
        app.jinja_env.filters[function.__name__] = _each_time(function)
        app.jinja_env.globals[function.__name__] = function
    app.jinja_env.globals["is_english"] = is_english
    app.jinja_env.globals["max_upload"] = lambda: current_app.extensions["settings"].max_upload
