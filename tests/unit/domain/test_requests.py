"""Who may ask and decide what, and up to which day."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from tests.support.office import calendars
from tracker.domain.calendar import WorkCalendar, parse_table
from tracker.domain.permissions import Actor, Role, TaskSubject
from tracker.domain.requests import (
    MAX_TEXT,
    ObligationView,
    PeriodView,
    RequestKind,
    RequestState,
    Standing,
    acting_name,
    check_absence,
    check_delegate,
    check_extension,
    check_new_owner,
    check_text,
    check_waiver,
    check_zero_report,
    decider,
    effective_due,
    latest_extension,
    may_ask,
    may_ask_for,
    may_confirm,
    may_decide,
    may_stand_in,
    may_withdraw,
    role_during,
    settles_himself,
    signs,
)
from tracker.errors import Conflict, InvalidInput, TrackerError

CALENDAR = WorkCalendar({table.year: table for table in map(parse_table, calendars())})
DUE = date(2026, 10, 13)  # a Tuesday; the National Day's week is before it
PERIOD = PeriodView(2026, date(2026, 7, 1), DUE, DUE, complete=False, waived=False)
OWED = ObligationView(date(2026, 7, 1), allowed=True, accepted=0, zero_report=False)
TASK = TaskSubject(1, 10, frozenset({11}))
CLERK = Actor(1, Role.CONTACT, 1, 10)
HEAD = Actor(2, Role.DEPT_HEAD, 1, 10)
HELPER = Actor(3, Role.DEPT_HEAD, 1, 11)
REVIEWER = Actor(4, Role.REVIEWER, 1, 20)
LEGAL_HEAD = Actor(5, Role.LEGAL_HEAD, 1, 20)
DEPUTY = Actor(6, Role.DEPUTY, 1, None)
DIRECTOR = Actor(7, Role.DIRECTOR, 1, None)
ADMIN = Actor(8, Role.SYSADMIN, 1, None)
EVERYBODY = (CLERK, HEAD, HELPER, REVIEWER, LEGAL_HEAD, DEPUTY, DIRECTOR, ADMIN)


def code_of(refused: pytest.ExceptionInfo[TrackerError]) -> str:
    return refused.value.code


def extend(new_due: date, today: date = date(2026, 10, 9), period: PeriodView = PERIOD, document: str = "") -> str:
    """The code of the refusal, empty when it may be asked."""
    try:
        check_extension(period, new_due, document, today, CALENDAR)
    except TrackerError as refused:
        return refused.code
    return ""


@pytest.mark.parametrize(
    ("today", "refusal"),
    [(date(2026, 10, 12), ""), (DUE, "request_too_late"), (date(2026, 10, 14), "request_too_late")],
)
def test_an_extension_is_asked_before_the_day(today: date, refusal: str) -> None:
    assert extend(date(2026, 10, 20), today) == refusal


@pytest.mark.parametrize(
    ("new_due", "refusal"),
    [
        (DUE, "extension_not_later"),
        (DUE + timedelta(1), ""),
        (DUE + timedelta(4), "extension_day_off"),  # a Saturday
        (DUE + timedelta(30), ""),  # 12 November
        (DUE + timedelta(31), "extension_too_long"),
    ],
)
def test_the_new_day_lies_within_thirty_days_and_is_a_workday(new_due: date, refusal: str) -> None:
    assert extend(new_due) == refusal


def test_a_make_up_workday_will_do() -> None:
    period = replace(PERIOD, due=date(2026, 9, 18), overdue_after=date(2026, 9, 18))
    assert CALENDAR.is_workday(date(2026, 9, 20))  # a Sunday, worked for the National Day
    assert extend(date(2026, 9, 20), date(2026, 9, 1), period) == ""


def test_the_plan_years_close_is_the_end() -> None:
    december = date(2027, 1, 8)
    period = replace(PERIOD, due=december, overdue_after=december)
    today = date(2026, 12, 20)
    assert extend(date(2027, 1, 29), today, period) == ""
    assert extend(date(2027, 2, 1), today, period) == "extension_beyond_close"
    assert latest_extension(period, CALENDAR) == date(2027, 1, 29)  # 31 January is a Sunday
    spring = replace(PERIOD, due=date(2027, 3, 31), overdue_after=date(2027, 3, 31))
    assert latest_extension(spring, CALENDAR) is None


def test_what_is_settled_is_not_extended() -> None:
    assert extend(date(2026, 10, 20), period=replace(PERIOD, complete=True)) == "period_complete"
    assert extend(date(2026, 10, 20), period=replace(PERIOD, waived=True)) == "period_waived"


def test_a_statutory_deadline_moves_only_with_a_document() -> None:
    law = replace(PERIOD, due=date(2026, 9, 30), overdue_after=date(2026, 10, 8), statutory=True)
    assert extend(date(2026, 11, 30), date(2026, 10, 8), law) == "extension_document"
    # Longer than thirty days, on a day off, on the very last day: the law says so, not the office.
    assert extend(date(2026, 11, 29), date(2026, 10, 8), law, "津滨复延〔2026〕3号") == ""
    assert extend(date(2026, 11, 29), date(2026, 10, 9), law, "3号") == "request_too_late"
    assert extend(date(2026, 10, 8), date(2026, 10, 1), law, "3号") == "extension_not_later"


def test_a_waiver_is_asked_before_the_day() -> None:
    check_waiver(PERIOD, DUE - timedelta(1))
    with pytest.raises(InvalidInput) as late:
        check_waiver(PERIOD, DUE)
    assert code_of(late) == "request_too_late"


def test_a_zero_report_may_come_while_the_period_is_open() -> None:
    for today in (OWED.start, DUE - timedelta(1), DUE, DUE + timedelta(40)):
        check_zero_report(PERIOD, OWED, today)


@pytest.mark.parametrize(
    ("period", "owed", "today", "refusal"),
    [
        (PERIOD, replace(OWED, allowed=False), DUE, "zero_report_not_allowed"),
        (PERIOD, replace(OWED, accepted=1), DUE, "zero_report_material"),
        (PERIOD, replace(OWED, zero_report=True), DUE, "zero_report_given"),
        (PERIOD, OWED, OWED.start - timedelta(1), "zero_report_early"),
        (replace(PERIOD, complete=True), OWED, DUE, "period_complete"),
        (replace(PERIOD, waived=True), OWED, DUE, "period_waived"),
    ],
)
def test_what_a_zero_report_is_refused_for(
    period: PeriodView, owed: ObligationView, today: date, refusal: str
) -> None:  # fmt: skip
    with pytest.raises((InvalidInput, Conflict)) as refused:
        check_zero_report(period, owed, today)
    assert code_of(refused) == refusal


def test_a_reason_is_given_and_not_a_novel() -> None:
    assert check_text("  市里推迟了会议 ") == "市里推迟了会议"
    assert check_text("长" * MAX_TEXT)
    assert check_text(" ", required=False) == ""
    for text, code in (("  ", "reason_required"), ("长" * (MAX_TEXT + 1), "text_long")):
        with pytest.raises(InvalidInput) as refused:
            check_text(text)
        assert code_of(refused) == code


@pytest.mark.parametrize("kind", [RequestKind.EXTENSION, RequestKind.WAIVER, RequestKind.ZERO_REPORT])
def test_only_the_owner_asks(kind: RequestKind) -> None:
    assert [actor for actor in EVERYBODY if may_ask(kind, actor, TASK)] == [CLERK, HEAD]
    own = TaskSubject(1, 20)
    assert [actor for actor in EVERYBODY if may_ask(kind, actor, own)] == [REVIEWER, LEGAL_HEAD]


def test_another_owner_is_asked_for_by_heads() -> None:
    kind = RequestKind.OWNER_CHANGE
    assert [actor for actor in EVERYBODY if may_ask(kind, actor, TASK)] == [HEAD, LEGAL_HEAD]
    assert not may_ask(kind, replace(LEGAL_HEAD, office_id=2), TASK)
    assert [actor for actor in EVERYBODY if signs(actor, TASK)] == [HEAD]


def standing(kind: RequestKind, state: RequestState = RequestState.OPEN, **more: object) -> Standing:
    return replace(Standing(kind, state, 1, 10, asked_by_id=CLERK.id), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("request_", "who"),
    [
        (standing(RequestKind.EXTENSION), [LEGAL_HEAD]),
        (standing(RequestKind.EXTENSION, extended=1), [DEPUTY]),
        (standing(RequestKind.EXTENSION, asked_by_id=5, by_legal_head=True), [DEPUTY]),
        (standing(RequestKind.WAIVER), [LEGAL_HEAD]),
        (standing(RequestKind.WAIVER, RequestState.APPROVED), []),
        (standing(RequestKind.ZERO_REPORT), []),  # not signed yet
        (standing(RequestKind.ZERO_REPORT, RequestState.CONFIRMED, confirmed_by_id=2), [LEGAL_HEAD]),
        (standing(RequestKind.ZERO_REPORT, RequestState.CONFIRMED, confirmed_by_id=5, by_legal_head=True), [DEPUTY]),
        (standing(RequestKind.OWNER_CHANGE), [DEPUTY]),
        (standing(RequestKind.DELEGATION, absent_id=1, absent_role=Role.CONTACT), [HEAD]),
        (standing(RequestKind.DELEGATION, department_id=20, asked_by_id=4, absent_id=4, absent_role=Role.REVIEWER),
         [LEGAL_HEAD]),
    ],
)  # fmt: skip
def test_who_decides(request_: Standing, who: list[Actor]) -> None:
    assert [actor for actor in EVERYBODY if may_decide(actor, request_)] == who


def test_nobody_decides_for_himself_not_even_through_a_delegate() -> None:
    asked = standing(RequestKind.EXTENSION, asked_by_id=LEGAL_HEAD.id)
    assert not may_decide(LEGAL_HEAD, asked)
    stand_in = Actor(4, Role.LEGAL_HEAD, 1, 20, stands_for=frozenset({LEGAL_HEAD.id}))
    assert not may_decide(stand_in, asked)
    assert may_decide(stand_in, standing(RequestKind.EXTENSION))
    assert decider(asked) is Role.LEGAL_HEAD
    assert may_withdraw(stand_in, asked)
    assert not may_withdraw(CLERK, asked)


def test_only_the_head_signs_a_zero_report() -> None:
    asked = standing(RequestKind.ZERO_REPORT)
    assert [actor for actor in EVERYBODY if may_confirm(actor, asked, TASK)] == [HEAD]
    assert not may_confirm(HEAD, replace(asked, state=RequestState.CONFIRMED), TASK)


PARENT = replace(HELPER, heads=frozenset({10}))  # the head of 11 speaks for 10, which has none


def test_where_a_department_has_no_head_its_parents_is() -> None:
    people = (CLERK, PARENT, replace(HELPER, id=13, department_id=12), REVIEWER, LEGAL_HEAD, DEPUTY)
    zero = standing(RequestKind.ZERO_REPORT, headed_by=11)
    assert [actor for actor in people if may_confirm(actor, zero, TASK)] == [PARENT]
    assert not any(may_decide(actor, zero) for actor in people)
    away = standing(RequestKind.DELEGATION, absent_id=1, absent_role=Role.CONTACT, headed_by=11)
    assert [actor for actor in people if may_decide(actor, away)] == [PARENT]
    assert decider(away) is Role.DEPT_HEAD
    assert [actor for actor in people if may_ask(RequestKind.OWNER_CHANGE, actor, TASK)] == [PARENT, LEGAL_HEAD]
    assert settles_himself(PARENT, CLERK)
    assert not settles_himself(PARENT, REVIEWER)
    stand_in = Actor(14, Role.DEPT_HEAD, 1, 11, stands_for=frozenset({PARENT.id}), heads=PARENT.heads)
    assert may_confirm(stand_in, zero, TASK)
    assert not may_confirm(replace(PARENT, role=Role.CONTACT), zero, TASK)


def test_where_there_is_no_head_at_all_the_legal_head_decides_at_once() -> None:
    legal = replace(LEGAL_HEAD, heads=frozenset({10}))
    people = (CLERK, HELPER, REVIEWER, legal, DEPUTY)
    zero = standing(RequestKind.ZERO_REPORT, headless=True)
    assert [actor for actor in people if may_decide(actor, zero)] == [legal]
    assert not any(may_confirm(actor, zero, TASK) for actor in people)  # his one word is enough
    signed = replace(zero, state=RequestState.CONFIRMED, confirmed_by_id=HEAD.id)  # by a head who has left since
    assert [actor for actor in people if may_decide(actor, signed)] == [legal]
    assert not may_decide(legal, replace(zero, state=RequestState.REFUSED))
    away = standing(RequestKind.DELEGATION, absent_id=1, absent_role=Role.CONTACT, headless=True)
    assert [actor for actor in people if may_decide(actor, away)] == [legal]
    assert decider(away) is Role.LEGAL_HEAD


def test_a_task_goes_to_another_working_department() -> None:
    check_new_owner(10, 11, active=True, collective=False)
    for wanted, active, collective, code in (
        (10, True, False, "owner_same"), (11, False, False, "owner_unfit"), (11, True, True, "owner_unfit"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as refused:
            check_new_owner(10, wanted, active=active, collective=collective)
        assert code_of(refused) == code


COLLEAGUE = Actor(9, Role.CONTACT, 1, 10)


def test_who_stands_in_for_whom() -> None:
    assert [actor for actor in (*EVERYBODY, COLLEAGUE) if may_stand_in(HEAD, actor)] == [CLERK, COLLEAGUE]
    assert [actor for actor in (*EVERYBODY, COLLEAGUE) if may_stand_in(LEGAL_HEAD, actor)] == [REVIEWER]
    assert [actor for actor in (*EVERYBODY, COLLEAGUE) if may_stand_in(DEPUTY, actor)] == [DIRECTOR]
    assert not any(may_stand_in(ADMIN, actor) for actor in EVERYBODY)


def test_who_settles_an_absence_alone() -> None:
    assert all(settles_himself(actor, actor) for actor in (HEAD, LEGAL_HEAD, DEPUTY, DIRECTOR))
    assert not settles_himself(CLERK, CLERK)
    assert not settles_himself(REVIEWER, REVIEWER)
    assert settles_himself(HEAD, CLERK)
    assert settles_himself(LEGAL_HEAD, REVIEWER)
    assert may_ask_for(HEAD, CLERK)
    assert not may_ask_for(CLERK, COLLEAGUE)
    assert not may_ask_for(HELPER, CLERK)
    assert not may_ask_for(ADMIN, ADMIN)


def test_the_days_of_an_absence() -> None:
    today = date(2026, 11, 23)
    check_absence(today, today, today)
    check_absence(today, today + timedelta(179), today)
    for starts, ends, code in (
        (today - timedelta(1), today, "absence_past"),
        (today, today - timedelta(1), "absence_reversed"),
        (today, today + timedelta(180), "absence_long"),
    ):
        with pytest.raises(InvalidInput) as refused:
            check_absence(starts, ends, today)
        assert code_of(refused) == code


def test_a_delegate_is_there_and_the_only_one() -> None:
    check_delegate(HEAD, CLERK, overlaps=False, delegate_absent=False)
    for delegate, overlaps, away, code in (
        (HELPER, False, False, "delegate_unfit"), (CLERK, True, False, "absence_overlaps"),
        (CLERK, False, True, "delegate_absent"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as refused:
            check_delegate(HEAD, delegate, overlaps=overlaps, delegate_absent=away)
        assert code_of(refused) == code


def test_the_higher_role_counts_and_the_record_names_both() -> None:
    assert role_during(Role.CONTACT, [Role.DEPT_HEAD]) is Role.DEPT_HEAD
    assert role_during(Role.LEGAL_HEAD, [Role.REVIEWER]) is Role.LEGAL_HEAD
    assert role_during(Role.DIRECTOR, [Role.DEPUTY]) is Role.DEPUTY
    assert acting_name("综治信访办经办人", ["综治信访办负责人"]) == "综治信访办经办人（代综治信访办负责人）"
    assert acting_name("甲", []) == "甲"


def test_an_extension_stands_until_the_calendar_allows_more() -> None:
    assert effective_due(DUE, None) == DUE
    assert effective_due(DUE, DUE + timedelta(9)) == DUE + timedelta(9)
    assert effective_due(DUE + timedelta(10), DUE + timedelta(9)) == DUE + timedelta(10)
