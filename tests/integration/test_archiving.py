"""归档: numbers without gaps whoever is quick, given once and for ever; what is void, noted, bound and handed over."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.support import evidence as acts
from tests.support import files
from tests.support.archiving import RULES, filed, filing, settle, waiting
from tests.support.clock import FROZEN as NOW
from tests.support.folder_store import FolderStore
from tests.support.office import OfficeKit, add_person
from tracker.domain.permissions import Role
from tracker.errors import Conflict, Forbidden, InvalidInput, NotFound, TrackerError, Unavailable
from tracker.models import ArchiveItem, ArchiveVolume, AuditEvent, Office, Version
from tracker.ports import ObjectStore
from tracker.queries import archive as reads
from tracker.queries.subjects import actor_of
from tracker.services import archiving, audit, custody, review, transfer
from tracker.services.jobs import write


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """Where the bytes lie does not matter here; tests/functional asks a real server."""
    return FolderStore(tmp_path / "objects")


@pytest.fixture
def ledgers(session: Session, office: OfficeKit, store: ObjectStore) -> list[Version]:
    """Three ledgers of the petition office, of August to October."""
    settle(session, office)
    found = [waiting(session, office, store, month, name=f"{month}台账.pdf") for month in ("M08", "M09", "M10")]
    session.commit()
    return found


def numbers(session: Session) -> list[str]:
    return list(session.scalars(select(ArchiveItem.archive_no).order_by(ArchiveItem.id)))


def left(session: Session, office: OfficeKit, year: int = 2026) -> list[int]:
    """Versions that wait, in the order in which they would be filed."""
    return [one.version_id for one in reads.candidates(session, office.office_id, year)]


def refused(kind: type[TrackerError], act: Callable[..., object], *values: Any, **named: Any) -> tuple[str, object]:
    with pytest.raises(kind) as raised:
        act(*values, **named)
    return raised.value.code, raised.value.data.get("field")


# -- numbers -----------------------------------------------------------------------------------------------------------


def test_numbers_run_within_their_class_and_the_line_is_copied(
    session: Session, office: OfficeKit, store: ObjectStore, ledgers: list[Version]
) -> None:
    record = waiting(session, office, store, "Q3", "T01-E2", name="会议.pdf", retention="永久")
    photo = waiting(session, office, store, "Y", "T03-E1", name="照片.pdf", who="contact_sfs")
    record.doc_no, record.issuer = "津滨大港纪〔2026〕5号", "街道办事处"
    assert left(session, office) == [record.id, *(one.id for one in ledgers), photo.id]
    filed(session, office, filing(ledgers[0]), filing(ledgers[1]), filing(record, retention="Y"))
    more: dict[str, Any] = {"doc_no": "津滨大港发[2026] 3号", "issuer": " ", "pages": None, "note": "原件\n在司法所"}
    last = filed(session, office, filing(photo, " 〔现场\t照片〕 ", **more), filing(ledgers[2], retention="D30"))
    assert numbers(session) == [
        "0194-WS·2026-D10-ZZXF-0001", "0194-WS·2026-D10-ZZXF-0002", "0194-WS·2026-Y-ZZXF-0001",
        "0194-WS·2026-D10-SFS-0001", "0194-WS·2026-D30-ZZXF-0001",
    ]  # fmt: skip
    assert (last[0].title, last[0].doc_no, last[0].issuer) == ("〔现场 照片〕", "津滨大港发〔2026〕3号", "司法所")
    assert (last[0].pages, last[0].note, last[0].doc_date) == (None, "原件 在司法所", photo.doc_date)
    assert left(session, office) == []
    assert reads.archive_numbers(session, [photo.id, 0]) == {photo.id: "0194-WS·2026-D10-SFS-0001"}
    # A printed catalogue stays true: what is said of the version later does not change its line.
    record.file_name, record.issuer = "改名.pdf", "另一机关"
    [line] = reads.items(session, office.office_id, year=2026, retention="Y")
    assert (line.title, line.retention, line.sha256, line.filed_by) == (
        "会议", "Y", record.blob and record.blob.sha256, "账户 archivist",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "retention"), [("永久", "Y"), ("定期30年", "D30"), ("15年", "D30"), ("10年", "D10"), ("", "D10")]
)
def test_the_requirement_proposes_the_period(
    session: Session, office: OfficeKit, store: ObjectStore, text: str, retention: str
) -> None:
    waiting(session, office, store, retention=text)
    [one] = reads.candidates(session, office.office_id, 2026)
    assert (one.retention, one.retention_text, one.title, one.issuer) == (retention, text, "巡查台账", "综治信访办")


def test_the_year_is_that_of_the_document(
    session: Session, office: OfficeKit, store: ObjectStore, ledgers: list[Version]
) -> None:
    old = waiting(session, office, store, "Q4", "T01-E1", name="方案.pdf", day=date(2025, 12, 30))
    ledgers[0].doc_date = None  # by the period that it covers
    ledgers[1].doc_date = ledgers[1].covered_from = ledgers[1].covered_to = None  # by the year of its task
    session.flush()
    assert reads.years(session, office.office_id) == [2026, 2025]
    assert (left(session, office, 2025), reads.count_waiting(session, office.office_id, 2026)) == ([old.id], 3)
    assert set(left(session, office)) == {one.id for one in ledgers}
    assert refused(Conflict, filed, session, office, filing(old))[0] == "archive_filed"
    assert filed(session, office, filing(old), year=2025)[0].archive_no == "0194-WS·2025-D10-ZZXF-0001"
    assert reads.years(session, office.office_id) == [2026, 2025]


def at_once(engine: Engine, *works: Callable[[Session], object]) -> list[str]:
    """Each in a thread and a write transaction of its own; "" or the code of its error."""
    barrier, found = threading.Barrier(len(works)), ["lost"] * len(works)

    def run(place: int) -> None:
        with Session(engine) as session:
            barrier.wait(10)
            try:
                write(session)
                works[place](session)
                session.commit()
                found[place] = ""
            except TrackerError as error:
                found[place] = error.code

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def test_archivists_who_file_at_once_leave_no_gap(
    session: Session, engine: Engine, office: OfficeKit, ledgers: list[Version]
) -> None:
    wanted = [filing(one) for one in ledgers]
    session.rollback()
    done = at_once(engine, *(lambda own, one=one: filed(own, office, one) for one in wanted))
    assert done == ["", "", ""]
    assert sorted(numbers(session)) == [f"0194-WS·2026-D10-ZZXF-000{place}" for place in (1, 2, 3)]


def test_of_two_who_file_the_same_one_is_told(
    session: Session, engine: Engine, office: OfficeKit, ledgers: list[Version]
) -> None:
    one, two, three = (filing(version) for version in ledgers)
    session.rollback()
    done = at_once(
        engine,
        lambda own: filed(own, office, one, two),
        lambda own: filed(own, office, three, two, who="legal_head"),
    )
    assert sorted(done) == ["", "archive_filed"]
    assert numbers(session) == ["0194-WS·2026-D10-ZZXF-0001", "0194-WS·2026-D10-ZZXF-0002"]


def test_what_is_printed_while_it_is_made_void_is_one_of_both(
    session: Session, engine: Engine, office: OfficeKit, ledgers: list[Version]
) -> None:
    [item] = filed(session, office, filing(ledgers[0]))
    session.commit()
    by: dict[str, Any] = {"actor": office.actor(session, "archivist"), "now": NOW}
    number = item.id
    session.rollback()
    done = at_once(
        engine,
        lambda own: archiving.void_item(own, item_id=number, reason="传错", **by),
        lambda own: archiving.mark_printed(own, item_ids=[number], **by),
    )
    assert done in ([""] * 2, ["archive_printed", ""])
    assert (item.voided_at is None) is (item.printed_at is not None)


def test_the_database_itself_forbids_a_number_twice(
    session: Session, office: OfficeKit, ledgers: list[Version]
) -> None:
    [item] = filed(session, office, filing(ledgers[0]))
    session.commit()
    kept = {
        column.key: getattr(item, column.key) for column in ArchiveItem.__table__.columns if column.key != "id"
    } | {"version_id": ledgers[1].id, "filed_version_id": ledgers[1].id}  # fmt: skip
    for same in ({"number": 2}, {"archive_no": "another"},
                 {"number": 2, "archive_no": "another", "filed_version_id": item.filed_version_id}):  # fmt: skip
        session.add(ArchiveItem(**kept | same))
        with pytest.raises(IntegrityError):
            session.flush()
        session.rollback()


def test_a_unit_code_that_another_department_had_gives_no_number_twice(
    session: Session, office: OfficeKit, store: ObjectStore, ledgers: list[Version]
) -> None:
    photo = waiting(session, office, store, "Y", "T03-E1", who="contact_sfs")
    filed(session, office, filing(ledgers[0]), volume="台账卷")
    settle(session, office, replace(RULES, units={**RULES.units, "zzxf": "SFS", "sfs": "ZZXF"}))
    session.commit()
    for volume in ("", "照片卷"):
        assert refused(Conflict, filed, session, office, filing(photo), volume=volume)[0] == "archive_unit_twice"
        session.rollback()
    assert filed(session, office, filing(ledgers[1]))[0].archive_no == "0194-WS·2026-D10-SFS-0002"


def test_nothing_is_half_done(session: Session, office: OfficeKit, store: ObjectStore, ledgers: list[Version]) -> None:
    good, other, third = (filing(one) for one in ledgers)
    photo = filing(waiting(session, office, store, "Y", "T03-E1", who="contact_sfs"))
    session.commit()
    events = session.scalar(select(func.count()).select_from(AuditEvent))
    place = other.version_id
    for kind, code, field, filings, volume in (
        (InvalidInput, "archive_nothing", None, [], ""),
        (InvalidInput, "archive_title", f"title-{place}", [good, replace(other, title=" \n")], ""),
        (InvalidInput, "archive_title", f"title-{place}", [good, replace(other, title="题" * 301)], ""),
        (InvalidInput, "archive_retention", f"retention-{place}", [good, replace(other, retention="D15")], ""),
        (InvalidInput, "archive_pages", f"pages-{place}", [good, replace(other, pages=0)], ""),
        (InvalidInput, "archive_pages", f"pages-{place}", [good, replace(other, pages=100_001)], ""),
        (InvalidInput, "archive_volume_mixed", "volume_title", [good, replace(other, retention="Y")], "一卷"),
        (InvalidInput, "archive_volume_mixed", "volume_title", [good, photo], "一卷"),
        (InvalidInput, "archive_title", "volume_title", [good, other], "卷" * 201),
        (Conflict, "archive_filed", None, [good, good], ""),
        (Conflict, "archive_filed", None, [good, replace(other, version_id=10**6)], ""),
    ):
        assert refused(kind, filed, session, office, *filings, volume=volume) == (code, field)
        session.commit()  # whatever it left behind
    assert numbers(session) == []
    assert session.scalars(select(ArchiveVolume)).all() == []
    assert session.scalar(select(func.count()).select_from(AuditEvent)) == events
    assert filed(session, office, third)[0].number == 1


def test_before_the_settings_are_saved_nothing_gets_a_number(
    session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    version = waiting(session, office, store)
    assert refused(Conflict, filed, session, office, filing(version))[0] == "archive_no_rules"
    assert refused(InvalidInput, settle, session, office, replace(RULES, fonds="")) == (
        "archive_fonds", "fonds",
    )  # fmt: skip
    session.rollback()
    assert reads.rules(session, office.office_id).units["zzxf"] == "ZZXF"  # proposed
    assert reads.rules(session, office.office_id).fonds == ""


def test_what_is_damaged_waits_until_it_is_healed(
    session: Session, office: OfficeKit, store: ObjectStore, ledgers: list[Version]
) -> None:
    version = ledgers[0]
    custody.report(session, blob_id=version.blob_id or 0, kind="changed", detail={}, now=NOW)
    assert reads.count_waiting(session, office.office_id, 2026) == 3  # it is not forgotten
    assert {one.condition for one in reads.candidates(session, office.office_id, 2026)} == {"changed", "intact"}
    wanted = [filing(one) for one in ledgers]
    assert refused(Conflict, filed, session, office, *wanted)[0] == "archive_filed"
    assert numbers(session) == []
    custody.settle(session, blob_id=version.blob_id or 0, resolution="healed", now=NOW)
    assert len(filed(session, office, *wanted)) == 3


def test_what_was_replaced_or_made_void_is_not_filed(
    session: Session, office: OfficeKit, store: ObjectStore, ledgers: list[Version]
) -> None:
    owed = office.obligation(session, "T02-E1", "M10")
    new = acts.accepted(session, office, owed, acts.received(store, files.pdf("new")), NOW,
                        evidence_id=ledgers[2].evidence_id)  # fmt: skip
    custody.report(session, blob_id=ledgers[2].blob_id or 0, kind="changed", detail={}, now=NOW)
    assert ledgers[2].state == "damaged"
    review.void(session, actor=office.actor(session, "legal_head"), version_id=ledgers[0].id, reason="传错", now=NOW)
    acts.submitted(session, office, office.obligation(session, "T02-E1", "M11"), acts.received(store, b"%PDF x"), NOW)
    assert left(session, office) == [ledgers[1].id, new.id]


# -- mistakes ----------------------------------------------------------------------------------------------------------


def test_a_void_number_stays_taken_and_its_document_waits_again(
    session: Session, office: OfficeKit, ledgers: list[Version]
) -> None:
    actor = office.actor(session, "archivist")
    first, second = filed(session, office, filing(ledgers[0]), filing(ledgers[1]))

    def void(reason: str = "期限写错") -> ArchiveItem:
        return archiving.void_item(session, actor=actor, item_id=second.id, reason=reason, now=NOW)

    assert refused(InvalidInput, void, " \n") == ("reason_required", "reason")
    void()
    assert refused(Conflict, void)[0] == "archive_void"
    assert left(session, office) == [ledgers[1].id, ledgers[2].id]
    again = filed(session, office, filing(ledgers[1]), filing(ledgers[2], retention="Y"))
    assert [one.archive_no[-9:] for one in again] == ["ZZXF-0003", "ZZXF-0001"]
    assert reads.archive_numbers(session, [ledgers[1].id]) == {ledgers[1].id: again[0].archive_no}
    found = [(one.retention, one.items, one.voided, one.last, one.pages)
             for one in reads.classes(session, office.office_id, 2026, RULES.order)]  # fmt: skip
    assert found == [("Y", 1, 0, 1, 2), ("D10", 2, 1, 3, 4)]
    assert [one.voided_at is not None for one in reads.items(session, office.office_id, retention="D10")] == [
        False, True, False,
    ]  # fmt: skip
    assert archiving.mark_printed(session, actor=actor, item_ids=[first.id, second.id], now=NOW) == 1
    assert archiving.mark_printed(session, actor=actor, item_ids=[first.id, second.id], now=NOW) == 0
    assert refused(Conflict, archiving.void_item, session, actor=actor, item_id=first.id, reason="x", now=NOW) \
        == ("archive_printed", None)  # fmt: skip


def test_a_note_puts_right_and_pages_are_told_once(session: Session, office: OfficeKit, ledgers: list[Version]) -> None:
    actor = office.actor(session, "archivist")
    [item] = filed(session, office, filing(ledgers[0], pages=None))

    def note(text: str, pages: int | None = None) -> ArchiveItem:
        return archiving.note_item(session, actor=actor, item_id=item.id, note=text, pages=pages, now=NOW)

    for wrong in (0, 100_001):
        assert refused(InvalidInput, note, "", wrong) == ("archive_pages", "pages")
    assert (note("缺第3页").pages, note(" 缺第3页\n", 4).pages, note("缺第3页", 9).pages) == (None, 4, 4)
    assert item.note == "缺第3页"
    session.flush()
    noted = session.scalars(select(AuditEvent.data).where(AuditEvent.action == "archive.noted")).all()
    assert [(one["before"]["pages"], one["after"]["pages"]) for one in noted] == [(None, None), (None, 4)]


def test_a_volume_binds_one_class(
    session: Session, office: OfficeKit, store: ObjectStore, ledgers: list[Version]
) -> None:
    record = waiting(session, office, store, "Q3", "T01-E2", pages=None)
    items = filed(session, office, filing(ledgers[1]), filing(ledgers[0]), volume=" 台账\n卷 ")
    filed(session, office, filing(record), volume="第二卷")
    first, second = reads.volumes(session, office.office_id, year=2026)
    assert (first.archive_no, first.title) == ("0194-WS·2026-D10-ZZXF-AJ001", "台账 卷")
    assert (first.items, first.pages, first.first_day, first.last_day) == (2, 4, date(2026, 8, 1), date(2026, 9, 1))
    assert (second.archive_no[-5:], second.items, second.pages) == ("AJ002", 1, None)
    inside = reads.items(session, office.office_id, volume_id=first.id)
    assert [line.version_id for line in inside] == [ledgers[1].id, ledgers[0].id]  # as they were ticked
    actor = office.actor(session, "archivist")
    archiving.void_item(session, actor=actor, item_id=items[0].id, reason="传错", now=NOW)
    session.flush()
    [first] = reads.volumes(session, office.office_id, only=first.id)
    assert (first.items, first.pages, first.last_day) == (1, 2, date(2026, 8, 1))


# -- who, and what the log says ----------------------------------------------------------------------------------------


def test_who_may(session: Session, office: OfficeKit, ledgers: list[Version]) -> None:
    [item] = filed(session, office, filing(ledgers[0]), who="legal_head")
    for who in ("inspector", "reviewer", "director", "contact", "sysadmin"):
        by: dict[str, Any] = {"actor": office.actor(session, who), "now": NOW}
        refused(Forbidden, archiving.save_rules, session, rules=RULES, **by)
        refused(Forbidden, archiving.file_items, session, year=2026, filings=[filing(ledgers[1])], **by)
        refused(Forbidden, archiving.note_item, session, item_id=item.id, note="x", **by)
        refused(Forbidden, archiving.void_item, session, item_id=item.id, reason="x", **by)
    by = {"actor": office.actor(session, "contact"), "now": NOW}
    refused(Forbidden, archiving.mark_printed, session, item_ids=[item.id], **by)


def test_another_office_sees_and_touches_nothing(session: Session, office: OfficeKit, ledgers: list[Version]) -> None:
    [item] = filed(session, office, filing(ledgers[0]), volume="一卷")
    other = Office(name_zh="另一街道", name_en="Another", plan_year=2026, created_at=NOW)
    session.add(other)
    session.flush()
    person = add_person(session, other.id, "stranger", Role.ARCHIVIST, None, NOW)
    session.flush()
    by: dict[str, Any] = {"actor": actor_of(person), "now": NOW}
    archiving.save_rules(session, rules=RULES, **by)
    for read in (reads.years, reads.items, reads.volumes):
        assert read(session, other.id) == []
    refused(NotFound, archiving.note_item, session, item_id=item.id, note="x", **by)
    refused(NotFound, archiving.void_item, session, item_id=item.id, reason="x", **by)
    assert archiving.mark_printed(session, item_ids=[item.id], **by) == 0
    wanted = {"year": 2026, "filings": [filing(ledgers[1])], **by}
    assert refused(Conflict, archiving.file_items, session, **wanted)[0] == "archive_filed"


def test_every_act_is_on_record(session: Session, office: OfficeKit, ledgers: list[Version]) -> None:
    settle(session, office)  # nothing new: nothing to record
    actor = office.actor(session, "archivist")
    first, second = filed(session, office, filing(ledgers[0]), filing(ledgers[1]), volume="一卷")
    archiving.note_item(session, actor=actor, item_id=first.id, note="附照片", now=NOW)
    archiving.void_item(session, actor=actor, item_id=second.id, reason="传错", now=NOW)
    archiving.mark_printed(session, actor=actor, item_ids=[first.id, second.id], now=NOW)
    settle(session, office, replace(RULES, order="year-period-unit"))
    session.commit()
    acts_ = session.execute(
        select(AuditEvent.action, AuditEvent.actor, AuditEvent.subject, AuditEvent.subject_id, AuditEvent.data)
        .where(AuditEvent.action.like("archive.%"))
        .order_by(AuditEvent.seq)
    ).all()
    assert [row.action.removeprefix("archive.") for row in acts_] == [
        "settings_changed", "volume_made", "filed", "filed", "noted", "voided", "printed", "settings_changed",
    ]  # fmt: skip
    assert {row.actor for row in acts_} == {"账户 archivist"}
    assert [(row.subject, row.subject_id) for row in acts_[2:6]] == [
        ("version", ledgers[place].id) for place in (0, 1, 0, 1)
    ]
    assert acts_[1].data["numbers"] == [first.archive_no, second.archive_no]
    assert (acts_[5].data["archive_no"], acts_[5].data["reason"]) == (second.archive_no, "传错")
    assert acts_[6].data["numbers"] == [first.archive_no]
    assert (acts_[7].data["before"]["order"], acts_[7].data["after"]["order"]) == (
        "year-unit-period", "year-period-unit",
    )  # fmt: skip
    assert audit.verify(session).broken_at is None


# -- handed over -------------------------------------------------------------------------------------------------------


def package(session: Session, office: OfficeKit, store: ObjectStore) -> transfer.Transfer:
    return transfer.build(
        reads.items(session, office.office_id), name="移交包_0194_2026", organisation="测试街道",
        tables=[("catalogues/归档文件目录.txt", b"x")], units=dict(RULES.units), day=NOW.date(), store=store,
        head=(7, "ab" * 32),
    )  # fmt: skip


def test_the_transfer_is_known_before_its_first_byte(
    session: Session, office: OfficeKit, store: FolderStore, ledgers: list[Version]
) -> None:
    filed(session, office, *(filing(one, "同名/台账") for one in ledgers))
    assert ledgers[0].blob is not None
    ledgers[0].blob.crc32 = None  # stored before checksums were kept
    session.flush()
    made = package(session, office, store)
    data = b"".join(transfer.stream(made, store))
    assert len(data) == made.layout.size
    assert data == b"".join(transfer.stream(package(session, office, store), store))
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        assert packed.testzip() is None
        folder = "移交包_0194_2026/data/2026-D10-ZZXF"
        for place, version in enumerate(ledgers, 1):
            content = packed.read(f"{folder}/{place:04}_同名／台账.pdf")
            assert hashlib.sha256(content).hexdigest() == version.blob.sha256  # type: ignore[union-attr]


def test_a_transfer_of_what_is_not_intact_breaks_off(
    session: Session, office: OfficeKit, store: FolderStore, ledgers: list[Version]
) -> None:
    filed(session, office, *(filing(one) for one in ledgers))
    made, blob = package(session, office, store), ledgers[1].blob
    assert blob is not None
    path = store.folder / blob.object_key
    right = path.read_bytes()
    for wrong in (right[:-1] + b"x", right[:-1], right + b"x"):
        path.write_bytes(wrong)
        sent: list[bytes] = []
        with pytest.raises(Unavailable) as raised:
            sent.extend(transfer.stream(made, store))
        assert raised.value.data["path"] == "data/2026-D10-ZZXF/0002_M09台账.pdf"
        assert sum(map(len, sent)) < made.layout.size
    path.unlink()
    refused(Unavailable, list, transfer.stream(made, store))
    blob.condition = "missing"
    session.flush()
    assert refused(Conflict, package, session, office, store)[0] == "archive_object_wrong"
