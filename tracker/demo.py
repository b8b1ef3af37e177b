"""The demo office: 大港街道 with its departments, 51 tasks, accounts by role, and material in every state.

Relative to the instant of seeding, so that on any day there is something good, late, stale, returned and waiting.
Accounts are roles, not persons; their passwords are random in every installation.
"""

import io
import math
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from tracker import demo_archive, demo_time
from tracker.adapters.catalogue_files import read_rows
from tracker.demo_material import MEDIA, Sheet, make
from tracker.demo_plan import Item, Piece, Planner, number_of, shared, shown
from tracker.domain.calendar import local_date
from tracker.domain.catalogue import Rows
from tracker.domain.indicators import evaluated_in
from tracker.domain.permissions import Role
from tracker.domain.recipe import PieceRule
from tracker.models import (
    Blob,
    Department,
    Evidence,
    Indicator,
    IndicatorValue,
    Obligation,
    Office,
    Period,
    Review,
    Slot,
    Task,
    User,
    Version,
)
from tracker.ports import ObjectStore, StoredObject
from tracker.queries.calendar import load_calendar
from tracker.services import audit, jobs
from tracker.services.accounts import hash_password, new_password
from tracker.services.assessment import OFFICE_ZONE, reassess
from tracker.services.catalogue import import_catalogue
from tracker.services.sweep import sweep
from tracker.services.telling import recipients, tell

CATALOGUES = Path(__file__).resolve().parent / "catalogues"
CATALOGUE, ORGANISATION = CATALOGUES / "dagang.yaml", CATALOGUES / "organisation.yaml"
# Year tasks whose deadline the demo moves near, in days from now: "due soon" is to be seen on any day.
SOON = {"T44": 4, "T15": 9, "T51": 12}
BEHIND = {"T02", "T26"}  # their counts lag
CYCLE_WORDS = {
    "Y": "全年",
    "H1": "上半年",
    "H2": "下半年",
    "Q1": "第一季度",
    "Q2": "第二季度",
    "Q3": "第三季度",
    "Q4": "第四季度",
}
OFFICE_ROLES = (
    ("fzb-shenhe1", "法制办审核员甲", Role.REVIEWER, "fzb"),
    ("fzb-shenhe2", "法制办审核员乙", Role.REVIEWER, "fzb"),
    ("fzb-fuze", "法制办负责人", Role.LEGAL_HEAD, "fzb"),
    ("fenguan", "分管领导", Role.DEPUTY, None),
    ("zhuren", "办事处主任", Role.DIRECTOR, None),
    ("shuji", "工委书记", Role.SECRETARY, None),
    ("jiancha", "区级检查员", Role.INSPECTOR, None),
    ("dangan", "档案员", Role.ARCHIVIST, "dzb"),
    ("xitong", "系统管理员", Role.SYSADMIN, None),
    ("anquan", "安全管理员", Role.SECADMIN, None),
    ("shenji", "审计管理员", Role.AUDITADMIN, None),
)


def seed(session: Session, store: ObjectStore, now: datetime, data: Path | None = None) -> int:
    """Fills an empty, migrated database; commits. Returns how many files were stored.

    With `data` the accounts are written to `accounts.txt` there, readable by its owner alone.
    """
    today = local_date(now, OFFICE_ZONE)
    # In January next to nothing of the new year is over; the year that has just ended shows more.
    year = today.year - 1 if today.month == 1 else today.year
    organisation = yaml.safe_load(ORGANISATION.read_text(encoding="utf-8"))
    office = Office(plan_year=year, created_at=now, **organisation["office"])
    session.add(office)
    session.flush()
    departments = _departments(session, office, organisation["departments"])
    rows = _near(read_rows(CATALOGUE.read_bytes(), CATALOGUE.name), today, year)
    import_catalogue(session, actor=None, office_id=office.id, year=year, rows=rows, now=now, file_name=CATALOGUE.name)
    owners = set(session.scalars(select(Task.owner_id).where(Task.office_id == office.id)))
    people = _people(session, office, departments, owners, now, data)
    obligations = session.scalars(
        select(Obligation).where(Obligation.office_id == office.id).order_by(Obligation.due, Obligation.id)
        .options(joinedload(Obligation.slot).joinedload(Slot.task).joinedload(Task.owner))
    ).all()  # fmt: skip
    items = Planner(today, load_calendar(session), frozenset(SOON)).plan(obligations)
    versions = _store_items(session, store, office, items, people, now, year)
    _values(session, items, versions, people, today, now)
    session.flush()
    audit.record(
        session, now=now, actor=None, action="demo.seeded", subject="office", subject_id=office.id,
        office_id=office.id, files=len(versions), year=year,
    )  # fmt: skip
    _judge(session, office, people, now)
    return len(versions)


def _departments(session: Session, office: Office, wanted: Sequence[dict[str, Any]]) -> dict[str, Department]:
    made: dict[str, Department] = {}
    for position, entry in enumerate(wanted):
        made[entry["id"]] = Department(
            office_id=office.id, code=entry["id"], name_zh=entry["name_zh"], name_en=entry["name_en"],
            kind=entry["kind"], collective=entry.get("collective", False), position=position,
        )  # fmt: skip
    session.add_all(made.values())
    session.flush()
    for entry in wanted:
        if parent := entry.get("parent"):
            made[entry["id"]].parent_id = made[parent].id
    return made


def _near(rows: Rows, today: date, year: int) -> Rows:
    """The catalogue with the deadlines of SOON moved near today, where they stay in the plan year."""
    tasks = []
    for row in rows.tasks:
        due = today + timedelta(SOON.get(str(row.values.get("code")), 0))
        if due != today and due.year == year:
            words = f"{due.month}月{due.day}日前（演示）"
            row = replace(row, values={**row.values, "due": [f"{due:%m-%d}"], "text_zh": words})  # noqa: PLW2901
        tasks.append(row)
    return replace(rows, tasks=tuple(tasks))


def _people(
    session: Session,
    office: Office,
    departments: dict[str, Department],
    owners: set[int],
    now: datetime,
    data: Path | None,
) -> dict[str, User]:  # fmt: skip
    """Accounts by the local part of their address."""
    wanted = list(OFFICE_ROLES)
    for code, department in departments.items():
        if department.id in owners and code != "fzb":
            short = department.name_zh.partition("（")[0]
            wanted.append((f"{code}-jingban", f"{short}经办人", Role.CONTACT, code))
            if department.kind != "post":
                wanted.append((f"{code}-fuze", f"{short}负责人", Role.DEPT_HEAD, code))
    passwords = [new_password() for _ in wanted]
    with ThreadPoolExecutor(4) as pool:
        hashes = list(pool.map(hash_password, passwords))
    people = {
        key: User(
            office_id=office.id, department_id=departments[code].id if code else None, email=f"{key}@demo.example",
            name=name, role=role.value, password_hash=hashed, password_changed_at=now, created_at=now,
            valid_until=local_date(now, OFFICE_ZONE) + timedelta(90) if role is Role.INSPECTOR else None,
        )
        for (key, name, role, code), hashed in zip(wanted, hashes, strict=True)
    }  # fmt: skip
    session.add_all(people.values())
    session.flush()
    if data is not None:
        lines = [f"{user.email}\t{word}\t{user.name}" for user, word in zip(people.values(), passwords, strict=True)]
        with os.fdopen(
            os.open(data / "accounts.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as out:
            out.write("\n".join(lines) + "\n")
    return people


def _note_accounts(path: Path, accounts: Iterable[tuple[User, str]]) -> None:
    lines = [f"{user.email}\t{password}\t{user.name}\n" for user, password in accounts]
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.writelines(lines)


# -- material ----------------------------------------------------------------------------------------------------------


def cycle_words(cycle_no: str, year: int) -> str:
    word = CYCLE_WORDS.get(cycle_no) or f"{int(cycle_no[1:])}月"
    return f"{year}年{word}"


def file_name(item: Item, piece: Piece, number: int, year: int, shows: Sequence[PieceRule] = ()) -> str:
    """As a clerk would name it; a file that shows one piece of several is called by that."""
    slot = item.obligations[0].slot
    name = (shows[0].name_zh if len(shows) == 1 < len(slot.recipe) else slot.name_zh).replace("/", "、")
    when = f"{piece.doc_date:%Y%m%d}" if piece.covered is None else cycle_words(item.obligations[0].cycle_no, year)
    mark = "" if number == 1 else f"（第{number}版）"
    return f"{name}{mark}（演示）{when}.{piece.extension}"


def _store_items(
    session: Session, store: ObjectStore, office: Office, items: Sequence[Item], people: dict[str, User],
    now: datetime, year: int,
) -> dict[int, list[Version]]:  # fmt: skip
    """Puts all files into the store and writes their rows; versions by the place of their item."""
    parts = [(place, number, piece) for place, item in enumerate(items) for number, piece in enumerate(item.pieces, 1)]
    same = shared(items)  # place → the place whose very file is used there too
    made = [
        make(
            items[at].pieces[-1].extension,
            _sheet(items[at], items[at].pieces[-1], f"{items[at].code}-{at}-{number}", year),
        )
        if (at := same.get(place, place)) != place
        else make(piece.extension, _sheet(items[place], piece, f"{items[place].code}-{place}-{number}", year))
        for place, number, piece in parts
    ]
    blobs: dict[str, Blob] = {}
    with ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(lambda content: store.put(io.BytesIO(content)), made))
    versions: dict[int, list[Version]] = {place: [] for place in range(len(items))}
    uploaders = {user.department_id: user for key, user in people.items() if key.endswith("-jingban")}
    uploaders[people["fzb-shenhe2"].department_id] = people["fzb-shenhe2"]
    evidences: dict[int, Evidence] = {}
    for (place, number, piece), kept in zip(parts, stored, strict=True):
        item = items[place]
        uploader = uploaders[item.obligations[0].slot.task.owner_id]
        if place not in evidences:
            evidences[place] = Evidence(
                office_id=office.id, slot=item.obligations[0].slot, slot_code=item.obligations[0].slot.code,
                created_by_id=uploader.id, created_at=_instant(piece, now, 9), obligations=list(item.obligations),
            )  # fmt: skip
        shows = shown(item, piece, local_date(now, OFFICE_ZONE))
        at = same.get(place, place)
        name = file_name(items[at], items[at].pieces[-1] if at != place else piece, number, year, shows)
        version = _version(evidences[place], piece, number, name, kept, uploader, people["fzb-shenhe1"], now)
        version.blob = blobs.setdefault(kept.sha256, version.blob or Blob())
        _describe(version, item, piece, place, year, shows)
        if at != place:
            version.doc_date, version.media_type = items[at].pieces[-1].doc_date, MEDIA[items[at].pieces[-1].extension]
        versions[place].append(version)
    session.add_all(evidences.values())
    session.flush()
    _tell_returned(session, items, versions, now)
    return versions


def _describe(version: Version, item: Item, piece: Piece, place: int, year: int, shows: Sequence[PieceRule]) -> None:
    """文号, 责任者 and pages, as far as such a document has them."""
    slot = item.obligations[0].slot
    version.piece = ",".join(rule.code for rule in shows)
    version.pages = 1 if piece.extension == "pdf" else None
    version.issuer = slot.task.owner.name_zh
    if slot.kind == "document" and slot.coverage == "standing":
        version.doc_no = f"大街法〔{year}〕{place % 60 + 1}号（演示）"


def _sheet(item: Item, piece: Piece, code: str, year: int) -> Sheet:
    obligation = item.obligations[0]
    return Sheet(
        title=obligation.slot.name_zh, span=cycle_words(obligation.cycle_no, year),
        department=obligation.slot.task.owner.name_zh, day=piece.doc_date,
        points=tuple(str(point) for point in obligation.slot.must_show), code=code,
    )  # fmt: skip


def _instant(piece: Piece, now: datetime, hour: int, day: date | None = None) -> datetime:
    """An instant of that day in office hours, never after now."""
    made = datetime.combine(day or piece.handed_in or piece.doc_date, time(hour, 20), OFFICE_ZONE)
    return min(made, now - timedelta(hours=17 - hour))


def _version(
    item: Evidence,
    piece: Piece,
    number: int,
    name: str,
    kept: StoredObject,
    uploader: User,
    reviewer: User,
    now: datetime,
) -> Version:
    handed_in = None if piece.handed_in is None else _instant(piece, now, 15)
    version = Version(
        office_id=item.office_id, evidence=item, number=number, file_name=name, media_type=MEDIA[piece.extension],
        state=piece.state, doc_date=piece.doc_date if handed_in else None, valid_to=piece.valid_to,
        covered_from=piece.covered[0] if piece.covered and handed_in else None,
        covered_to=piece.covered[1] if piece.covered and handed_in else None,
        flags=list(piece.flags), uploaded_by=uploader, uploaded_at=_instant(piece, now, 14),
        submitted_by_id=uploader.id if handed_in else None, submitted_at=handed_in, times_returned=int(number > 1),
        blob=Blob(
            sha256=kept.sha256, sm3=kept.sm3, size=kept.size, object_key=kept.key, stored_at=_instant(piece, now, 14)
        ),
    )  # fmt: skip
    if piece.decided is not None:
        version.decided_at = _instant(piece, now, 16, piece.decided)
        points = len(item.slot.must_show)
        good = piece.state in {"accepted", "superseded"}
        code, text = piece.reason or ("", "")
        version.review = Review(
            office_id=item.office_id, reviewer=reviewer, verdict="accepted" if good else piece.state,
            reason_codes=[code] if code else [], comment=text, decided_at=version.decided_at,
            ticked=list(range(points // 2 if piece.half_ticked else points)) if good else [],
        )  # fmt: skip
        version.times_returned += int(piece.state == "returned")
    return version


def _tell_returned(session: Session, items: Sequence[Item], versions: dict[int, list[Version]], now: datetime) -> None:
    """What was sent back lately stands in the next mail of its department."""
    for place, made in versions.items():
        last = made[-1]
        if last.state != "returned" or last.decided_at is None or now - last.decided_at > timedelta(5):
            continue
        obligation = items[place].obligations[0]
        for person in recipients(session, obligation.slot.task, ("contact",), local_date(now, OFFICE_ZONE)):
            tell(
                session, office_id=last.office_id, recipient_id=person.id, kind="returned", now=last.decided_at,
                period_id=obligation.period_id, version_id=last.id,
            )  # fmt: skip


# -- indicators and verdicts -------------------------------------------------------------------------------------------


def _values(
    session: Session, items: Sequence[Item], versions: dict[int, list[Version]], people: dict[str, User],
    today: date, now: datetime,
) -> None:  # fmt: skip
    """A value for every indicator of every period that has begun and has accepted material to prove it."""
    proofs: dict[int, int] = {}
    for place, made in versions.items():
        if made[-1].state == "accepted":
            for obligation in items[place].obligations:
                proofs.setdefault(obligation.period_id, made[-1].id)
    tasks = {obligation.slot.task for item in items for obligation in item.obligations}
    for task in sorted(tasks, key=lambda task: task.position):
        for place, period in enumerate(task.periods, 1):
            proof = proofs.get(period.id)
            if proof is None:
                continue
            recorder = people.get(f"{task.owner.code}-jingban", people["fzb-shenhe2"])
            for indicator in task.indicators:
                rounded = indicator.kind == "count" and number_of(indicator.code) % 7 == 0
                session.add(
                    IndicatorValue(
                        indicator_id=indicator.id, period_id=period.id, version_id=proof,
                        value=_value(task, indicator, period, place / len(task.periods), today),
                        qualifier="over" if rounded else "exact",
                        as_of=min(period.end, today), recorded_at=now,
                        recorded_by_id=recorder.id,
                    )
                )  # fmt: skip


def _value(task: Task, indicator: Indicator, period: Period, share: float, today: date) -> float:
    usual = indicator.target if indicator.target is not None else (indicator.baseline or {}).get("value") or 12
    if indicator.kind == "ratio" or indicator.target_op in {"=", "<="}:
        return float(usual)
    whole = evaluated_in(indicator.cycle, period.end, is_last=False) and indicator.cycle != "year"
    if whole and period.end < today:
        return float(usual)
    elapsed = (today - period.start).days / ((period.end - period.start).days + 1) if period.end >= today else 1.0
    portion = share * elapsed if len(task.periods) > 1 else elapsed
    return float(math.ceil(usual * min(1.0, portion) * (0.4 if task.code in BEHIND else 1.0)))


def _judge(session: Session, office: Office, people: dict[str, User], now: datetime) -> None:
    """Everything derived, then the sweep that a night would have done, so that reminders lie ready."""
    periods = session.scalars(select(Period).where(Period.office_id == office.id)).all()
    reassess(session, [period.id for period in periods], now=now)
    demo_time.requests_of_all_kinds(session, office, people, now)
    demo_time.registered_events(session, office, people, now)
    demo_time.signing_on(session, office, people, now)
    demo_time.notices_in_every_state(session, office, people, now)
    today = local_date(now, OFFICE_ZONE)
    for period in periods:
        if not period.complete and period.start <= today:
            period.next_attention_at = now
    demo_archive.archive_pages(session, office, people, now)
    session.commit()
    jobs.run(session, "sweep", as_of=now, clock=lambda: now, work=lambda: sweep(session, now=now).as_dict(now))
