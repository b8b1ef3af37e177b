"""Signing in and out, and passwords (security.md 1): throttled, recorded, ended on the server."""

import hashlib
import re
import secrets
import string
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.errors import InvalidInput
from tracker.models import LoginThrottle, User
from tracker.queries.accounts import is_current
from tracker.queries.subjects import actor_of
from tracker.services import audit

MAX_FAILURES = 5  # of one account, then it is locked
LOCK = timedelta(minutes=30)
ADDRESS_FAILURES = 30  # of one address within the window, whatever the accounts
ADDRESS_WINDOW = timedelta(minutes=30)
FORMER_PASSWORDS = 5  # counting the present one
PASSWORD_DAYS = 90
MIN_LENGTH, MAX_LENGTH = 10, 200
CLASSES = (str.isupper, str.islower, str.isdigit)

# 19 MiB and two passes: the recommended floor, small enough for eight logins at once on an office PC.
_hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
_nobody = _hasher.hash(secrets.token_urlsafe(16))  # an unknown address takes as long as a wrong password


@dataclass(frozen=True)
class LoginOutcome:
    """`user` is None when it failed; `why` is then a code of web.messages and `minutes` the time to wait."""

    user: User | None
    why: str = ""
    minutes: int = 0


class WrongPassword(InvalidInput):
    """A password that was wrong, or one try too many. It counts: whoever catches this commits."""


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def matches(password_hash: str, password: str) -> bool:
    """Whether the password belongs to the hash; a hash that is none matches nothing."""
    try:
        return _hasher.verify(password_hash, password)
    except VerifyMismatchError:
        return False
    except (VerificationError, InvalidHashError):
        return False


def new_password() -> str:
    """A password that keeps the rules and can be read aloud: four groups, no look-alikes."""
    letters = "".join(set(string.ascii_letters) - set("lIoO"))
    while True:
        groups = ["".join(secrets.choice(letters + "23456789") for _ in range(4)) for _ in range(4)]
        password = "-".join(groups)
        if all(any(map(kind, password)) for kind in CLASSES):
            return password


def check_password(password: str, *, email: str, name: str) -> None:
    """InvalidInput(password_short, _long, _simple, _has_name; field="password") unless it keeps the rules."""
    if len(password) < MIN_LENGTH:
        raise InvalidInput("password_short", field="password")
    if len(password) > MAX_LENGTH:
        raise InvalidInput("password_long", field="password")
    kinds = sum(any(map(kind, password)) for kind in CLASSES)
    kinds += any(not character.isalnum() for character in password)
    if kinds < 3:
        raise InvalidInput("password_simple", field="password")
    folded = password.casefold()
    for word in (email.partition("@")[0], name):
        if len(word) >= 2 and word.casefold() in folded:
            raise InvalidInput("password_has_name", field="password")


def normal_email(email: str) -> str:
    """Lower case, without spaces around; InvalidInput("email_invalid") unless it looks like an address."""
    email = email.strip().lower()
    if len(email) > 200 or not re.fullmatch(r"[^@\s<>\"',;]+@[^@\s<>\"',;]+", email):
        raise InvalidInput("email_invalid", field="email")
    return email


def must_change_password(user: User, now: datetime) -> bool:
    changed = user.password_changed_at
    return user.must_change_password or (changed is not None and now - changed > timedelta(days=PASSWORD_DAYS))


def _minutes_left(until: datetime, now: datetime) -> int:
    return max(1, -(-int((until - now).total_seconds()) // 60))


def _throttle(session: Session, key: str, now: datetime) -> LoginThrottle:
    row = session.get(LoginThrottle, key, with_for_update=True)
    if row is None:
        row = LoginThrottle(address=key, failures=0, window_started_at=now)
        session.add(row)
    elif now - row.window_started_at >= ADDRESS_WINDOW:
        row.failures, row.window_started_at = 0, now
    return row


def login(session: Session, *, email: str, password: str, address: str, now: datetime, today: date) -> LoginOutcome:
    """One attempt; the caller commits whatever comes of it, so that a failure counts.

    An address nobody has is counted and locked as an account would be: the answer tells
    a stranger nothing about who has an account.
    """
    email = email.strip().lower()[:200]
    source = _throttle(session, address or "unknown", now)
    if source.failures >= ADDRESS_FAILURES:
        minutes = _minutes_left(source.window_started_at + ADDRESS_WINDOW, now)
        return LoginOutcome(None, "login_address_blocked", minutes)
    user = session.scalar(select(User).where(User.email == email).with_for_update())
    if user is None:
        return _unknown(session, email, password, source, address, now)
    if user.locked_until and user.locked_until > now:
        return LoginOutcome(None, "login_locked", _minutes_left(user.locked_until, now))
    if not matches(user.password_hash, password):
        return _failed(session, user, source, address, now)
    if not is_current(user, today):
        _note(session, user, "user.login_refused", address, now)
        return LoginOutcome(None, "login_expired")
    if _hasher.check_needs_rehash(user.password_hash):
        user.password_hash = hash_password(password)
    return LoginOutcome(welcome(session, user, address=address, now=now))


def welcome(session: Session, user: User, *, address: str, now: datetime, way: str = "password") -> User:
    """What a successful sign-in leaves behind; `way` is how the person proved himself.

    An account has one session: whoever signs in elsewhere ends the one before.
    """
    user.session_epoch += 1
    user.failed_logins, user.locked_until, user.last_login_at = 0, None, now
    _note(session, user, "user.login", address, now, way=way)
    return user


def _block(session: Session, source: LoginThrottle, address: str, now: datetime) -> None:
    """The failure that closes the door to an address is on record."""
    if source.failures == ADDRESS_FAILURES:
        audit.record(
            session, now=now, actor=None, action="user.address_blocked", subject="address", subject_id=None,
            office_id=None, address=address, failures=source.failures,
            minutes=int(ADDRESS_WINDOW.total_seconds() // 60),
        )  # fmt: skip


def _unknown(
    session: Session, email: str, password: str, source: LoginThrottle, address: str, now: datetime
) -> LoginOutcome:
    # The table keys by 64 characters; the digest keeps a mistyped password in the e-mail field out of it.
    row = _throttle(session, "mail:" + hashlib.sha256(email.encode()).hexdigest()[:58], now)
    if row.failures >= MAX_FAILURES:
        return LoginOutcome(None, "login_locked", _minutes_left(row.window_started_at + LOCK, now))
    matches(_nobody, password)
    source.failures += 1
    row.failures += 1
    # Which address was tried stays out of the log: it may be a password in the wrong field.
    audit.record(
        session, now=now, actor=None, action="user.login_unknown", subject="user", subject_id=None, office_id=None,
        address=address, tried=hashlib.sha256(email.encode()).hexdigest()[:16], failures=row.failures,
    )  # fmt: skip
    _block(session, source, address, now)
    if row.failures >= MAX_FAILURES:
        row.window_started_at = now
        return LoginOutcome(None, "login_locked", _minutes_left(now + LOCK, now))
    return LoginOutcome(None, "login_wrong")


def _failed(session: Session, user: User, source: LoginThrottle, address: str, now: datetime) -> LoginOutcome:
    source.failures += 1
    user.failed_logins += 1
    _note(session, user, "user.login_failed", address, now, failures=user.failed_logins)
    _block(session, source, address, now)
    if user.failed_logins < MAX_FAILURES:
        return LoginOutcome(None, "login_wrong")
    user.failed_logins, user.locked_until = 0, now + LOCK
    _note(session, user, "user.locked", address, now, minutes=int(LOCK.total_seconds() // 60))
    return LoginOutcome(None, "login_locked", _minutes_left(user.locked_until, now))


def prove(session: Session, *, user_id: int, password: str, address: str, now: datetime) -> None:
    """The password once more, from somebody who is signed in; WrongPassword.

    Throttled and recorded as a sign-in is, with the same counters: an open session is no place to guess in.
    """
    source = _throttle(session, address or "unknown", now)
    if source.failures >= ADDRESS_FAILURES:
        minutes = _minutes_left(source.window_started_at + ADDRESS_WINDOW, now)
        raise WrongPassword("login_address_blocked", field="password", minutes=minutes)
    user = session.get_one(User, user_id, with_for_update=True)
    if user.locked_until and user.locked_until > now:
        raise WrongPassword("login_locked", field="password", minutes=_minutes_left(user.locked_until, now))
    if not matches(user.password_hash, password):
        failed = _failed(session, user, source, address, now)
        if failed.minutes:
            raise WrongPassword(failed.why, field="password", minutes=failed.minutes)
        raise WrongPassword("password_wrong", field="password")
    user.failed_logins = 0


def logout(session: Session, *, user: User, address: str, now: datetime) -> None:
    """Ends every session of the account, here and on the server."""
    user.session_epoch += 1
    _note(session, user, "user.logout", address, now)


def change_password(session: Session, *, user: User, old: str, new: str, address: str, now: datetime) -> None:
    """A person's own new password; other sessions of the account end."""
    if not matches(user.password_hash, old):
        raise InvalidInput("password_wrong", field="old")
    if old == new:
        raise InvalidInput("password_same", field="password")
    check_password(new, email=user.email, name=user.name)
    if any(matches(former, new) for former in user.former_passwords):
        raise InvalidInput("password_used", field="password", count=FORMER_PASSWORDS)
    # The present one and those before it: five in all that may not come back.
    user.former_passwords = [user.password_hash, *user.former_passwords][: FORMER_PASSWORDS - 1]
    user.password_hash = hash_password(new)
    user.must_change_password, user.password_changed_at = False, now
    user.session_epoch += 1
    _note(session, user, "user.password_changed", address, now)


def choose_language(session: Session, *, user: User, locale: str, address: str, now: datetime) -> None:
    if user.locale != locale:
        before, user.locale = user.locale, locale
        _note(session, user, "user.language", address, now, before=before, after=locale)


def _note(session: Session, user: User, action: str, address: str, now: datetime, **data: object) -> None:
    audit.record(
        session,
        now=now,
        actor=actor_of(user),
        action=action,
        subject="user",
        subject_id=user.id,
        office_id=user.office_id,
        address=address,
        **data,
    )
