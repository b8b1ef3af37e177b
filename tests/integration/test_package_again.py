"""A package as of a day is the same bytes whenever it is made, whatever was done in the year after that day."""

import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import archiving as filing
from tests.support import evidence as acts
from tests.support import files, packages, yamls
from tests.support import notices as press
from tests.support import requests as ask
from tests.support.folder_store import FolderStore
from tests.support.office import OfficeKit
from tests.support.packages import DAY
from tests.support.passing import at
from tracker.adapters import catalogue_files
from tracker.models import ArchiveItem, AuditEvent, Blob, Event, Indicator, Notice, Request, Task, User, Version
from tracker.ports import ObjectStore
from tracker.queries.catalogue import stored_catalogue
from tracker.services import (
    archiving,
    catalogue,
    custody,
    events,
    flagging,
    indicators,
    links,
    people,
    redating,
    requests,
    review,
)
from tracker.services.package import Wish

THEN, EVE = at(date(2026, 11, 18)), at(DAY, 9)
WISH = Wish(2026, DAY, superseded=True)
DONE_SINCE = {
    "request.approved", "request.cancelled", "event.registered", "event.cancelled", "indicator.recorded",
    "archive.voided", "archive.filed", "evidence.accepted", "evidence.voided", "evidence.flagged", "evidence.uploaded",
    "notice.returned", "custody.changed", "custody.healed", "user.changed", "catalogue.imported",
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    """Where a package reads from does not matter here; tests/functional asks a real server."""
    return FolderStore(tmp_path / "objects")


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if the same program ran on a computer with another zone and language."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "America/New_York")
        changed.setenv("LC_ALL", "de_DE.UTF-8")
        time.tzset()
        yield
    time.tzset()


class Year:
    """An office with everything that a package tells of, and a year of acts after its day."""

    def __init__(self, session: Session, office: OfficeKit, store: ObjectStore) -> None:
        self.session, self.office, self.store = session, office, store
        self.versions: dict[str, int] = {}
        self.later = 0

    def actor(self, who: str) -> Any:
        return self.office.actor(self.session, who)

    def file(self, mark: str) -> Any:
        return acts.received(self.store, files.pdf(mark), f"{mark}.pdf")

    def one(self, kind: Any, *where: Any) -> Any:
        return self.session.scalars(select(kind).where(*where).order_by(kind.id)).first()

    def task(self, code: str) -> Task:
        found: Task = self.one(Task, Task.code == code)
        return found

    # ------------------------------------------------------------------------------------------ up to the day

    def before(self) -> None:
        session, office = self.session, self.office
        q3 = office.period(session, "T01", "Q3")
        ask.extension(session, office, q3, date(2026, 11, 12), at(date(2026, 10, 12)))  # decided after the day
        session.commit()
        self.versions = packages.fill(session, office, self.store, THEN)
        late = office.obligation(session, "T01-E3", "M09", "Q3")
        self.versions["late"] = acts.accepted(session, office, late, self.file("九月排查台账"), THEN).id
        m7 = office.obligation(session, "T02-E1", "M07")
        ask.decided(session, office, ask.zero(session, office, m7, THEN, "dept_head"), THEN)
        acts.event(session, office, "津复〔2026〕1号", THEN, trigger=date(2026, 11, 16))
        self._correct()
        self._file(THEN)
        self._measure(2, THEN)
        notice = press.signed(session, office, office.period(session, "T04", "H1"), THEN)
        for number, act in enumerate(("deliver", "acknowledge", "report")):
            who = "" if act == "deliver" else "legal_head"
            press.advance(session, office, notice, act, THEN + timedelta(hours=number + 1), who)
        session.commit()

    def _correct(self) -> None:
        """A version that begins with its submission: its date was corrected."""
        old = self.session.get_one(Version, self.versions["new"])
        assert old.doc_date is not None
        dates = redating.Corrected(old.doc_date + timedelta(3))
        made = redating.correct_dates(
            self.session, actor=self.actor("contact"), version_id=old.id, dates=dates, reason="看错了", now=EVE
        )
        points = range(2)
        review.decide(
            self.session, actor=self.actor("reviewer"), version_id=made.id, verdict="accepted", ticked=points, now=EVE
        )

    def _file(self, now: Any) -> None:
        filing.settle(self.session, self.office)
        version = self.session.get_one(Version, self.versions["accepted"])
        archiving.file_items(
            self.session, actor=self.actor("archivist"), year=2026, filings=[filing.filing(version)], now=now
        )

    def _measure(self, value: int, now: Any) -> None:
        indicator = self.one(Indicator)
        indicators.record_value(
            self.session, actor=self.actor("contact"), indicator_id=indicator.id,
            period_id=self.office.period(self.session, "T01", "Q2").id, value=value, qualifier="exact",
            as_of=date(2026, 6, 30), version_id=self.versions["accepted"], now=now,
        )  # fmt: skip

    # ------------------------------------------------------------------------------------------- after the day

    def after(self) -> None:
        """One act a week."""
        for act in (
            self.grant, self.waive, self.cancel_zero, self.register_and_extend, self.measure_again, self.file_anew,
            self.answer, self.give_back, self.spoil_and_mend, self.flag, self.link, self.supersede, self.void,
            self.hand_over, self.rename, self.retire_and_add,
        ):  # fmt: skip
            self.later += 7
            act(at(DAY + timedelta(max(4, self.later))))
            self.session.commit()

    def grant(self, now: Any) -> None:
        ask.decided(self.session, self.office, self.one(Request, Request.kind == "extension"), now)

    def waive(self, now: Any) -> None:
        period = self.office.period(self.session, "T03", "Y")
        asked = requests.ask_waiver(
            self.session, actor=self.actor("contact_sfs"), period_id=period.id, reason="不再开展", now=now
        )
        ask.decided(self.session, self.office, asked, now)

    def cancel_zero(self, now: Any) -> None:
        ended = requests.cancel_zero_reports(self.session, self.task("T02").id, date(2026, 7, 15), now)
        assert len(ended) == 1

    def register_and_extend(self, now: Any) -> None:
        """The first event's period ends after the year's now; a second one has come."""
        session, office = self.session, self.office
        acts.event(session, office, "津复〔2026〕2号", now, trigger=now.date())
        first = self.one(Event).period
        # The law's own extension is on record within the period only: it was asked for in time.
        asked = requests.ask_extension(
            session, actor=self.actor("contact"), period_id=first.id, new_due=date(2027, 2, 15), reason="情况复杂",
            document="津延〔2026〕1号", now=at(date(2026, 11, 24)),
        )  # fmt: skip
        ask.decided(session, office, asked, now)
        assert first.end > date(2026, 12, 31)
        events.cancel(session, actor=self.actor("legal_head"), event_id=self.one(Event, Event.seq == 2).id,
                      reason="重复", now=now)  # fmt: skip

    def measure_again(self, now: Any) -> None:
        self._measure(9, now)

    def file_anew(self, now: Any) -> None:
        item = self.one(ArchiveItem)
        archiving.void_item(self.session, actor=self.actor("archivist"), item_id=item.id, reason="年度错", now=now)
        self._file(now)
        assert len(self.session.scalars(select(ArchiveItem)).all()) == 2

    def answer(self, now: Any) -> None:
        q3 = self.office.obligation(self.session, "T01-E2", "Q3", "Q3")
        acts.accepted(self.session, self.office, q3, self.file("三季度会议（补）"), now)

    def give_back(self, now: Any) -> None:
        notice = self.one(Notice)
        due = notice.due
        press.advance(self.session, self.office, notice, "give_back", now)
        assert notice.due != due

    def spoil_and_mend(self, now: Any) -> None:
        blob = self.session.get_one(Version, self.versions["late"]).blob
        assert blob is not None
        custody.report(self.session, blob_id=blob.id, kind="changed", detail={}, now=now)
        custody.settle(self.session, blob_id=blob.id, resolution="healed", now=now)
        assert self.session.get_one(Blob, blob.id).condition == "intact"

    def flag(self, now: Any) -> None:
        version = self.session.get_one(Version, self.versions["late"])
        flagging.flag_requirement(
            self.session, actor=None, office_id=self.office.office_id, slots=[version.evidence.slot], now=now
        )
        review.flag(
            self.session, actor=self.actor("reviewer"), version_id=version.id, flag="S5", reason="依据废止", now=now
        )

    def link(self, now: Any) -> None:
        m11 = self.office.obligation(self.session, "T02-E1", "M11")
        links.link(
            self.session, actor=self.actor("contact"), version_id=self.versions["late"], obligation_ids=[m11.id],
            now=now,
        )  # fmt: skip

    def supersede(self, now: Any) -> None:
        old = self.session.get_one(Version, self.versions["accepted"])
        acts.accepted(
            self.session, self.office, old.evidence.obligations[0], self.file("一季度（新）"), now,
            evidence_id=old.evidence_id,
        )  # fmt: skip
        assert old.state == "superseded"

    def void(self, now: Any) -> None:
        actor = self.actor("legal_head")
        review.void(self.session, actor=actor, version_id=self.versions["late"], reason="不是本街道的", now=now)

    def hand_over(self, now: Any) -> None:
        asked = requests.ask_owner_change(
            self.session, actor=self.actor("legal_head"), task_id=self.task("T01").id,
            department_id=self.office.departments["sfs"], reason="职责划转", now=now,
        )  # fmt: skip
        ask.decided(self.session, self.office, asked, now, who="deputy")

    def rename(self, now: Any) -> None:
        for key in ("contact", "reviewer"):
            user = self.office.user(self.session, key)
            given = people.Given(user.email, f"{user.name}（改名）", user.role, user.department_id, None)
            people.edit_user(
                self.session, actor=self.actor("sysadmin"), user_id=user.id, given=given, now=now, today=now.date()
            )
        assert self.one(User, User.name == "账户 contact") is None

    def retire_and_add(self, now: Any) -> None:
        """Two tasks go, a new one comes."""
        data = yamls.load(catalogue_files.dump_yaml(stored_catalogue(self.session, self.office.office_id, 2026)))
        _, second, _, fourth, fifth = data["tasks"]
        new = yamls.load(yamls.dump(fourth).replace(fourth["code"], "T09"))
        data["tasks"] = [second, fourth, fifth, new]
        rows = catalogue_files.read_rows(yamls.dump(data).encode(), "c.yaml")
        done = catalogue.import_catalogue(
            self.session, actor=None, office_id=self.office.office_id, year=2026, rows=rows, now=now
        )
        said = {one.code: one.action for one in done.plan.changes}
        assert said == {"T09": "added", "T01": "retired", "T03": "retired"}


def differing(one: packages.Made, other: packages.Made) -> dict[str, list[str]]:
    """Path -> the first lines that differ: what to look at when the bytes are not the same."""
    found = {}
    before, after = one.zip, other.zip
    for name in sorted({*before.namelist(), *after.namelist()}):
        texts = [
            made.read(name).decode(errors="replace").splitlines() if name in made.namelist() else []
            for made in (before, after)
        ]
        if texts[0] != texts[1]:
            went, came = ([line for line in texts[n] if line not in texts[1 - n]][:3] for n in (0, 1))
            found[name] = [*went, "→", *came]
    return found


def test_a_year_later_it_is_the_same_bytes(
    session: Session, office: OfficeKit, store: ObjectStore, elsewhere: None
) -> None:
    year = Year(session, office, store)
    year.before()
    first = packages.made(session, office, store, WISH, at(DAY + timedelta(1)))
    some = packages.made(session, office, store, Wish(2026, DAY, ("T03", "T01")), at(DAY + timedelta(1)))
    year.after()
    acted = select(AuditEvent.action).where(AuditEvent.seq > some.row.audit_seq)
    assert set(session.scalars(acted)) >= DONE_SINCE
    now = at(DAY + timedelta(365))
    second = packages.made(session, office, store, WISH, now)
    assert differing(first, second) == {}
    assert second.data == first.data
    # However the tasks are named, and although both are retired by now.
    again = packages.made(session, office, store, Wish(2026, DAY, ("T01", "T03")), now)
    assert again.data == some.data
    # It holds what it should, and what was done since is in a package of today.
    page = first.text("index/index.html")
    assert "零报告" in page
    assert "督办〔2026〕1号" in page
    places = [page.index(f"<td>T0{number}</td>") for number in range(1, 6)]
    assert places == sorted(places)
    assert "T09" not in page
    today = packages.made(session, office, store, Wish(2026, now.date()), now)
    assert "T09" in today.text("index/index.html")
    assert not [name for name in today.names if name.startswith("index/卷内目录/T01")]
