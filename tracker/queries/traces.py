"""What people have done with the rows of a catalogue: whatever a foreign key names is never deleted.

Read from the tables themselves, so that a table that is added later is never forgotten here.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from tracker.domain.catalogue_changes import Held
from tracker.models import Base, Indicator, Obligation, Period, Slot, Task

# What follows from the catalogue alone: no trace of anybody.
CATALOGUE = {"task", "task_cooperation", "slot", "indicator", "period", "obligation"}
CHUNK = 500


@cache
def naming(table: str) -> tuple[ColumnElement[Any], ...]:
    """The columns of other tables that name a row of `table`."""
    return tuple(
        key.parent.expression
        for other in Base.metadata.sorted_tables
        if other.name not in CATALOGUE
        for key in sorted(other.foreign_keys, key=lambda key: key.parent.name)
        if key.column.table.name == table
    )


def named(session: Session, table: str, ids: Iterable[int]) -> set[int]:
    """Which of these rows of `table` are named by anything that people or passes wrote."""
    wanted, found = sorted(set(ids)), set[int]()
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        for column in naming(table):
            found |= set(session.scalars(select(column).where(column.in_(chunk)).distinct()))
    return found


def held(session: Session, office_id: int, year: int) -> Held:
    """The codes of a year's tasks, slots and indicators that something names, themselves or through what they owe."""
    tasks = {
        "task": select(Task.code),
        "period": select(Task.code).join(Period, Period.task_id == Task.id),
        "slot": select(Task.code).join(Slot, Slot.task_id == Task.id),
        "indicator": select(Task.code).join(Indicator, Indicator.task_id == Task.id),
        "obligation": select(Task.code).join(Slot, Slot.task_id == Task.id).join(
            Obligation, Obligation.slot_id == Slot.id
        ),
    }  # fmt: skip
    slots = {
        "slot": select(Slot.code).join(Task, Task.id == Slot.task_id),
        "obligation": select(Slot.code).join(Task, Task.id == Slot.task_id).join(
            Obligation, Obligation.slot_id == Slot.id
        ),
    }  # fmt: skip
    indicators = {"indicator": select(Indicator.code).join(Task, Task.id == Indicator.task_id)}
    return Held(*(_codes(session, office_id, year, of) for of in (tasks, slots, indicators)))


def _codes(session: Session, office_id: int, year: int, of: Mapping[str, Any]) -> set[str]:
    keys = {row.__tablename__: row.id for row in (Task, Period, Slot, Indicator, Obligation)}
    return {
        code
        for table, query in of.items()
        for column in naming(table)
        for code in session.scalars(
            query.where(Task.office_id == office_id, Task.plan_year == year, keys[table].in_(select(column))).distinct()
        )
    }
