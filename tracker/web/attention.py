"""Who is late and what is stale and why; the same as a list to print and to call through."""

from datetime import date

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from tracker.db import db
from tracker.domain.permissions import LEGAL, Action, Actor, can
from tracker.queries import attention as queries
from tracker.queries.attention import AttentionFilter, Line, Undefined, WeakPeriod
from tracker.queries.calendar import load_calendar
from tracker.web import vocabulary as words
from tracker.web.base import require, today
from tracker.web.board import plan_year
from tracker.web.filters import is_english

blueprint = Blueprint("attention", __name__, url_prefix="/attention")

PRINTED = 2000  # lines of a printed list; more than that nobody calls through


def _filter(actor: Actor) -> AttentionFilter:
    return AttentionFilter(plan_year(actor.office_id), request.args.get("dept", "")[:40])


def _kept(wanted: AttentionFilter, kind: str = "") -> dict[str, str | int]:
    found: dict[str, str | int] = {"year": wanted.year}
    if wanted.department:
        found["dept"] = wanted.department
    if kind and kind != "late":
        found["list"] = kind
    return found


def _cursor() -> tuple[date, int] | None:
    day, _sep, number = request.args.get("after", "").partition("~")
    try:
        return date.fromisoformat(day), int(number)
    except ValueError:
        return None


def _late(due: date) -> int:
    """Workdays past a deadline."""
    return max(0, load_calendar(db.session()).workdays_between(due, today()))


@blueprint.get("")
def index() -> ResponseReturnValue:
    actor = require(Action.SEE_BOARD)
    session, wanted = db.session(), _filter(actor)
    kind = request.args.get("list", "late")
    definer = actor.role in LEGAL
    kind = kind if kind in queries.LISTS or (definer and kind == queries.UNDEFINED) else "late"
    lines: list[Line] = []
    weak: list[WeakPeriod] = []
    undefined: list[Undefined] = []
    more = False
    if kind == queries.UNDEFINED:
        undefined = queries.read_undefined(session, actor.office_id, wanted)
    elif kind == "insufficient":
        weak, more = queries.read_insufficient(session, actor.office_id, wanted, _cursor())
    else:
        lines, more = queries.read_list(session, kind, actor.office_id, wanted, today(), _cursor())
    shown: list[Line | WeakPeriod] = [*lines, *weak]
    last = shown[-1] if shown else None
    return render_template(
        "attention/index.html",
        kind=kind,
        lines=lines,
        weak=weak,
        undefined=undefined,
        counts={
            kind: count if count < queries.COUNTED else f"{queries.COUNTED - 1}+"
            for kind, count in queries.count_lists(session, actor.office_id, wanted, today()).items()
        },
        undefined_count=queries.count_undefined(session, actor.office_id, wanted) if definer else None,
        may_define=can(actor, Action.MANAGE_CATALOGUE),
        late={due: _late(due) for due in {line.due for line in shown}},
        owners=queries.owners(session, actor.office_id, wanted.year),
        wanted=wanted,
        kept=_kept,
        after=f"{last.due.isoformat()}~{last.id}" if more and last else "",
        later="after" in request.args,
        states=words.obligation_words(),
        stale_words=words.stale_words(),
        insufficient_words=words.insufficient_words(),
        cycles={number: words.short_cycle(number) for number in {line.cycle_no for line in lines}},
        english=is_english(),
        at=today(),
        may_press=can(actor, Action.PRESS) and kind in {"late", "stale", "insufficient"},
    )


@blueprint.get("/print")
def printed() -> ResponseReturnValue:
    """催办单: late and stale of every department, a page each."""
    actor = require(Action.SEE_BOARD)
    session, wanted = db.session(), _filter(actor)
    sheets: dict[str, dict[str, list[Line]]] = {}
    for kind in ("late", "stale", "soon"):
        lines, _more = queries.read_list(session, kind, actor.office_id, wanted, today(), limit=PRINTED)
        for line in lines:
            # What is late and stale at once is called through once, as late.
            if kind == "stale" and line.due < today():
                continue
            sheets.setdefault(line.owner_code, {}).setdefault(kind, []).append(line)
    owners = [owner for owner in queries.owners(session, actor.office_id, wanted.year) if owner.code in sheets]
    return render_template(
        "attention/print.html",
        sheets=sheets,
        owners=owners,
        contacts=queries.contacts(session, actor.office_id),
        late={
            due: _late(due) for due in {line.due for kinds in sheets.values() for row in kinds.values() for line in row}
        },
        wanted=wanted,
        kept=_kept,
        stale_words=words.stale_words(),
        short_cycle=words.short_cycle,
        at=today(),
    )
