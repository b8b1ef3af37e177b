"""订阅日历: the page that gives out the secret address, and the calendar behind it, which asks for no login."""

import hashlib
import uuid
from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user

from tracker.adapters.feed_file import FeedEvent, write_feed
from tracker.config import LOOPBACK, install_id
from tracker.db import db
from tracker.models import Feed, User
from tracker.queries.accounts import is_current
from tracker.queries.feed import Deadline, feed_of, find_feed, open_deadlines
from tracker.services import feeds
from tracker.web import base
from tracker.web.filters import cycle_name, day_full, zh_en
from tracker.web.locale import gettext as _
from tracker.web.locale import language, speaking

blueprint = Blueprint("feed", __name__)

WINDOW = timedelta(minutes=5)
MOST_READS = 30  # of one feed within the window: programs look every few hours
MOST_MISSES = 30  # from one network address within the window
KNOWN = 10_000  # counters that are kept


class Gate:
    """Counts per key within a window, in memory: enough to keep a program that runs wild from the database."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, Lock()
        self._counts: OrderedDict[str, tuple[datetime, int]] = OrderedDict()

    def is_shut(self, key: str, now: datetime) -> bool:
        with self._lock:
            since, count = self._counts.get(key, (now, 0))
            return now - since < WINDOW and count >= self._most

    def count(self, key: str, now: datetime) -> None:
        with self._lock:
            since, count = self._counts.pop(key, (now, 0))
            self._counts[key] = (now, 1) if now - since >= WINDOW else (since, count + 1)
            if len(self._counts) > KNOWN:
                self._counts.popitem(last=False)


def _gates() -> tuple[Gate, Gate]:
    """(readings per feed, misses per network address) of this application."""
    found: tuple[Gate, Gate] = current_app.extensions.setdefault("feed_gates", (Gate(MOST_READS), Gate(MOST_MISSES)))
    return found


@blueprint.app_context_processor
def _for_settings() -> dict[str, Any]:
    return {"own_feed": own_feed}


def own_feed() -> Feed | None:
    """Of whoever is signed in; asked for by the settings page alone."""
    return feed_of(db.session(), base.current_person().id) if current_user.is_authenticated else None


# -- the page ----------------------------------------------------------------------------------------------------------


def _page(token: str = "") -> ResponseReturnValue:
    address = f"{base.settings().base_url}{url_for('feed.read', token=token)}" if token else ""
    return render_template(
        "feed/index.html", feed=own_feed(), secret=address, webcal="webcal:" + address.partition(":")[2],
        local=(urlsplit(base.settings().base_url).hostname or "") in LOOPBACK,
    )  # fmt: skip


@blueprint.get("/settings/calendar")
def index() -> ResponseReturnValue:
    base.current_person()
    return _page()


@blueprint.post("/settings/calendar")
def renew() -> ResponseReturnValue:
    """Makes the address and shows it, this once."""
    token = feeds.renew(db.session(), actor=base.current_actor(), now=base.now(), address=base.address())
    base.commit()
    answer = make_response(_page(token))
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.post("/settings/calendar/revoke")
def revoke() -> ResponseReturnValue:
    feeds.revoke(db.session(), actor=base.current_actor(), now=base.now(), address=base.address())
    base.commit()
    flash(_("地址已作废，日历软件读不到了。"), "good")
    return redirect(url_for("feed.index"), 303)


# -- the calendar ------------------------------------------------------------------------------------------------------


@blueprint.get("/calendar/<token>.ics")
@base.public
def read(token: str) -> ResponseReturnValue:
    """The calendar of whoever the secret belongs to; 404 for any other, revoked or of somebody who has left."""
    now, (readings, misses) = base.now(), _gates()
    key = feeds.digest_of(token)
    if readings.is_shut(key, now):
        return _slower()
    feed = find_feed(db.session(), key)
    if feed is None or feed.revoked_at is not None or not is_current(feed.user, base.today()):
        # Behind a proxy everybody has one address: guessing there slows down guessers, never whoever knows his secret.
        if misses.is_shut(base.address(), now):
            return _slower()
        misses.count(base.address(), now)
        abort(404)
    readings.count(key, now)
    answer = _answer(feed.user)
    if not feeds.is_read_noted(feed, now):
        feed_id = feed.id
        base.begin_write()
        feeds.note_read(db.session(), feed_id, now)
        base.commit()
    return answer


def _slower() -> Response:
    answer = Response(status=429, mimetype="text/plain")
    answer.headers["Retry-After"] = str(int(WINDOW.total_seconds()))
    return answer


def _answer(person: User) -> Response:
    deadlines = open_deadlines(db.session(), person, base.today())
    with speaking(person.locale):
        body = write_feed(
            [_event(deadline) for deadline in deadlines],
            name=_("法治任务期限"),
            description=_("%(office)s · %(name)s", office=zh_en(person.office, "name"), name=person.name),
            language="zh-CN" if language() == "zh" else "en",
        )
    answer = Response(body, content_type="text/calendar; charset=utf-8")
    answer.headers["Content-Disposition"] = 'inline; filename="deadlines.ics"'
    answer.headers["Cache-Control"] = "private, max-age=0, must-revalidate"
    answer.headers["X-Robots-Tag"] = "noindex"
    answer.set_etag(hashlib.sha256(body).hexdigest()[:32])
    if deadlines:
        answer.last_modified = max(deadline.mark.at for deadline in deadlines)
    # What was done disappears without a later date of its own: only the tag says for certain that nothing changed.
    if request.headers.get("If-None-Match") or not request.headers.get("If-Modified-Since"):
        answer.make_conditional(request)
    return answer


def _event(deadline: Deadline) -> FeedEvent:
    """One deadline in the reader's language. No personal data: codes, titles, slots, dates."""
    named = cycle_name(deadline.period_no, deadline.plan_year)
    task = f"{deadline.code} {zh_en(deadline, 'title')}"
    if deadline.kind == "sign":
        what = f"{deadline.reference} {task}".strip()
        summary = _("签收：%(what)s", what=what)
    elif deadline.kind == "notice":
        summary = _("%(reference)s办结：%(task)s", reference=deadline.reference or _("督办单"), task=task)
    else:
        summary = _("%(task)s（%(period)s）", task=task, period=named)
        if deadline.milestone:
            summary = _("%(what)s：%(milestone)s", what=summary, milestone=deadline.milestone)
    if deadline.tentative:
        summary = _("%(summary)s（暂定）", summary=summary)
    url = base.settings().base_url + deadline.link
    return FeedEvent(
        uid=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{install_id(base.settings())}/{deadline.key}")),
        day=deadline.day,
        summary=summary,
        description="\n".join([*_said(deadline), url]),
        url=url,
        category=_categories()[deadline.kind],
        tentative=deadline.tentative,
        sequence=deadline.mark.seq,
        modified=deadline.mark.at,
    )


def _said(deadline: Deadline) -> list[str]:
    said = []
    if deadline.missing:
        pieces = _("、").join(f"{zh_en(gap, 'name')} × {gap.count}" for gap in deadline.missing)
        said.append(_("还缺 %(pieces)s", pieces=pieces))
    elif deadline.kind in {"period", "statutory"}:
        said.append(_("材料已齐，等待审核。"))
    if deadline.last_day:
        said.append(_("法定最后一天：%(day)s", day=day_full(deadline.last_day)))
    if deadline.tentative:
        said.append(_("这一年的节假日表还没有导入，日期可能变动。"))
    return said


def _categories() -> dict[str, str]:
    return {
        "period": _("任务期限"),
        "cycle": _("任务期限"),
        "milestone": _("任务节点"),
        "statutory": _("法定期限"),
        "notice": _("督办单"),
        "sign": _("签收"),
    }
