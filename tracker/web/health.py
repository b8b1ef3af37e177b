"""For machines that watch: does the process live, do its parts answer, how many of what."""

from flask import Blueprint, Response, current_app, jsonify
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from tracker.adapters import broker
from tracker.db import db
from tracker.errors import TrackerError
from tracker.queries import health as reads
from tracker.web import base
from tracker.web.measure import registry

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@base.public
def alive() -> ResponseReturnValue:
    return jsonify(status="ok")


def components() -> dict[str, str]:
    """Part -> "ok" or why it is not."""
    parts: dict[str, str] = {}
    parts["database"], parts["migrations"] = reads.database_state(db.session())
    try:
        base.store().ready()
        parts["store"] = "ok"
    except TrackerError as error:
        parts["store"] = error.code
    url = base.settings().redis_url
    parts["redis"] = "not_configured" if url is None else broker.state(url)
    return parts


@blueprint.get("/readyz")
@base.public
def ready() -> ResponseReturnValue:
    parts = components()
    failing = sorted(name for name, state in parts.items() if state != "ok")
    answer = jsonify(status="failing" if failing else "ok", failing=failing, components=parts)
    answer.status_code = 503 if failing else 200
    return answer


@blueprint.get("/metrics")
@base.public
def metrics() -> ResponseReturnValue:
    """Counts of this moment from the database, and of this process since its start."""
    momentary = CollectorRegistry()
    figures = reads.figures(db.session(), base.now())
    periods = Gauge("tracker_periods", "Periods of current plan years by light", ["light"], registry=momentary)
    for light in ("red", "yellow", "blue", "green", "grey"):
        periods.labels(light).set(figures.lights.get(light, 0))
    Gauge("tracker_outbox_open", "Intentions to tell somebody that wait", registry=momentary).set(figures.outbox_open)
    queue = Gauge("tracker_review_queue", "Submitted versions that wait for a verdict", registry=momentary)
    queue.set(figures.review_queue)
    age = Gauge("tracker_last_sweep_age_seconds", "Since the last finished sweep; NaN when none", registry=momentary)
    age.set(float("nan") if figures.sweep_age is None else figures.sweep_age)
    backup = Gauge("tracker_last_backup_age_seconds", "Since the last good backup; NaN when none", registry=momentary)
    backup.set(float("nan") if figures.backup_age is None else figures.backup_age)
    found = Gauge("tracker_custody_findings", "Open findings of the custody check", ["kind"], registry=momentary)
    for kind in ("changed", "missing", "untracked"):
        found.labels(kind).set(figures.findings.get(kind, 0))
    text = generate_latest(momentary) + generate_latest(registry(current_app))
    return Response(text, content_type=CONTENT_TYPE_LATEST)
