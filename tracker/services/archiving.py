"""归档: numbers are given once and for ever, without gaps within their class; mistakes are noted, never renumbered."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracker.domain.archiving import RETENTIONS, ArchiveRules, archive_no, check_rules, one_line
from tracker.domain.description import normal_doc_no
from tracker.domain.permissions import Action, Actor
from tracker.errors import Conflict, InvalidInput, NotFound
from tracker.models import ArchiveItem, ArchiveVolume, Setting
from tracker.queries import archive as reads
from tracker.queries.subjects import require
from tracker.services import audit

TITLE_LIMIT, NOTE_LIMIT, MOST_PAGES = 300, 500, 100_000


@dataclass(frozen=True)
class Filing:
    """One version as the archivist wants it filed."""

    version_id: int
    title: str
    retention: str
    pages: int | None = None
    doc_no: str = ""
    issuer: str = ""
    note: str = ""


def save_rules(
    session: Session, *, actor: Actor, rules: ArchiveRules, now: datetime, address: str = ""
) -> ArchiveRules:
    """The office's settings; numbers that were given stay as they are. Raises as domain.archiving.check_rules."""
    require(actor, Action.FILE)
    check_rules(rules)
    row = _locked(session, actor.office_id)
    if row is None:
        row = Setting(office_id=actor.office_id, name=reads.SETTING, value={})
        session.add(row)
    before, row.value = dict(row.value), rules.as_data()
    session.flush()
    if before != row.value:
        audit.record(
            session, now=now, actor=actor, action="archive.settings_changed", subject="setting", subject_id=row.id,
            office_id=actor.office_id, address=address, before=before, after=row.value,
        )  # fmt: skip
    return rules


def _locked(session: Session, office_id: int) -> Setting | None:
    """The row that everybody who gives numbers queues for."""
    return session.scalar(
        select(Setting).where(Setting.office_id == office_id, Setting.name == reads.SETTING).with_for_update()
    )


def file_items(
    session: Session, *, actor: Actor, year: int, filings: Sequence[Filing], now: datetime, volume_title: str = "",
    address: str = "",
) -> list[ArchiveItem]:  # fmt: skip
    """Gives the next numbers of their classes, in the given order; with `volume_title` all of them become one volume.

    One transaction: either all have their numbers or none has. Conflict("archive_no_rules") before the settings were
    saved; Conflict("archive_filed") when somebody was faster with one of them, or its file is no longer intact;
    Conflict("archive_unit_twice") when a number was given to another department; InvalidInput: archive_nothing,
    archive_title, archive_retention, archive_pages, archive_volume_mixed.
    """
    require(actor, Action.FILE)
    if not filings:
        raise InvalidInput("archive_nothing")
    if _locked(session, actor.office_id) is None:
        raise Conflict("archive_no_rules")
    rules = reads.rules(session, actor.office_id)
    wanted = {one.version_id for one in filings}
    known = {
        one.version_id: one
        for one in reads.candidates(session, actor.office_id, year, only=wanted, limit=len(wanted))
        if one.condition == "intact"
    }
    if len(wanted) != len(filings) or wanted - known.keys():
        raise Conflict("archive_filed")
    made = []
    last: dict[tuple[str, str], int] = {}
    for filing in filings:
        _check(filing)
        about = known[filing.version_id]
        key = (filing.retention, about.department_code)
        if key not in last:
            last[key] = _last_number(session, ArchiveItem, actor.office_id, year, *key)
        last[key] += 1
        number = archive_no(
            rules, year=year, retention=filing.retention, unit=rules.units[about.department_code], number=last[key]
        )
        made.append(
            ArchiveItem(
                office_id=actor.office_id,
                version_id=about.version_id,
                filed_version_id=about.version_id,
                archive_no=number,
                year=year,
                retention=filing.retention,
                department_code=about.department_code,
                number=last[key],
                title=one_line(filing.title),
                doc_no=normal_doc_no(filing.doc_no)[:120],
                issuer=(one_line(filing.issuer) or about.issuer)[:200],
                doc_date=about.doc_date,
                pages=filing.pages,
                note=one_line(filing.note)[:NOTE_LIMIT],
                filed_by_id=actor.id,
                filed_at=now,
            )
        )
    _check_free(session, ArchiveItem, actor.office_id, [item.archive_no for item in made])
    if title := one_line(volume_title):
        volume = _volume(session, actor, rules, made, title, now, address)
        for item in made:
            item.volume_id = volume.id
    session.add_all(made)
    session.flush()
    for item in made:
        audit.record(
            session, now=now, actor=actor, action="archive.filed", subject="version", subject_id=item.version_id,
            office_id=actor.office_id, address=address, archive_no=item.archive_no, title=item.title,
            retention=item.retention, pages=item.pages, item=item.id,
        )  # fmt: skip
    return made


def _check(filing: Filing) -> None:
    if not 1 <= len(one_line(filing.title)) <= TITLE_LIMIT:
        raise InvalidInput("archive_title", field=f"title-{filing.version_id}")
    if filing.retention not in RETENTIONS:
        raise InvalidInput("archive_retention", field=f"retention-{filing.version_id}")
    if filing.pages is not None and not 1 <= filing.pages <= MOST_PAGES:
        raise InvalidInput("archive_pages", field=f"pages-{filing.version_id}")


def _check_free(
    session: Session, model: type[ArchiveItem] | type[ArchiveVolume], office_id: int, numbers: Collection[str]
) -> None:
    """A unit code that another department had before makes numbers that were given already."""
    if session.scalar(select(model.id).where(model.office_id == office_id, model.archive_no.in_(numbers)).limit(1)):
        raise Conflict("archive_unit_twice")


def _last_number(
    session: Session, model: type[ArchiveItem] | type[ArchiveVolume], office_id: int, year: int, retention: str,
    department_code: str,
) -> int:  # fmt: skip
    return session.scalar(
        select(func.coalesce(func.max(model.number), 0)).where(
            model.office_id == office_id, model.year == year, model.retention == retention,
            model.department_code == department_code,
        )
    ) or 0  # fmt: skip


def _volume(
    session: Session, actor: Actor, rules: ArchiveRules, items: Sequence[ArchiveItem], title: str, now: datetime,
    address: str,
) -> ArchiveVolume:  # fmt: skip
    classes = {(item.retention, item.department_code) for item in items}
    if len(classes) != 1:
        raise InvalidInput("archive_volume_mixed", field="volume_title")
    if len(title) > 200:
        raise InvalidInput("archive_title", field="volume_title")
    [(retention, code)] = classes
    year = items[0].year
    number = _last_number(session, ArchiveVolume, actor.office_id, year, retention, code) + 1
    named = archive_no(rules, year=year, retention=retention, unit=rules.units[code], number=number, volume=True)
    _check_free(session, ArchiveVolume, actor.office_id, [named])
    row = ArchiveVolume(
        office_id=actor.office_id, title=title, year=year, retention=retention, department_code=code, number=number,
        archive_no=named, made_by_id=actor.id, made_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    audit.record(
        session, now=now, actor=actor, action="archive.volume_made", subject="archive_volume", subject_id=row.id,
        office_id=actor.office_id, address=address, archive_no=row.archive_no, title=title,
        numbers=[item.archive_no for item in items],
    )  # fmt: skip
    return row


def note_item(
    session: Session, *, actor: Actor, item_id: int, note: str, pages: int | None = None, now: datetime,
    address: str = "",
) -> ArchiveItem:  # fmt: skip
    """备注: how a mistake is put right. Pages that were not known can be told once; InvalidInput("archive_pages")."""
    item = _of(session, actor, item_id)
    if pages is not None and item.pages is None:
        if not 1 <= pages <= MOST_PAGES:
            raise InvalidInput("archive_pages", field="pages")
    else:
        pages = item.pages
    before = {"note": item.note, "pages": item.pages}
    item.note, item.pages = one_line(note)[:NOTE_LIMIT], pages
    after = {"note": item.note, "pages": item.pages}
    if before != after:
        _record(session, actor, "archive.noted", item, now, address, before=before, after=after)
    return item


def void_item(
    session: Session, *, actor: Actor, item_id: int, reason: str, now: datetime, address: str = ""
) -> ArchiveItem:
    """作废: the number stays taken, the version may be filed again. Conflict("archive_printed") once a catalogue was
    printed with it, Conflict("archive_void"); InvalidInput("reason_required")."""
    item = _of(session, actor, item_id)
    reason = one_line(reason)[:NOTE_LIMIT]
    if not reason:
        raise InvalidInput("reason_required", field="reason")
    if item.voided_at is not None:
        raise Conflict("archive_void")
    if item.printed_at is not None:
        raise Conflict("archive_printed")
    item.voided_at, item.voided_by_id, item.void_reason = now, actor.id, reason
    item.filed_version_id = None
    _record(session, actor, "archive.voided", item, now, address, reason=item.void_reason)
    return item


def mark_printed(session: Session, *, actor: Actor, item_ids: Collection[int], now: datetime, address: str = "") -> int:
    """A catalogue with these items is made for printing; how many are in one for the first time."""
    require(actor, Action.SEE_ARCHIVE)
    rows = session.scalars(
        select(ArchiveItem)
        .where(ArchiveItem.office_id == actor.office_id, ArchiveItem.id.in_(item_ids))
        .where(ArchiveItem.printed_at.is_(None), ArchiveItem.voided_at.is_(None))
        .order_by(ArchiveItem.id)
        .with_for_update()
    ).all()
    for row in rows:
        row.printed_at = now
    if rows:
        audit.record(
            session, now=now, actor=actor, action="archive.printed", subject="archive", subject_id=None,
            office_id=actor.office_id, address=address, items=len(rows), numbers=[row.archive_no for row in rows],
        )  # fmt: skip
    return len(rows)


def _of(session: Session, actor: Actor, item_id: int) -> ArchiveItem:
    require(actor, Action.FILE)
    item = session.scalar(select(ArchiveItem).where(ArchiveItem.id == item_id).with_for_update())
    if item is None or item.office_id != actor.office_id:
        raise NotFound("not_found")
    return item


def _record(
    session: Session, actor: Actor, action: str, item: ArchiveItem, now: datetime, address: str, **data: Any
) -> None:
    audit.record(
        session, now=now, actor=actor, action=action, subject="version", subject_id=item.version_id,
        office_id=actor.office_id, address=address, archive_no=item.archive_no, item=item.id, **data,
    )  # fmt: skip
