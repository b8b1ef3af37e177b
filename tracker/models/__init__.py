"""Rows: columns, constraints and relations; no decisions."""

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
    "Department",
    "Digest",
    "Evidence",
    "Indicator",
    "IndicatorValue",
    "JobRun",
    "LoginThrottle",
    "Obligation",
    "Office",
    "Outbox",
    "Part",
    "Period",
    "Reminder",
    "Review",
    "Setting",
    "Slot",
    "Task",
    "User",
    "Version",
    "evidence_obligation",
    "task_cooperation",
]
