"""What the demo's archive pages show: filed and waiting items, a mock inspection, packages under way."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from tracker.domain.archiving import ArchiveRules
from tracker.domain.calendar import local_date
from tracker.domain.permissions import Actor
from tracker.models import Office, User
from tracker.queries import archive as reads
from tracker.queries.subjects import actor_of
from tracker.services import archiving, drills, package
from tracker.services.archiving import Filing
from tracker.services.assessment import OFFICE_ZONE

FONDS = "0000"  # no archives has given this number
LEFT = 2  # items of the last year that wait
SOUGHT = (95, 240, 41)  # seconds; what comes after is not found


def archive_pages(session: Session, office: Office, people: Mapping[str, User], now: datetime) -> None:
    today = local_date(now, OFFICE_ZONE)
    _filed(session, office, actor_of(people["dangan"]), now)
    _inspected(session, office, actor_of(people["fzb-fuze"]), now, today)
    _packed(session, office, actor_of(people["fzb-fuze"]), now, today)


def _filed(session: Session, office: Office, archivist: Actor, now: datetime) -> None:
    """Most of what the last year has left has its number."""
    units = reads.rules(session, office.id).units
    archiving.save_rules(session, actor=archivist, rules=ArchiveRules(fonds=FONDS, units=units), now=now)
    year = office.plan_year - 1
    waiting = reads.candidates(session, office.id, year)
    filings = [
        Filing(one.version_id, one.title, one.retention, pages=one.pages or 2, doc_no=one.doc_no, issuer=one.issuer)
        for one in waiting[: max(0, len(waiting) - LEFT)]
        if one.condition == "intact"
    ]
    if filings:
        archiving.file_items(session, actor=archivist, year=year, filings=filings, now=now)


def _inspected(session: Session, office: Office, head: Actor, now: datetime, today: date) -> None:
    """One mock inspection three days ago, all of it timed, one thing not found."""
    at = now - timedelta(days=3)
    drill = drills.start(
        session, actor=head, year=office.plan_year, as_of=today - timedelta(days=3), count=len(SOUGHT) + 1,
        seed=f"{today:%Y}-0117", weighted=True, now=at,
    )  # fmt: skip
    for item in list(drill.items):
        place = item.position - 1
        at += timedelta(minutes=1)
        drills.ask(session, actor=head, drill_id=drill.id, position=item.position, now=at)
        if place < len(SOUGHT):
            at += timedelta(seconds=SOUGHT[place])
            drills.found(session, actor=head, drill_id=drill.id, position=item.position, now=at)
        else:
            at += timedelta(minutes=5)
            drills.give_up(session, actor=head, drill_id=drill.id, position=item.position, now=at, note="柜里没有原件")


def _packed(session: Session, office: Office, head: Actor, now: datetime, today: date) -> None:
    """Two packages wait for the worker: yesterday's whole year, and one part of it as of the middle of the year."""
    year = office.plan_year
    wanted = ((min(today - timedelta(days=1), date(year, 12, 31)), ()), (date(year, 6, 30), ("T01", "T03")))
    for as_of, codes in wanted:
        if date(year, 1, 1) <= as_of < today:
            wish = package.Wish(year, as_of, codes)
            package.create(session, actor=head, office_id=office.id, wish=wish, now=now, zone=OFFICE_ZONE)
