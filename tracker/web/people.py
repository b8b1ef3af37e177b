"""People and departments: the system administrator's pages."""

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from tracker.db import db
from tracker.domain.permissions import Action, Actor, Role
from tracker.errors import TrackerError
from tracker.models import User
from tracker.queries import people as reads
from tracker.services import people as verbs
from tracker.web import base
from tracker.web.admin import day_given, field_errors, number_given, page
from tracker.web.filters import role_name
from tracker.web.locale import gettext as _
from tracker.web.messages import explain, status_of

blueprint = Blueprint("people", __name__, url_prefix="/admin")


def _actor() -> Actor:
    return base.require(Action.MANAGE_PEOPLE)


def _given() -> verbs.Given:
    form = request.form
    return verbs.Given(
        email=form.get("email", ""),
        name=form.get("name", ""),
        role=form.get("role", ""),
        department_id=number_given("department"),
        valid_until=day_given("valid_until"),
    )


def _roles() -> list[tuple[str, str]]:
    return [(role.value, role_name(role.value)) for role in Role]


def _states() -> dict[str, str]:
    return {"active": _("可用"), "locked": _("已锁定"), "expired": _("已过期"), "disabled": _("已停用")}


@blueprint.get("/people")
def index() -> ResponseReturnValue:
    actor = _actor()
    chosen = {name: request.args.get(name, "") for name in ("department", "role", "state", "q")}
    departments = reads.departments(db.session(), actor.office_id)
    found = reads.people(
        db.session(),
        actor.office_id,
        now=base.now(),
        today=base.today(),
        department_id=number_given("", chosen["department"]),
        role=chosen["role"],
        state=chosen["state"],
        words=chosen["q"].strip(),
    )
    return page(
        "people/index.html", people=found, departments=departments, roles=_roles(), states=_states(), chosen=chosen,
        lacking=[row for row in departments if row.lacks],
    )  # fmt: skip


def _form_page(
    user: User | None, values: Any, errors: dict[str, str] | None = None, status: int = 200
) -> ResponseReturnValue:
    departments = reads.departments(db.session(), base.current_actor().office_id, only_active=True)
    line = next(
        (
            row
            for row in reads.people(db.session(), user.office_id, now=base.now(), today=base.today())
            if row.id == user.id
        ),
        None,
    ) if user else None  # fmt: skip
    return page(
        "people/person.html", status, account=user, line=line, values=values, errors=errors or {}, roles=_roles(),
        departments=departments, states=_states(),
    )  # fmt: skip


@blueprint.get("/people/new")
def new() -> ResponseReturnValue:
    _actor()
    return _form_page(None, request.args)


@blueprint.post("/people/new")
def create() -> ResponseReturnValue:
    actor = _actor()
    try:
        user, password = verbs.add_user(
            db.session(), actor=actor, office_id=actor.office_id, given=_given(), now=base.now(), today=base.today(),
            address=base.address(),
        )  # fmt: skip
    except TrackerError as error:
        return _form_page(None, request.form, field_errors(error), status_of(error))
    base.commit()
    return page("people/password.html", account=user, password=password, fresh=True)


@blueprint.get("/people/<int:user_id>")
def person(user_id: int) -> ResponseReturnValue:
    user = verbs.user_of(db.session(), actor=_actor(), user_id=user_id)
    values = {
        "email": user.email, "name": user.name, "role": user.role, "department": user.department_id or "",
        "valid_until": user.valid_until.isoformat() if user.valid_until else "",
    }  # fmt: skip
    return _form_page(user, values)


@blueprint.post("/people/<int:user_id>")
def change(user_id: int) -> ResponseReturnValue:
    actor = _actor()
    user = verbs.user_of(db.session(), actor=actor, user_id=user_id)
    try:
        verbs.edit_user(
            db.session(), actor=actor, user_id=user_id, given=_given(), now=base.now(), today=base.today(),
            address=base.address(),
        )  # fmt: skip
    except TrackerError as error:
        return _form_page(user, request.form, field_errors(error), status_of(error))
    base.commit()
    flash(_("已保存“%(name)s”。", name=user.name), "good")
    return redirect(url_for("people.index"))


@blueprint.post("/people/<int:user_id>/<any(disable, enable, unlock):act>")
def switch(user_id: int, act: str) -> ResponseReturnValue:
    actor = _actor()
    verb = {"disable": verbs.disable_user, "enable": verbs.enable_user, "unlock": verbs.unlock_user}[act]
    try:
        user = verb(db.session(), actor=actor, user_id=user_id, now=base.now(), address=base.address())
    except TrackerError as error:
        db.session.rollback()
        if status_of(error) != 409:
            raise
        flash(explain(error), "error")
        return redirect(url_for("people.person", user_id=user_id))
    name = user.name
    base.commit()
    said = {
        "disable": _("已停用“%(name)s”，他做过的一切都保留。", name=name),
        "enable": _("已启用“%(name)s”。", name=name),
        "unlock": _("已解锁“%(name)s”。", name=name),
    }
    flash(said[act], "good")
    return redirect(url_for("people.person", user_id=user_id))


@blueprint.post("/people/<int:user_id>/reset")
def reset(user_id: int) -> ResponseReturnValue:
    """The new password is in this one answer and nowhere else."""
    actor = _actor()
    user = verbs.user_of(db.session(), actor=actor, user_id=user_id)
    password = verbs.reset_password(db.session(), actor=actor, user=user, now=base.now(), address=base.address())
    base.commit()
    return page("people/password.html", account=user, password=password, fresh=False)


# ------------------------------------------------------------------------------------------------ departments


def _departments_page(
    values: Any = None, errors: dict[str, str] | None = None, status: int = 200, bad: int | None = None
) -> ResponseReturnValue:
    kinds = {
        "section": _("科室"),
        "institution": _("事业单位"),
        "group": _("统称"),
        "post": _("专岗"),
        "advisory": _("顾问"),
    }
    rows = reads.departments(db.session(), base.current_actor().office_id)
    return page(
        "people/departments.html", status, departments=rows, kinds=kinds, values=values or {}, errors=errors or {},
        bad=bad,
    )  # fmt: skip


@blueprint.get("/people/departments")
def departments() -> ResponseReturnValue:
    _actor()
    return _departments_page()


@blueprint.post("/people/departments")
def add_department() -> ResponseReturnValue:
    actor, form = _actor(), request.form
    try:
        row = verbs.add_department(
            db.session(), actor=actor, office_id=actor.office_id, code=form.get("code", ""),
            name_zh=form.get("name_zh", ""), name_en=form.get("name_en", ""), kind=form.get("kind", "section"),
            collective=form.get("kind") == "group", now=base.now(), address=base.address(),
        )  # fmt: skip
    except TrackerError as error:
        return _departments_page(form, field_errors(error), status_of(error))
    name = row.name_zh
    base.commit()
    flash(_("已新增部门“%(name)s”。", name=name), "good")
    return redirect(url_for("people.departments"))


@blueprint.post("/people/departments/<int:department_id>")
def change_department(department_id: int) -> ResponseReturnValue:
    actor, form = _actor(), request.form
    try:
        row = verbs.edit_department(
            db.session(), actor=actor, office_id=actor.office_id, department_id=department_id,
            name_zh=form.get("name_zh", ""), name_en=form.get("name_en", ""), active=form.get("active") == "1",
            now=base.now(), address=base.address(),
        )  # fmt: skip
    except TrackerError as error:
        db.session.rollback()
        if status_of(error) == 404:
            raise
        return _departments_page(form, field_errors(error), status_of(error), department_id)
    name = row.name_zh
    base.commit()
    flash(_("已保存部门“%(name)s”。", name=name), "good")
    return redirect(url_for("people.departments"))
