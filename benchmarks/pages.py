"""The pages that people wait for, against the same rows by bare SQL in a bare Flask page."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import event

from benchmarks import bulk
from benchmarks.measure import Line, p95, times
from tests.support.office import PASSWORD
from tracker.db import db

ROUNDS = 60
BOARD_SQL = "SELECT task_id, period_no, light, state, due, missing, reasons FROM period WHERE office_id = 1"
TASK_SQL = "SELECT o.cycle_no, o.state, s.name_zh FROM obligation o JOIN slot s ON s.id = o.slot_id WHERE s.task_id = 7"
LIST_SQL = "SELECT id, due FROM obligation WHERE office_id = 1 AND light = 'red' ORDER BY due, id LIMIT 50"


def bare(database: Path, statement: str) -> Any:
    """A Flask page that prints the rows of one statement, and nothing else."""
    app = Flask("bare")
    connection = sqlite3.connect(database)

    @app.get("/")
    def page() -> str:
        return "".join(f"<tr><td>{row}</td></tr>" for row in connection.execute(statement))

    return app.test_client()


def signed_in(app: Flask, who: str) -> Any:
    client = app.test_client()
    answer = client.post("/login", data={"email": f"{who}@office.example", "password": PASSWORD})
    assert answer.status_code == 302, answer.status_code
    return client


def queries_of(app: Flask, client: Any, path: str) -> int:
    """Statements of one request."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("PRAGMA", "BEGIN")):
            seen.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    client.get(path)
    event.remove(engine, "before_cursor_execute", note)
    return len(seen)


def page(client: Any, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)


def board(folder: Path, items: int) -> Iterator[Line]:
    with bulk.filled(folder, evidence=items):
        app = bulk.application(folder)
        client = signed_in(app, "legal_head")
        path = f"/board?year={bulk.YEAR}"
        ours = p95(times(lambda: page(client, path), ROUNDS))
        plain = bare(folder / "bench.db", BOARD_SQL)
        yield Line(f"board_{items}_p95_ms", ours, p95(times(lambda: page(plain, "/"), ROUNDS)))
        yield Line(f"board_{items}_queries", queries_of(app, client, path), 1)
        if items <= 1000:
            return
        path = f"/tasks/{bulk.YEAR}/T0007?period=M10"
        ours = p95(times(lambda: page(client, path), ROUNDS))
        plain = bare(folder / "bench.db", TASK_SQL)
        yield Line("task_page_p95_ms", ours, p95(times(lambda: page(plain, "/"), ROUNDS)))
        yield Line("task_page_queries", queries_of(app, client, path), 1)


def list_of_50(folder: Path, obligations: int) -> Iterator[Line]:
    slots = 10
    tasks = -(-obligations // (bulk.MONTHS * slots))
    with bulk.filled(folder, tasks=tasks, slots=slots):
        app = bulk.application(folder)
        client = signed_in(app, "legal_head")
        path = f"/attention?year={bulk.YEAR}"
        ours = p95(times(lambda: page(client, path), ROUNDS))
        plain = bare(folder / "bench.db", LIST_SQL)
        yield Line("list_of_50_p95_ms", ours, p95(times(lambda: page(plain, "/"), ROUNDS)))
        yield Line("list_of_50_queries", queries_of(app, client, path), 1)
