"""Settings: read once from the environment, checked, frozen.

A wrong value stops the start with a message that names the setting.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class BadSetting(Exception):
    """A setting has a value that cannot be used; the message names it."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name


@dataclass(frozen=True)
class SmtpSettings:
    host: str
    port: int
    user: str | None = None
    password: str | None = None
    tls: bool = False  # TLS from the first byte (smtps://)
    starttls: bool = False


@dataclass(frozen=True)
class StoreSettings:
    endpoint: str  # host:port
    access_key: str
    secret_key: str
    bucket: str = "evidence"
    secure: bool = False


@dataclass(frozen=True)
class Settings:
    data: Path
    host: str
    port: int
    base_url: str
    secret_key: str
    database_url: str
    redis_url: str | None
    store: StoreSettings | None
    smtp: SmtpSettings | None
    mail_from: str
    timezone: ZoneInfo
    max_upload: int  # bytes
    demo: bool  # demo accounts on the login page; only ever true on loopback
    idle_minutes: int
    session_hours: int


LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def _number(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    raw = env.get(name, "")
    if not raw:
        return default
    if not raw.isdigit() or not low <= int(raw) <= high:
        raise BadSetting(name, f"{raw!r} is not a whole number from {low} to {high}")
    return int(raw)


def parse_smtp(url: str) -> SmtpSettings:
    """`smtp://user:pass@host:port?starttls=1` or `smtps://…` as settings; BadSetting otherwise."""
    parts = urlsplit(url)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise BadSetting("TRACKER_SMTP_URL", "expected smtp://[user:pass@]host[:port][?starttls=1] or smtps://…")
    try:
        port = parts.port or (465 if parts.scheme == "smtps" else 25)
    except ValueError as error:
        raise BadSetting("TRACKER_SMTP_URL", "the port is not a number") from error
    return SmtpSettings(
        host=parts.hostname,
        port=port,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls=parts.scheme == "smtps",
        starttls=parse_qs(parts.query).get("starttls", ["0"])[0] == "1",
    )


def load(env: Mapping[str, str] | None = None) -> Settings:
    """Settings from `env` (default: the process environment); raises BadSetting."""
    env = os.environ if env is None else env
    data = Path(env.get("TRACKER_DATA") or "var").absolute()
    host = env.get("TRACKER_HOST") or "127.0.0.1"
    port = _number(env, "TRACKER_PORT", 8000, 1, 65535)
    try:
        timezone = ZoneInfo(env.get("TRACKER_TIMEZONE") or "Asia/Shanghai")
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise BadSetting("TRACKER_TIMEZONE", "no such time zone") from error
    secret = env.get("TRACKER_SECRET_KEY") or ""
    if secret and len(secret) < 16:
        raise BadSetting("TRACKER_SECRET_KEY", "needs at least 16 characters")
    database = env.get("TRACKER_DATABASE_URL") or f"sqlite:///{data / 'tracker.db'}"
    if database.startswith("postgresql://"):
        database = "postgresql+psycopg://" + database.removeprefix("postgresql://")
    if not database.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise BadSetting("TRACKER_DATABASE_URL", "expected sqlite:///PATH or postgresql://…")
    store = None
    if endpoint := env.get("TRACKER_S3_ENDPOINT"):
        access, key = env.get("TRACKER_S3_ACCESS_KEY"), env.get("TRACKER_S3_SECRET_KEY")
        if not access:
            raise BadSetting("TRACKER_S3_ACCESS_KEY", "is needed with TRACKER_S3_ENDPOINT")
        if not key:
            raise BadSetting("TRACKER_S3_SECRET_KEY", "is needed with TRACKER_S3_ENDPOINT")
        store = StoreSettings(
            endpoint=endpoint.removeprefix("http://").removeprefix("https://").rstrip("/"),
            access_key=access,
            secret_key=key,
            bucket=env.get("TRACKER_S3_BUCKET") or "evidence",
            secure=env.get("TRACKER_S3_SECURE", "0") in {"1", "true", "yes"} or endpoint.startswith("https://"),
        )
    demo = env.get("TRACKER_DEMO", "0") == "1" and host in LOOPBACK
    return Settings(
        data=data,
        host=host,
        port=port,
        base_url=(env.get("TRACKER_BASE_URL") or f"http://{host}:{port}").rstrip("/"),
        secret_key=secret,
        database_url=database,
        redis_url=env.get("TRACKER_REDIS_URL") or None,
        store=store,
        smtp=parse_smtp(env["TRACKER_SMTP_URL"]) if env.get("TRACKER_SMTP_URL") else None,
        mail_from=env.get("TRACKER_MAIL_FROM") or "tracker@localhost",
        timezone=timezone,
        max_upload=_number(env, "TRACKER_MAX_UPLOAD_MB", 2048, 1, 1 << 20) << 20,
        demo=demo,
        idle_minutes=_number(env, "TRACKER_IDLE_MINUTES", 15, 1, 1440),
        session_hours=_number(env, "TRACKER_SESSION_HOURS", 8, 1, 168),
    )
