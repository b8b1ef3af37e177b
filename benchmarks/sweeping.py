"""What the sweep costs: nothing due, and per item that is due, in a small and in a large office, on both databases."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.orm import Session

from benchmarks import bulk
from benchmarks.measure import Line, median, times
from tests.support import postgres
from tracker.models import Obligation, Period, Reminder
from tracker.services.sweep import sweep

SLOTS = 4
DUE = 40  # periods that a night finds
ROUNDS = 5
PAST = ("M06", "M07", "M08", "M09", "M10")  # overdue months, looked at for the first time
PROBE = text(
    "SELECT next_attention_at, id FROM period WHERE next_attention_at <= :now ORDER BY next_attention_at, id LIMIT 200"
)


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str | None]:
    """Its address; None for the SQLite file that `bulk` makes by itself."""
    if kind == "sqlite":
        yield None
        return
    server = postgres.start(folder / "postgres")
    try:
        yield server.url.replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.stop()


def _due(session: Session, round_: int) -> list[int]:
    """Other periods in each round, spread over the office: ledgers that are overdue and that nobody was told of."""
    known = session.scalars(select(Period.id).where(Period.period_no == PAST[round_ % len(PAST)]).order_by(Period.id))
    chosen = random.Random(round_).sample(known.all(), DUE)
    session.execute(update(Period).where(Period.id.in_(chosen)).values(next_attention_at=bulk.NOW))
    session.commit()
    return chosen


def _ours(session: Session, round_: int) -> float:
    """Milliseconds of the sweep for one due item."""
    chosen = _due(session, round_)
    began = time.perf_counter()
    result = sweep(session, now=bulk.NOW)
    took = (time.perf_counter() - began) * 1000 / len(chosen)
    if result.examined != len(chosen) or result.failed:
        raise AssertionError(result)
    return took


def _floor(session: Session, round_: int) -> float:
    """Milliseconds of the bare statements that one item cannot do without."""
    chosen = _due(session, 100 + round_)
    began = time.perf_counter()
    for key in chosen:
        _bare(session, key)
    return (time.perf_counter() - began) * 1000 / len(chosen)


def _bare(session: Session, key: int) -> None:
    """Read the period and what it owes, write one row, commit."""
    session.execute(select(Period.__table__).where(Period.id == key)).all()
    session.execute(select(Obligation.__table__).where(Obligation.period_id == key)).all()
    session.execute(text("UPDATE period SET sufficiency = sufficiency WHERE id = :id"), {"id": key})
    session.commit()


@contextmanager
def _office(kind: str, folder: Path, obligations: int) -> Iterator[tuple[Engine, Session]]:
    folder.mkdir()
    tasks = -(-obligations // (bulk.MONTHS * SLOTS))
    with (
        database(kind, folder) as url,
        bulk.filled(folder, tasks=tasks, slots=SLOTS, judged=False, url=url) as engine,
        Session(engine) as session,
    ):
        sweep(session, now=bulk.NOW)  # the first pass plans the leaders' weekly page
        yield engine, session
        if not session.scalar(select(func.count()).select_from(Reminder)):
            raise AssertionError("nobody was reminded: the figures say nothing")


def scaling(kind: str, folder: Path, small: int, large: int) -> Iterator[Line]:
    """The last line's `ours` and `floor` are the large and the small office: their ratio is the claim.

    Both are there at once and take turns, so that a machine that is slower for a minute is so for both.
    """
    with _office(kind, folder / "small", small) as (_, few), _office(kind, folder / "large", large) as (engine, many):
        turns = [(_ours(few, round_), _ours(many, round_)) for round_ in range(ROUNDS)]
        floor = median([_floor(many, round_) for round_ in range(ROUNDS)])
        with engine.connect() as connection:
            idle = median(times(lambda: sweep(many, now=bulk.NOW), 30))
            bare = median(times(lambda: connection.execute(PROBE, {"now": bulk.NOW}).fetchall(), 30))
    ours_few, ours_many = (median(list(ours)) for ours in zip(*turns, strict=True))
    yield Line(f"sweep_{kind}_none_due_ms", idle, bare)
    yield Line(f"sweep_{kind}_item_ms", ours_many, floor)
    yield Line(f"sweep_{kind}_growth", ours_many, ours_few)
