"""What the demo office has handed in, decided before anything is written: most of it good, and some of every trouble.

Everything is relative to the day of seeding, and the same every time for the same day.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from tracker.demo_material import EXTENSIONS
from tracker.domain.calendar import WorkCalendar
from tracker.domain.recipe import PieceRule, rules_of
from tracker.models import Obligation

RECENT = 75  # days back within which the troubles lie
SUBMITTED, DRAFTS, RETURNED, ACCEPTED = 12, 5, 5, 9  # of what is owed just now


@dataclass(frozen=True)
class Piece:
    """One version of an item. `handed_in` and `decided` are days; None: not yet."""

    state: str
    extension: str
    doc_date: date
    handed_in: date | None
    decided: date | None = None
    covered: tuple[date, date] | None = None
    valid_to: date | None = None
    flags: tuple[str, ...] = ()
    half_ticked: bool = False
    reason: tuple[str, str] | None = None  # code and text of a return


@dataclass(frozen=True)
class Item:
    """One evidence item: its versions, and the obligations it answers."""

    obligations: tuple[Obligation, ...]
    pieces: tuple[Piece, ...]

    @property
    def code(self) -> str:
        return f"{self.obligations[0].slot.code}-{self.obligations[0].cycle_no}"


RETURNS = (
    ("R02", "缺少签字盖章，请补齐后重新提交。"),
    ("R04", "只上传了首页，请补全附件。"),
    ("R01", "落款日期不在本期，请核对后换成本期材料。"),
    ("R10", "只有计划，没有签到和记录，请补充。"),
)


def number_of(text: str) -> int:
    """A number that looks random and stays the same."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _key(obligation: Obligation) -> int:
    return number_of(f"{obligation.slot.code}/{obligation.cycle_no}")


@dataclass
class Planner:
    """Makes the items; `quiet` are tasks left alone so that their deadlines show as due soon."""

    today: date
    calendar: WorkCalendar
    quiet: frozenset[str] = frozenset()
    items: list[Item] = field(default_factory=list)

    def plan(self, obligations: Iterable[Obligation]) -> list[Item]:
        standing: dict[int, list[Obligation]] = defaultdict(list)
        past, current = [], []
        for obligation in obligations:
            if obligation.start > self.today:
                continue
            slot = obligation.slot
            if slot.coverage == "standing" or slot.refresh_cycle == "once":
                standing[slot.id].append(obligation)
            elif obligation.due < self.today:
                past.append(obligation)
            elif slot.coverage == "point" and slot.task.code not in self.quiet:
                current.append(obligation)
        self._plan_standing(sorted(standing.values(), key=lambda group: _key(group[0])))
        self._plan_past(past)
        self._plan_current(sorted(current, key=_key))
        return self.items

    # -- cycles that are over --------------------------------------------------------------------------------------

    def _plan_past(self, past: Sequence[Obligation]) -> None:
        recent = sorted((o for o in past if (self.today - o.due).days <= RECENT and o.required), key=_key)
        one_a_task = list({o.slot.task_id: o for o in recent}.values())
        several = next((o for o in recent if o.min_count > 1 and o not in one_a_task[:9]), None)
        troubles = {o.id: place for place, o in enumerate(one_a_task[:9])}
        for obligation in past:
            place = troubles.get(obligation.id)
            if place is not None:
                self._trouble(obligation, place)
            elif several is not None and obligation.id == several.id:
                self._good(obligation, count=1)
            else:
                self._good(obligation)

    def _trouble(self, obligation: Obligation, place: int) -> None:
        """The first three stay missing; the others each have their own."""
        day = self._day_in(obligation)
        if place == 3:
            self._add(obligation, self._piece(obligation, "draft", day, decided=False))
        elif place == 4:
            self._add(obligation, self._piece(obligation, "returned", day, reason=RETURNS[0]))
        elif place in {5, 6}:
            for _ in range(obligation.min_count):
                self._add(obligation, self._piece(obligation, "submitted", day, decided=False))
        elif place == 7:
            self._add(obligation, self._piece(obligation, "accepted", day, half_ticked=True))
        elif place == 8:  # complete, but late
            late = min(self.calendar.add_workdays(obligation.due, 3), self.today)
            for _ in range(obligation.min_count):
                self._add(obligation, self._piece(obligation, "accepted", late))

    def _good(self, obligation: Obligation, count: int | None = None) -> None:
        day, key = self._day_in(obligation), _key(obligation)
        for number in range(obligation.min_count if count is None else count):
            accepted = self._piece(obligation, "accepted", day)
            earlier = day - timedelta(4) if day - timedelta(4) >= obligation.start else day
            first = self._piece(obligation, "returned", earlier, reason=RETURNS[key % 4])
            older = self._piece(obligation, "superseded", earlier)
            if number == 0 and key % 9 == 0:
                self._add(obligation, first, accepted)
            elif number == 0 and key % 13 == 0:
                self._add(obligation, older, accepted)
            else:
                self._add(obligation, accepted)

    # -- what is owed just now -------------------------------------------------------------------------------------

    def _plan_current(self, current: Sequence[Obligation]) -> None:
        several = [o for o in current if o.min_count > 1][:4]
        for obligation in several:  # partly there
            self._add(obligation, self._piece(obligation, "accepted", self._day_in(obligation)))
        rest = [o for o in current if o not in several]
        for place, obligation in enumerate(rest):
            day = self._day_in(obligation)
            if place < SUBMITTED:
                for _ in range(obligation.min_count):
                    self._add(obligation, self._piece(obligation, "submitted", day, decided=False))
            elif place < SUBMITTED + DRAFTS:
                self._add(obligation, self._piece(obligation, "draft", day, decided=False))
            elif place < SUBMITTED + DRAFTS + RETURNED:
                self._add(obligation, self._piece(obligation, "returned", day, reason=RETURNS[place % 4]))
            elif place < SUBMITTED + DRAFTS + RETURNED + ACCEPTED:
                self._good(obligation)

    # -- documents that stand --------------------------------------------------------------------------------------

    def _plan_standing(self, groups: Sequence[list[Obligation]]) -> None:
        """The first groups are the troubles: three expired, one flagged, one missing, one in review, one ends soon."""
        place = 0
        for group in groups:
            group.sort(key=lambda obligation: obligation.end)
            trouble, slot = None, group[-1].slot
            if slot.required and slot.refresh_cycle == "annual" and slot.task.code not in self.quiet:
                trouble, place = place, place + 1
            if trouble is None or trouble > 6:
                self._stand(group)
            elif trouble < 3 and group[-1].end > self.today:
                last_day = self.today - timedelta(4 + 7 * trouble)
                self._stand(group, since=last_day - timedelta(slot.validity_days))
            elif trouble == 3:
                self._stand(group, flags=("S5",))
            elif trouble == 5:
                day = self.calendar.prev_workday(self.today - timedelta(2))
                self._add(group[-1], self._piece(group[-1], "submitted", day, decided=False))
            elif trouble == 6:
                self._stand(group, valid_to=group[-1].end)

    def _stand(
        self, group: Sequence[Obligation], *, since: date | None = None, flags: tuple[str, ...] = (),
        valid_to: date | None = None,
    ) -> None:  # fmt: skip
        """Documents one after the other, each as long as it is in force at the end of the period."""
        left = list(group)
        while left:
            first = left[0]
            validity = timedelta(first.slot.validity_days)
            back = timedelta(-200) if first.slot.refresh_cycle == "once" else timedelta(12 + _key(first) % 25)
            day = since or min(first.start + back, self.today - timedelta(3), first.end)
            serves = [o for o in left if day <= o.end <= min(day + validity, valid_to or date.max)]
            if since is not None and not serves:
                serves = left[:1]
            if not serves:
                return
            piece = self._piece(
                first, "accepted", max(day + timedelta(2), day), doc_date=day, flags=flags, valid_to=valid_to
            )
            self.items.append(Item(tuple(serves), (piece,)))
            if since is not None:
                return  # it has expired and nobody has sent the next one
            left = [o for o in left if o not in serves]

    # -- days ------------------------------------------------------------------------------------------------------

    def _day_in(self, obligation: Obligation) -> date:
        """A workday on which somebody hands it in: shortly before it is due, or lately."""
        key = _key(obligation)
        latest = obligation.due - timedelta(1 + key % 3)
        if latest >= self.today:
            latest = self.today - timedelta(1 + key % 9)
        return max(self.calendar.prev_workday(latest), obligation.start)

    def _piece(
        self, obligation: Obligation, state: str, day: date, *, decided: bool = True, doc_date: date | None = None,
        flags: tuple[str, ...] = (), half_ticked: bool = False, reason: tuple[str, str] | None = None,
        valid_to: date | None = None,
    ) -> Piece:  # fmt: skip
        slot, key = obligation.slot, _key(obligation)
        covered = (obligation.start, obligation.end) if slot.coverage == "period" else None
        written = doc_date or max(obligation.start, min(obligation.end, day) - timedelta(0 if covered else key % 8))
        kinds = EXTENSIONS.get(slot.kind, ("pdf",))
        return Piece(
            state=state, extension=kinds[key % 3 % len(kinds)], doc_date=written,
            handed_in=None if state == "draft" else min(day, self.today),
            decided=min(self.calendar.next_workday(day + timedelta(1)), self.today) if decided else None,
            covered=covered, valid_to=valid_to, flags=flags, half_ticked=half_ticked, reason=reason,
        )  # fmt: skip

    def _add(self, obligation: Obligation, *pieces: Piece) -> None:
        self.items.append(Item((obligation,), pieces))


def shared(items: Sequence[Item]) -> dict[int, int]:
    """One standing document that serves in two slots of a department (一材多用): the one place → the other."""
    standing = [
        (place, item, item.pieces[0])
        for place, item in enumerate(items)
        if len(item.pieces) == 1 and item.pieces[0].state == "accepted" and not item.pieces[0].flags
        if item.obligations[0].slot.coverage == "standing" and not item.obligations[0].slot.recipe
    ]  # fmt: skip
    for place, item, piece in standing:
        for other, source, known in standing:
            slots = {one.obligations[0].slot.code for one in (item, source)}
            owners = {one.obligations[0].slot.task.owner_id for one in (item, source)}
            ends = min(obligation.end for obligation in item.obligations)
            # The document's day is not earlier than what was planned, so that it serves as long.
            # Only a PDF comes out of its maker the same twice.
            if (
                known.extension == "pdf"
                and len(slots) == 2
                and len(owners) == 1
                and piece.doc_date <= known.doc_date <= ends
            ):
                return {place: other}
    return {}


def shown(item: Item, piece: Piece, today: date) -> tuple[PieceRule, ...]:
    """Which pieces of the recipe the file shows: all, but only the first where the deadline is still ahead."""
    rules = rules_of(item.obligations[0].slot.recipe)
    running = item.obligations[0].due >= today and piece.state in {"accepted", "draft"}
    return rules[:1] if running and len(item.obligations) == 1 else rules
