"""The inbox of the application: everything that one was told, with mail or without; and what is mailed at all."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session

from tracker.db import db
from tracker.domain.permissions import LEADERS, LEGAL, OWNERS, Action, Role, can
from tracker.domain.telling import Kind, is_switched_off, may_switch_off
from tracker.errors import Forbidden, NotFound
from tracker.models import Outbox, User
from tracker.queries import inbox as reads
from tracker.queries.office_rules import load_rules
from tracker.services import inbox
from tracker.web import base, mail_words
from tracker.web.locale import gettext as _

blueprint = Blueprint("inbox", __name__)

# Who may ever be told a kind of news; the others find nothing about it in their settings.
CONCERNS: dict[Kind, frozenset[Role]] = {
    Kind.ACCEPTED: frozenset(OWNERS | LEGAL),
    Kind.SOON_STALE: frozenset(OWNERS | LEGAL),
    Kind.DECIDED: frozenset(OWNERS | LEGAL | LEADERS),
    Kind.WEEKLY: frozenset(LEADERS),
    Kind.REMINDER: frozenset(OWNERS | LEGAL | LEADERS),
    Kind.STALE: frozenset(OWNERS | LEGAL | LEADERS),
    Kind.RETURNED: frozenset(OWNERS | LEGAL),
    Kind.NOTICE: frozenset(OWNERS | LEGAL | LEADERS),
    Kind.SIGN: frozenset(OWNERS | LEGAL | LEADERS),
    Kind.ASKED: frozenset({Role.DEPT_HEAD, Role.LEGAL_HEAD, Role.DEPUTY}),
    Kind.CUSTODY: frozenset(LEGAL | {Role.SYSADMIN}),
    Kind.SYSTEM: frozenset({Role.SYSADMIN}),
}


@dataclass(frozen=True)
class Choice:
    """One kind of news in the settings; `why`: why its mail may not be switched off, "" where it may."""

    kind: str
    word: str
    what: str
    why: str
    on: bool


class Box:
    """The reader's inbox as every page shows it; asks the database once a request, and only if a page asks."""

    def __init__(self, session: Session, person: User, today: date) -> None:
        self._session, self._person, self._today = session, person, today

    @cached_property
    def _glance(self) -> reads.Glance:
        return reads.glance(self._session, self._person, self._today)

    @property
    def unread(self) -> int:
        return self._glance.unread

    @property
    def badge(self) -> str:
        """12, 99+; "" for nothing."""
        if self.unread >= reads.COUNTED:
            return f"{reads.COUNTED - 1}+"
        return str(self.unread) if self.unread else ""

    @property
    def urgent(self) -> tuple[reads.Urgent, ...]:
        return self._glance.urgent

    @cached_property
    def choices(self) -> list[Choice]:
        """The rows of the settings' table: first what may be switched off."""
        rules = load_rules(db.session(), self._person.office_id)
        words, reasons = mail_words.setting_words(), mail_words.fixed_words(rules.fix_days)
        found = [
            Choice(
                kind.value, *words[kind.value], "" if may_switch_off(kind) else reasons[kind.value],
                not is_switched_off(kind, self._person.quiet),
            )
            for kind, roles in CONCERNS.items()
            if Role(self._person.role) in roles
        ]  # fmt: skip
        return sorted(found, key=lambda choice: bool(choice.why))


@blueprint.app_context_processor
def everywhere() -> dict[str, Box | None]:
    """`inbox` for every template; None for whoever is not signed in."""
    if not current_user.is_authenticated:
        return {"inbox": None}
    return {"inbox": Box(db.session(), base.current_person(), base.today())}


@blueprint.get("/inbox")
def index() -> ResponseReturnValue:
    person = base.current_person()
    before = request.args.get("before", type=int)
    news, further = reads.read_inbox(db.session(), person.id, before)
    return render_template(
        "inbox/index.html",
        news=news,
        further=further,
        before=before,
        words=mail_words.kind_words(),
        says=mail_words,
        sees_tomorrow=can(base.current_actor(), Action.SEE_LEDGER),
    )


@blueprint.post("/inbox/<int:row_id>")
def read(row_id: int) -> ResponseReturnValue:
    """Marks one as read and goes on to the thing itself."""
    person = base.current_person()
    found = reads.one(db.session(), person.id, row_id)
    if found is None:
        row = db.session.get(Outbox, row_id)
        raise Forbidden("not_allowed") if row and row.office_id == person.office_id else NotFound("not_found")
    inbox.mark_read(db.session(), person_id=person.id, row_id=row_id, now=base.now())
    base.commit()
    return redirect(found.link, 303)


@blueprint.post("/inbox/read")
def read_all() -> ResponseReturnValue:
    """Marks all that the page showed, and what is older; what came meanwhile stays unread."""
    upto = request.form.get("upto", 0, type=int)
    count = inbox.mark_read(db.session(), person_id=base.current_person().id, upto=upto, now=base.now())
    base.commit()
    flash(_("已把%(count)s条标为已读。", count=count), "good")
    return redirect(url_for("inbox.index"), 303)


@blueprint.post("/settings/mail")
def preferences() -> ResponseReturnValue:
    """Which kinds of news are mailed: the boxes that are ticked, among those that may be switched off."""
    person = base.current_person()
    offered = {kind.value for kind in Kind if may_switch_off(kind)}
    shown = offered & set(request.form.getlist("shown"))
    # What the page did not show stays as it was: another role may have had it.
    quiet = (set(person.quiet) & offered - shown) | (shown - set(request.form.getlist("mail")))
    inbox.choose_mail(
        db.session(), user=person, actor=base.current_actor(), quiet=quiet, now=base.now(), address=base.address()
    )
    base.commit()
    flash(_("邮件设置已保存。"), "good")
    return redirect(url_for("auth.settings", _anchor="mail"), 303)
