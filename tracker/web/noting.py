"""Acts of reading that the audit log must know: exports, and what somebody was refused."""

from datetime import timedelta
from typing import Any

from flask import request

from tracker.db import db
from tracker.domain.permissions import Actor
from tracker.queries import audit as reads
from tracker.services import audit
from tracker.web import base

ONCE_IN = timedelta(minutes=10)  # somebody who is refused the same page again and again


def note_export(actor: Actor, action: str, subject: str, subject_id: int | None = None, **data: Any) -> None:
    """Puts an export on record and commits, before anything of it leaves: without its record there is no export.

    Rows that were read before are let go of.
    """
    base.begin_write()
    audit.record(
        db.session(), now=base.now(), actor=actor, action=action, subject=subject, subject_id=subject_id,
        office_id=actor.office_id, address=base.address(), **data,
    )  # fmt: skip
    base.commit()


def note_denied(actor: Actor, code: str) -> None:
    """Puts on record that somebody was refused, once in a while for each page; commits."""
    path = request.path[:200]
    since = base.now() - ONCE_IN
    if reads.denied_since(db.session(), actor_id=actor.id, path=path, since=since):
        return
    base.begin_write()
    audit.record(
        db.session(), now=base.now(), actor=actor, action="access.denied", subject="page", subject_id=None,
        office_id=actor.office_id, address=base.address(), path=path, method=request.method, why=code,
    )  # fmt: skip
    base.commit()
