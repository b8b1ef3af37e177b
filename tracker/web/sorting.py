"""Many files for many slots at once: what each is proposed to be, put right by hand, then everything uploads."""

from itertools import groupby
from typing import Any

from flask import Blueprint, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from tracker.db import db
from tracker.domain.permissions import LEGAL, OWNERS
from tracker.domain.sorting import propose
from tracker.errors import Forbidden, InvalidInput
from tracker.queries.sorting import Place, open_places
from tracker.web import base
from tracker.web import task_words as words
from tracker.web.vocabulary import kind_words

blueprint = Blueprint("sorting", __name__)

PATHS = 500  # as many as the page takes from one folder
LENGTH = 1000  # characters of one path


def _places() -> tuple[Place, ...]:
    """Where the person who is signed in may put files today; Forbidden for roles that hand in nothing."""
    actor, person = base.current_actor(), base.current_person()
    if actor.role not in OWNERS | LEGAL:
        raise Forbidden("not_allowed")
    today = base.today()
    year = min(today.year, person.office.plan_year)
    return open_places(
        db.session(), office_id=actor.office_id, department_id=person.department_id, year=year, today=today
    )


@blueprint.get("/sort")
def index() -> ResponseReturnValue:
    tasks = [list(places) for _, places in groupby(_places(), key=lambda place: place.task_id)]
    return render_template("sorting/index.html", tasks=tasks, tint=words.tint, kinds=kind_words())


@blueprint.post("/sort/propose")
def proposals() -> ResponseReturnValue:
    """JSON {paths: [...]} -> {proposals: [{obligation_id or null, reason, sure}]} in the same order.

    InvalidInput("sort_paths") for anything else than a list of at most 500 paths.
    """
    targets = [place.target() for place in _places()]
    given: Any = request.get_json(silent=True)
    paths = given.get("paths") if isinstance(given, dict) else None
    if not isinstance(paths, list) or len(paths) > PATHS or not all(isinstance(path, str) for path in paths):
        raise InvalidInput("sort_paths", limit=PATHS)
    found = propose([path[-LENGTH:] for path in paths], targets)
    return jsonify(
        proposals=[{"obligation_id": one.obligation_id, "reason": one.reason.value, "sure": one.sure} for one in found]
    )
