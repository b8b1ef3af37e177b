"""The digest as its reader sees it: subject, text and HTML in his language. No personal data (rules.md 11.5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from flask import current_app
from sqlalchemy.orm import Session

from tracker.domain.calendar import WorkCalendar
from tracker.models import User
from tracker.queries.calendar import load_calendar
from tracker.queries.digest import Line, Missing
from tracker.queries.overview import Item, Overview
from tracker.queries.weekly import Weekly, read_weekly
from tracker.services.delivery import Render, Rendered
from tracker.web import mail_words as words
from tracker.web.base import zone
from tracker.web.filters import cycle_name, day_full, due_words, is_english, zh_en
from tracker.web.locale import gettext, per_language, speaking
from tracker.web.mail_plain import plain
from tracker.web.vocabulary import insufficient_words

SHOWN = 40  # lines of one group in one mail; the rest is one click away
SHOWN_POINTS = 3  # slots of one line whose must-show points are said
MEND = {"returned", "stale", "insufficient", "soon_stale"}
OVERDUE = {"overdue", "statutory"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line, in words. `where`: period and department; `what`: the pressing fact; `notes`: who else, why now.

    `shows`: what the missing material must show, a slot each.
    """

    title: str
    url: str
    where: str
    what: str
    due: str
    wants: str
    notes: tuple[str, ...]
    shows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """The lines of one group; `total` counts those that are not shown too."""

    word: str
    symbol: str
    ink: str
    ground: str
    entries: tuple[Entry, ...]
    total: int


@dataclass(frozen=True, slots=True)
class RedItem:
    title: str
    url: str
    owner: str
    late: str
    notice: str


@dataclass(frozen=True, slots=True)
class WeekOfYear:
    """One plan year's figures, in words; `departments`: (name, percent, completed / due, number red)."""

    year: int
    figures: tuple[tuple[str, str], ...]
    departments: tuple[tuple[str, int, str, int], ...]


@dataclass(frozen=True, slots=True)
class WeeklyPage:
    """The leaders' page, in words. The lists are over all plan years with something open."""

    years: tuple[WeekOfYear, ...]
    red: tuple[RedItem, ...]
    red_total: int
    soon: tuple[RedItem, ...]
    soon_total: int
    ahead: int
    url: str


@dataclass(frozen=True, slots=True)
class Letter:
    """What both forms of a mail say."""

    greeting: str
    opening: tuple[str, ...]
    sections: tuple[Section, ...]
    weekly: WeeklyPage | None
    button: str
    button_url: str
    closing: tuple[str, ...]
    settings_url: str


@per_language
def _subject_words() -> dict[str, str]:
    return {
        "custody": gettext("异常%(count)s件"),
        "notice": gettext("督办%(count)s件"),
        "late": gettext("逾期%(count)s项"),
        "mend": gettext("待补%(count)s项"),
        "soon": gettext("临期%(count)s项"),
        "sign": gettext("签收%(count)s项"),
        "asked": gettext("待批%(count)s件"),
        "system": gettext("系统%(count)s项"),
        "told": gettext("知悉%(count)s项"),
    }


def subject(lines: Sequence[Line], today: date) -> str:
    """【法治任务】督办1件 逾期2项 待补3项 临期1项（2026-10-13）, naming only what there is."""
    counts = {
        "custody": sum(int(line.stage or 0) for line in lines if line.group == "custody"),
        "notice": sum(line.group == "notice" for line in lines),
        "late": sum(line.late for line in lines if line.group in OVERDUE),
        "mend": sum(line.group in MEND for line in lines),
        "soon": sum(line.group in {"due_now", "due_later", "statutory"} and not line.late for line in lines),
        "sign": sum(line.group == "sign" for line in lines),
        "asked": sum(line.group == "asked" for line in lines),
        "system": sum(line.group == "system" for line in lines),
        "told": sum(line.group in {"decided", "accepted"} for line in lines),
    }
    said = _subject_words()
    parts = [said[name] % {"count": count} for name, count in counts.items() if count]
    if any(line.group == "weekly" for line in lines):
        parts.append(gettext("每周情况"))
    return gettext("【法治任务】%(what)s（%(day)s）", what=" ".join(parts), day=today.isoformat())


def renderer(session: Session, base_url: str) -> Render:
    """A function that renders one person's digest; needs an application context. One for each pass: it remembers."""
    calendar = load_calendar(session)
    weeks: dict[tuple[int, date], Weekly] = {}
    page = current_app.jinja_env.get_template("mail/digest.html")  # a mail has no request and no reader signed in

    def week(office_id: int, today: date) -> Weekly:
        if (office_id, today) not in weeks:
            weeks[office_id, today] = read_weekly(session, office_id, today, zone())
        return weeks[office_id, today]

    def render(person: User, lines: Sequence[Line], today: date) -> Rendered:
        with speaking(person.locale):
            found = week(person.office_id, today) if any(line.group == "weekly" for line in lines) else None
            letter = compose(person, lines, today, calendar, base_url, found)
            named = subject(lines, today)
            return Rendered(named, plain(letter), page.render(letter=letter, subject=named))

    return render


def compose(
    person: User, lines: Sequence[Line], today: date, calendar: WorkCalendar, base_url: str, week: Weekly | None
) -> Letter:
    """The letter in the language in force."""
    opening = []
    if any(line.pre_holiday for line in lines):
        opening.append(gettext("节前提醒：期限前后遇放假，提前告知。"))
    if any(line.stood_in_for for line in lines):
        opening.append(gettext("有些事项是代人告知的：对方外出、邮箱收不到邮件或岗位空缺，请一并处理。"))
    works = person.department_id is not None
    return Letter(
        greeting=gettext("%(name)s，您好：", name=person.name),
        opening=tuple(opening),
        sections=tuple(sections(lines, today, calendar, base_url)),
        weekly=_weekly_page(week, today, calendar, base_url) if week else None,
        button=gettext("打开我的任务") if works else gettext("打开收件箱"),
        button_url=base_url + ("/my" if works else "/inbox"),
        closing=(
            gettext("每人每个工作日最多一封，放假不发。邮件不含案情和个人信息，详情请登录查看。"),
            gettext("这些是履行职责的通知，所以没有退订链接。仅供知悉的内容可在“我的设置”里关掉："),
        ),
        settings_url=f"{base_url}/settings#mail",
    )


def sections(lines: Sequence[Line], today: date, calendar: WorkCalendar, base_url: str) -> list[Section]:
    """The lines group by group, in words, without the leaders' page."""
    named, faults = words.group_words(), insufficient_words()
    found = []
    for group, members in groupby((line for line in lines if line.group != "weekly"), key=lambda line: line.group):
        rows = list(members)
        entries = tuple(entry(line, today, calendar, base_url, faults) for line in rows[:SHOWN])
        found.append(Section(named[group], *words.LIGHTS[group], entries, len(rows)))
    return found


def entry(line: Line, today: date, calendar: WorkCalendar, base_url: str, faults: dict[str, str]) -> Entry:
    """One line in words."""
    place = [cycle_name(line.period_no, line.plan_year)] if line.period_no else []
    if line.milestone:
        place.append(words.milestone_words(line.milestone))
    if line.department_zh:
        place.append(zh_en(line, "department"))
    return Entry(
        title=_title(line),
        url=base_url + line.link,
        where=" · ".join(place),
        what=_what(line, today, calendar, faults),
        due=_due(line),
        wants=_wants(line),
        notes=tuple(note for note in _notes(line) if note),
        shows=_shows(line),
    )


def _due(line: Line) -> str:
    if line.due is None:
        return ""
    if line.group == "returned" and not line.stage:
        return gettext("请于 %(date)s前补正", date=day_full(line.due))
    return gettext("期限 %(day)s", day=day_full(line.due))


def _title(line: Line) -> str:
    task = f"{line.code} {zh_en(line, 'title')}".strip()
    if line.group == "notice":
        named = line.reference or gettext("督办单拟稿")
    elif line.group in {"asked", "decided"}:
        named = words.request_words().get(line.subject, line.subject)
    elif line.group == "custody":
        named = gettext("%(count)s份存档的文件变了或者找不到了", count=line.stage)
    elif line.group == "system":
        named = words.system_words(line.subject)
    else:
        return task
    return gettext("%(named)s：%(task)s", named=named, task=task) if task else named


def _what(line: Line, today: date, calendar: WorkCalendar, faults: dict[str, str]) -> str:
    """The pressing fact of a line: the days left or late, or why what came does not suffice."""
    if line.group == "notice":
        return words.notice_words(line.stage, line.subject)
    if line.group in {"asked", "decided"}:
        return words.decision_words(line.subject, line.stage)
    if line.group == "insufficient" and line.insufficient:
        return gettext("、").join(faults[code] for code in line.insufficient)
    if line.due is None:
        return ""
    if line.milestone and line.due < today:
        return gettext("节点日期已过")  # the deadline itself may be far ahead
    if line.group == "stale" and line.due >= today:
        return gettext("已失效")  # whenever its period is due, there is nothing in force today
    return due_words(line.due, today, calendar)


def _gap_words(gap: Missing) -> str:
    """排查台账 × 2; with a recipe the very pieces: 学习记录（签到表、照片）."""
    if not gap.lacks:
        return f"{zh_en(gap, 'name')} × {gap.count}"
    english = is_english()
    lacks = gettext("、").join((en or zh) if english else zh for zh, en in gap.lacks)
    return gettext("%(what)s（%(pieces)s）", what=zh_en(gap, "name"), pieces=lacks)


def _wants(line: Line) -> str:
    if not line.missing:
        return ""
    pieces = gettext("、").join(_gap_words(gap) for gap in line.missing)
    if line.group == "accepted":
        return gettext("已采纳 %(pieces)s", pieces=pieces)
    if line.group == "soon_stale":
        return gettext("需更新 %(pieces)s", pieces=pieces)
    return gettext("还缺 %(pieces)s", pieces=pieces)


def _shows(line: Line) -> tuple[str, ...]:
    """学习记录须体现：日期、主题、主持人；应到实到人员签到. The first few slots: the rest stands on the page."""
    return tuple(
        gettext("%(what)s须体现：%(points)s", what=zh_en(gap, "name"), points="；".join(gap.points))
        for gap in line.missing
        if gap.points
    )[:SHOWN_POINTS]


def _notes(line: Line) -> list[str]:
    # A statutory deadline is pressed for by the day its reminders aim at; it is not late before the law's last day.
    early = line.rung.startswith("T+") and not line.late
    return [
        gettext("有材料不予采纳，请另行准备") if line.stage == "rejected" else "",
        gettext("有材料被法制办作废，请另行准备") if line.stage == "voided" else "",
        "" if early else words.rung_words(line.rung),
        words.copied_words(line.copied),
        gettext("代%(name)s收", name=line.stood_in_for) if line.stood_in_for else "",
    ]


def _weekly_page(week: Weekly, today: date, calendar: WorkCalendar, base_url: str) -> WeeklyPage:
    def item(year: int, row: Item, late: str, notice: str = "") -> RedItem:
        link = f"{base_url}/tasks/{year}/{row.task_code}?period={row.period_no}"
        title = f"{row.task_code} {zh_en(row, 'title')} · {cycle_name(row.period_no, year)}"
        return RedItem(title, link, zh_en(row, "owner"), late, notice)

    def late(row: Item) -> str:
        overdue = "overdue" in row.reasons and row.due < today
        return due_words(row.due, today, calendar) if overdue else gettext("失效或不充分")

    return WeeklyPage(
        years=tuple(_week_of_year(year, found, week.ahead) for year, found in week.years),
        red=tuple(item(year, row, late(row), week.notices.get(row.period_id, "")) for year, row in week.red),
        red_total=week.red_total,
        soon=tuple(item(year, row, due_words(row.due, today, calendar)) for year, row in week.soon),
        soon_total=week.soon_total,
        ahead=week.ahead,
        url=f"{base_url}/overview",
    )


def _week_of_year(year: int, found: Overview, ahead: int) -> WeekOfYear:
    return WeekOfYear(
        year=year,
        figures=(
            (gettext("完成率"), f"{found.whole.percent}%"),
            (gettext("红灯"), str(found.red_total)),
            (gettext("失效材料"), str(found.stale)),
            (gettext("%(days)s天内将变红", days=ahead), str(found.soon_total)),
        ),
        departments=tuple(
            (zh_en(share, "title"), share.percent, f"{share.complete} / {share.due}", share.lights["red"])
            for share in sorted(found.departments, key=lambda share: (share.percent, -share.lights["red"]))
        ),
    )
