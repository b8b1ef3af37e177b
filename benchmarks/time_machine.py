"""The board as of a past day: a year of evidence with its whole log, against bare SQL over the same rows."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import Engine, insert, select, update
from sqlalchemy.orm import Session

from benchmarks import bulk
from benchmarks.measure import Line, p95, times
from benchmarks.pages import ROUNDS, bare, page, queries_of, signed_in
from tracker.models import AuditEvent, AuditHead, Evidence, Version

ON = date(bulk.YEAR, 8, 31)
ACTS = (("uploaded", -2), ("submitted", -1), ("accepted", 0))  # hours before the verdict
FLOOR_SQL = (
    "SELECT o.id, o.due, o.state, v.id, v.state, v.submitted_at, a.action, a.at FROM obligation o "
    "LEFT JOIN evidence_obligation l ON l.obligation_id = o.id LEFT JOIN evidence_version v ON v.evidence_id = "
    "l.evidence_id LEFT JOIN audit_event a ON a.subject = 'version' AND a.subject_id = v.id AND a.at > '2026-09-01'"
)


def _spread(engine: Engine) -> None:
    """Every item came on the last day of what it covers, with its three lines in the log."""
    with Session(engine) as session:
        rows = session.execute(select(Version.id, Version.submitted_at, Version.evidence_id)).all()
        session.execute(
            update(Version),
            [{"id": key, "uploaded_at": at - timedelta(hours=2), "decided_at": at} for key, at, _ in rows if at],
        )
        session.execute(
            update(Evidence), [{"id": item, "created_at": at - timedelta(hours=2)} for _, at, item in rows if at]
        )
        told = [
            (at + timedelta(hours=hours), act, key) for key, at, _ in rows if at for act, hours in ACTS
        ]  # fmt: skip
        session.execute(
            insert(AuditEvent),
            [
                {"seq": seq, "office_id": 1, "at": at, "actor": "bench", "action": f"evidence.{act}",
                 "subject": "version", "subject_id": key, "data": {"slot": "T0001-E1"}, "previous": "", "digest": ""}
                for seq, (at, act, key) in enumerate(sorted(told), 1)
            ],
        )  # fmt: skip
        session.execute(update(AuditHead).values(seq=len(told)))
        session.commit()


def board(folder: Path, items: int) -> Iterator[Line]:
    """51 tasks × 12 months, `items` pieces of evidence."""
    with bulk.filled(folder, evidence=items) as engine:
        _spread(engine)
        app = bulk.application(folder)
        client = signed_in(app, "legal_head")
        path = f"/board?year={bulk.YEAR}&on={ON}"
        ours = p95(times(lambda: page(client, path), ROUNDS))
        plain = bare(folder / "bench.db", FLOOR_SQL)
        yield Line(f"board_as_of_{items}_p95_ms", ours, p95(times(lambda: page(plain, "/"), ROUNDS)))
        yield Line(f"board_as_of_{items}_queries", queries_of(app, client, path), 1)
