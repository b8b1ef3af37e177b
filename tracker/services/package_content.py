"""What a package of some tasks holds on a day, put together from rows; the same whenever it is asked."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.calendar import day_start, local_date
from tracker.domain.package import AuditLine, Content
from tracker.domain.package_names import package_name
from tracker.errors import InvalidInput, NotFound
from tracker.models import Blob, Office
from tracker.queries import package_audit
from tracker.queries.package_content import Standing, read_tasks, tasks_of
from tracker.services.as_of import state_on, tasks_on


def check_wish(
    session: Session, *, office_id: int, year: int, codes: Sequence[str], as_of: date, now: datetime, zone: ZoneInfo
) -> None:
    """Raises InvalidInput("package_future"), ("package_before_year"), ("package_year_empty"), ("package_task_unknown").

    Known are the tasks that were in force on the day.
    """
    if as_of > local_date(now, zone):
        raise InvalidInput("package_future", field="as_of")
    if as_of < date(year, 1, 1):
        raise InvalidInput("package_before_year", field="as_of", year=year)
    known = set(tasks_on(session, office_id=office_id, year=year, on=as_of, now=now, zone=zone).values())
    if not known:
        raise InvalidInput("package_year_empty", field="year", year=year)
    unknown = sorted(set(codes) - known)
    if unknown:
        raise InvalidInput("package_task_unknown", field="tasks", task=unknown[0])


def name_of(session: Session, *, office_id: int, year: int, codes: Sequence[str], as_of: date) -> str:
    """The package's name: it says of whom, of which year and tasks, and as of when."""
    office = session.get(Office, office_id)
    if office is None:
        raise NotFound("not_found")
    named = sorted(set(codes))
    tasks = "" if not named else named[0] if len(named) == 1 else f"{len(named)}项"
    return package_name(office.name_zh, year, tasks, as_of)


def content_on(
    session: Session,
    *,
    office_id: int,
    year: int,
    codes: Sequence[str],
    as_of: date,
    superseded: bool,
    now: datetime,
    zone: ZoneInfo,
    log: bool = True,
) -> Content:
    """Reads everything in a constant number of statements; the wish was checked by check_wish.

    The log is cut at the end of the day, and so is everything else. Without `log` nothing of the log is in it: enough
    for a preview, and much cheaper.
    """
    office = session.get_one(Office, office_id)
    state = state_on(session, office_id=office_id, year=year, on=as_of, now=now, zone=zone)
    end = day_start(as_of + timedelta(1), zone)
    tasks = tasks_of(session, state.tasks, codes)
    standing = Standing(as_of, end, zone, state.facts, state.verdicts, state.states)
    read = read_tasks(session, office_id=office_id, tasks=tasks, day=standing, superseded=superseded)
    head, digest = package_audit.head_on(session, end)
    audit: tuple[AuditLine, ...] = ()
    heads: tuple[tuple[date, int, str], ...] = ()
    if log:
        audit = tuple(package_audit.extract(session, office_id=office_id, told=read.told, head=head))
        heads = tuple(package_audit.day_heads(session, date(year, 1, 1), as_of, zone))
    return Content(
        name=name_of(session, office_id=office_id, year=year, codes=codes, as_of=as_of),
        office_zh=office.name_zh,
        office_en=office.name_en,
        year=year,
        as_of=as_of,
        zone=str(zone),
        over=local_date(now, zone) > as_of,
        codes=tuple(task.code for task in tasks) if codes else (),  # in official order, however they were named
        superseded=superseded,
        tasks=read.tasks,
        audit=audit,
        head_seq=head,
        head_digest=digest,
        day_heads=heads,
    )


def blobs_of(session: Session, digests: Sequence[str]) -> dict[str, tuple[int, str, int | None, str]]:
    """SHA-256 -> (id, key, CRC-32 or None, condition) of stored objects."""
    wanted = sorted(set(digests))
    found: dict[str, tuple[int, str, int | None, str]] = {}
    for start in range(0, len(wanted), 500):
        rows = session.execute(
            select(Blob.sha256, Blob.id, Blob.object_key, Blob.crc32, Blob.condition).where(
                Blob.sha256.in_(wanted[start : start + 500])
            )
        )
        found |= {row.sha256: (row.id, row.object_key, row.crc32, row.condition) for row in rows}
    return found
