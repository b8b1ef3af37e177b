"""A clerk's first page: what is to be done, in the order of its urgency."""

from datetime import date, datetime

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from tracker.db import db
from tracker.domain.evidence import mend_by
from tracker.domain.permissions import LEGAL, OWNERS
from tracker.errors import Forbidden
from tracker.queries.calendar import load_calendar
from tracker.queries.my_work import GROUPS, WorkRow, my_work
from tracker.queries.notices import waiting_for
from tracker.queries.office_rules import load_rules
from tracker.queries.signing import tasks_to_sign
from tracker.queries.uploads import how_many
from tracker.web import base
from tracker.web.filters import zh_en
from tracker.web.locale import gettext
from tracker.web.notice_words import helpers as notice_helpers
from tracker.web.task_words import period_word, reason_list, stale_sentences, tint
from tracker.web.vocabulary import insufficient_words

blueprint = Blueprint("my_work", __name__)


def _headings() -> dict[str, tuple[str, str]]:
    """Group -> heading and what belongs there."""
    days = load_rules(db.session(), base.current_actor().office_id).review_sla
    return {
        "first": (gettext("先办"), gettext("逾期、退回、需更新和三天内到期")),
        "near": (gettext("本月"), gettext("不急，到期前做完即可")),
        "review": (gettext("待审核"), gettext("法制办通常 %(days)s 个工作日内答复", days=days)),
        "expiring": (gettext("即将过期"), gettext("以前采纳的材料，很快失效")),
        "rest": (gettext("其余"), gettext("以后才到期")),
    }


def _headline(department: str, urgent: int, total: int) -> str:
    if not department:
        return gettext("您还没有分到科室")
    if urgent == 1:
        return gettext("%(department)s，今天有 1 件要办", department=department)
    if urgent:
        return gettext("%(department)s，今天有 %(count)s 件要办", department=department, count=urgent)
    if total:
        return gettext("%(department)s，今天没有急着要办的事", department=department)
    return gettext("%(department)s还没有任务", department=department)


def fix_by(decided_at: datetime | None) -> date | None:
    """The last day on which a returned piece can be mended in time."""
    if decided_at is None:
        return None
    session, office_id = db.session(), base.current_actor().office_id
    return mend_by(decided_at, load_calendar(session), base.zone(), load_rules(session, office_id).fix_days)


def _act(row: WorkRow) -> tuple[str, bool]:
    """The row's one button: its word, and whether it is the loud one."""
    if row.returned:
        return gettext("去补正"), True
    if row.group in {"review", "rest"} or not row.owned:
        return (gettext("上传"), False) if row.gaps and row.begun and row.group != "rest" else (gettext("查看"), False)
    if row.drafts:
        return gettext("去提交"), True
    if row.gaps:
        return gettext("上传"), True
    return (gettext("处理"), True) if row.expiring or row.insufficient else (gettext("查看"), False)


@blueprint.get("/my")
def index() -> ResponseReturnValue:
    person = base.current_person()
    actor = base.current_actor()
    if actor.role not in OWNERS | LEGAL:
        raise Forbidden("not_allowed")
    today = base.today()
    year = min(today.year, person.office.plan_year)
    work = my_work(db.session(), user_id=person.id, department_id=person.department_id, year=year, today=today)
    department = zh_en(person.department, "name") if person.department else ""
    urgent = len(work.group("first"))
    return render_template(
        "my_work/index.html",
        work=work,
        year=year,
        headline=_headline(department, urgent, work.tasks),
        headings=_headings(),
        groups=GROUPS,
        fix_by=fix_by,
        act=_act,
        tint=tint,
        period_word=period_word,
        reason_list=reason_list,
        stale_sentences=stale_sentences,
        insufficient_words=insufficient_words(),
        to_sign=tasks_to_sign(db.session(), actor.office_id, person.department_id),
        notices=waiting_for(db.session(), actor),
        unfinished=how_many(db.session(), person.id),
        **notice_helpers(),
    )
