"""Rows: columns, constraints and relations; no decisions."""

from tracker.models.acts import (
    Channel,
    ChannelPost,
    Clock,
    Delegation,
    Event,
    Feed,
    Notice,
    NoticeStep,
    Ownership,
    Request,
)
from tracker.models.base import Base
from tracker.models.evidence import Blob, Evidence, Review, Version, evidence_obligation
from tracker.models.organisation import CalendarYear, Department, LoginThrottle, Office, Setting, User
from tracker.models.tasks import (
    Indicator,
    IndicatorValue,
    Obligation,
    Part,
    Period,
    Slot,
    Task,
    task_cooperation,
)
from tracker.models.telling import AuditEvent, AuditHead, Digest, JobRun, Outbox, Reminder

__all__ = [
    "AuditEvent",
    "AuditHead",
    "Base",
    "Blob",
    "CalendarYear",
    "Channel",
    "ChannelPost",
    "Clock",
    "Delegation",
    "Department",
    "Digest",
    "Event",
    "Evidence",
    "Feed",
    "Indicator",
    "IndicatorValue",
    "JobRun",
    "LoginThrottle",
    "Notice",
    "NoticeStep",
    "Obligation",
    "Office",
    "Outbox",
    "Ownership",
    "Part",
    "Period",
    "Reminder",
    "Request",
    "Review",
    "Setting",
    "Slot",
    "Task",
    "User",
    "Version",
    "evidence_obligation",
    "task_cooperation",
]
