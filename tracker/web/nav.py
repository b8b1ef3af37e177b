"""The entries of the bar and where each role lands."""

from dataclasses import dataclass

from flask import Flask, request

from tracker.domain.permissions import LEADERS, LEGAL, OWNERS, Action, Role, can
from tracker.models import User
from tracker.queries.subjects import actor_of
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
    (Action.SEE_SYSTEM, "/admin/system"),
    (Action.SEE_AUDIT, "/admin/audit"),
)


def admin_entries(app: Flask, user: User) -> list[Entry]:
    """The administrator's pages that this person may open."""
    actor = actor_of(user)
    labels = {
        "/admin/people": _("人员和部门"),
        "/admin/catalogue": _("任务目录"),
        "/admin/calendar": _("工作日历"),
        "/admin/system": _("系统状态"),
        "/admin/audit": _("审计日志"),
    }
    found = [Entry(labels[path], path) for action, path in ADMIN if can(actor, action) and _exists(app, path)]
    return [Entry(entry.label, entry.path, request.path.startswith(entry.path)) for entry in found]


def entries(app: Flask, user: User) -> list[Entry]:
    """What this person finds in the bar."""
    actor = actor_of(user)
    wanted: list[tuple[bool, str, str]] = [
        (actor.role in OWNERS | LEGAL, _("我的任务"), "/my"),
        (can(actor, Action.SEE_BOARD), _("看板"), "/board"),
        (can(actor, Action.SEE_QUEUE), _("审核"), "/review"),
        (can(actor, Action.SEE_BOARD), _("关注"), "/attention"),
        (can(actor, Action.SEE_OVERVIEW), _("总览"), "/overview"),
    ]
    found = [Entry(label, path, _is_here(path)) for allowed, label, path in wanted if allowed and _exists(app, path)]
    admin = admin_entries(app, user)
    if admin:
        found.append(Entry(_("管理"), admin[0].path, request.path.startswith("/admin")))
    if base.settings().demo and base.on_loopback() and _exists(app, "/mailbox"):
        found.append(Entry(_("演示邮箱"), "/mailbox/", _is_here("/mailbox")))
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
        admin = admin_entries(app, user)
        wished = admin[0].path if admin else "/help"
    return wished if _exists(app, wished) else "/help"


def _is_here(path: str) -> bool:
    # A task is worked on from the list that it was opened from; the clerk's list is the usual one.
    return request.path == path or request.path.startswith(path + "/")


def _exists(app: Flask, path: str) -> bool:
    known: dict[str, bool] = app.extensions.setdefault("nav_paths", {})
    if path not in known:
        known[path] = any(rule.rule.rstrip("/") == path for rule in app.url_map.iter_rules())
    return known[path]
