"""All rows as lines of text and back, the same for every database (decision 0027).

    {"table": name, "columns": [[name, kind], …]}   then one JSON array a row, in the order of the primary key
    {"end": name, "rows": n, "sha256": digest of the row lines}

The text of a value does not depend on the database, so the digest of a restored table can be compared.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from tracker.errors import Unavailable
from tracker.models import Base
from tracker.models.base import Instant

PAGE = 500
# kind → (type of the column when it is written again, text → value)
KINDS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "instant": (Instant(), datetime.fromisoformat),
    "date": (sa.Date(), date.fromisoformat),
    "bytes": (sa.LargeBinary(), base64.b64decode),
    "json": (sa.JSON(none_as_null=True), lambda value: value),
    "plain": (None, lambda value: value),
    "bool": (sa.Boolean(), bool),
}


@dataclass(frozen=True)
class TableSum:
    """What a table held. `sha256`: of its row lines."""

    rows: int
    sha256: str


def kind_of(column: sa.Column[Any]) -> str:
    kind = column.type
    for name, types in (
        ("instant", (Instant, sa.DateTime)), ("date", (sa.Date,)), ("bytes", (sa.LargeBinary,)), ("json", (sa.JSON,)),
        ("bool", (sa.Boolean,)),
    ):  # fmt: skip
        if isinstance(kind, types):
            return name
    return "plain"


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def _line(values: Iterable[Any]) -> str:
    return json.dumps([_text(value) for value in values], ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _rows(connection: Connection, table: sa.FromClause, order: Iterable[Any]) -> Iterator[str]:
    found = connection.execute(sa.select(table).order_by(*order), execution_options={"yield_per": PAGE})
    for row in found:
        yield _line(row)


def dump(connection: Connection, write: Callable[[str], None]) -> dict[str, TableSum]:
    """Writes every table of the models, those first that others point to. One transaction of the caller: one moment."""
    found = {}
    for table in Base.metadata.sorted_tables:
        columns = [[column.name, kind_of(column)] for column in table.columns]
        write(json.dumps({"table": table.name, "columns": columns}))
        digest, count = hashlib.sha256(), 0
        for line in _rows(connection, table, table.primary_key.columns or table.columns):
            write(line)
            digest.update(line.encode() + b"\n")
            count += 1
        found[table.name] = TableSum(count, digest.hexdigest())
        write(json.dumps({"end": table.name, "rows": count, "sha256": digest.hexdigest()}))
    return found


class Loader:
    """Takes the lines of tables into an empty database, inside the caller's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sqlite = connection.dialect.name == "sqlite"
        self._schema = sa.inspect(connection)
        self.sums: dict[str, TableSum] = {}
        self._name = ""
        self._later: list[tuple[sa.TableClause, dict[str, Any], dict[str, Any]]] = []
        if self._sqlite:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")

    @property
    def inside(self) -> bool:
        """Whether a table was begun and is not at its end."""
        return bool(self._name)

    def begin(self, name: str, columns: list[list[str]]) -> None:
        self._name, self._kinds = name, [KINDS[kind] for _, kind in columns]
        self._columns = [column for column, _ in columns]
        typed = zip(self._columns, self._kinds, strict=True)
        self._table = sa.table(name, *(sa.column(column, kind[0]) for column, kind in typed))
        keys = self._schema.get_pk_constraint(name)["constrained_columns"]
        self._key = keys[0] if len(keys) == 1 else ""
        # A row may point to a later row of its own table: such pointers are set at the end of the table.
        self._own = [
            one["constrained_columns"][0]
            for one in self._schema.get_foreign_keys(name)
            if one["referred_table"] == name and not self._sqlite and self._key
        ]
        self._digest, self._count, self._page = hashlib.sha256(), 0, []  # type: ignore[var-annotated]

    def row(self, line: str) -> None:
        self._digest.update(line.encode() + b"\n")
        self._count += 1
        values = [
            None if value is None else decode(value)
            for value, (_, decode) in zip(json.loads(line), self._kinds, strict=True)
        ]
        self._page.append(dict(zip(self._columns, values, strict=True)))
        if len(self._page) >= PAGE:
            self._flush()

    def _flush(self) -> None:
        for row in self._page:
            ahead = {name: row[name] for name in self._own if row[name] is not None and row[name] > row[self._key]}
            if ahead:
                self._later.append((self._table, {self._key: row[self._key]}, ahead))
                row.update(dict.fromkeys(ahead))
        if self._page:
            self._connection.execute(sa.insert(self._table), self._page)
        self._page = []

    def end(self, rows: int, sha256: str) -> None:
        """Raises Unavailable("backup_damaged") when the lines were not those that were written."""
        self._flush()
        if self._count != rows or self._digest.hexdigest() != sha256:
            raise Unavailable("backup_damaged", name=self._name)
        for table, key, values in self._later:
            where = [table.c[name] == value for name, value in key.items()]
            self._connection.execute(sa.update(table).where(*where).values(values))
        self._later = []
        self.sums[self._name] = TableSum(rows, sha256)
        if not self._sqlite and self._key:
            self._count_on()
        self._name = ""

    def _count_on(self) -> None:
        """PostgreSQL hands out numbers by itself: it goes on after the largest."""
        quoted = self._connection.dialect.identifier_preparer.quote(self._name)
        sequence = self._connection.scalar(
            sa.text("SELECT pg_get_serial_sequence(:name, :key)"), {"name": quoted, "key": self._key}
        )
        if sequence:
            largest = self._connection.scalar(sa.select(sa.func.max(self._table.c[self._key])))
            if largest is not None:
                self._connection.execute(sa.select(sa.func.setval(sequence, largest)))


def sums(connection: Connection, columns: Mapping[str, list[list[str]]]) -> dict[str, TableSum]:
    """The same digests, of what is in the database now; `columns` as the backup names them."""
    schema, found = sa.inspect(connection), {}
    for name, named in columns.items():
        table = sa.table(name, *(sa.column(column, KINDS[kind][0]) for column, kind in named))
        keys = schema.get_pk_constraint(name)["constrained_columns"] or [column for column, _ in named]
        digest, count = hashlib.sha256(), 0
        for line in _rows(connection, table, [table.c[key] for key in keys]):
            digest.update(line.encode() + b"\n")
            count += 1
        found[name] = TableSum(count, digest.hexdigest())
    return found
