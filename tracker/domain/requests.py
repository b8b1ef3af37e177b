"""What may be asked about a deadline or a task, by whom, who decides it, and within which bounds.

rules.md section 7 (zero report, waiver, extension), section 15 (changes after the lock) and the role rules of
organisation.yaml (delegation). Every `check_*` raises InvalidInput, Forbidden or Conflict with a code, or returns.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from tracker.domain.calendar import WorkCalendar
from tracker.domain.permissions import LEADERS, LEGAL, OWNERS, Action, Actor, Role, TaskSubject, can
from tracker.errors import Conflict, Forbidden, InvalidInput

MAX_EXTENSION = 30  # calendar days after the deadline in force
MAX_TEXT = 1000  # characters of a reason and of a decision
MAX_ABSENCE = 180  # days of one delegation
# Who takes on whose rights: the higher number holds everything that the lower one does.
RANK = {
    Role.CONTACT: 1, Role.DEPT_HEAD: 2, Role.REVIEWER: 3, Role.LEGAL_HEAD: 4,
    Role.DIRECTOR: 5, Role.SECRETARY: 5, Role.DEPUTY: 6,
}  # fmt: skip


class RequestKind(StrEnum):
    EXTENSION = "extension"  # 延期
    WAIVER = "waiver"  # 免报
    ZERO_REPORT = "zero_report"  # 零报告
    OWNER_CHANGE = "owner_change"  # 调整责任部门
    DELEGATION = "delegation"  # 外出代理


class RequestState(StrEnum):
    OPEN = "open"
    CONFIRMED = "confirmed"  # a zero report that the department head has signed
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"  # a zero report that an event proved wrong


PENDING = (RequestState.OPEN, RequestState.CONFIRMED)


@dataclass(frozen=True)
class PeriodView:
    """A period as far as its bounds go. `statutory`: a registered event, whose deadline is the law's."""

    plan_year: int
    start: date
    due: date
    overdue_after: date  # last day that is not overdue
    complete: bool
    waived: bool
    statutory: bool = False


@dataclass(frozen=True)
class ObligationView:
    start: date
    allowed: bool  # the slot's zero_report_allowed
    accepted: int
    zero_report: bool


@dataclass(frozen=True)
class Standing:
    """A request as far as rights go. `department_id`: the task's owner; for a delegation the absent person's own.

    `headed_by`: the department whose head speaks for it, where that is another one. `headless`: none does, so that
    the head of the legal office decides at once (`domain.escalation.heading`).
    """

    kind: RequestKind
    state: RequestState
    office_id: int
    department_id: int | None
    asked_by_id: int
    confirmed_by_id: int | None = None
    by_legal_head: bool = False  # asked or signed by the head of the legal office himself
    extended: int = 0  # extensions of the same period that were approved before
    absent_id: int | None = None
    absent_role: Role | None = None
    headed_by: int | None = None
    headless: bool = False

    @property
    def unsigned(self) -> bool:
        """Whether it waits for the signature of a head: a clerk's zero report, where there is such a head."""
        return self.kind is RequestKind.ZERO_REPORT and self.state is RequestState.OPEN and not self.headless


# --------------------------------------------------------------------------- who


def may_ask(kind: RequestKind, actor: Actor, subject: TaskSubject) -> bool:
    """Whether the actor may ask this about a task; a delegation is about a person (`may_ask_for`)."""
    if kind is RequestKind.OWNER_CHANGE:
        if actor.office_id != subject.office_id:
            return False
        heads_owner = actor.role is Role.DEPT_HEAD and actor.speaks_for(subject.owner_id)
        return heads_owner or actor.role is Role.LEGAL_HEAD
    return kind is not RequestKind.DELEGATION and can(actor, Action.ASK, subject)


def signs(actor: Actor, subject: TaskSubject) -> bool:
    """Whether he signs a zero report merely by asking: he is the department's head."""
    return can(actor, Action.CONFIRM, subject)


def may_ask_for(actor: Actor, person: Actor) -> bool:
    """Whether the actor may ask for a delegation of `person`: himself, or a clerk whose head he is."""
    if actor.office_id != person.office_id or person.role not in RANK:
        return False
    return actor.id == person.id or heads(actor, person)


def heads(actor: Actor, person: Actor) -> bool:
    """Whether the actor is the head whom `person`, a clerk, asks."""
    if not actor.speaks_for(person.department_id):
        return False
    above = {Role.CONTACT: {Role.DEPT_HEAD, Role.LEGAL_HEAD}, Role.REVIEWER: {Role.LEGAL_HEAD}}
    return actor.role in above.get(person.role, set())


def settles_himself(actor: Actor, person: Actor) -> bool:
    """Whether a delegation needs nobody else's word: heads and leaders decide their own, a head his clerk's."""
    own = actor.id == person.id and person.role not in {Role.CONTACT, Role.REVIEWER}
    return own or heads(actor, person)


def decider(standing: Standing) -> Role:
    """The role that decides. Nobody decides what he asked or signed himself: then it is the deputy's."""
    match standing.kind:
        case RequestKind.EXTENSION:
            return Role.DEPUTY if standing.extended or standing.by_legal_head else Role.LEGAL_HEAD
        case RequestKind.WAIVER | RequestKind.ZERO_REPORT:
            return Role.DEPUTY if standing.by_legal_head else Role.LEGAL_HEAD
        case RequestKind.OWNER_CHANGE:
            return Role.DEPUTY
    return Role.LEGAL_HEAD if standing.headless or standing.absent_role is Role.REVIEWER else Role.DEPT_HEAD


def may_decide(actor: Actor, standing: Standing) -> bool:
    """Whether the actor may approve or refuse it now."""
    ready = PENDING if standing.kind is RequestKind.ZERO_REPORT else (RequestState.OPEN,)
    if standing.state not in ready or standing.unsigned:
        return False
    if actor.office_id != standing.office_id or is_party(actor, standing):
        return False
    if standing.kind is not RequestKind.DELEGATION or standing.headless:
        return actor.role is decider(standing)
    return actor.speaks_for(standing.department_id) and actor.role in {decider(standing), Role.LEGAL_HEAD}


def is_party(actor: Actor, standing: Standing) -> bool:
    """Whether he, or whom he stands in for, asked, signed or is absent: such a one decides nothing in it."""
    parties = {standing.asked_by_id, standing.confirmed_by_id, standing.absent_id}
    return not parties.isdisjoint({actor.id, *actor.stands_for})


def may_confirm(actor: Actor, standing: Standing, subject: TaskSubject) -> bool:
    return standing.unsigned and can(actor, Action.CONFIRM, subject)


def may_withdraw(actor: Actor, standing: Standing) -> bool:
    return standing.asked_by_id in {actor.id, *actor.stands_for} and standing.state in PENDING


# --------------------------------------------------------------------------- bounds


def check_text(text: str, *, required: bool = True, field: str = "reason") -> str:
    """The text without blanks around it. Raises InvalidInput("reason_required"), ("text_long")."""
    clean = text.strip()
    if required and not clean:
        raise InvalidInput("reason_required", field=field)
    if len(clean) > MAX_TEXT:
        raise InvalidInput("text_long", field=field, limit=MAX_TEXT)
    return clean


def plan_close(plan_year: int) -> date:
    """The day on which a plan year is closed: 31 January of the next one."""
    return date(plan_year + 1, 1, 31)


def latest_extension(period: PeriodView, calendar: WorkCalendar) -> date | None:
    """The latest date that may be asked for; None where nothing later than the deadline is left."""
    last = calendar.prev_workday(min(period.due + timedelta(MAX_EXTENSION), plan_close(period.plan_year)))
    return last if last > period.due else None


def check_open(period: PeriodView) -> None:
    """Raises Conflict("period_complete"), ("period_waived")."""
    if period.waived:
        raise Conflict("period_waived")
    if period.complete:
        raise Conflict("period_complete")


def check_in_time(period: PeriodView, today: date) -> None:
    """What is asked about a deadline is asked before its day; InvalidInput("request_too_late")."""
    if period.statutory:
        if today > period.overdue_after:  # the law grants within its own period
            raise InvalidInput("request_too_late", due=period.overdue_after)
    elif today >= period.due:
        raise InvalidInput("request_too_late", due=period.due)


def check_extension(period: PeriodView, new_due: date, document: str, today: date, calendar: WorkCalendar) -> None:
    """An extension asked today.

    A statutory deadline is never extended here; what the law grants is recorded with its document, whatever day
    it ends on. Raises InvalidInput("request_too_late"), ("extension_document"), ("extension_not_later"),
    ("extension_too_long", latest), ("extension_beyond_close", latest), ("extension_day_off", next), Conflict.
    """
    check_open(period)
    check_in_time(period, today)
    if period.statutory:
        if not document.strip():
            raise InvalidInput("extension_document", field="document")
        if new_due <= period.overdue_after:
            raise InvalidInput("extension_not_later", field="new_due", due=period.overdue_after)
        return
    if new_due <= period.due:
        raise InvalidInput("extension_not_later", field="new_due", due=period.due)
    if new_due > plan_close(period.plan_year):
        raise InvalidInput("extension_beyond_close", field="new_due", close=plan_close(period.plan_year))
    if (new_due - period.due).days > MAX_EXTENSION:
        raise InvalidInput("extension_too_long", field="new_due", days=MAX_EXTENSION)
    if not calendar.is_workday(new_due):
        raise InvalidInput("extension_day_off", field="new_due")


def check_waiver(period: PeriodView, today: date) -> None:
    check_open(period)
    check_in_time(period, today)


def check_zero_report(period: PeriodView, obligation: ObligationView, today: date) -> None:
    """Before the due date, and as long as the period is open afterwards; never beside accepted material.

    Raises InvalidInput("zero_report_not_allowed"), ("zero_report_early"), Conflict("zero_report_material"),
    ("zero_report_given"), ("period_complete"), ("period_waived").
    """
    if not obligation.allowed:
        raise InvalidInput("zero_report_not_allowed")
    if obligation.zero_report:
        raise Conflict("zero_report_given")
    if obligation.accepted:
        raise Conflict("zero_report_material")
    check_open(period)
    if today < obligation.start:
        raise InvalidInput("zero_report_early", start=obligation.start)


def check_new_owner(owner_id: int, wanted_id: int, *, active: bool, collective: bool) -> None:
    """Raises InvalidInput("owner_same"), ("owner_unfit")."""
    if wanted_id == owner_id:
        raise InvalidInput("owner_same", field="department_id")
    if collective or not active:
        raise InvalidInput("owner_unfit", field="department_id")


# --------------------------------------------------------------------------- delegation


def may_stand_in(person: Actor, delegate: Actor) -> bool:
    """Somebody of the same department, or a leader for a leader; the legal office is a department as any other."""
    if delegate.id == person.id or delegate.office_id != person.office_id:
        return False
    if person.role in LEADERS:
        return delegate.role in LEADERS
    works = OWNERS | LEGAL
    same = person.department_id is not None and person.department_id == delegate.department_id
    return same and person.role in works and delegate.role in works


def check_absence(starts: date, ends: date, today: date) -> None:
    """Raises InvalidInput("absence_past"), ("absence_reversed"), ("absence_long", days)."""
    if starts < today:
        raise InvalidInput("absence_past", field="starts_on")
    if ends < starts:
        raise InvalidInput("absence_reversed", field="ends_on")
    if (ends - starts).days >= MAX_ABSENCE:
        raise InvalidInput("absence_long", field="ends_on", days=MAX_ABSENCE)


def check_delegate(
    person: Actor, delegate: Actor, *, overlaps: bool, delegate_absent: bool
) -> None:  # fmt: skip
    """`overlaps`: the person has a delegate in these days; `delegate_absent`: the delegate is away in them himself."""
    if not may_stand_in(person, delegate):
        raise InvalidInput("delegate_unfit", field="delegate_id")
    if overlaps:
        raise InvalidInput("absence_overlaps", field="starts_on")
    if delegate_absent:
        raise InvalidInput("delegate_absent", field="delegate_id", name=delegate.name)


def role_during(own: Role, stood_for: Collection[Role]) -> Role:
    """The role that a delegate acts with: the highest of his own and of those he stands in for."""
    return max((own, *stood_for), key=lambda role: RANK.get(role, 0))


def acting_name(own: str, stood_for: Collection[str]) -> str:
    """How the acts of a delegate are recorded: 甲（代乙）."""
    return f"{own}（代{'、'.join(stood_for)}）" if stood_for else own


def require_party_free(actor: Actor, standing: Standing) -> None:
    """Raises Forbidden("own_request") for whoever asked or signed it, the absent person included."""
    if is_party(actor, standing):
        raise Forbidden("own_request")


def effective_due(computed: date, extended_to: date | None) -> date:
    """The deadline in force: an extension stands until the calendar itself allows more."""
    return max(computed, extended_to) if extended_to else computed
