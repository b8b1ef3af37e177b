"""A database of any size, filled by executemany below the services: the pages must not notice the difference."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Engine, create_engine, insert, select, text
from sqlalchemy.orm import Session

from tests.support.clock import FROZEN
from tests.support.folder_store import FolderStore
from tests.support.office import PEOPLE, add_person, prepare_empty
from tracker import config, schema
from tracker.app import create_app
from tracker.db import engine_options, prepare_engine
from tracker.domain.calendar import month_end
from tracker.domain.permissions import Role
from tracker.models import (
    Blob,
    Department,
    Evidence,
    Obligation,
    Office,
    Part,
    Period,
    Slot,
    Task,
    User,
    Version,
    evidence_obligation,
)
from tracker.services.assessment import reassess
from tracker.wsgi import settle

NOW = FROZEN
YEAR = NOW.year
LATER = datetime(2100, 1, 1, tzinfo=UTC)
TASKS, MONTHS = 51, 12
CHUNK = 20_000


def open_engine(folder: Path, url: str | None = None) -> Engine:
    """On `url`; by default a SQLite file in `folder`."""
    url = url or f"sqlite:///{folder / 'bench.db'}"
    engine = create_engine(url, **engine_options(url))
    prepare_engine(engine)
    return engine


def application(folder: Path, url: str | None = None) -> Flask:
    """The application on `url` or the folder's database, with a clock that stands still and a store in the folder."""
    settings = config.load({"TRACKER_DATA": str(folder), "TRACKER_SECRET_KEY": "only-for-benchmarks",
                            "TRACKER_DATABASE_URL": url or f"sqlite:///{folder / 'bench.db'}"})  # fmt: skip
    app = create_app(settings, store=FolderStore(folder / "objects"))
    app.config.update(CLOCK=lambda: NOW, WTF_CSRF_ENABLED=False)
    settle()  # as the web server does
    return app


def _fill(session: Session, table: Any, rows: Iterable[dict[str, Any]]) -> None:
    chunk: list[dict[str, Any]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            session.execute(insert(table), chunk)
            chunk = []
    if chunk:
        session.execute(insert(table), chunk)


@contextmanager
def filled(
    folder: Path,
    *,
    tasks: int = TASKS,
    slots: int = 2,
    evidence: int = 0,
    judged: bool = True,
    url: str | None = None,
) -> Iterator[Engine]:
    """An engine on a new office of `tasks` monthly tasks with `slots` slots and `evidence` accepted items.

    tasks × 12 periods, times `slots` obligations. `judged`: derived columns are computed; otherwise no
    period is ever due for the sweep.
    """
    engine = open_engine(folder, url)
    schema.upgrade(engine)
    with Session(engine) as session:
        prepare_empty(session, NOW)
        office = _office(session)
        _tasks(session, office, tasks, slots)
        _evidence(session, office, evidence)
        session.commit()
        session.execute(text("ANALYZE"))  # as autovacuum does in an office's own time
        session.commit()
        if judged:
            ids = list(session.scalars(select(Period.id)))
            reassess(session, ids, now=NOW)
            session.commit()
    try:
        yield engine
    finally:
        engine.dispose()


def _office(session: Session) -> Office:
    office = Office(name_zh="测试街道", name_en="Test", plan_year=YEAR, created_at=NOW)
    session.add(office)
    session.flush()
    departments = [
        Department(office_id=office.id, code=f"d{n}", name_zh=f"科室{n}", name_en=f"Section {n}") for n in range(14)
    ]
    session.add_all(departments)
    session.flush()
    for key in ("reviewer", "legal_head", "contact"):
        role: Role = PEOPLE[key][0]
        add_person(session, office.id, key, role, departments[0].id, NOW)
    session.add_all(
        Part(
            office_id=office.id,
            plan_year=YEAR,
            code=f"P{n:02}",
            no_zh=str(n),
            title_zh=f"第{n}部分",
            title_en="",
            position=n,
        )
        for n in range(10)
    )
    session.flush()
    return office


def _tasks(session: Session, office: Office, count: int, slots: int) -> None:
    departments, parts = list(session.scalars(select(Department.id))), list(session.scalars(select(Part.id)))
    _fill(session, Task, (
        {"id": n, "office_id": office.id, "plan_year": YEAR, "part_id": parts[n % 10], "owner_id": departments[n % 14],
         "code": f"T{n:04}", "position": n, "title_zh": f"第{n}项任务", "title_en": "", "deadline_kind": "monthly",
         "deadline": {"kind": "monthly"}}
        for n in range(1, count + 1)))  # fmt: skip
    _fill(session, Slot, (
        {"id": (n - 1) * slots + s, "task_id": n, "code": f"T{n:04}-E{s}", "position": s, "name_zh": f"材料{s}",
         "name_en": "", "kind": "ledger", "required": True, "coverage": "period", "refresh_cycle": "monthly",
         "validity_days": 41, "min_count": 1, "must_show": ["写明日期"]}
        for n in range(1, count + 1) for s in range(1, slots + 1)))  # fmt: skip
    _fill(session, Period, (
        {"id": (n - 1) * MONTHS + m, "office_id": office.id, "task_id": n, "plan_year": YEAR, "period_no": f"M{m:02}",
         "start": date(YEAR, m, 1), "end": month_end(YEAR, m), "due": month_end(YEAR, m) + timedelta(7),
         "next_attention_at": LATER}
        for n in range(1, count + 1) for m in range(1, MONTHS + 1)))  # fmt: skip
    _fill(session, Obligation, (
        {"id": ((n - 1) * MONTHS + m - 1) * slots + s, "office_id": office.id, "period_id": (n - 1) * MONTHS + m,
         "slot_id": (n - 1) * slots + s, "cycle_no": f"M{m:02}", "start": date(YEAR, m, 1), "end": month_end(YEAR, m),
         "due": month_end(YEAR, m) + timedelta(7), "required": True, "min_count": 1}
        for n in range(1, count + 1) for m in range(1, MONTHS + 1) for s in range(1, slots + 1)))  # fmt: skip


def _evidence(session: Session, office: Office, count: int) -> None:
    """`count` accepted items, spread over the obligations of the first ten months."""
    if not count:
        return
    obligations = session.execute(
        select(Obligation.id, Obligation.slot_id, Slot.code, Obligation.start, Obligation.end)
        .join(Slot, Slot.id == Obligation.slot_id)
        .where(Obligation.end < NOW.date())
    ).all()
    person = session.scalars(select(User.id)).first()
    session.add(Blob(id=1, sha256="0" * 64, sm3="0" * 64, size=1, object_key="0" * 64, stored_at=NOW))
    session.flush()
    places = [(n, obligations[n % len(obligations)]) for n in range(1, count + 1)]
    _fill(session, Evidence, (
        {"id": n, "office_id": office.id, "slot_id": o.slot_id, "slot_code": o.code, "created_by_id": person,
         "created_at": NOW}
        for n, o in places))  # fmt: skip
    _fill(session, evidence_obligation, ({"evidence_id": n, "obligation_id": o.id} for n, o in places))
    _fill(session, Version, (
        {"id": n, "office_id": office.id, "evidence_id": n, "number": 1, "blob_id": 1, "file_name": f"材料{n}.pdf",
         "media_type": "application/pdf", "state": "accepted", "doc_date": o.end, "covered_from": o.start,
         "covered_to": o.end, "uploaded_by_id": person, "uploaded_at": NOW, "submitted_by_id": person,
         "submitted_at": datetime.combine(o.end, NOW.timetz()), "decided_at": NOW}
        for n, o in places))  # fmt: skip
