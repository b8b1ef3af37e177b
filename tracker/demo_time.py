"""The demo's acts about time: what people asked, decided and arranged in the last days."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, joinedload

from tracker.domain.calendar import WorkCalendar, local_date
from tracker.domain.clocks import NOTICE_WORKDAYS, TASK_SIGN_WORKDAYS, ClockKind
from tracker.domain.notices import demand_text, problem_text
from tracker.domain.permissions import Actor
from tracker.domain.reminders import DIGEST_AT, QUIET_FROM, may_send
from tracker.domain.requests import latest_extension
from tracker.models import Notice, Obligation, Office, Period, Slot, Task, User, evidence_obligation
from tracker.queries.calendar import load_calendar
from tracker.queries.notices import open_pieces
from tracker.queries.requests import period_view
from tracker.queries.subjects import actor_of
from tracker.services import delegations, events, notice_checks, notices, requests, signing
from tracker.services.assessment import OFFICE_ZONE
from tracker.services.clocks import start_clock

NEAR, FAR = 4, 75  # days ahead in which a deadline lies that the demo asks about
# Task, days since it came, reference, title. Days that fall into another year are left out.
EVENTS = (
    ("T35", 9, "津滨政复〔{year}〕12号", "行政处罚复议案"),
    ("T35", 1, "津滨政复〔{year}〕15号", "信息公开复议案"),
    ("T36", 13, "（{year}）津0116行初37号", "行政处罚诉讼案"),
    ("T40", 6, "依申请公开{year}-08", "征收补偿资料公开申请"),
)
REASONS = (
    "区里的培训改到下月，材料要等培训结束才能形成。",
    "年底案件集中，台账核对还要几天。",
    "主管部门的统计口径刚刚下发，需要重新汇总。",
)


def last_morning(now: datetime, calendar: WorkCalendar, zone: ZoneInfo) -> datetime | None:
    """The latest morning on which the day's mail left; None while mail may leave now.

    For a demo that is made on a Sunday or at night: its mailbox has something to show all the same.
    """
    if may_send(now, calendar, zone):
        return None
    local = now.astimezone(zone)
    over = calendar.is_workday(local.date()) and local.time() >= QUIET_FROM
    day = local.date() if over else calendar.prev_workday(local.date() - timedelta(1))
    return datetime.combine(day, DIGEST_AT, zone).astimezone(UTC) + timedelta(minutes=10)


def requests_of_all_kinds(session: Session, office: Office, people: Mapping[str, User], now: datetime) -> None:
    """A few requests of every kind and state; what the calendar does not allow on this day is left out."""
    head = actor_of(people["fzb-fuze"])
    _about_periods(session, office, people, now, head)
    _zero_reports(session, office, people, now, head)
    _absences(session, people, now)


def registered_events(session: Session, office: Office, people: Mapping[str, User], now: datetime) -> None:
    """Two reconsideration cases, a lawsuit and a disclosure request: one nearly due, one registered late."""
    head, today, calendar = actor_of(people["fzb-fuze"]), local_date(now, OFFICE_ZONE), load_calendar(session)
    tasks = {
        task.code: task.id
        for task in session.scalars(select(Task).where(Task.office_id == office.id, Task.plan_year == today.year))
    }
    for code, days, reference, title in EVENTS:
        trigger = calendar.prev_workday(today - timedelta(days))
        if trigger.year == today.year and code in tasks:
            # Most are registered the next workday; the lawsuit came to light a week later.
            seen = now - timedelta(days=max(0, days - (7 if code == "T36" else 1)))
            events.register(
                session, actor=head, task_id=tasks[code], reference=reference.format(year=today.year), title=title,
                trigger_on=trigger, now=seen,
            )  # fmt: skip


def _about_periods(
    session: Session, office: Office, people: Mapping[str, User], now: datetime, head: Actor
) -> None:  # fmt: skip
    """Extensions (approved, refused, waiting), waivers (approved, waiting) and one change of owner."""
    calendar, asked = load_calendar(session), now - timedelta(days=2)
    for place, period in enumerate(_open_periods(session, office, now)):
        clerk = actor_of(people[f"{period.task.owner.code}-jingban"])
        if place < len(REASONS):
            latest = latest_extension(period_view(session, period), calendar)
            if latest is None:
                continue
            made = requests.ask_extension(
                session, actor=clerk, period_id=period.id, reason=REASONS[place], now=asked,
                new_due=min(latest, calendar.add_workdays(period.due, 5 * (place + 1))),
            )  # fmt: skip
            if place < 2:
                answer = "" if place == 0 else "材料已经基本齐全，请按期报送。"
                requests.decide(session, actor=head, request_id=made.id, approve=place == 0, text=answer, now=now)
        elif place < 5:
            why = "本期由区级部门统一组织，街道不再单独开展。"
            made = requests.ask_waiver(session, actor=clerk, period_id=period.id, reason=why, now=asked)
            if place == 3:
                requests.decide(session, actor=head, request_id=made.id, approve=True, text="同意。", now=now)
        else:
            wanted = "sfs-fuze" if period.task.owner.code != "sfs" else "zhzf-fuze"
            requests.ask_owner_change(
                session, actor=head, task_id=period.task_id, department_id=people[wanted].department_id or 0,
                reason="科室职责调整，这项工作已经划转。", now=asked,
            )  # fmt: skip
            return


def _open_periods(session: Session, office: Office, now: datetime) -> Iterator[Period]:
    """One running period a department, in the order of their deadlines."""
    today, seen = local_date(now, OFFICE_ZONE), set()
    periods = session.scalars(
        select(Period)
        .join(Task, Task.id == Period.task_id)
        .where(Period.office_id == office.id, Period.complete.is_(False), Period.start <= today)
        .where(Period.due.between(today + timedelta(NEAR), today + timedelta(FAR)))
        .options(joinedload(Period.task).joinedload(Task.owner))
        .order_by(Period.due, Task.position)
    ).all()
    for period in periods:
        owner = period.task.owner
        if owner.id not in seen and owner.code != "fzb" and owner.kind != "post":
            seen.add(owner.id)
            yield period


def _zero_reports(session: Session, office: Office, people: Mapping[str, User], now: datetime, head: Actor) -> None:
    """One approved, one signed, one that waits for its head's signature."""
    today = local_date(now, OFFICE_ZONE)
    handed_in = select(evidence_obligation.c.obligation_id)
    owed = session.scalars(
        select(Obligation)
        .join(Slot, Slot.id == Obligation.slot_id)
        .join(Period, Period.id == Obligation.period_id)
        .where(Obligation.office_id == office.id, Slot.zero_report_allowed.is_(True), Obligation.start <= today)
        .where(Obligation.required.is_(True), Period.complete.is_(False), Period.waived.is_(False))
        .where(Obligation.id.not_in(handed_in), Obligation.due >= today - timedelta(days=30))
        .order_by(Obligation.due, Obligation.id)
    ).all()
    wanted = [row for row in owed if f"{row.slot.task.owner.code}-fuze" in people and row.slot.task.owner.code != "fzb"]
    for place, obligation in enumerate(wanted[:3]):
        code = obligation.slot.task.owner.code
        made = requests.ask_zero_report(
            session, actor=actor_of(people[f"{code}-jingban"]), obligation_id=obligation.id, now=now,
            reason="核对了收文登记和台账，本期没有发生。",
        )  # fmt: skip
        if place < 2:
            requests.confirm(session, actor=actor_of(people[f"{code}-fuze"]), request_id=made.id, now=now)
        if place == 0:
            requests.decide(session, actor=head, request_id=made.id, approve=True, now=now)


def _absences(session: Session, people: Mapping[str, User], now: datetime) -> None:
    """A leader away today, a head next week, a clerk who has asked."""
    today = local_date(now, OFFICE_ZONE)
    for who, delegate, days in (
        ("shuji", "zhuren", (0, 2)), ("zhzf-fuze", "zhzf-jingban", (6, 9)), ("sfs-jingban", "sfs-fuze", (3, 4)),
    ):  # fmt: skip
        if who in people and delegate in people:
            delegations.ask_delegation(
                session, actor=actor_of(people[who]), person_id=people[who].id, delegate_id=people[delegate].id,
                starts_on=today + timedelta(days[0]), ends_on=today + timedelta(days[1]), now=now, reason="外出学习",
            )  # fmt: skip


# --------------------------------------------------------------------------- signing on, notices

HANDED_OUT = 9  # days ago the year's tasks were handed out
STRAGGLERS = (11, 23, 37)  # places of tasks whose departments are late in signing on
LATELY = 4  # so many tasks were handed out only now
# How far each notice of the demo has come: (act, days ago); one notice a line.
COURSES: tuple[tuple[tuple[str, int], ...], ...] = (
    (("sign", 9), ("deliver", 9), ("acknowledge", 8)),  # its feedback is late
    (("sign", 8), ("deliver", 8), ("acknowledge", 7), ("report", 1)),
    (("sign", 5), ("deliver", 5)),  # its signing on is late
    (("sign", 1),),
    (("send_back", 1),),
)
SETTLED = (("sign", 14), ("deliver", 14), ("acknowledge", 13), ("report", 6), ("close", 2))
SAID = {
    "report": "材料已经收齐，正在核对签字，本周内提交审核。",
    "close": "材料已补齐并采纳，核查属实，予以销号。",
    "send_back": "请写明分别缺哪几份、各应于何时报送。",
}


def signing_on(session: Session, office: Office, people: Mapping[str, User], now: datetime) -> None:
    """The year's tasks were handed out days ago: most are signed, a few are late; the last ones come only now."""
    early, calendar = now - timedelta(days=HANDED_OUT), load_calendar(session)
    due = calendar.add_workdays(local_date(early, OFFICE_ZONE), TASK_SIGN_WORKDAYS)
    tasks = session.scalars(
        select(Task)
        .where(Task.office_id == office.id, Task.plan_year == office.plan_year, Task.active.is_(True))
        .options(joinedload(Task.owner))
        .order_by(Task.position)
    ).all()
    signed: dict[str, list[int]] = {}
    for place, task in enumerate(tasks[:-LATELY]):
        start_clock(
            session, kind=ClockKind.SIGN, office_id=office.id, department_id=task.owner_id, due=due, now=early,
            task_id=task.id,
        )  # fmt: skip
        if place not in STRAGGLERS:
            signed.setdefault(_clerk(task.owner.code), []).append(task.id)
    for key, chosen in signed.items():
        if key in people:
            signing.sign_on(session, actor=actor_of(people[key]), task_ids=chosen, now=early + timedelta(days=1))
    signing.hand_out(session, actor=actor_of(people["fzb-fuze"]), year=office.plan_year, now=now)


def _clerk(code: str) -> str:
    return "fzb-shenhe2" if code == "fzb" else f"{code}-jingban"


def notices_in_every_state(session: Session, office: Office, people: Mapping[str, User], now: datetime) -> None:
    """Beside the drafts of the system: notices sent back, signed, delivered, in work, reported and closed."""
    legal = actor_of(people["fzb-fuze"])
    today = local_date(now, OFFICE_ZONE)
    settled = _settled_period(session, office, people, today)
    if settled is not None:
        # It was late then and is complete now, so the draft is written as it stood.
        notice = Notice(
            office_id=office.id, period_id=settled.id, open_period_id=settled.id, period=settled,
            department_id=settled.task.owner_id, state="draft", original_due=settled.due, drafted_by_id=legal.id,
            drafted_at=now - timedelta(days=15), problem="逾期未报送材料。", demand=demand_text(NOTICE_WORKDAYS),
        )  # fmt: skip
        session.add(notice)
        session.flush()
        notices.note(session, notice, "drafted", actor=legal, now=notice.drafted_at)
        settled.complete = False  # as it stood for the leader; from his signature on it is judged anew
        _go(session, people, notice, SETTLED, now)
    for period, course in zip(_late_periods(session, office, people, today), COURSES, strict=False):
        made = now - timedelta(days=course[0][1] + 1)
        pieces = open_pieces(session, period.id, today)
        notice = notices.draft(
            session, actor=legal, period_id=period.id, problem=problem_text(pieces),
            demand=demand_text(NOTICE_WORKDAYS), now=made,
        )  # fmt: skip
        _go(session, people, notice, course, now)


def _go(
    session: Session, people: Mapping[str, User], notice: Notice, course: Sequence[tuple[str, int]], now: datetime
) -> None:
    clerk = people[f"{notice.period.task.owner.code}-jingban"]
    who = {"acknowledge": clerk, "report": clerk, "deliver": people["fzb-shenhe1"], "close": people["fzb-shenhe1"]}
    verbs = {
        "sign": notices.sign, "send_back": notices.send_back, "deliver": notices.deliver,
        "acknowledge": notices.acknowledge, "report": notices.report, "close": notice_checks.close,
    }  # fmt: skip
    for act, days in course:
        said = {"text": SAID[act]} if act in SAID else {}
        verbs[act](
            session, actor=actor_of(who.get(act, people["fenguan"])), notice_id=notice.id,
            now=now - timedelta(days=days), **said,
        )  # type: ignore[operator]  # fmt: skip


def _periods_of(
    session: Session, office: Office, people: Mapping[str, User], *where: ColumnElement[bool]
) -> Iterator[Period]:
    """One period a department with a clerk of its own, the longest overdue first."""
    noticed, seen = select(Notice.period_id).where(Notice.office_id == office.id), set()
    periods = session.scalars(
        select(Period)
        .join(Task, Task.id == Period.task_id)
        .where(Period.office_id == office.id, Period.id.not_in(noticed), *where)
        .options(joinedload(Period.task).joinedload(Task.owner))
        .order_by(Period.due, Task.position)
    ).all()
    for period in periods:
        owner = period.task.owner
        if owner.id not in seen and owner.code != "fzb" and f"{owner.code}-jingban" in people:
            seen.add(owner.id)
            yield period


def _late_periods(
    session: Session, office: Office, people: Mapping[str, User], today: date
) -> list[Period]:  # fmt: skip
    late = Period.complete.is_(False) & Period.waived.is_(False) & (Period.due < today)
    return list(_periods_of(session, office, people, late, Period.light == "red"))


def _settled_period(session: Session, office: Office, people: Mapping[str, User], today: date) -> Period | None:
    done = Period.complete.is_(True) & Period.due.between(today - timedelta(days=60), today - timedelta(days=20))
    return next(_periods_of(session, office, people, done), None)
