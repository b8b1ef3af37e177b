"""Short pages that explain how the product is used, for each kind of reader."""

from flask import Blueprint, abort, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from tracker.domain.permissions import LEGAL, OWNERS, Role
from tracker.web import base

blueprint = Blueprint("help", __name__, url_prefix="/help")

PAGES = ("lights", "clerk", "legal", "admin")


@blueprint.get("")
def index() -> ResponseReturnValue:
    """The page for the reader's own work."""
    role = base.current_actor().role
    name = "clerk" if role in OWNERS else "legal" if role in LEGAL else "admin" if role == Role.SYSADMIN else "lights"
    return redirect(url_for("help.page", name=name))


@blueprint.get("/<name>")
def page(name: str) -> ResponseReturnValue:
    if name not in PAGES:
        abort(404)
    return render_template(f"help_{name}.html", page=name)
