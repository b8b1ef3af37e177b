"""The walk of a year: never on a day off, at most one mail a person and day, quiet for those who are on time."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from tracker.domain.calendar import WorkCalendar, parse_table
from tracker.domain.facts import (
    Coverage,
    DeadlineKind,
    LadderKind,
    ObligationFacts,
    PeriodFacts,
    RefreshCycle,
    SlotRule,
)
from tracker.domain.rehearsal import Assumption, Handing, Item, Person, Year, _material, _Steps, walk
from tracker.domain.reminders import DEFAULTS, Ladder, RungRule, Unit

TABLE = Path(__file__).resolve().parents[3] / "tracker" / "catalogues" / "calendar-2026.json"
CALENDAR = WorkCalendar({2026: parse_table(json.loads(TABLE.read_text(encoding="utf-8")))})
LEDGER = SlotRule("T1-E1", RefreshCycle.MONTHLY, Coverage.PERIOD, kind="ledger", must_show=2)
PLAN = SlotRule("T2-E1", RefreshCycle.ANNUAL, Coverage.POINT)
CLERK, HEAD, LEGAL, DEPUTY, DIRECTOR = 1, 2, 3, 4, 5
PEOPLE = (
    Person(CLERK, "contact", 10),
    Person(HEAD, "dept_head", 10),
    Person(LEGAL, "legal_head", 20),
    Person(DEPUTY, "deputy", None),
    Person(DIRECTOR, "director", None),
)


def month(number: int) -> Item:
    start = date(2026, number, 1)
    end = date(2026 + number // 12, number % 12 + 1, 1) - timedelta(1)
    due = CALENDAR.add_workdays(end, 5)
    duty = ObligationFacts(number, LEDGER, f"M{number:02d}", start, end, due, required=True, min_count=1)
    facts = PeriodFacts(number, DeadlineKind.MONTHLY, start, end, due, due, 1, (duty,))
    return Item("T1", f"M{number:02d}", 10, None, facts)


def annual(weight: int = 1, owner: int = 10) -> Item:
    start, end, due = date(2026, 1, 1), date(2026, 12, 31), date(2026, 6, 30)
    duty = ObligationFacts(100, PLAN, "Y", start, end, due, required=True, min_count=2)
    facts = PeriodFacts(100, DeadlineKind.ANNUAL, start, end, due, due, weight, (duty,))
    return Item("T2", "Y", owner, None, facts)


def year(*items: Item, **more: object) -> Year:
    given = {"ladders": DEFAULTS, "calendar": CALENDAR, "people": PEOPLE} | more
    return Year(year=2026, items=items, **given)  # type: ignore[arg-type]


WHOLE = (*map(month, range(1, 12)), annual())


@pytest.mark.parametrize("assumption", list(Assumption))
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_mail_a_person_and_day_and_never_on_a_day_off(assumption: Assumption, seed: int) -> None:
    done = walk(year(*WHOLE, habits={10: (-4, 0, 3, 12)}), assumption, seed)
    assert done.mails
    assert done.most_per_person_and_day() == 1
    assert done.on_days_off(CALENDAR) == 0
    assert all(mail.rungs and mail.day.year == 2026 for mail in done.mails)
    assert done == walk(year(*WHOLE, habits={10: (-4, 0, 3, 12)}), assumption, seed)


def test_who_is_on_time_hears_nothing_late() -> None:
    done = walk(year(*WHOLE), Assumption.ON_TIME)
    said = done.by_rung()
    assert not [rung for rung in said if rung.startswith("T+") or rung == "week"]
    assert said["T-7"]
    assert said["T-3"]
    assert set(done.by_person()) == {CLERK, HEAD, DEPUTY, DIRECTOR}  # the leaders have their weekly page
    assert all(mail.rungs == ("weekly",) for mail in done.mails if mail.person_id in {DEPUTY, DIRECTOR})


def test_nobody_does_anything_and_it_climbs_to_the_top() -> None:
    done = walk(year(annual()), Assumption.NOBODY)
    told = {
        rung: {mail.person_id for mail in done.mails if rung in mail.rungs}
        for rung in done.by_rung()
        if rung != "weekly"
    }
    assert told["T-30"] == {CLERK}
    assert told["T-1"] == told["T+1"] == {CLERK, HEAD}
    assert told["T+3"] == {CLERK, HEAD, LEGAL}
    assert told["T+7"] == told["week"] == {CLERK, HEAD, LEGAL, DEPUTY}
    assert told["T+20"] == {CLERK, HEAD, LEGAL, DEPUTY, DIRECTOR}
    assert done.notices == 1
    days = [mail.day for mail in done.mails if "T-30" in mail.rungs]
    assert days == [CALENDAR.prev_workday(date(2026, 5, 31))]


def test_a_heavy_task_reaches_one_step_higher_and_the_legal_office_goes_past_itself() -> None:
    heavy = walk(year(annual(weight=3)), Assumption.NOBODY)
    assert {mail.person_id for mail in heavy.mails if "T+1" in mail.rungs} == {CLERK, HEAD, LEGAL}
    own = walk(year(annual(owner=20)), Assumption.NOBODY)
    assert DEPUTY in {mail.person_id for mail in own.mails if "T+3" in mail.rungs}


def test_late_by_habit() -> None:
    late = walk(year(annual(), habits={10: (4,)}), Assumption.AS_BEFORE)
    assert {"T+1", "T+3"} <= set(late.by_rung())
    assert "T+7" not in late.by_rung()


def test_other_rungs_give_other_mails() -> None:
    one = Ladder((RungRule(-10, (1,), Unit.WORKDAY),))
    done = walk(year(annual(), ladders={**DEFAULTS, LadderKind.ANNUAL: one}), Assumption.NOBODY)
    assert set(done.by_rung()) == {"T-10w", "weekly"}


def test_what_is_handed_out_and_not_signed() -> None:
    handing = Handing("T2", 10, None, 1, date(2026, 3, 2), date(2026, 3, 5))
    done = walk(year(handings=(handing,)), Assumption.NOBODY)
    told = [(mail.day, mail.person_id) for mail in done.mails if "sign/start" in mail.rungs]
    assert told == [(date(2026, 3, 2), CLERK), (date(2026, 3, 2), HEAD)]
    on_time = walk(year(handings=(handing,)), Assumption.ON_TIME)
    assert set(on_time.by_rung()) == {"sign/start", "weekly"}


def test_a_notice_brings_its_own_two_clocks() -> None:
    """Drafted at T+7, delivered the next workday: a workday to sign on to it, five to report back."""
    drafted = CALENDAR.add_workdays(date(2026, 6, 30), 7)
    delivered = CALENDAR.add_workdays(drafted, 1)
    done = walk(year(annual()), Assumption.NOBODY)
    days = {rung: {mail.day for mail in done.mails if rung in mail.rungs} for rung in done.by_rung()}
    due = CALENDAR.add_workdays(delivered, 5)
    assert days["sign/start"] == {delivered}
    assert days["sign/T+1"] == {CALENDAR.add_workdays(delivered, 2)}
    assert days["report/T-2w"] == {CALENDAR.add_workdays(due, -2)}
    assert days["report/T+10"] == {CALENDAR.add_workdays(due, 10)}
    told = {mail.person_id for mail in done.mails if "report/T+10" in mail.rungs}
    assert told == {CLERK, HEAD, LEGAL, DEPUTY, DIRECTOR}
    # Nine workdays late: the notice is signed on to in time and reported on the day after it was delivered.
    late = walk(year(annual(), habits={10: (9,)}), Assumption.AS_BEFORE)
    assert {rung for rung in late.by_rung() if "/" in rung} == {"sign/start"}
    # Eight workdays late: settled on the day of delivery, so that nothing is handed over.
    settled = walk(year(annual(), habits={10: (8,)}), Assumption.AS_BEFORE)
    assert settled.notices == 1
    assert not [rung for rung in settled.by_rung() if "/" in rung]
    terms = replace(year(annual()), notice_days=10, notice_sign_days=3)
    longer = walk(terms, Assumption.NOBODY)
    assert min(mail.day for mail in longer.mails if "report/T+1" in mail.rungs) == CALENDAR.add_workdays(delivered, 11)


@pytest.mark.parametrize(("waived", "flags"), [(False, {"stale", "stale_week"}), (True, set())])
def test_what_is_waived_is_no_longer_pressed_for_as_stale(waived: bool, flags: set[str]) -> None:
    """Every month's ledger comes thirty workdays late: what came before it is old by then."""
    items = [replace(item, facts=replace(item.facts, waived=waived)) for item in map(month, range(1, 5))]
    done = walk(year(*items, habits={10: (30,)}), Assumption.AS_BEFORE)
    assert {rung for rung in done.by_rung() if rung.startswith("stale")} == flags


def test_stale_counts_from_the_flag_that_is_up_now() -> None:
    """A slot that was stale in spring and fresh again is the legal office's business ten workdays after it is anew."""
    parts = tuple(month(number).facts.obligations[0] for number in range(1, 7))
    first, last = date(2026, 1, 1), date(2026, 12, 31)
    item = Item("T1", "Y", 10, None, PeriodFacts(1, DeadlineKind.ANNUAL, first, last, last, last, 1, parts))
    done: dict[tuple[int, int], date | None] = {(1, part.id): CALENDAR.add_workdays(part.due, -2) for part in parts}
    done[1, 2] = CALENDAR.add_workdays(parts[1].due, 3)  # February: some days late
    done[1, 6] = None  # June: never
    quiet = year(item, ladders={kind: Ladder(()) for kind in LadderKind})
    steps = _Steps(quiet, item, done, _material((item,), done)["T1"], legal_own=False, last=last)
    legal = [trigger.day for trigger in steps.run(first) if "legal" in trigger.to]
    assert CALENDAR.workdays_between(parts[5].due + timedelta(1), legal[0]) >= 10
    assert legal[0] == date(2026, 7, 27)  # it was flagged on Wednesday, 8 July
