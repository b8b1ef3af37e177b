"""Who may do what: one function, asked before every read and every write (invariant I7).

Roles and their rights follow organisation.yaml; separation of duties follows
rules.md sections 5 and 16 (nobody reviews his own upload; administrators read
no evidence).
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    CONTACT = "contact"  # 经办人
    DEPT_HEAD = "dept_head"  # 科室负责人
    REVIEWER = "reviewer"  # 法制办审核员
    LEGAL_HEAD = "legal_head"  # 法制办负责人
    DEPUTY = "deputy"  # 分管领导
    DIRECTOR = "director"  # 办事处主任
    SECRETARY = "secretary"  # 工委书记
    INSPECTOR = "inspector"  # 检查员
    ARCHIVIST = "archivist"  # 档案员
    SYSADMIN = "sysadmin"  # 系统管理员
    SECADMIN = "secadmin"  # 安全管理员
    AUDITADMIN = "auditadmin"  # 审计管理员


class Action(StrEnum):
    SEE_BOARD = "see_board"  # all tasks at a glance
    SEE_OVERVIEW = "see_overview"  # the leaders' page
    SEE_TASK = "see_task"  # subject: TaskSubject
    UPLOAD = "upload"  # subject: TaskSubject
    SUBMIT = "submit"  # subject: TaskSubject
    WITHDRAW = "withdraw"  # subject: EvidenceSubject
    READ_EVIDENCE = "read_evidence"  # subject: EvidenceSubject; the bytes
    SEE_QUEUE = "see_queue"
    REVIEW = "review"  # subject: EvidenceSubject
    FLAG = "flag"  # mark accepted material as no longer valid
    VOID = "void"
    RECORD_INDICATOR = "record_indicator"  # subject: TaskSubject
    MANAGE_PEOPLE = "manage_people"
    MANAGE_CATALOGUE = "manage_catalogue"
    MANAGE_CALENDAR = "manage_calendar"
    SEE_SYSTEM = "see_system"  # is the sweep alive, is mail delivered
    SEE_AUDIT = "see_audit"
    SEE_LADDERS = "see_ladders"  # the reminder ladders and what they lead to
    MANAGE_LADDERS = "manage_ladders"
    SEE_LEDGER = "see_ledger"  # who was told what, and what will be sent tomorrow
    PRESS = "press"  # 催办 by hand
    HAND_OUT = "hand_out"  # 下达: start the clock of signing on
    SIGN_ON = "sign_on"  # subject: TaskSubject
    ASK = "ask"  # subject: TaskSubject; extension, waiver, zero report, another owner
    NAME_CONTACT = "name_contact"  # subject: TaskSubject; who of the department is told of the task
    CONFIRM = "confirm"  # subject: TaskSubject; the head signs a zero report before it goes to the legal office
    SEE_REQUESTS = "see_requests"  # all of the office; everybody sees his own
    DECIDE = "decide"  # domain.requests says which kinds
    SEE_NOTICES = "see_notices"  # all of the office; a department sees its own
    DRAFT_NOTICE = "draft_notice"
    SIGN_NOTICE = "sign_notice"
    DELIVER_NOTICE = "deliver_notice"
    ANSWER_NOTICE = "answer_notice"  # subject: TaskSubject; sign on to it and report back
    CHECK_NOTICE = "check_notice"
    SEE_MAIL_QUEUE = "see_mail_queue"
    MANAGE_MAIL = "manage_mail"
    MANAGE_CHANNELS = "manage_channels"  # of departments; everybody manages his own
    REGISTER_EVENT = "register_event"  # subject: TaskSubject
    SEE_PACKAGES = "see_packages"  # and take them away
    MAKE_PACKAGE = "make_package"
    SEE_DRILLS = "see_drills"
    RUN_DRILL = "run_drill"
    SEE_CUSTODY = "see_custody"  # is every object still there and unchanged
    RUN_CUSTODY = "run_custody"  # check now, heal from a backup
    HOLD = "hold"  # 检查冻结
    SEE_REMOVALS = "see_removals"
    ASK_REMOVAL = "ask_removal"
    APPROVE_REMOVAL = "approve_removal"  # two persons: one of each role
    SEE_ARCHIVE = "see_archive"
    FILE = "file"  # 归档


@dataclass(frozen=True)
class Actor:
    """Somebody who is signed in, as a plain value.

    `role` is the role that he acts with: a delegate holds the rights of whom he stands in for (`stands_for`, by
    id), and `name` says so, 甲（代乙）. `id` stays his own. `heads`: departments without a head of their own whose
    head he is (`domain.escalation.heading`); the head of the legal office speaks for those that nobody heads.
    """

    id: int
    role: Role
    office_id: int
    department_id: int | None
    name: str = ""
    stands_for: frozenset[int] = frozenset()
    heads: frozenset[int] = frozenset()

    def speaks_for(self, department_id: int | None) -> bool:
        """Whether a head's word for this department is his, if his role is a head's."""
        return department_id is not None and (department_id == self.department_id or department_id in self.heads)


@dataclass(frozen=True)
class TaskSubject:
    office_id: int
    owner_id: int
    cooperating: frozenset[int] = field(default_factory=frozenset)


@dataclass(frozen=True)
class EvidenceSubject:
    task: TaskSubject
    uploader_id: int
    draft: bool = False  # a draft or a withdrawn version is its department's alone


LEGAL = {Role.REVIEWER, Role.LEGAL_HEAD}
LEADERS = {Role.DEPUTY, Role.DIRECTOR, Role.SECRETARY}
OWNERS = {Role.CONTACT, Role.DEPT_HEAD}
HEADS = {Role.DEPT_HEAD, Role.LEGAL_HEAD}  # the legal office's head is its department's, too
SEE_ALL = LEGAL | LEADERS | {Role.INSPECTOR, Role.ARCHIVIST}

_OFFICE_WIDE: dict[Action, set[Role]] = {
    Action.SEE_BOARD: SEE_ALL,
    Action.SEE_OVERVIEW: LEGAL | LEADERS | {Role.INSPECTOR},
    Action.SEE_QUEUE: LEGAL,
    Action.FLAG: LEGAL,
    Action.VOID: {Role.LEGAL_HEAD},
    Action.MANAGE_PEOPLE: {Role.SYSADMIN},
    Action.MANAGE_CATALOGUE: {Role.SYSADMIN, Role.LEGAL_HEAD},
    Action.MANAGE_CALENDAR: {Role.SYSADMIN, Role.LEGAL_HEAD},
    Action.SEE_SYSTEM: {Role.SYSADMIN, Role.LEGAL_HEAD},
    Action.SEE_AUDIT: {Role.AUDITADMIN, Role.LEGAL_HEAD},
    Action.SEE_LADDERS: LEGAL | LEADERS,
    Action.MANAGE_LADDERS: {Role.LEGAL_HEAD},
    Action.SEE_LEDGER: LEGAL | LEADERS,
    Action.PRESS: LEGAL,
    Action.HAND_OUT: {Role.LEGAL_HEAD},
    Action.SEE_REQUESTS: LEGAL | LEADERS,
    Action.DECIDE: {Role.LEGAL_HEAD, Role.DEPUTY},
    Action.SEE_NOTICES: LEGAL | LEADERS | {Role.INSPECTOR},
    Action.DRAFT_NOTICE: {Role.LEGAL_HEAD},
    Action.SIGN_NOTICE: LEADERS,
    Action.DELIVER_NOTICE: LEGAL,
    Action.CHECK_NOTICE: LEGAL,
    Action.SEE_MAIL_QUEUE: {Role.SYSADMIN, Role.LEGAL_HEAD},
    Action.MANAGE_MAIL: {Role.SYSADMIN},
    Action.MANAGE_CHANNELS: {Role.SYSADMIN},
    Action.SEE_PACKAGES: SEE_ALL,
    Action.MAKE_PACKAGE: LEGAL | {Role.ARCHIVIST},
    Action.SEE_DRILLS: LEGAL | LEADERS | {Role.INSPECTOR},
    Action.RUN_DRILL: LEGAL,
    Action.SEE_CUSTODY: LEGAL | {Role.ARCHIVIST, Role.SYSADMIN, Role.SECADMIN, Role.AUDITADMIN, Role.INSPECTOR},
    Action.RUN_CUSTODY: {Role.SYSADMIN, Role.LEGAL_HEAD},
    Action.HOLD: {Role.LEGAL_HEAD},
    Action.SEE_REMOVALS: {Role.LEGAL_HEAD, Role.SYSADMIN, Role.SECADMIN, Role.AUDITADMIN},
    Action.ASK_REMOVAL: {Role.LEGAL_HEAD},
    Action.APPROVE_REMOVAL: {Role.SYSADMIN, Role.SECADMIN},
    Action.SEE_ARCHIVE: LEGAL | {Role.ARCHIVIST, Role.INSPECTOR},
    Action.FILE: {Role.ARCHIVIST, Role.LEGAL_HEAD},
}


def holders_of(action: Action) -> frozenset[Role]:
    """The roles that may do it in their office as a whole."""
    return frozenset(_OFFICE_WIDE.get(action, ()))


def can(actor: Actor, action: Action, subject: TaskSubject | EvidenceSubject | None = None) -> bool:
    """Whether `actor` may do `action` to `subject` (None: to his own office as a whole)."""
    if subject is None:
        return actor.role in _OFFICE_WIDE.get(action, set())
    task = subject.task if isinstance(subject, EvidenceSubject) else subject
    if task.office_id != actor.office_id:
        return False
    owns = actor.department_id is not None and actor.department_id == task.owner_id
    helps = actor.department_id in task.cooperating
    leads = actor.role in HEADS and actor.speaks_for(task.owner_id)
    # The legal office owns tasks itself: its people upload for those like any owner.
    works = actor.role in OWNERS | LEGAL
    match action:
        case Action.SEE_TASK:
            return actor.role in SEE_ALL or (actor.role in OWNERS and (owns or helps)) or leads
        case Action.UPLOAD:
            return works and (owns or helps)
        case Action.SUBMIT | Action.RECORD_INDICATOR | Action.SIGN_ON | Action.ASK | Action.ANSWER_NOTICE:
            return works and owns
        case Action.CONFIRM:
            return leads
        case Action.NAME_CONTACT:
            return actor.role == Role.LEGAL_HEAD or leads
        case Action.REGISTER_EVENT:
            return works and (owns or actor.role in LEGAL)
    return isinstance(subject, EvidenceSubject) and _can_with_evidence(
        actor, action, subject, works and owns, works and helps, leads
    )


def _can_with_evidence(
    actor: Actor, action: Action, subject: EvidenceSubject, owns: bool, helps: bool, leads: bool
) -> bool:  # fmt: skip
    """`owns`, `helps`: the actor works for the owner department, for a cooperating one; `leads`: he is its head."""
    match action:
        case Action.READ_EVIDENCE:
            return owns or helps or ((actor.role in SEE_ALL or leads) and not subject.draft)
        case Action.WITHDRAW:
            uploaded = actor.id == subject.uploader_id and actor.role in OWNERS | LEGAL
            return uploaded or (actor.role == Role.DEPT_HEAD and owns)
        case Action.REVIEW:
            return actor.role in LEGAL and actor.id != subject.uploader_id
        case _:
            return action in {Action.FLAG, Action.VOID} and actor.role in _OFFICE_WIDE[action]
