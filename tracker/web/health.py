"""For machines: is it alive, is it ready, how is it doing."""

import redis
from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tracker.adapters.migrations import is_current
from tracker.db import db
from tracker.errors import Unavailable
from tracker.queries.health import figures
from tracker.web.base import now, settings, store

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> ResponseReturnValue:
    return jsonify(status="ok")


def failing() -> list[str]:
    """Names of the parts that do not answer: database, migrations, store, redis."""
    found = []
    try:
        db.session.execute(text("select 1"))
        if not is_current(db.engine):
            found.append("migrations")
    except SQLAlchemyError:
        found.append("database")
    try:
        store().ready()
    except Unavailable:
        found.append("store")
    if url := settings().redis_url:
        try:
            redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1).ping()
        except redis.RedisError:
            found.append("redis")
    else:
        found.append("redis")
    return found


@blueprint.get("/readyz")
def ready() -> ResponseReturnValue:
    names = failing()
    return jsonify(status="failing" if names else "ok", failing=names), 503 if names else 200


@blueprint.get("/metrics")
def metrics() -> ResponseReturnValue:
    registry = CollectorRegistry()
    gauges: dict[str, Gauge] = {}
    for figure in figures(db.session(), now()):
        if figure.name not in gauges:
            gauges[figure.name] = Gauge(figure.name, figure.help, sorted(figure.labels), registry=registry)
        gauge = gauges[figure.name]
        (gauge.labels(**figure.labels) if figure.labels else gauge).set(figure.value)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
