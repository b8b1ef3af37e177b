"""Who may do what, as one table: the separation of duties of organisation.yaml."""

import pytest

from tracker.domain.permissions import Action, Actor, EvidenceSubject, Role, TaskSubject, can

OFFICE, OWNER, HELPER, OTHER = 1, 10, 11, 12
TASK = TaskSubject(OFFICE, OWNER, frozenset({HELPER}))
SUBMITTED = EvidenceSubject(TASK, uploader_id=99)
DRAFT = EvidenceSubject(TASK, uploader_id=99, draft=True)
SEE_ALL = {Role.REVIEWER, Role.LEGAL_HEAD, Role.DEPUTY, Role.DIRECTOR, Role.SECRETARY, Role.INSPECTOR, Role.ARCHIVIST}
LEGAL = {Role.REVIEWER, Role.LEGAL_HEAD}
OWNERS = {Role.CONTACT, Role.DEPT_HEAD}
LEADERS = {Role.DEPUTY, Role.DIRECTOR, Role.SECRETARY}
ADMINISTRATORS = {Role.SYSADMIN, Role.SECADMIN, Role.AUDITADMIN}


def actor(role: Role, department: int | None = OTHER, number: int = 1) -> Actor:
    return Actor(number, role, OFFICE, department)


OFFICE_WIDE = {
    Action.SEE_BOARD: SEE_ALL,
    Action.SEE_OVERVIEW: SEE_ALL - {Role.ARCHIVIST},
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
    Action.SEE_DRILLS: SEE_ALL - {Role.ARCHIVIST},
    Action.RUN_DRILL: LEGAL,
    Action.SEE_CUSTODY: LEGAL | ADMINISTRATORS | {Role.ARCHIVIST, Role.INSPECTOR},
    Action.RUN_CUSTODY: {Role.SYSADMIN, Role.LEGAL_HEAD},
    Action.HOLD: {Role.LEGAL_HEAD},
    Action.SEE_REMOVALS: ADMINISTRATORS | {Role.LEGAL_HEAD},
    Action.ASK_REMOVAL: {Role.LEGAL_HEAD},
    Action.APPROVE_REMOVAL: {Role.SYSADMIN, Role.SECADMIN},
    Action.SEE_ARCHIVE: LEGAL | {Role.ARCHIVIST, Role.INSPECTOR},
    Action.FILE: {Role.ARCHIVIST, Role.LEGAL_HEAD},
}


@pytest.mark.parametrize("action", sorted(set(Action) - set(OFFICE_WIDE)))
@pytest.mark.parametrize("role", list(Role))
def test_what_concerns_a_task_is_never_granted_without_one(action: Action, role: Role) -> None:
    assert not can(actor(role), action)


@pytest.mark.parametrize("action", sorted(OFFICE_WIDE))
def test_rights_of_a_role(action: Action) -> None:
    assert {role for role in Role if can(actor(role), action)} == OFFICE_WIDE[action]


@pytest.mark.parametrize(
    ("action", "department", "allowed"),
    [
        (Action.SEE_TASK, OWNER, SEE_ALL | OWNERS),
        (Action.SEE_TASK, HELPER, SEE_ALL | OWNERS),
        (Action.SEE_TASK, OTHER, SEE_ALL),
        (Action.SEE_TASK, None, SEE_ALL),
        (Action.UPLOAD, OWNER, OWNERS | LEGAL),
        (Action.UPLOAD, HELPER, OWNERS | LEGAL),
        (Action.UPLOAD, OTHER, set()),
        (Action.UPLOAD, None, set()),
        (Action.SUBMIT, OWNER, OWNERS | LEGAL),
        (Action.SUBMIT, HELPER, set()),
        (Action.RECORD_INDICATOR, OWNER, OWNERS | LEGAL),
        (Action.RECORD_INDICATOR, HELPER, set()),
        (Action.SIGN_ON, OWNER, OWNERS | LEGAL),
        (Action.SIGN_ON, HELPER, set()),
        (Action.ASK, OWNER, OWNERS | LEGAL),
        (Action.ASK, OTHER, set()),
        (Action.CONFIRM, OWNER, {Role.DEPT_HEAD, Role.LEGAL_HEAD}),
        (Action.CONFIRM, HELPER, set()),
        (Action.NAME_CONTACT, OWNER, {Role.DEPT_HEAD, Role.LEGAL_HEAD}),
        (Action.NAME_CONTACT, HELPER, {Role.LEGAL_HEAD}),
        (Action.ANSWER_NOTICE, OWNER, OWNERS | LEGAL),
        (Action.ANSWER_NOTICE, HELPER, set()),
        (Action.REGISTER_EVENT, OWNER, OWNERS | LEGAL),
        (Action.REGISTER_EVENT, OTHER, LEGAL),
    ],
)
def test_rights_on_a_task(action: Action, department: int | None, allowed: set[Role]) -> None:
    assert {role for role in Role if can(actor(role, department), action, TASK)} == allowed


@pytest.mark.parametrize(
    ("subject", "department", "allowed"),
    [
        (SUBMITTED, OWNER, SEE_ALL | OWNERS),
        (SUBMITTED, HELPER, SEE_ALL | OWNERS),
        (SUBMITTED, OTHER, SEE_ALL),
        (DRAFT, OWNER, OWNERS | LEGAL),
        (DRAFT, HELPER, OWNERS | LEGAL),
        (DRAFT, OTHER, set()),
    ],
)
def test_who_reads_the_bytes(subject: EvidenceSubject, department: int, allowed: set[Role]) -> None:
    assert {role for role in Role if can(actor(role, department), Action.READ_EVIDENCE, subject)} == allowed


def test_administrators_read_no_evidence() -> None:
    for role in (Role.SYSADMIN, Role.SECADMIN, Role.AUDITADMIN):
        for department in (OWNER, HELPER, OTHER, None):
            assert not can(actor(role, department), Action.READ_EVIDENCE, SUBMITTED)
            assert not can(actor(role, department), Action.REVIEW, SUBMITTED)


def test_nobody_reviews_his_own_upload() -> None:
    for role in LEGAL:
        assert can(actor(role, number=1), Action.REVIEW, SUBMITTED)
        assert not can(actor(role, number=99), Action.REVIEW, SUBMITTED)


def test_who_takes_back_an_upload() -> None:
    assert can(actor(Role.CONTACT, OWNER, 99), Action.WITHDRAW, SUBMITTED)
    assert not can(actor(Role.CONTACT, OWNER, 1), Action.WITHDRAW, SUBMITTED)
    assert can(actor(Role.DEPT_HEAD, OWNER, 1), Action.WITHDRAW, SUBMITTED)
    assert not can(actor(Role.DEPT_HEAD, HELPER, 1), Action.WITHDRAW, SUBMITTED)


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("role", list(Role))
def test_another_office_is_another_world(action: Action, role: Role) -> None:
    stranger = Actor(99, role, OFFICE + 1, OWNER)
    assert not can(stranger, action, TASK)
    assert not can(stranger, action, SUBMITTED)


@pytest.mark.parametrize("role", list(Role))
def test_a_head_of_another_department_sees_and_signs_for_the_one_without_a_head(role: Role) -> None:
    speaks = Actor(1, role, OFFICE, OTHER, heads=frozenset({OWNER}))
    heads = role in {Role.DEPT_HEAD, Role.LEGAL_HEAD}
    assert can(speaks, Action.CONFIRM, TASK) == heads
    assert can(speaks, Action.SEE_TASK, TASK) == (heads or role in SEE_ALL)
    assert can(speaks, Action.READ_EVIDENCE, SUBMITTED) == (heads or role in SEE_ALL)
    assert can(speaks, Action.NAME_CONTACT, TASK) == heads
    for action in (Action.UPLOAD, Action.SUBMIT, Action.ASK, Action.SIGN_ON, Action.ANSWER_NOTICE):
        assert not can(speaks, action, TASK)  # the work stays the department's own
    assert not can(speaks, Action.READ_EVIDENCE, DRAFT)
    elsewhere = TaskSubject(OFFICE + 1, OWNER)
    assert not can(speaks, Action.CONFIRM, elsewhere)
