"""Every endpoint × every role. An endpoint missing from the table fails: whoever adds one says who may use it."""

from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.support import archiving as filing
from tests.support import channels as telling
from tests.support import evidence as acts
from tests.support import files
from tests.support import notices as noticing
from tests.support import packages as packing
from tests.support import requests as asking
from tests.support.clock import FROZEN
from tests.support.databases import Database, SqliteTemplates
from tests.support.office import PEOPLE, OfficeKit, add_person, build, prepare_empty
from tracker.domain.permissions import Role
from tracker.models import Delegation, Digest, Indicator, Office, Outbox, TimeStamp, User
from tracker.ports import ObjectStore
from tracker.services import custody_locks, drills, removals, signing, uploads

ALL = frozenset(PEOPLE)
OWN = frozenset({"contact", "dept_head"})  # of the department that owns the task
HELP = frozenset({"contact_sfs"})  # of a department that cooperates
STRANGE = frozenset({"contact_dzb"})  # of another department
LEGAL = frozenset({"reviewer", "reviewer2", "legal_head"})
LEADERS = frozenset({"deputy", "director", "secretary"})
SEE = LEGAL | LEADERS | {"inspector", "archivist"}
MANAGE = frozenset({"sysadmin", "legal_head"})
SYSADMIN = frozenset({"sysadmin"})
AUDIT = frozenset({"auditadmin", "legal_head"})
FILE = frozenset({"archivist", "legal_head"})
ARCHIVE = LEGAL | {"archivist", "inspector"}


@dataclass(frozen=True)
class Rule:
    """Who may; `path` is filled with the identifiers of `Things`. `public`: without signing in, too."""

    method: str
    path: str
    who: frozenset[str]
    public: bool = False
    absent: bool = False  # exists only in the demo: nobody finds it elsewhere
    hidden: bool = False  # one person's alone: the others do not even find it
    form: tuple[tuple[str, str], ...] = ()  # what must be right before the question of rights is reached


VALUE = (("value", "3"), ("as_of", "2026-11-01"), ("qualifier", "exact"), ("version_id", "{accepted}"))

EVENT = (
    ("task_id", "{event_task}"), ("reference", "津复〔2026〕1号"), ("title", "一件"), ("trigger_on", "2026-11-20"),
)  # fmt: skip

WORKERS = OWN | HELP | STRANGE | LEGAL | LEADERS  # whose business requests are

TABLE: dict[str, Rule] = {
    "archive.catalogue": Rule("GET", "/archive/catalogue.xlsx?year=2026", ARCHIVE),
    "archive.file": Rule("POST", "/archive/file", FILE),
    "archive.index": Rule("GET", "/archive", ARCHIVE),
    "archive.items": Rule("GET", "/archive/items?year=2026", ARCHIVE),
    "archive.note": Rule("POST", "/archive/items/{filed}/note", FILE),
    "archive.save": Rule("POST", "/archive/settings", FILE),
    "archive.settings": Rule("GET", "/archive/settings", ARCHIVE),
    "archive.transfer_package": Rule("GET", "/archive/transfer.zip?year=2026", FILE),
    "archive.void": Rule("POST", "/archive/items/{filed}/void", FILE, form=(("reason", "归错了"),)),
    "archive.volume": Rule("GET", "/archive/volumes/{volume}.docx", ARCHIVE),
    "audit.index": Rule("GET", "/audit", AUDIT),
    "audit.verify": Rule("POST", "/audit/verify", AUDIT),
    "audit.export": Rule("GET", "/audit/export.jsonl", AUDIT),
    "audit.register": Rule("GET", "/audit/register", AUDIT),
    "audit.token": Rule("GET", "/audit/stamps/{stamp}.tsr", AUDIT),
    "custody.check": Rule("POST", "/custody/check", MANAGE),
    "custody.check_one": Rule("POST", "/custody/objects/{blob}/check", MANAGE),
    "custody.heal": Rule("POST", "/custody/objects/{blob}/heal", MANAGE),
    "custody.index": Rule("GET", "/custody", LEGAL | {"archivist", "inspector", "sysadmin", "secadmin", "auditadmin"}),
    "custody.place": Rule("POST", "/custody/holds", frozenset({"legal_head"})),
    "custody.release": Rule("POST", "/custody/holds/{hold}/release", frozenset({"legal_head"})),
    "drills.index": Rule("GET", "/drills", LEGAL | LEADERS | {"inspector"}),
    "drills.start": Rule(
        "POST",
        "/drills",
        LEGAL,
        form=(
            ("year", "2026"),
            ("as_of", "2026-11-20"),
            ("count", "2"),
            ("seed", "another"),
        ),
    ),
    "drills.show": Rule("GET", "/drills/{drill}", LEGAL | LEADERS | {"inspector"}),
    "drills.ask": Rule("POST", "/drills/{drill}/items/2/ask", LEGAL),
    "drills.found": Rule("POST", "/drills/{drill}/items/1/found", LEGAL),
    "drills.give_up": Rule("POST", "/drills/{drill}/items/1/not-found", LEGAL),
    "drills.finish": Rule("POST", "/drills/{drill}/finish", LEGAL),
    "removals.ask": Rule(
        "POST", "/versions/{accepted}/removal", frozenset({"legal_head"}), form=(("reason", "涉密"), ("sure", "yes"))
    ),
    "removals.confirm": Rule("POST", "/removals/{removal}/confirm", frozenset({"sysadmin", "secadmin"})),
    "removals.index": Rule("GET", "/removals", frozenset({"legal_head", "sysadmin", "secadmin", "auditadmin"})),
    "removals.refuse": Rule("POST", "/removals/{removal}/refuse", frozenset({"legal_head", "sysadmin", "secadmin"})),
    "uploads.begin": Rule("POST", "/obligations/{obligation}/uploads", OWN | HELP),
    "uploads.cancel": Rule("DELETE", "/uploads/{upload}", frozenset({"contact"}), hidden=True),
    "uploads.finish": Rule("POST", "/uploads/{upload}/finish", frozenset({"contact"}), hidden=True),
    "uploads.index": Rule("GET", "/uploads", ALL),
    "uploads.part": Rule("PUT", "/uploads/{upload}/parts/1", frozenset({"contact"}), hidden=True),
    "uploads.show": Rule("GET", "/uploads/{upload}", frozenset({"contact"}), hidden=True),
    "versions.elsewhere": Rule("GET", "/versions/{accepted}/elsewhere", OWN | HELP),
    "versions.index": Rule("GET", "/evidence/{item}/versions", OWN | HELP | SEE),
    "versions.link": Rule("POST", "/versions/{accepted}/elsewhere", OWN | HELP),
    "versions.redate": Rule("POST", "/versions/{accepted}/redate", OWN),
    "packages.again": Rule("POST", "/packages/{ready_package}/again", LEGAL | {"archivist"}),
    "packages.cancel": Rule("POST", "/packages/{queued_package}/cancel", LEGAL | {"archivist"}),
    "packages.compare": Rule("GET", "/packages/{ready_package}/compare?with={ready_package}", SEE),
    "packages.cover": Rule("GET", "/packages/{ready_package}/cover", SEE),
    "packages.create": Rule(
        "POST", "/packages", LEGAL | {"archivist"}, form=(("year", "2026"), ("as_of", "2026-11-20"))
    ),
    "packages.download": Rule("GET", "/packages/{ready_package}/download", SEE),
    "packages.index": Rule("GET", "/packages", SEE),
    "packages.new": Rule("GET", "/packages/new", LEGAL | {"archivist"}),
    "packages.show": Rule("GET", "/packages/{ready_package}", SEE),
    "packages.state": Rule("GET", "/packages/{ready_package}/state", SEE),
    "notices.acknowledge": Rule("POST", "/notices/{notice}/acknowledge", OWN),
    "notices.cancel": Rule("POST", "/notices/{notice}/cancel", frozenset({"legal_head"})),
    "notices.close": Rule("POST", "/notices/{notice}/close", LEGAL),
    "notices.create": Rule("POST", "/notices", frozenset({"legal_head"}), form=(("period", "{late_period}"),)),
    "notices.deliver": Rule("POST", "/notices/{notice}/deliver", LEGAL),
    "notices.edit": Rule("POST", "/notices/{notice}/edit", frozenset({"legal_head"})),
    "notices.escalate": Rule("POST", "/notices/{notice}/escalate", LEGAL),
    "notices.give_back": Rule("POST", "/notices/{notice}/give-back", LEGAL),
    "notices.index": Rule("GET", "/notices", OWN | HELP | STRANGE | LEGAL | LEADERS | {"inspector"}),
    "notices.new": Rule("GET", "/notices/new?period={late_period}", frozenset({"legal_head"})),
    "notices.paper": Rule("GET", "/notices/{notice}.docx", OWN | LEGAL | LEADERS | {"inspector"}),
    "notices.report": Rule("POST", "/notices/{notice}/report", OWN),
    "notices.send_back": Rule("POST", "/notices/{notice}/send-back", LEADERS),
    "notices.show": Rule("GET", "/notices/{notice}", OWN | LEGAL | LEADERS | {"inspector"}),
    "notices.sign": Rule("POST", "/notices/{notice}/sign", LEADERS),
    "notices.talk": Rule("POST", "/notices/{notice}/talk", LEADERS),
    "absences.ask": Rule("POST", "/settings/absences", WORKERS),
    "absences.index": Rule("GET", "/settings/absences", WORKERS),
    "absences.revoke": Rule("POST", "/settings/absences/{absence}/revoke", frozenset({"dept_head"})),
    "requests.ask": Rule("GET", "/periods/{open_period}/ask/extension", OWN),
    "requests.ask_post": Rule("POST", "/periods/{open_period}/ask/waiver", OWN),
    "requests.confirm": Rule("POST", "/requests/{unsigned}/confirm", frozenset({"dept_head"})),
    "requests.decide": Rule(
        "POST", "/requests/{asked}/decision", frozenset({"legal_head"}), form=(("verdict", "approved"),)
    ),
    "requests.index": Rule("GET", "/requests", WORKERS),
    "requests.show": Rule("GET", "/requests/{asked}", OWN | LEGAL | LEADERS),
    "requests.withdraw": Rule("POST", "/requests/{asked}/withdraw", frozenset({"contact"})),
    "requests.zero": Rule("GET", "/obligations/{obligation}/zero-report", OWN),
    "requests.zero_post": Rule("POST", "/obligations/{obligation}/zero-report", OWN),
    "attention.index": Rule("GET", "/attention", SEE),
    "attention.printed": Rule("GET", "/attention/print", SEE),
    "auth.admin": Rule("GET", "/admin/", MANAGE),
    "auth.demo_login": Rule("POST", "/demo-login", ALL, public=True, absent=True),
    "auth.home": Rule("GET", "/", ALL),
    "auth.language": Rule("POST", "/language", ALL, public=True),
    "auth.login": Rule("GET", "/login", ALL, public=True),
    "auth.login_post": Rule("POST", "/login", ALL, public=True),
    "auth.logout": Rule("POST", "/logout", ALL, public=True),
    "auth.password": Rule("GET", "/password", ALL),
    "auth.password_post": Rule("POST", "/password", ALL),
    "auth.settings": Rule("GET", "/settings", ALL),
    "board.export": Rule("GET", "/board/export.csv", SEE),
    "board.index": Rule("GET", "/board", SEE),
    "signing.confirm": Rule("GET", "/board/hand-out", frozenset({"legal_head"})),
    "signing.hand_out": Rule(
        "POST", "/board/hand-out", frozenset({"legal_head"}), form=(("year", "2026"), ("workdays", "3"))
    ),
    "signing.sign": Rule("POST", "/signing", OWN, form=(("task", "{task}"),)),
    "board.period": Rule("GET", "/board/period/{period}", SEE),
    "channels.add": Rule("POST", "/settings/channels", ALL),
    "channels.add_department": Rule("POST", "/admin/channels", SYSADMIN),
    "channels.admin": Rule("GET", "/admin/channels", SYSADMIN),
    "channels.delete": Rule("POST", "/channels/{channel}/delete", SYSADMIN),
    "channels.index": Rule("GET", "/settings/channels", ALL),
    "channels.switch": Rule("POST", "/channels/{channel}/switch", SYSADMIN),
    "channels.test": Rule("POST", "/channels/{channel}/test", SYSADMIN),
    "calendar.import_file": Rule("POST", "/admin/calendar/import", MANAGE),
    "calendar.index": Rule("GET", "/admin/calendar", MANAGE),
    "events.cancel": Rule("POST", "/events/{event}/cancel", frozenset({"legal_head"}), form=(("reason", "登记有误"),)),
    "events.index": Rule("GET", "/events", SEE | OWN | HELP | STRANGE),
    "events.register": Rule("POST", "/events", LEGAL | OWN, form=EVENT),
    "calendar.set_day": Rule("POST", "/admin/calendar/day", MANAGE),
    "calendar.finish": Rule("POST", "/admin/calendar/2027/finish", MANAGE),
    "calendar.start": Rule("POST", "/admin/calendar/2027/start", MANAGE),
    "catalogue.apply": Rule("POST", "/admin/catalogue/apply", MANAGE),
    "catalogue.check": Rule("POST", "/admin/catalogue/check", MANAGE),
    "catalogue.choose_year": Rule("POST", "/admin/catalogue/year", MANAGE),
    "catalogue.export": Rule("GET", "/admin/catalogue/2026/export.yaml", MANAGE),
    "catalogue.index": Rule("GET", "/admin/catalogue", MANAGE),
    "catalogue.template": Rule("GET", "/admin/catalogue/template.xlsx", MANAGE),
    "feed.index": Rule("GET", "/settings/calendar", ALL),
    "feed.read": Rule("GET", "/calendar/{feed}.ics", ALL, public=True),
    "feed.renew": Rule("POST", "/settings/calendar", ALL),
    "feed.revoke": Rule("POST", "/settings/calendar/revoke", ALL),
    "files.download": Rule("GET", "/files/{submitted}", OWN | HELP | SEE),
    "files.preview": Rule("GET", "/files/{submitted}/preview", OWN | HELP | SEE),
    "files.preview_state": Rule("GET", "/files/{submitted}/preview/state", OWN | HELP | SEE),
    "files.view": Rule("GET", "/files/{submitted}/view", OWN | HELP | SEE),
    "sorting.index": Rule("GET", "/sort", OWN | HELP | STRANGE | LEGAL),
    "sorting.proposals": Rule("POST", "/sort/propose", OWN | HELP | STRANGE | LEGAL),
    "files.upload": Rule("POST", "/obligations/{obligation}/files", OWN | HELP),
    "first_run.finish": Rule("POST", "/first-run", ALL, public=True, absent=True),
    "first_run.start": Rule("GET", "/first-run", ALL, public=True, absent=True),
    "health.alive": Rule("GET", "/healthz", ALL, public=True),
    "health.metrics": Rule("GET", "/metrics", ALL, public=True),
    "health.ready": Rule("GET", "/readyz", ALL, public=True),
    "help.index": Rule("GET", "/help", ALL),
    "help.page": Rule("GET", "/help/clerk", ALL),
    "inbox.index": Rule("GET", "/inbox", ALL),
    "inbox.preferences": Rule("POST", "/settings/mail", ALL),
    "inbox.read": Rule("POST", "/inbox/{news}", frozenset({"contact"})),
    "inbox.read_all": Rule("POST", "/inbox/read", ALL),
    "ladders.index": Rule("GET", "/ladders", LEGAL | LEADERS),
    "ladders.preview": Rule("POST", "/ladders/monthly/preview", frozenset({"legal_head"})),
    "ladders.reset": Rule("POST", "/ladders/monthly/reset", frozenset({"legal_head"})),
    "ladders.save": Rule("POST", "/ladders/monthly", frozenset({"legal_head"})),
    "ledger.export": Rule("GET", "/ledger/export.csv", LEGAL | LEADERS),
    "ledger.index": Rule("GET", "/ledger", LEGAL | LEADERS),
    "ledger.printed": Rule("GET", "/ledger/print", LEGAL | LEADERS),
    "pressing.many": Rule("POST", "/attention/press", LEGAL),
    "pressing.one": Rule("POST", "/periods/{period}/press", LEGAL),
    "rehearsal.index": Rule("GET", "/rehearsal", LEGAL | LEADERS),
    "rehearsal.proposed": Rule("POST", "/rehearsal", frozenset({"legal_head"}), form=(("kind", "monthly"),)),
    "mail_queue.give_up": Rule("POST", "/mail/{mail}/give-up", SYSADMIN),
    "mail_queue.index": Rule("GET", "/mail", MANAGE),
    "mail_queue.retry": Rule("POST", "/mail/{mail}/retry", SYSADMIN),
    "mail_queue.revive": Rule("POST", "/mail/people/{person}/revive", SYSADMIN),
    "mail_queue.rules": Rule("POST", "/mail/rules", SYSADMIN),
    "mailbox.html": Rule("GET", "/mailbox/x/html", ALL, public=True, absent=True),
    "mailbox.index": Rule("GET", "/mailbox/", ALL, public=True, absent=True),
    "mailbox.show": Rule("GET", "/mailbox/x", ALL, public=True, absent=True),
    "my_work.index": Rule("GET", "/my", OWN | HELP | STRANGE | LEGAL),
    "overview.index": Rule("GET", "/overview", LEGAL | LEADERS | {"inspector"}),
    "people.add_department": Rule("POST", "/admin/people/departments", SYSADMIN),
    "people.change": Rule("POST", "/admin/people/{person}", SYSADMIN),
    "people.change_department": Rule("POST", "/admin/people/departments/{department}", SYSADMIN),
    "people.create": Rule("POST", "/admin/people/new", SYSADMIN),
    "people.departments": Rule("GET", "/admin/people/departments", SYSADMIN),
    "people.index": Rule("GET", "/admin/people", SYSADMIN),
    "people.new": Rule("GET", "/admin/people/new", SYSADMIN),
    "people.person": Rule("GET", "/admin/people/{person}", SYSADMIN),
    "people.reset": Rule("POST", "/admin/people/{person}/reset", SYSADMIN),
    "people.switch": Rule("POST", "/admin/people/{person}/unlock", SYSADMIN),
    "review.decide": Rule("POST", "/review/{submitted}/decision", LEGAL),
    "review.desk": Rule("GET", "/review/{submitted}", SEE),
    "review.index": Rule("GET", "/review", LEGAL),
    "review.invalidate": Rule("POST", "/review/{accepted}/flag", LEGAL),
    "static": Rule("GET", "/static/css/tokens.css", ALL, public=True),
    "system.index": Rule("GET", "/admin/system", MANAGE),
    "system.test_mail": Rule("POST", "/admin/system/test-mail", MANAGE),
    "rules.index": Rule("GET", "/rules", LEGAL | LEADERS),
    "rules.save": Rule("POST", "/rules", frozenset({"legal_head"})),
    "task.contact": Rule("POST", "/tasks/{task}/contact", frozenset({"dept_head", "legal_head"})),
    "task.declare": Rule(
        "POST", "/versions/{standing}/continue", OWN, form=(("obligation", "{plan}"), ("reason", "内容未变"))
    ),
    "task.page": Rule("GET", "/tasks/2026/T01", OWN | HELP | SEE),
    "task.record": Rule("POST", "/periods/{period}/indicators/{indicator}", OWN, form=VALUE),
    "task.submit": Rule("POST", "/periods/{period}/submit", OWN),
    "task.withdraw": Rule("POST", "/versions/{submitted}/withdraw", OWN),
    "tomorrow.index": Rule("GET", "/tomorrow", LEGAL | LEADERS),
}

# Paths that belong to somebody's office: another office's people must not even learn that they exist.
OF_AN_OFFICE = [
    *sorted(
        name
        for name, rule in TABLE.items()
        if "{" in rule.path and not rule.public and "{stamp}" not in rule.path  # the log is the whole installation's
    ),
    "task.page",
]


@dataclass(frozen=True)
class Things:
    """Identifiers in the paths: of the task T01, which zzxf owns."""

    obligation: int
    period: int
    submitted: int
    accepted: int
    standing: int
    plan: int
    indicator: int
    person: int
    department: int
    open_period: int  # before its deadline, nothing asked
    asked: int  # an extension that waits
    unsigned: int  # a zero report that waits for its head
    absence: int  # of the head of zzxf
    event: int
    event_task: int
    channel: int  # of a department
    feed: str  # the secret of the clerk's calendar
    news: int  # what the contact of zzxf was told
    notice: int  # delivered to zzxf
    late_period: int  # of zzxf, without a notice
    task: int  # T01, handed out
    mail: int  # a mail to him that waits for its next try
    ready_package: int
    queued_package: int
    drill: int  # its first item's clock runs
    blob: int  # of the accepted version
    hold: int  # over T02
    item: int  # of the accepted version
    removal: int  # asked for, nobody has confirmed
    upload: str  # begun by the contact of zzxf
    filed: int  # has its archival number
    volume: int  # in which it lies
    stamp: int  # over the log, which is the whole installation's

    def path(self, rule: Rule) -> str:
        return rule.path.format(**self.__dict__)

    def form(self, rule: Rule) -> dict[str, str]:
        return {name: value.format(**self.__dict__) for name, value in rule.form}


def _asked(session: Session, office: OfficeKit) -> dict[str, int]:
    """Requests of zzxf that wait, and an absence of its head."""
    quarter = office.period(session, "T01", "Q4")
    extension = asking.extension(session, office, quarter, date(2027, 1, 15), FROZEN)
    zero = asking.zero(session, office, office.obligation(session, "T02-E1", "M11"), FROZEN)
    asking.absence(session, office, "dept_head", "contact", FROZEN)
    absence = session.query(Delegation).one()
    return {"open_period": office.period(session, "T02", "M12").id, "asked": extension.id, "unsigned": zero.id,
            "absence": absence.id}  # fmt: skip


def _mail(session: Session, office: OfficeKit) -> int:
    row = Digest(
        office_id=office.office_id, recipient_id=office.users["contact"], local_date=FROZEN.date(), state="deferred",
        message_id="<digest.x@office.example>", subject="逾期1项", body_text="", body_html="", attempts=1,
        created_at=FROZEN, last_error="451 4.3.0 later",
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row.id


def _noticed(session: Session, office: OfficeKit) -> dict[str, int]:
    """A notice that was delivered to zzxf, and the year's tasks handed out."""
    notice = noticing.signed(session, office, office.period(session, "T02", "M09"), FROZEN)
    noticing.advance(session, office, notice, "deliver", FROZEN)
    signing.hand_out(session, actor=office.actor(session, "legal_head"), year=2026, now=FROZEN)
    late = office.period(session, "T02", "M08")
    return {"notice": notice.id, "late_period": late.id, "task": office.period(session, "T01", "Q3").task_id}


def _drilled(session: Session, office: OfficeKit) -> int:
    legal = office.actor(session, "legal_head")
    drill = drills.start(
        session, actor=legal, year=2026, as_of=FROZEN.date(), count=3, seed="matrix", now=FROZEN
    )  # fmt: skip
    drills.ask(session, actor=legal, drill_id=drill.id, position=1, now=FROZEN)
    return drill.id


def _packed(session: Session, office: OfficeKit, store: ObjectStore) -> dict[str, int]:
    """A package that is ready, and one that waits to be made."""
    ready = packing.made(session, office, store).row.id
    return {"ready_package": ready, "queued_package": packing.ask(session, office).id}


def _news(session: Session, office: OfficeKit) -> int:
    row = Outbox(
        office_id=office.office_id, recipient_id=office.users["contact"], kind="reminder", created_at=FROZEN,
        period_id=office.period(session, "T01", "Q3").id,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row.id


def _fill(store: ObjectStore, session: Session) -> tuple[OfficeKit, Things]:
    prepare_empty(session, FROZEN)
    office = build(session, FROZEN)
    session.commit()
    return office, _make(session, office, store)


@pytest.fixture
def made(sqlite_templates: SqliteTemplates, store: ObjectStore) -> tuple[OfficeKit, Things]:
    """The small office with all that the paths name: made once, every test has a copy of it."""
    found: tuple[OfficeKit, Things] = sqlite_templates.template("matrix", partial(_fill, store))
    return found


@pytest.fixture
def database(sqlite_templates: SqliteTemplates, made: tuple[OfficeKit, Things], tmp_path: Path) -> Database:
    assert made
    return sqlite_templates.copy("matrix", tmp_path)


@pytest.fixture
def office(made: tuple[OfficeKit, Things]) -> OfficeKit:
    return made[0]


@pytest.fixture
def things(made: tuple[OfficeKit, Things]) -> Things:
    return made[1]


def _secret(session: Session, office: OfficeKit, store: ObjectStore) -> int:
    july = office.obligation(session, "T01-E3", "M07")
    version = acts.accepted(session, office, july, acts.received(store, files.pdf("secret")), FROZEN)
    head = office.actor(session, "legal_head")
    return removals.ask(session, actor=head, version_id=version.id, reason="误传", now=FROZEN).id


def _filed(session: Session, office: OfficeKit, store: ObjectStore) -> dict[str, int]:
    filing.settle(session, office)
    document = filing.waiting(session, office, store)
    [item] = filing.filed(session, office, filing.filing(document), volume="巡查台账")
    assert item.volume_id
    return {"filed": item.id, "volume": item.volume_id}


def _begun(session: Session, office: OfficeKit, store: ObjectStore, obligation_id: int) -> str:
    wish = uploads.Wish(obligation_id, None, "台账.csv", 9 << 20, "matrix")
    return uploads.begin(
        session, actor=office.actor(session, "contact"), wish=wish, upload_id="matrix", object_key="large/00/matrix",
        ticket=store.begin_parts("large/00/matrix"), part_size=8 << 20, now=FROZEN,
    ).id  # fmt: skip


def _stamped(session: Session) -> int:
    row = TimeStamp(subject="audit", subject_id=1, digest="0" * 64, token=b"0", authority="x", stamped_at=FROZEN,
                    created_at=FROZEN)  # fmt: skip
    session.add(row)
    session.flush()
    return row.id


def _make(session: Session, office: OfficeKit, store: ObjectStore) -> Things:
    october = office.obligation(session, "T01-E3", "M10")
    submitted = acts.submitted(session, office, october, acts.received(store, files.pdf("a")), FROZEN)
    september = office.obligation(session, "T01-E3", "M09")
    accepted = acts.accepted(session, office, september, acts.received(store, files.pdf("b")), FROZEN)
    plan = office.obligation(session, "T01-E1", "Q4")
    standing = acts.accepted(session, office, plan, acts.received(store, files.pdf("c")), FROZEN)
    indicator = session.query(Indicator).one()
    event = acts.event(session, office, "津复〔2026〕9号", FROZEN)
    made = Things(
        obligation=october.id, period=october.period_id, submitted=submitted.id, accepted=accepted.id,
        standing=standing.id, plan=plan.id, indicator=indicator.id, person=office.users["contact_dzb"],
        department=office.departments["dzb"], **_asked(session, office), event=event.id, event_task=event.task_id,
        channel=telling.add(session, office, FROZEN, "sysadmin", "webhook", "http://127.0.0.1:1/", "zzxf").id,
        feed=telling.feed(session, office, "contact", FROZEN),
        news=_news(session, office), mail=_mail(session, office), **_noticed(session, office),
        drill=_drilled(session, office), blob=accepted.blob_id or 0, stamp=_stamped(session),
        hold=custody_locks.place_hold(
            session, actor=office.actor(session, "legal_head"), plan_year=2026, task_codes=["T02"], reason="检查",
            now=FROZEN,
        ).id,
        **_packed(session, office, store), item=accepted.evidence_id, removal=_secret(session, office, store),
        upload=_begun(session, office, store, october.id), **_filed(session, office, store),
    )  # fmt: skip
    session.commit()
    return made


def come_in(app: Flask, user_id: int) -> FlaskClient:
    """A browser in which this person is signed in; the login form has tests of its own."""
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"], cookie["_fresh"], cookie["epoch"] = str(user_id), True, 0
        cookie["started"] = cookie["seen"] = FROZEN.timestamp()
    return client


def ask(client: FlaskClient, rule: Rule, path: str, form: dict[str, str] | None = None) -> int:
    extra = {"X-File-Name": "a.pdf"} if path.endswith("/files") else {}
    answer = client.open(path, method=rule.method, headers=extra, data=files.pdf("d") if extra else form)
    answer.close()
    return answer.status_code


def endpoints(app: Flask) -> set[str]:
    return {rule.endpoint for rule in app.url_map.iter_rules()}


def test_the_table_names_every_endpoint(app: Flask) -> None:
    assert endpoints(app) == set(TABLE)


@pytest.mark.parametrize("endpoint", sorted(TABLE))
def test_who_may(app: Flask, office: OfficeKit, things: Things, endpoint: str) -> None:
    rule = TABLE[endpoint]
    path = things.path(rule)
    with app.test_request_context(path, method=rule.method) as context:
        assert context.request.endpoint == endpoint
    found = {}
    # Those who may not come first: what the others do must not be the reason of a refusal.
    for who in sorted(ALL, key=lambda who: (who in rule.who, who)):
        found[who] = ask(come_in(app, office.users[who]), rule, path, things.form(rule))
    if rule.absent:
        assert set(found.values()) <= {302, 404}
        return
    # 503 is the answer for a mail server that is not there: asked for, and allowed.
    wrong = {
        who: status
        for who, status in found.items()
        if (status in {401, 403, 404, 500} if who in rule.who else status != (404 if rule.hidden else 403))
    }
    assert wrong == {}


# Who is refused changes nothing: one office serves for all endpoints of these.


def test_nobody_comes_in_without_signing_in(app: Flask, things: Things) -> None:
    closed = {name: rule for name, rule in TABLE.items() if not rule.public}
    assert len(closed) > 150
    for endpoint, rule in closed.items():
        answer = app.test_client().open(things.path(rule), method=rule.method)
        assert answer.status_code == 302, endpoint
        assert answer.headers["Location"].startswith("/login"), endpoint
        scripted = app.test_client().open(
            things.path(rule), method=rule.method, headers={"X-Requested-With": "XMLHttpRequest"}
        )
        assert scripted.status_code == 401, endpoint


def test_every_form_asks_for_its_token(app: Flask, office: OfficeKit, things: Things) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    forms = {name: rule for name, rule in TABLE.items() if rule.method == "POST"}
    assert len(forms) > 90
    people = {who: come_in(app, office.users[who]) for who in {min(rule.who) for rule in forms.values()}}
    for endpoint, rule in forms.items():
        assert ask(people[min(rule.who)], rule, things.path(rule), things.form(rule)) == 400, endpoint


@pytest.mark.parametrize("role", [Role.LEGAL_HEAD, Role.SYSADMIN, Role.CONTACT])
def test_another_office_finds_nothing(app: Flask, session: Session, things: Things, role: Role) -> None:
    other = Office(name_zh="另一街道", name_en="Another", plan_year=2026, created_at=FROZEN)
    session.add(other)
    session.flush()
    stranger: User = add_person(session, other.id, "stranger", role, None, FROZEN)
    session.commit()
    outside = come_in(app, stranger.id)
    found = {
        name: ask(outside, TABLE[name], things.path(TABLE[name]), things.form(TABLE[name])) for name in OF_AN_OFFICE
    }
    assert len(found) > 80
    assert {name: status for name, status in found.items() if status not in {403, 404}} == {}


def test_a_draft_is_its_departments_alone(app: Flask, session: Session, office: OfficeKit, store: ObjectStore) -> None:
    obligation = office.obligation(session, "T01-E3", "M10")
    draft = acts.draft(session, office, obligation, acts.received(store, files.pdf()), FROZEN)
    session.commit()
    rule, path = TABLE["files.download"], f"/files/{draft.id}"
    assert {who for who in ALL if ask(come_in(app, office.users[who]), rule, path) == 200} == OWN | HELP


def test_nobody_reviews_his_own_upload(app: Flask, session: Session, office: OfficeKit, store: ObjectStore) -> None:
    obligation = office.obligation(session, "T04-E1", "H1")
    version = acts.submitted(session, office, obligation, acts.received(store, files.pdf()), FROZEN, who="reviewer")
    session.commit()
    number = version.id

    def decide(who: str) -> int:
        data = {"verdict": "accepted", "ticked": ["0", "1"]}
        return come_in(app, office.users[who]).post(f"/review/{number}/decision", data=data).status_code

    assert decide("reviewer") == 403
    assert decide("reviewer2") in {200, 302, 303}
