"""Every act that the audit log knows (security.md 3.2): in which group it is shown, and whether it is a failure.

A test collects the names that the code records and fails when one is missing here or has no words.
"""

GROUPS: dict[str, tuple[str, ...]] = {
    "login": (
        "user.login", "user.logout", "user.login_failed", "user.login_refused", "user.login_unknown", "user.locked",
        "user.address_blocked", "user.password_changed", "access.denied",
    ),
    "people": (
        "user.created", "user.changed", "user.disabled", "user.enabled", "user.unlocked", "user.password_reset",
        "user.language", "user.mail_chosen", "department.created", "department.changed", "delegation.revoked",
    ),
    "evidence": (
        "evidence.uploaded", "evidence.submitted", "evidence.withdrawn", "evidence.continued",
        "indicator.recorded", "event.registered", "event.cancelled",
    ),
    "reading": ("evidence.viewed", "evidence.downloaded", "evidence.previewed"),
    "review": (
        "evidence.accepted", "evidence.returned", "evidence.rejected", "evidence.flagged", "evidence.confirmed",
        "evidence.voided", "period.reopened",
    ),
    "request": (
        "request.asked", "request.confirmed", "request.approved", "request.refused", "request.withdrawn",
        "request.cancelled",
    ),
    "notice": (
        "notice.drafted", "notice.edited", "notice.sent_back", "notice.signed", "notice.delivered",
        "notice.acknowledged", "notice.reported", "notice.returned", "notice.escalated", "notice.talk",
        "notice.closed", "notice.cancelled", "notice.waived", "task.handed_out", "task.signed_on", "task.contact_named",
        "period.pressed",
    ),
    "rules": (
        "catalogue.imported", "catalogue.year_chosen", "calendar.imported", "calendar.started", "calendar.finished",
        "calendar.day_set", "rules.changed", "ladder.changed", "ladder.reset", "mail.rules_changed",
        "archive.settings_changed",
    ),
    "telling": (
        "channel.added", "channel.switched_on", "channel.switched_off", "channel.deleted", "feed.made",
        "feed.revoked", "mail.mailbox_dead", "mail.revived", "mail.retried", "mail.given_up",
    ),
    "export": (
        "board.exported", "ledger.exported", "catalogue.exported", "notice.exported", "audit.exported",
        "archive.exported", "package.created", "package.ready", "package.cancelled",
        "package.downloaded", "package.recheck", "package.retry", "package.checked",
    ),
    "drill": ("drill.started", "drill.asked", "drill.found", "drill.not_found", "drill.finished"),
    "archive": (
        "archive.filed", "archive.volume_made", "archive.noted", "archive.voided", "archive.printed",
    ),
    "custody": (
        "custody.changed", "custody.missing", "custody.healed", "custody.renewed", "custody.returned", "custody.asked",
        "custody.lock_lost", "hold.placed",
        "hold.released", "removal.asked", "removal.confirmed", "removal.approved", "removal.refused",
        "removal.blocked", "removal.done",
    ),
    "system": (
        "backup.made", "backup.failed", "drill.made", "drill.failed", "backup.restored", "audit.verified",
        "audit.broken", "audit.stamped", "clock.jumped", "office.set_up", "demo.seeded",
    ),
}  # fmt: skip

FAILURES = (
    "user.login_failed", "user.login_refused", "user.login_unknown", "user.locked", "user.address_blocked",
    "access.denied", "mail.mailbox_dead", "drill.not_found", "custody.changed", "custody.missing", "custody.lock_lost",
    "removal.blocked", "backup.failed", "drill.failed", "audit.broken", "clock.jumped",
)  # fmt: skip

GROUP_OF = {action: group for group, actions in GROUPS.items() for action in actions}
