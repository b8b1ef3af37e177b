"""The replay: plain events in, states out."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tracker.domain.as_of import Act, Dates, EventRule, Granted, VersionMark, dates_before, replay
from tracker.domain.calendar import WorkCalendar
from tracker.domain.facts import EvidenceState as S

ZONE = ZoneInfo("Asia/Shanghai")
T0 = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def mark(
    key: int = 1, item: int = 1, number: int = 1, state: S = S.ACCEPTED, kind: str = "file", **more: Any
) -> VersionMark:
    return VersionMark(key, item, number, kind, state, more.pop("uploaded_at", T0), **more)


def acts(*told: tuple[float, str, int] | tuple[float, str, int, dict[str, Any]]) -> list[Act]:
    return [Act(seq, at(one[0]), one[1], (one[2],), one[3] if len(one) == 4 else {}) for seq, one in enumerate(told, 1)]


LIFE = acts((0, "evidence.uploaded", 1), (1, "evidence.submitted", 1), (2, "evidence.accepted", 1),
            (3, "evidence.voided", 1))  # fmt: skip


@pytest.mark.parametrize(
    ("hours", "state"),
    [(0, None), (0.5, S.DRAFT), (1, S.DRAFT), (1.5, S.SUBMITTED), (2.5, S.ACCEPTED), (9, S.VOIDED)],
)
def test_a_life_is_told_up_to_the_instant(hours: float, state: S | None) -> None:
    then = replay([mark(state=S.VOIDED)], LIFE, at(hours), ZONE)
    assert (then[1].state if 1 in then else None) == state


def test_an_acceptance_supersedes_its_predecessor_only() -> None:
    versions = [mark(1), mark(2, number=2), mark(3, item=9)]
    told = acts(
        (0, "evidence.uploaded", 1), (0, "evidence.accepted", 1), (0, "evidence.uploaded", 3),
        (0, "evidence.accepted", 3), (1, "evidence.uploaded", 2), (2, "evidence.accepted", 2),
    )  # fmt: skip
    states = {key: then.state for key, then in replay(versions, told, at(3), ZONE).items()}
    assert states == {1: S.SUPERSEDED, 2: S.ACCEPTED, 3: S.ACCEPTED}
    assert replay(versions, told, at(2), ZONE)[1].state is S.ACCEPTED


def test_flags_count_from_their_day_and_a_confirmation_takes_them_off() -> None:
    told = [*LIFE[:3], *acts((4, "evidence.flagged", 1, {"flag": "S6"}),
                             (5, "evidence.flagged", 1, {"flag": "S4", "since": "2026-04-02"}),
                             (6, "evidence.confirmed", 1))]  # fmt: skip
    told = [Act(seq, act.at, act.action, act.version_ids, act.data) for seq, act in enumerate(told, 1)]
    both = replay([mark()], told, at(5.5), ZONE)[1]
    assert both.flags == {"S4", "S6"}
    assert both.flagged_on == date(2026, 3, 2)
    none = replay([mark()], told, at(7), ZONE)[1]
    assert (none.flags, none.flagged_on) == (frozenset(), None)


def test_what_was_replaced_while_damaged_comes_back_as_superseded() -> None:
    versions = [mark(1), mark(2, number=2)]
    told = acts(
        (0, "evidence.uploaded", 1), (1, "evidence.accepted", 1), (2, "custody.missing", 1),
        (3, "evidence.uploaded", 2), (4, "evidence.accepted", 2), (5, "custody.healed", 1),
    )  # fmt: skip
    assert replay(versions, told, at(4.5), ZONE)[1].state is S.DAMAGED
    assert replay(versions, told, at(6), ZONE)[1].state is S.SUPERSEDED
    alone = [act for act in told if act.version_ids == (1,)]
    assert replay([mark(1)], alone, at(6), ZONE)[1].state is S.ACCEPTED


def test_the_log_decides_the_order_not_the_clock() -> None:
    """Two processes whose clocks differ: the later line of the log is what happened later."""
    told = acts((0, "evidence.uploaded", 1), (2, "evidence.submitted", 1), (1.9, "evidence.accepted", 1))
    assert replay([mark()], told, at(3), ZONE)[1].state is S.ACCEPTED


def test_without_a_word_in_the_log_the_row_speaks() -> None:
    row = mark(submitted_at=at(1), decided_at=at(2), verdict="returned", state=S.RETURNED)
    states = [replay([row], [], at(hours), ZONE)[1].state for hours in (0.5, 1.5, 2.5)]
    assert states == [S.DRAFT, S.SUBMITTED, S.RETURNED]
    voided = mark(submitted_at=at(1), decided_at=at(2), verdict="accepted", state=S.VOIDED)
    logged = acts((4, "evidence.voided", 1))
    states = [replay([voided], logged, at(hours), ZONE)[1].state for hours in (1.5, 3, 5)]
    assert states == [S.SUBMITTED, S.ACCEPTED, S.VOIDED]
    assert replay([voided], [], at(0.5), ZONE)[1].state is S.VOIDED  # when, nobody knows
    assert replay([mark(uploaded_at=at(8))], [], at(8), ZONE) == {}


CALENDAR = WorkCalendar({})
NOW = Dates(date(2026, 4, 30), date(2026, 4, 30), date(2026, 4, 8), None, date(2026, 3, 31), tentative=True)
TWICE = [Granted(at(24), date(2026, 4, 20), date(2026, 4, 20)), Granted(at(48), date(2026, 4, 30), date(2026, 4, 30))]


@pytest.mark.parametrize(
    ("hours", "due", "extended"),
    [(12, date(2026, 4, 8), None), (36, date(2026, 4, 20), date(2026, 4, 20))],
)
def test_extensions_are_taken_back_one_by_one(hours: float, due: date, extended: date | None) -> None:
    then = dates_before(
        NOW, TWICE, at(hours), start=date(2026, 1, 1), plan_year=2026, event=None, calendar=CALENDAR
    )  # fmt: skip
    assert then is not None
    assert (then.due, then.extended_to) == (due, extended)
    assert then.original_due == (date(2026, 4, 8) if extended else None)


def test_nothing_is_taken_back_after_the_last_extension() -> None:
    assert (
        dates_before(NOW, TWICE, at(99), start=date(2026, 1, 1), plan_year=2026, event=None, calendar=CALENDAR) is None
    )


def test_a_statutory_deadline_goes_back_to_what_the_event_gave() -> None:
    event = EventRule(date(2026, 3, 2), 10, "workday")
    now = Dates(date(2026, 4, 30), date(2026, 4, 30), date(2026, 3, 16), date(2026, 4, 30), date(2026, 4, 30), True)
    then = dates_before(
        now, TWICE[1:], at(1), start=date(2026, 3, 2), plan_year=2026, event=event, calendar=CALENDAR
    )  # fmt: skip
    assert then is not None
    assert (then.due, then.overdue_after, then.extended_to) == (date(2026, 3, 16), date(2026, 3, 16), None)
    assert then.owed_until == date(2026, 12, 31)
