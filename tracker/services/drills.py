"""模拟检查: tasks or case files are drawn, the clock runs while the material is looked for, the result is kept."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tracker.domain.calendar import local_date
from tracker.domain.drills import KINDS, Outcome, check_count, check_seed, draw, gaps_of, lots_of, outcome_of
from tracker.domain.facts import Light
from tracker.domain.permissions import Action, Actor
from tracker.errors import Conflict, InvalidInput, NotFound
from tracker.models import Drill, DrillItem
from tracker.queries.board_as_of import read_periods_then
from tracker.queries.drills import drawn_before, population
from tracker.queries.subjects import require
from tracker.services import audit
from tracker.services.as_of import state_on
from tracker.services.assessment import OFFICE_ZONE

NOTE_LIMIT = 500


def start(
    session: Session,
    *,
    actor: Actor,
    year: int,
    as_of: date,
    count: int | None,
    seed: str,
    kind: str = "tasks",
    weighted: bool = False,
    now: datetime,
    zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> Drill:
    """Draws; what was drawn from and with which lots is kept with the drill.

    Raises Forbidden, InvalidInput("drill_seed"), ("drill_count"), ("drill_kind"), ("drill_day") for a day to come,
    ("drill_nothing") when there is nothing to draw from.
    """
    require(actor, Action.RUN_DRILL)
    if kind not in KINDS:
        raise InvalidInput("drill_kind", field="kind")
    seed, count = check_seed(seed), check_count(count)
    if as_of > local_date(now, zone):
        raise InvalidInput("drill_day", field="as_of")
    then = state_on(session, office_id=actor.office_id, year=year, on=as_of, now=now, zone=zone)
    known = population(session, actor.office_id, year, kind, then)
    if not known:
        raise InvalidInput("drill_nothing", field="year", year=year)
    red = {code for code, keys in known.items() if any(then.verdicts[key].light is Light.RED for key in keys)}
    lots = lots_of(
        known.keys(), red=red, drawn_before=drawn_before(session, actor.office_id, year, kind), weighted=weighted
    )
    drawn = draw(lots, seed, count)
    drill = Drill(
        office_id=actor.office_id, kind=kind, plan_year=year, as_of=as_of, seed=seed, lots=lots,
        started_by_id=actor.id, started_at=now,
    )  # fmt: skip
    session.add(drill)
    session.flush()
    session.add_all(
        DrillItem(drill_id=drill.id, position=position, task_code=one.code) for position, one in enumerate(drawn, 1)
    )
    session.flush()
    _note(
        session, drill, actor, "started", now, address, kind=kind, year=year, as_of=as_of, seed=seed,
        of=len(lots), weighted=weighted, drawn=[one.code for one in drawn],
    )  # fmt: skip
    return drill


def ask(
    session: Session, *, actor: Actor, drill_id: int, position: int, now: datetime, address: str = ""
) -> DrillItem:  # fmt: skip
    """开始计时: the clock of one item runs. Conflict("drill_step") when it does already, or is over."""
    drill, item = _item(session, actor, drill_id, position)
    _claim(session, item, asked=False, asked_at=now)
    _note(session, drill, actor, "asked", now, address, code=item.task_code)
    return item


def found(
    session: Session, *, actor: Actor, drill_id: int, position: int, now: datetime, zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> DrillItem:  # fmt: skip
    """找到了: the clock stops; what was lacking on the day of the drill is computed and kept."""
    drill, item = _item(session, actor, drill_id, position)
    gaps = _gaps(session, drill, item.task_code, now, zone)
    _claim(session, item, asked=True, found_at=now, outcome=outcome_of(gaps), gaps=gaps)
    _note(
        session, drill, actor, "found", now, address, code=item.task_code, outcome=item.outcome, gaps=len(gaps),
        seconds=int((now - item.asked_at).total_seconds()) if item.asked_at else None,
    )  # fmt: skip
    _finish_if_done(session, drill, now, actor, address)
    return item


def give_up(
    session: Session, *, actor: Actor, drill_id: int, position: int, note: str = "", now: datetime,
    zone: ZoneInfo = OFFICE_ZONE, address: str = "",
) -> DrillItem:  # fmt: skip
    """没找到: the clock stops without anything on the table."""
    drill, item = _item(session, actor, drill_id, position)
    gaps = _gaps(session, drill, item.task_code, now, zone)
    _claim(session, item, asked=True, outcome=Outcome.NOT_FOUND, gaps=gaps, note=_words(note))
    _note(
        session, drill, actor, "not_found", now, address, code=item.task_code, note=item.note, gaps=len(gaps)
    )  # fmt: skip
    _finish_if_done(session, drill, now, actor, address)
    return item


def finish(
    session: Session, *, actor: Actor, drill_id: int, note: str = "", now: datetime, zone: ZoneInfo = OFFICE_ZONE,
    address: str = "",
) -> Drill:  # fmt: skip
    """结束: a clock that still runs ends as not found; what was never asked for stays open. Conflict("drill_over")."""
    drill = _drill(session, actor, drill_id)
    drill.note = _words(note)  # first: the last clock that is stopped below ends the drill with it
    for item in drill.items:
        if item.asked_at is not None and not item.outcome:
            give_up(session, actor=actor, drill_id=drill_id, position=item.position, now=now, zone=zone,
                    address=address)  # fmt: skip
    _end(session, drill, now, actor, address)
    return drill


# --------------------------------------------------------------------------- inside


def _drill(session: Session, actor: Actor, drill_id: int) -> Drill:
    require(actor, Action.RUN_DRILL)
    drill = session.scalar(select(Drill).where(Drill.id == drill_id).with_for_update(of=Drill))
    if drill is None or drill.office_id != actor.office_id:
        raise NotFound("not_found")
    if drill.finished_at is not None:
        raise Conflict("drill_over")
    return drill


def _item(session: Session, actor: Actor, drill_id: int, position: int) -> tuple[Drill, DrillItem]:
    drill = _drill(session, actor, drill_id)
    item = session.scalar(select(DrillItem).where(DrillItem.drill_id == drill.id, DrillItem.position == position))
    if item is None:
        raise NotFound("not_found")
    return drill, item


def _claim(session: Session, item: DrillItem, *, asked: bool, **values: Any) -> None:
    """Changes the item if it is still where it was seen: its clock not started, or running."""
    where = DrillItem.asked_at.is_not(None) if asked else DrillItem.asked_at.is_(None)
    done = session.execute(
        update(DrillItem).where(DrillItem.id == item.id, DrillItem.outcome == "", where).values(**values)
    )
    session.refresh(item)
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict("drill_step")


def _gaps(session: Session, drill: Drill, code: str, now: datetime, zone: ZoneInfo) -> list[dict[str, Any]]:
    """What was lacking on the drill's day, with the names of then, so that it can be read for ever."""
    then = state_on(session, office_id=drill.office_id, year=drill.plan_year, on=drill.as_of, now=now, zone=zone)
    known = population(session, drill.office_id, drill.plan_year, drill.kind, then).get(code, ())
    found = []
    for period in read_periods_then(session, drill.office_id, drill.plan_year, then, known):
        owed = {part.id: part for part in period.obligations}
        for gap in gaps_of(then.facts[period.id], then.verdicts[period.id], then.on):
            part = owed.get(gap.get("obligation", 0))
            names = {"name_zh": part.name_zh, "name_en": part.name_en, "slot": part.slot_code} if part else {}
            found.append({"period": period.period_no} | names | gap)
    return found


def _finish_if_done(session: Session, drill: Drill, now: datetime, actor: Actor, address: str) -> None:
    left = session.scalar(select(func.count()).where(DrillItem.drill_id == drill.id, DrillItem.outcome == ""))
    if not left:
        _end(session, drill, now, actor, address)


def _end(session: Session, drill: Drill, now: datetime, actor: Actor, address: str) -> None:
    if drill.finished_at is not None:
        return
    drill.finished_at = now
    session.flush()
    ended = [outcome for (outcome,) in session.execute(select(DrillItem.outcome).where(DrillItem.drill_id == drill.id))]
    _note(
        session, drill, actor, "finished", now, address, note=drill.note,
        **{name or "open": ended.count(name) for name in sorted(set(ended))},
    )  # fmt: skip


def _words(text: str) -> str:
    words = " ".join(text.split())
    if len(words) > NOTE_LIMIT:
        raise InvalidInput("text_long", field="note", limit=NOTE_LIMIT)
    return words


def _note(
    session: Session, drill: Drill, actor: Actor, act: str, now: datetime, address: str, **data: Any
) -> None:  # fmt: skip
    audit.record(
        session, now=now, actor=actor, action=f"drill.{act}", subject="drill", subject_id=drill.id,
        office_id=drill.office_id, address=address, **data,
    )  # fmt: skip
