"""The digest in a few lines of plain text, for robots and webhooks: codes, titles, days. No personal data."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy.orm import Session

from tracker.domain.channels import MOST_LINES
from tracker.models import User
from tracker.ports import ChannelMessage
from tracker.queries.calendar import load_calendar
from tracker.queries.digest import Line
from tracker.services.channel_posts import RenderShort
from tracker.web import mail
from tracker.web.filters import zh_en
from tracker.web.locale import gettext, speaking
from tracker.web.mail_words import LIGHTS, group_words
from tracker.web.vocabulary import insufficient_words

# What an office enters at a robot as its keyword: without it the robot refuses the message, in any language.
KEYWORD = "法治任务"


def _with_keyword(title: str) -> str:
    return title if KEYWORD in title else f"【{KEYWORD}】{title}"


def short_renderer(session: Session, base_url: str) -> RenderShort:
    """A function that makes one channel's message; needs an application context."""

    def render(person: User | None, office: tuple[str, str], lines: Sequence[Line], today: date) -> ChannelMessage:
        with speaking(person.locale if person is not None else "zh"):
            calendar, groups, faults = load_calendar(session), group_words(), insufficient_words()
            said = []
            for line in lines[:MOST_LINES]:
                entry = mail.entry(line, today, calendar, base_url, faults)
                symbol = LIGHTS[line.group][0]
                parts = [f"{symbol} {groups[line.group]}", entry.title, entry.where, entry.what]
                said.append(" · ".join(part for part in parts if part))
            if len(lines) > MOST_LINES:
                said.append(gettext("另有%(count)s项，请登录查看。", count=len(lines) - MOST_LINES))
            landing = "/my" if person is None or person.department_id is not None else "/inbox"
            named = zh_en({"name_zh": office[0], "name_en": office[1]}, "name")
            return ChannelMessage(named, _with_keyword(mail.subject(lines, today)), tuple(said), base_url + landing)

    return render


def test_message(office: tuple[str, str], base_url: str) -> ChannelMessage:
    """What the test button posts; the robots' keyword is in it."""
    return ChannelMessage(
        zh_en({"name_zh": office[0], "name_en": office[1]}, "name"),
        _with_keyword(gettext("【法治任务】测试消息")),
        (gettext("收到这条消息，说明每日摘要可以送到这里。"),),
        base_url,
    )
