"""The demo's acts about time: what people asked, decided and arranged in the last days."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from tracker.domain.calendar import local_date
from tracker.domain.permissions import Actor
from tracker.domain.requests import latest_extension
from tracker.models import Obligation, Office, Period, Slot, Task, User, evidence_obligation
from tracker.queries.calendar import load_calendar
from tracker.queries.requests import period_view
from tracker.queries.subjects import actor_of
from tracker.services import delegations, events, requests
from tracker.services.assessment import OFFICE_ZONE

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
