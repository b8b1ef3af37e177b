"""What would be mailed on a working day ahead, and to whom: the real passes, day by day, on a copy."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.reminders import QUIET_FROM
from tracker.errors import InvalidInput
from tracker.models import User
from tracker.ports import Letter, Mailer
from tracker.queries.calendar import load_calendar
from tracker.queries.digest import Line
from tracker.queries.mail_rules import load_mail_rules
from tracker.services.delivery import Render, Rendered, deliver
from tracker.services.sweep import sweep
from tracker.services.trial_copy import trial_copy

MOST_DAYS = 30  # how far ahead may be asked
NIGHT = time(0, 10)


@dataclass(frozen=True)
class Foreseen:
    """One mail that would be sent. Plain values: the copy it was read from is gone."""

    person_id: int
    name: str
    role: str
    department_id: int | None
    lines: tuple[Line, ...]
    mail: Rendered


class _Nowhere:
    """A mail server that takes everything and keeps nothing."""

    transport = ""

    def send(self, letter: Letter) -> str:  # noqa: ARG002 - the port's signature
        return "250"

    def close(self) -> None:
        """There is no connection."""


@contextmanager
def _open_nowhere() -> Iterator[Mailer]:
    yield _Nowhere()


def next_day(session: Session, today: date) -> date:
    """The working day after `today`."""
    return load_calendar(session).next_workday(today + timedelta(1))


def foresee(
    engine: Engine,
    *,
    day: date,
    now: datetime,
    office_id: int,
    zone: ZoneInfo,
    render_with: Callable[[Session], Render],
) -> list[Foreseen]:
    """The mails of `day` for one office if nobody did anything until then, in the order they would leave.

    Every night and every morning in between is gone through too: what is told on the way is not told again.
    Empty on a day off. InvalidInput("day_out_of_range", days) outside the next MOST_DAYS days.
    """
    today = local_date(now, zone)
    if not today < day <= today + timedelta(MOST_DAYS):
        raise InvalidInput("day_out_of_range", field="on", days=MOST_DAYS)
    found: dict[int, Foreseen] = {}

    def listening(real: Render) -> Render:
        def render(person: User, lines: Sequence[Line], on: date) -> Rendered:
            mail = real(person, lines, on)
            if person.office_id == office_id:
                found[person.id] = Foreseen(
                    person.id, person.name, person.role, person.department_id, tuple(lines), mail
                )
            return mail

        return render

    with trial_copy(engine) as copy:
        digest_at = load_mail_rules(copy)[office_id].digest_at
        copy.rollback()
        _deliver(copy, today, digest_at, _silent, zone, since=now)  # today's own mail may still be to come
        for ahead in range(1, (day - today).days + 1):
            on = today + timedelta(ahead)
            sweep(copy, now=_instant(on, NIGHT, zone), zone=zone)
            _deliver(copy, on, digest_at, listening(render_with(copy)) if on == day else _silent, zone)
    return list(found.values())


def _silent(person: User, lines: Sequence[Line], on: date) -> Rendered:  # noqa: ARG001 - as a renderer is called
    return Rendered("", "", "")


def _instant(on: date, hour: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(on, hour, zone).astimezone(UTC)


def _deliver(
    copy: Session, on: date, digest_at: time, render: Render, zone: ZoneInfo, since: datetime | None = None
) -> None:
    """One day's deliveries: at the digest hour, and hourly as long as something is put off by the hourly cap."""
    now = max(_instant(on, digest_at, zone), since or _instant(on, digest_at, zone))
    while now < _instant(on, QUIET_FROM, zone):
        result = deliver(
            copy, now=now, open_mailer=_open_nowhere, render=render, sender="foresight@localhost",
            install="foresight", zone=zone,
        )  # fmt: skip
        if not result.deferred:
            return
        now += timedelta(hours=1)
