"""The entries of the bar and where each role lands."""

from dataclasses import dataclass

from flask import Flask, request

from tracker.domain.permissions import LEADERS, LEGAL, OWNERS, Action, Role, can
from tracker.models import User
from tracker.web import base
from tracker.web.locale import gettext as _


@dataclass(frozen=True)
class Entry:
    """One entry of the bar; `current` marks the page that the person is on."""

    label: str
    path: str
    current: bool = False


# In the order of the administrator's pages: (right, path).
ADMIN = (
    (Action.MANAGE_PEOPLE, "/admin/people"),
    (Action.MANAGE_CATALOGUE, "/admin/catalogue"),
    (Action.MANAGE_CALENDAR, "/admin/calendar"),
    (Action.MANAGE_CHANNELS, "/admin/channels"),
    (Action.SEE_MAIL_QUEUE, "/mail"),
    (Action.SEE_SYSTEM, "/admin/system"),
)


def admin_entries(app: Flask) -> list[Entry]:
    """The administrator's pages that whoever is signed in may open."""
    actor = base.current_actor()
    labels = {
        "/admin/people": _("人员和部门"),
        "/admin/catalogue": _("任务目录"),
        "/admin/calendar": _("工作日历"),
        "/admin/channels": _("通知渠道"),
        "/mail": _("邮件队列"),
        "/admin/system": _("系统状态"),
    }
    found = [Entry(labels[path], path) for action, path in ADMIN if can(actor, action) and _exists(app, path)]
    return [Entry(entry.label, entry.path, request.path.startswith(entry.path)) for entry in found]


def follow_entries(app: Flask) -> list[Entry]:
    """The pages by which things are pressed forward, as far as whoever is signed in may open them."""
    actor = base.current_actor()
    works = actor.role in OWNERS | LEGAL
    wanted = [
        (works or can(actor, Action.SEE_NOTICES), _("督办单"), "/notices"),
        (works or actor.role in LEADERS, _("申请"), "/requests"),
        (works or can(actor, Action.SEE_BOARD), _("事项登记"), "/events"),
        (can(actor, Action.SEE_LEDGER), _("催办记录"), "/ledger"),
        (can(actor, Action.SEE_LEDGER), _("明日将发"), "/tomorrow"),
        (can(actor, Action.SEE_LADDERS), _("提醒步骤"), "/ladders"),
        (can(actor, Action.SEE_LADDERS), _("规则参数"), "/rules"),
        (can(actor, Action.SEE_LADDERS), _("全年预演"), "/rehearsal"),
    ]
    return [Entry(label, path, _is_here(path)) for allowed, label, path in wanted if allowed and _exists(app, path)]


def archive_entries(app: Flask) -> list[Entry]:
    """The pages by which the archive proves itself, as far as whoever is signed in may open them."""
    actor = base.current_actor()
    wanted = [
        (can(actor, Action.SEE_PACKAGES), _("检查包"), "/packages"),
        (can(actor, Action.SEE_DRILLS), _("模拟检查"), "/drills"),
        (can(actor, Action.SEE_ARCHIVE), _("归档"), "/archive"),
        (can(actor, Action.SEE_CUSTODY), _("保管"), "/custody"),
        (can(actor, Action.SEE_REMOVALS), _("清除"), "/removals"),
        (can(actor, Action.SEE_AUDIT), _("审计日志"), "/audit"),
    ]
    return [Entry(label, path, _is_here(path)) for allowed, label, path in wanted if allowed and _exists(app, path)]


def section_tabs(app: Flask) -> list[Entry]:
    """The tabs above a page of the follow-up or the archive section; none elsewhere."""
    for tabs in (follow_entries(app), archive_entries(app)):
        if any(tab.current for tab in tabs):
            return tabs
    return []


def entries(app: Flask, user: User) -> list[Entry]:
    """What this person finds in the bar."""
    actor = base.current_actor()
    wanted: list[tuple[bool, str, str]] = [
        (actor.role in OWNERS | LEGAL, _("我的任务"), "/my"),
        (can(actor, Action.SEE_BOARD), _("看板"), "/board"),
        (can(actor, Action.SEE_QUEUE), _("审核"), "/review"),
        (can(actor, Action.SEE_BOARD), _("关注"), "/attention"),
        (can(actor, Action.SEE_OVERVIEW), _("总览"), "/overview"),
    ]
    home = _home_of_tasks(actor.role) if request.path.startswith(("/tasks/", "/sort")) else ""
    found = [
        Entry(label, path, path == home or _is_here(path))
        for allowed, label, path in wanted
        if allowed and _exists(app, path)
    ]
    follow = follow_entries(app)
    if follow:
        found.append(Entry(_("督促"), follow[0].path, any(entry.current for entry in follow)))
    archive = archive_entries(app)
    if archive:
        found.append(Entry(_("档案"), archive[0].path, any(entry.current for entry in archive)))
    admin = admin_entries(app)
    if admin:
        found.append(Entry(_("管理"), admin[0].path, any(entry.current for entry in admin)))
    if reads_mailbox(user) and _exists(app, "/mailbox"):
        label = _("演示邮箱") if is_demo_here() else _("本机邮箱")
        found.append(Entry(label, "/mailbox/", _is_here("/mailbox")))
    found.append(Entry(_("帮助"), "/help", _is_here("/help")))
    return found


def landing(app: Flask, user: User) -> str:
    """The first page of this person's role."""
    role = Role(user.role)
    if role in LEADERS | {Role.INSPECTOR}:
        wished = "/overview"
    elif role in LEGAL or role == Role.ARCHIVIST:
        wished = "/board"
    elif role in OWNERS:
        wished = "/my"
    else:
        own = admin_entries(app) + archive_entries(app)
        wished = own[0].path if own else "/help"
    return wished if _exists(app, wished) else "/help"


def is_demo_here() -> bool:
    """Whether this is the demo, seen from the machine that it runs on."""
    return base.settings().demo and base.on_loopback()


def reads_mailbox(user: User) -> bool:
    """Whether this person may read what the product mailed, while it stays in the embedded mailbox."""
    return base.settings().mail_sink and (is_demo_here() or Role(user.role) == Role.SYSADMIN)


def _home_of_tasks(role: Role) -> str:
    """The entry under which the pages of the tasks belong: one's own list, or the board that shows all."""
    return "/my" if role in OWNERS else "/board"


def _is_here(path: str) -> bool:
    return request.path == path or request.path.startswith(path + "/")


def _exists(app: Flask, path: str) -> bool:
    known: dict[str, bool] = app.extensions.setdefault("nav_paths", {})
    if path not in known:
        known[path] = any(rule.rule.rstrip("/") == path for rule in app.url_map.iter_rules())
    return known[path]
