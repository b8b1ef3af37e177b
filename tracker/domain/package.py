"""What an inspection package holds, as plain values without any key of a row: the same office and the same day give
the same values wherever they are computed (decisions/0018).

Instants are aware UTC, dates are the office's. `zh`/`en` pairs come from the catalogue; codes are put into words by
domain.package_words.
"""

from dataclasses import dataclass, field
from datetime import date, datetime

FORMAT = "1"  # of the package: raised when the same content would give other bytes

# Why an accepted version's bytes are not in the package.
BYTES_GONE = {"removed": "removed", "missing": "object_missing", "changed": "object_changed"}


@dataclass(frozen=True, slots=True)
class Happening:
    """One audited act on a version."""

    seq: int
    at: datetime
    actor: str
    action: str


@dataclass(frozen=True, slots=True)
class PackedFile:
    """One version that was valid on the day (or superseded by then, where that was asked for).

    `path` and `meta_path` lie below the top folder; `path` is "" where the bytes are not in the package, `absent`
    says why. `serves`: (period_no, cycle_no) of what it answers in this year.
    """

    task_code: str
    slot_code: str
    slot_zh: str
    slot_en: str
    title: str
    number: int
    state: str
    file_name: str
    media_type: str
    size: int
    sha256: str
    sm3: str
    path: str
    meta_path: str
    absent: str
    serves: tuple[tuple[str, str], ...]
    doc_date: date | None
    covered_from: date | None
    covered_to: date | None
    valid_to: date | None
    uploaded_at: datetime
    submitted_at: datetime | None
    decided_at: datetime | None
    doc_no: str
    issuer: str
    pages: int | None
    piece: str
    note: str
    late_reason: str
    uploader: str
    reviewer: str
    comment: str
    ticked: tuple[str, ...]
    not_ticked: tuple[str, ...]
    archive_no: str
    retention: str
    extended: tuple[str, ...]  # accepted continuation statements: their reasons
    history: tuple[Happening, ...]


@dataclass(frozen=True, slots=True)
class Owed:
    """One obligation on the day. `kind` is "" when nothing is wrong with it, else a kind of gap."""

    period_no: str
    cycle_no: str
    slot_code: str
    slot_zh: str
    slot_en: str
    start: date
    end: date
    due: date
    required: bool
    min_count: int
    accepted: int
    state: str
    zero_report: bool
    must_show: tuple[str, ...]
    files: tuple[int, ...]  # indexes into PackedTask.files


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that was asked for and is not here, said by the package itself.

    `kind`: a code of package_words.GAPS. What makes it exact: `codes` (S1, I2), and `names` in both languages (pieces
    of a recipe, a file).
    """

    task_code: str
    period_no: str
    cycle_no: str
    slot_code: str
    slot_zh: str
    slot_en: str
    due: date | None
    kind: str
    codes: tuple[str, ...] = ()
    names: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """The latest value of an indicator in a period, as it stood on the day; `value` None: nothing was recorded."""

    code: str
    name_zh: str
    name_en: str
    unit: str
    op: str | None
    target: float | None
    period_no: str
    value: float | None
    qualifier: str
    as_of: date | None
    file: int | None  # index into PackedTask.files: its proof


@dataclass(frozen=True, slots=True)
class Special:
    """What an inspector asks for by itself (rules.md 16): late, supplement, zero_report, waiver, extension."""

    kind: str
    task_code: str
    period_no: str
    what: str
    reason: str
    day: date | None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A supervision notice (督办单) that was signed by the day, with what became of it."""

    task_code: str
    period_no: str
    number: str
    colour: str
    problem: str
    demand: str
    due: date | None
    signed_on: date | None
    closed_on: date | None


@dataclass(frozen=True, slots=True)
class PeriodLine:
    period_no: str
    start: date
    end: date
    due: date
    state: str
    light: str
    insufficient: tuple[str, ...]
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class PackedTask:
    code: str
    folder: str  # its name below data/
    title_zh: str
    title_en: str
    part_no: str
    part_zh: str
    part_en: str
    owner_zh: str
    owner_en: str
    deadline: str
    periods: tuple[PeriodLine, ...]
    owed: tuple[Owed, ...]
    files: tuple[PackedFile, ...]
    gaps: tuple[Gap, ...]
    figures: tuple[Figure, ...]
    specials: tuple[Special, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class AuditLine:
    """An event with all that its digest is made of (services.audit.event_digest)."""

    seq: int
    office: int | None
    at: str
    actor_id: int | None
    actor: str
    address: str
    action: str
    subject: str
    subject_id: int | None
    data: str  # canonical JSON
    previous: str
    digest: str


@dataclass(frozen=True, slots=True)
class Content:
    """The whole package before it has names for its generated files."""

    name: str
    office_zh: str
    office_en: str
    year: int
    as_of: date
    zone: str  # of the office, by its IANA name
    over: bool  # the day had ended when this was read
    codes: tuple[str, ...]  # what was asked for; empty: all tasks
    superseded: bool
    tasks: tuple[PackedTask, ...]
    audit: tuple[AuditLine, ...]
    head_seq: int
    head_digest: str
    day_heads: tuple[tuple[date, int, str], ...] = field(default=())  # last event of each day with its digest

    @property
    def files(self) -> list[PackedFile]:
        return [one for task in self.tasks for one in task.files]

    @property
    def gaps(self) -> list[Gap]:
        return [one for task in self.tasks for one in task.gaps]

    def summary(self) -> dict[str, object]:
        """What a page says of it before and after it is made; JSON."""
        packed = [one for one in self.files if one.path]
        kinds: dict[str, int] = {}
        for gap in self.gaps:
            kinds[gap.kind] = kinds.get(gap.kind, 0) + 1
        return {
            "tasks": len(self.tasks),
            "files": len(packed),
            "bytes": sum(one.size for one in packed),
            "gaps": len(self.gaps),
            "gap_kinds": dict(sorted(kinds.items())),
            "over": self.over,
        }
