"""Counts and durations of the requests of this process."""

import time

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram


def registry(app: Flask) -> CollectorRegistry:
    found: CollectorRegistry = app.extensions["metrics"]
    return found


def install(app: Flask) -> None:
    own = app.extensions["metrics"] = CollectorRegistry()
    requests = Counter("tracker_requests", "Requests", ["endpoint", "method", "status"], registry=own)
    seconds = Histogram("tracker_request_seconds", "Duration of requests", ["endpoint"], registry=own)

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        endpoint = request.endpoint or "none"
        method = request.method if request.method in {"GET", "HEAD", "POST", "PUT", "DELETE"} else "other"
        requests.labels(endpoint, method, str(response.status_code)).inc()
        if "began" in g:
            seconds.labels(endpoint).observe(time.perf_counter() - g.began)
        return response
