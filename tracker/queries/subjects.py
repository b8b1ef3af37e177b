"""Rows as the plain subjects that `domain.permissions.can` understands, and the one way to ask it."""

from tracker.domain.permissions import Action, Actor, EvidenceSubject, Role, TaskSubject, can
from tracker.errors import Forbidden, NotFound
from tracker.models import Task, User, Version


def actor_of(user: User) -> Actor:
    return Actor(
        id=user.id,
        role=Role(user.role),
        office_id=user.office_id,
        department_id=user.department_id,
        name=user.name,
    )


def task_subject(task: Task) -> TaskSubject:
    return TaskSubject(
        office_id=task.office_id,
        owner_id=task.owner_id,
        cooperating=frozenset(department.id for department in task.cooperating),
    )


def evidence_subject(version: Version) -> EvidenceSubject:
    return EvidenceSubject(
        task=task_subject(version.evidence.slot.task),
        uploader_id=version.uploaded_by_id,
        draft=version.state in {"draft", "withdrawn"},
    )


def require(actor: Actor, action: Action, subject: TaskSubject | EvidenceSubject | None = None) -> None:
    """Raises Forbidden("not_allowed"), or NotFound where even the existence is another office's business."""
    if can(actor, action, subject):
        return
    if subject is not None:
        task = subject.task if isinstance(subject, EvidenceSubject) else subject
        if task.office_id != actor.office_id:
            raise NotFound("not_found")
    raise Forbidden("not_allowed", action=action.value)
