"""Words of the pages about inspection packages."""

from tracker.domain import package_words as carried
from tracker.domain.package import Gap
from tracker.domain.permissions import Action, Actor, can
from tracker.errors import TrackerError
from tracker.queries.package import PackageLine
from tracker.web.filters import is_english, size
from tracker.web.locale import gettext as _
from tracker.web.messages import explain

LIGHTS = {
    "queued": "grey", "building": "blue", "ready": "green", "checking": "blue", "failed": "red", "cancelled": "grey",
}  # fmt: skip


def may_make(actor: Actor) -> bool:
    return can(actor, Action.MAKE_PACKAGE)


def states() -> dict[str, str]:
    return {
        "queued": _("等待制作"),
        "building": _("正在制作"),
        "ready": _("可以下载"),
        "checking": _("正在重新核验"),
        "failed": _("没有做成"),
        "cancelled": _("已取消"),
    }


def problems() -> dict[str, str]:
    """What a second verification finds."""
    return {
        "changed": _("内容被改动"),
        "missing": _("文件丢失"),
        "removed": _("内容已按程序清除"),
        "zip": _("整包的摘要不符"),
    }


def gap_words(kind: str) -> str:
    """A kind of declared gap in the reader's language: the very words that the package carries."""
    return carried.gap(kind)[1 if is_english() else 0]


def exact_words(gap: Gap) -> str:
    """What makes a gap exact: why it is stale or insufficient, which piece, which file."""
    return carried.exact(gap.codes, gap.names)[1 if is_english() else 0]


def error_words(line: PackageLine) -> str:
    return explain(TrackerError(line.error)) if line.error else ""


def progress(line: PackageLine) -> str:
    """How far it is, in words."""
    if line.state == "queued" or not line.total_bytes:
        return _("正在排队，通常半分钟内开始。") if line.state == "queued" else _("正在整理目录…")
    return _(
        "%(done)s / %(total)s 个文件，%(done_size)s / %(total_size)s",
        done=line.done_files,
        total=line.total_files,
        done_size=size(line.done_bytes),
        total_size=size(line.total_bytes),
    )
