"""A year's catalogue as plain values, and the table of its columns.

The same columns describe a YAML file (`path` into a mapping) and a sheet of the
product's own XLSX template (`label` is its Chinese header), so that both are read,
checked and written by one description.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tracker.domain.facts import Coverage, DeadlineKind, RefreshCycle


def N_(message: str) -> str:  # noqa: N802 - the usual name of the mark for the extraction
    """Marks a sentence for translation."""
    return message


@dataclass(frozen=True)
class PartSource:
    code: str
    no_zh: str
    title_zh: str
    title_en: str = ""


@dataclass(frozen=True)
class DeadlineSource:
    """`due` and milestones are MM-DD; `within` counts from an event in `within_unit` (workday, day).

    `year_end_until`: MM-DD of the next year up to which year-end summaries may be dated; "": not at all.
    """

    kind: str
    due: tuple[str, ...] = ()
    year_offset: int = 0
    boundary: str = ""
    event_mode: str = ""
    trigger_zh: str = ""
    within_n: int | None = None
    within_unit: str = ""
    year_close: str = ""
    year_end_until: str = ""
    milestones: tuple[tuple[str, str], ...] = ()
    text_zh: str = ""


@dataclass(frozen=True)
class SlotSource:
    code: str
    name_zh: str
    kind: str
    refresh_cycle: str
    coverage: str
    validity_days: int
    name_en: str = ""
    required: bool = True
    min_count: int = 1
    zero_report_allowed: bool = False
    names_people: bool = False
    must_show: tuple[str, ...] = ()
    good_sample: str = ""
    bad_sample: str = ""
    rejections: tuple[tuple[str, str], ...] = ()
    privacy: str = "none"
    retention: str = ""
    recipe: tuple[tuple[str, str, str, bool], ...] = ()  # pieces: code, name_zh, name_en, required


@dataclass(frozen=True)
class IndicatorSource:
    """`baseline_*` is what was last reported; a target is an operator and a number or neither."""

    code: str
    name_zh: str
    unit: str
    kind: str
    cycle: str
    name_en: str = ""
    target_op: str = ""
    target: float | None = None
    note_zh: str = ""
    baseline_year: int | None = None
    baseline_value: float | None = None
    baseline_qualifier: str = ""
    baseline_section: str = ""


@dataclass(frozen=True)
class TaskSource:
    code: str
    part: str
    title_zh: str
    owner: str
    deadline: DeadlineSource
    title_en: str = ""
    description_zh: str = ""
    description_en: str = ""
    cooperating: tuple[str, ...] = ()
    weight: int = 1
    outline_points: tuple[int, ...] = ()
    sections: tuple[str, ...] = ()
    inferred: bool = False
    slots: tuple[SlotSource, ...] = ()
    indicators: tuple[IndicatorSource, ...] = ()


@dataclass(frozen=True)
class Catalogue:
    """`about` holds the file's own header: titles, version, whether it is official."""

    parts: tuple[PartSource, ...]
    tasks: tuple[TaskSource, ...]
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """What is wrong with one field. `sheet`: sheet name or path in the YAML file; `row`: row or line, 1-based."""

    sheet: str
    row: int | None
    column: str  # Chinese header of the column, "" for a whole row
    code: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One item as it stands in a file: column name -> value as read; `lines`: column name -> its line."""

    sheet: str
    number: int
    values: Mapping[str, Any]
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Rows:
    """A file, item by item. `problems` are those met while reading."""

    parts: tuple[Row, ...]
    tasks: tuple[Row, ...]
    slots: tuple[Row, ...]
    indicators: tuple[Row, ...]
    about: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Column:
    """`kind` says how a value is read.

    One of text, code, codes, int, number, bool, choice, day, days, lines, ints, pairs, pieces.
    """

    name: str
    label: str
    kind: str
    path: tuple[str, ...]
    required: bool = False
    longest: int = 4000
    choices: Mapping[str, str] = field(default_factory=dict)  # code -> Chinese word
    pair: tuple[str, str] = ("", "")  # keys of a pair in the YAML file
    low: float | None = None
    high: float | None = None
    width: int = 14


DEADLINES = {
    DeadlineKind.MONTHLY.value: N_("每月"),
    DeadlineKind.QUARTERLY.value: N_("每季"),
    DeadlineKind.HALF_YEARLY.value: N_("每半年"),
    DeadlineKind.ANNUAL.value: N_("每年"),
    DeadlineKind.EVENT.value: N_("按事项"),
}
CYCLES = {
    RefreshCycle.MONTHLY.value: N_("每月"),
    RefreshCycle.QUARTERLY.value: N_("每季"),
    RefreshCycle.HALF_YEARLY.value: N_("每半年"),
    RefreshCycle.ANNUAL.value: N_("每年"),
    RefreshCycle.ONCE.value: N_("一次性"),
    RefreshCycle.PER_EVENT.value: N_("每个事项"),
}
COVERAGES = {
    Coverage.POINT.value: N_("某一天"),
    Coverage.PERIOD.value: N_("一段期间"),
    Coverage.STANDING.value: N_("持续有效"),
}
SLOT_KINDS = {
    "document": N_("文件"),
    "minutes": N_("会议纪要"),
    "ledger": N_("台账"),
    "statistics": N_("统计表"),
    "photo": N_("照片"),
    "screenshot": N_("截图"),
    "case_file": N_("案卷"),
    "video": N_("视频"),
}
PRIVACY = {
    "none": N_("不含个人信息"),
    "personal": N_("个人信息"),
    "sensitive_personal": N_("敏感个人信息"),
    "work_secret": N_("工作秘密"),
}
INDICATOR_KINDS = {"count": N_("数量"), "ratio": N_("比率"), "amount": N_("金额")}
INDICATOR_CYCLES = {"year": N_("全年"), "half_year": N_("半年"), "quarter": N_("季度"), "month": N_("月")}
QUALIFIERS = {"exact": N_("准确"), "over": N_("余"), "derived": N_("推算")}
OPERATORS = {">=": "≥", "=": "＝", "<=": "≤"}


def _column(name: str, label: str, kind: str = "text", path: str = "", **more: Any) -> Column:
    return Column(name, label, kind, tuple((path or name).split(".")), **more)


PARTS = (
    _column("code", N_("编号"), "code", "id", required=True),
    _column("no_zh", N_("序号"), required=True, longest=40),
    _column("title_zh", N_("名称"), required=True, longest=200, width=60),
    _column("title_en", N_("英文名称"), longest=200, width=40),
)
TASKS = (
    _column("code", N_("编号"), "code", required=True),
    _column("part", N_("所属部分"), "code", required=True),
    _column("title_zh", N_("名称"), required=True, longest=200, width=44),
    _column("title_en", N_("英文名称"), longest=200, width=30),
    _column("description_zh", N_("说明"), width=50),
    _column("description_en", N_("英文说明"), width=20),
    _column("owner", N_("责任部门"), "code", required=True),
    _column("cooperating", N_("配合部门"), "codes", width=20),
    _column("weight", N_("权重"), "int", low=1, high=3, required=True),
    _column("deadline_kind", N_("时限类型"), "choice", "deadline.kind", choices=DEADLINES, required=True),
    _column("due", N_("到期日"), "days", "deadline.due", width=24),
    _column("year_offset", N_("顺延年数"), "int", "deadline.year_offset", low=0, high=2),
    _column(
        "boundary",
        N_("是否含当日"),
        "choice",
        "deadline.boundary",
        choices={"inclusive": N_("含当日"), "exclusive": N_("不含当日")},
    ),
    _column(
        "event_mode",
        N_("事项方式"),
        "choice",
        "deadline.event_mode",
        choices={"individual": N_("逐件登记"), "bulk": N_("汇总")},
    ),
    _column("trigger_zh", N_("起算事项"), "text", "deadline.trigger_zh", longest=200, width=24),
    _column("within_n", N_("期限数"), "int", "deadline.within.n", low=-400, high=400),
    _column(
        "within_unit",
        N_("期限单位"),
        "choice",
        "deadline.within.unit",
        choices={"workday": N_("工作日"), "day": N_("自然日"), "month": N_("个月")},
    ),
    _column("year_close", N_("年度截止日"), "day", "deadline.year_close"),
    _column("year_end_until", N_("年终材料可署至次年"), "day", "deadline.year_end_until", width=18),
    _column("milestones", N_("节点"), "pairs", "deadline.milestones", pair=("due", "text_zh"), width=36),
    _column("text_zh", N_("时限说明"), "text", "deadline.text_zh", longest=200, width=30),
    _column("outline_points", N_("纲要条目"), "ints"),
    _column("sections", N_("报告章节"), "lines"),
    _column("inferred", N_("是否推断"), "bool"),
)
SLOTS = (
    _column("task", N_("任务编号"), "code", required=True),
    _column("code", N_("编号"), "code", "id", required=True),
    _column("name_zh", N_("名称"), required=True, longest=200, width=30),
    _column("name_en", N_("英文名称"), longest=200, width=24),
    _column("kind", N_("材料类型"), "choice", choices=SLOT_KINDS, required=True),
    _column("required", N_("是否必交"), "bool", required=True),
    _column("coverage", N_("覆盖方式"), "choice", choices=COVERAGES, required=True),
    _column("refresh_cycle", N_("更新周期"), "choice", choices=CYCLES, required=True),
    _column("validity_days", N_("有效天数"), "int", low=1, high=36600, required=True),
    _column("min_count", N_("最少份数"), "int", low=1, high=100, required=True),
    _column("zero_report_allowed", N_("可零报告"), "bool"),
    _column("names_people", N_("列有人员名单"), "bool"),
    _column("must_show", N_("必须体现"), "lines", "must_show_zh", width=50),
    _column("good_sample", N_("合格示例"), width=24),
    _column("bad_sample", N_("不合格示例"), width=24),
    _column("rejections", N_("常见退回原因"), "pairs", "common_rejections", pair=("code", "text_zh"), width=50),
    _column("privacy", N_("个人信息"), "choice", choices=PRIVACY),
    _column("retention", N_("保管期限"), longest=40),
    _column("recipe", N_("成套要求"), "pieces", longest=100, width=36),
)
INDICATORS = (
    _column("task", N_("任务编号"), "code", required=True),
    _column("code", N_("编号"), "code", "id", required=True),
    _column("name_zh", N_("名称"), required=True, longest=200, width=36),
    _column("name_en", N_("英文名称"), longest=200, width=24),
    _column("unit", N_("单位"), required=True, longest=40),
    _column("kind", N_("指标类型"), "choice", choices=INDICATOR_KINDS, required=True),
    _column("cycle", N_("考核周期"), "choice", "period", choices=INDICATOR_CYCLES, required=True),
    _column("target_op", N_("比较方式"), "choice", "target.op", choices=OPERATORS),
    _column("target", N_("目标值"), "number", "target.value"),
    _column("note_zh", N_("统计口径"), width=40),
    _column("baseline_year", N_("上次年份"), "int", "baseline.year", low=2000, high=2100),
    _column("baseline_value", N_("上次数值"), "number", "baseline.value"),
    _column("baseline_qualifier", N_("上次精度"), "choice", "baseline.qualifier", choices=QUALIFIERS),
    _column("baseline_section", N_("上次出处"), "text", "baseline.section", longest=200),
)
# Sheet name -> its columns, in the order of the template.
SHEETS: Mapping[str, tuple[Column, ...]] = {
    "部分": PARTS,
    "任务": TASKS,
    "佐证要求": SLOTS,
    "指标": INDICATORS,
}
ABOUT_SHEET = "说明"
SHEET_LABELS = (N_("部分"), N_("任务"), N_("佐证要求"), N_("指标"), N_("说明"))


def plain(source: object, columns: tuple[Column, ...]) -> dict[str, Any]:
    """The values of one part, slot or indicator (or a task with its deadline) by column name."""
    deadline = getattr(source, "deadline", None)
    found: dict[str, Any] = {}
    for column in columns:
        if deadline is not None and column.path[0] == "deadline":
            found[column.name] = getattr(deadline, "kind" if column.name == "deadline_kind" else column.name)
        elif hasattr(source, column.name):
            found[column.name] = getattr(source, column.name)
    return found
