"""Settings: read once from the environment, checked, frozen.

A wrong value stops the start with a message that names the setting.
"""

import hashlib
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Of one web process. A body is read by the thread that serves its request; `tracker.serving` is what gunicorn is told,
# `tracker.web.reading` keeps a quarter of them for pages (decision 0006).
WEB_THREADS = 32


class BadSetting(Exception):
    """A setting has a value that cannot be used; the message names it."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name


@dataclass(frozen=True)
class SmtpSettings:
    """`starttls`: never; when the server offers it; or not at all without. A password is never sent in the clear
    where STARTTLS was asked for. `auth`: auto takes the best that the server offers.
    """

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False  # TLS from the first byte (smtps://)
    starttls: Literal["never", "offered", "required"] = "never"
    auth: Literal["auto", "plain", "login", "cram-md5", "none"] = "auto"
    verify: bool = True  # the server's certificate
    ca: Path | None = None  # certificates to trust besides the machine's own
    timeout: float = 20  # seconds for any single answer of the server


@dataclass(frozen=True)
class BounceSettings:
    """The IMAP mailbox that delivery reports come back to."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    tls: bool = True
    move_to: str | None = None  # a folder for what was dealt with; None: it stays, marked as seen
    verify: bool = True
    ca: Path | None = None
    timeout: float = 30


@dataclass(frozen=True)
class StoreSettings:
    endpoint: str  # host:port
    access_key: str
    secret_key: str
    bucket: str = "evidence"
    secure: bool = False


@dataclass(frozen=True)
class BackupSettings:
    """Where the nightly backup goes. Without key and passphrase it is not encrypted, and holds no secrets."""

    folder: Path
    key_file: Path | None = None
    passphrase: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class TsaSettings:
    """A time stamp authority (RFC 3161). `certificates`: PEM of what its signatures are checked against.

    Without `url` nothing new is stamped; what was stamped before can still be checked.
    """

    certificates: Path
    url: str = ""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout: float = 20


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
    bounces: BounceSettings | None = None
    backup: BackupSettings | None = None
    tsa: TsaSettings | None = None
    gateways: Mapping[str, str] = field(default_factory=dict)  # kind of robot → base address in its vendor's place
    mail_sink: bool = False  # mail stays in the embedded mailbox and can be read there; never with another server


def install_id(settings: Settings) -> str:
    """Tells what this installation makes from another's; says nothing about the key."""
    return hashlib.sha256(b"install" + settings.secret_key.encode()).hexdigest()[:12]


LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def _number(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    raw = env.get(name, "")
    if not raw:
        return default
    if not raw.isdigit() or not low <= int(raw) <= high:
        raise BadSetting(name, f"{raw!r} is not a whole number from {low} to {high}")
    return int(raw)


STARTTLS: dict[str, Literal["never", "offered", "required"]] = {"0": "never", "1": "offered", "required": "required"}
AUTH: dict[str, Literal["auto", "plain", "login", "cram-md5", "none"]] = {
    "auto": "auto", "plain": "plain", "login": "login", "cram-md5": "cram-md5", "none": "none",
}  # fmt: skip


class _Address:
    """A URL of a mail server with its options; BadSetting names the setting and what is wrong with it."""

    def __init__(self, name: str, url: str, ports: Mapping[str, int], options: set[str], shape: str) -> None:
        self.name = name
        self.parts = urlsplit(url)
        if self.parts.scheme not in ports or not self.parts.hostname:
            raise BadSetting(name, f"expected {shape}")
        self.host, self.tls = self.parts.hostname, self.parts.scheme.endswith("s")
        try:
            self.port = self.parts.port or ports[self.parts.scheme]
        except ValueError as error:
            raise BadSetting(name, "the port is not a number") from error
        self.user = unquote(self.parts.username) if self.parts.username else None
        self.password = unquote(self.parts.password) if self.parts.password else None
        self.given = {key: values[-1] for key, values in parse_qs(self.parts.query, keep_blank_values=True).items()}
        if unknown := sorted(self.given.keys() - options):
            raise BadSetting(name, f"unknown option {unknown[0]!r}, known are {', '.join(sorted(options))}")

    def one_of(self, option: str, words: Mapping[str, Any], default: str) -> Any:
        given = self.given.get(option, default)
        if given not in words:
            raise BadSetting(self.name, f"option {option}={given!r} is none of {', '.join(words)}")
        return words[given]

    def seconds(self, default: float) -> float:
        given = self.given.get("timeout", str(default))
        try:
            found = float(given)
        except ValueError:
            found = 0
        if not 0.1 <= found <= 600:
            raise BadSetting(self.name, f"option timeout={given!r} is not a number of seconds from 0.1 to 600")
        return found

    def ca(self) -> Path | None:
        given = self.given.get("ca")
        if given is None:
            return None
        try:
            ssl.create_default_context(cafile=given)
        except (OSError, ssl.SSLError) as error:
            raise BadSetting(self.name, f"option ca={given!r} is no readable file of certificates") from error
        return Path(given)


def parse_smtp(url: str, name: str = "TRACKER_SMTP_URL") -> SmtpSettings:
    """`smtp://user:pass@host:port?starttls=1&auth=login` or `smtps://…` as settings; BadSetting otherwise."""
    address = _Address(
        name, url, {"smtp": 25, "smtps": 465}, {"starttls", "auth", "verify", "ca", "timeout"},
        "smtp://[user:pass@]host[:port][?starttls=1] or smtps://…",
    )  # fmt: skip
    found = SmtpSettings(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password,
        tls=address.tls,
        starttls=address.one_of("starttls", STARTTLS, "0"),
        auth=address.one_of("auth", AUTH, "auto"),
        verify=address.one_of("verify", {"0": False, "1": True}, "1"),
        ca=address.ca(),
        timeout=address.seconds(20),
    )
    if found.tls and found.starttls != "never":
        raise BadSetting(name, "smtps:// is TLS from the first byte; starttls belongs to smtp://")
    if found.auth not in {"auto", "none"} and not found.user:
        raise BadSetting(name, f"option auth={found.auth!r} needs user and password in the address")
    return found


def parse_bounces(url: str, name: str = "TRACKER_BOUNCE_IMAP_URL") -> BounceSettings:
    """`imaps://user:pass@host:port/INBOX?move=Folder` or `imap://…` (on this machine only) as settings."""
    address = _Address(
        name, url, {"imap": 143, "imaps": 993}, {"move", "verify", "ca", "timeout"},
        "imaps://user:pass@host[:port][/FOLDER][?move=FOLDER]",
    )  # fmt: skip
    if not address.user or not address.password:
        raise BadSetting(name, "needs user and password in the address")
    if not address.tls and address.host not in LOOPBACK:
        raise BadSetting(name, "a password is not sent without TLS: use imaps://")
    folder, move = unquote(address.parts.path.strip("/")) or "INBOX", address.given.get("move")
    if not folder.isascii() or not (move or "").isascii() or '"' in folder + (move or ""):
        raise BadSetting(name, "folders are named in ASCII; give the modified UTF-7 name")
    return BounceSettings(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password,
        folder=folder,
        tls=address.tls,
        move_to=move or None,
        verify=address.one_of("verify", {"0": False, "1": True}, "1"),
        ca=address.ca(),
        timeout=address.seconds(30),
    )


def parse_gateway(name: str, url: str) -> str:
    """`http(s)://host[:port][/path]`, without a slash at its end: where a kind of robot is reached instead."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or "@" in parts.netloc:
        raise BadSetting(name, "expected http(s)://host[:port][/path]")
    return url.rstrip("/")


def _backup(env: Mapping[str, str]) -> BackupSettings | None:
    """Whether its folder can be written is the nightly job's to say, not the start's: a disk may come later."""
    folder, key, words = (env.get(f"TRACKER_BACKUP_{name}") for name in ("DIR", "KEY_FILE", "PASSPHRASE"))
    if not folder:
        return None
    if key and words:
        raise BadSetting("TRACKER_BACKUP_KEY_FILE", "give a key file or TRACKER_BACKUP_PASSPHRASE, not both")
    return BackupSettings(Path(folder).absolute(), Path(key).absolute() if key else None, words or None)


def _tsa(env: Mapping[str, str]) -> TsaSettings | None:
    """`http(s)://[user:pass@]host/path`, and the file of certificates without which no answer is believed."""
    url, certificates = env.get("TRACKER_TSA_URL") or "", env.get("TRACKER_TSA_CERT")
    if not url and not certificates:
        return None
    if not certificates:
        raise BadSetting("TRACKER_TSA_CERT", "is needed with TRACKER_TSA_URL")
    try:
        ssl.create_default_context(cafile=certificates)
    except (OSError, ssl.SSLError) as error:
        raise BadSetting("TRACKER_TSA_CERT", "no readable file of certificates (PEM)") from error
    if not url:
        return TsaSettings(Path(certificates).absolute())
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.fragment:
        raise BadSetting("TRACKER_TSA_URL", "expected http(s)://[user:pass@]host[:port][/path]")
    return TsaSettings(
        Path(certificates).absolute(),
        parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(),
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
    )


GATEWAYS = {"wecom": "TRACKER_WECOM_URL", "dingtalk": "TRACKER_DINGTALK_URL", "feishu": "TRACKER_FEISHU_URL"}


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
    smtp = parse_smtp(env["TRACKER_SMTP_URL"]) if env.get("TRACKER_SMTP_URL") else None
    return Settings(
        data=data,
        host=host,
        port=port,
        base_url=(env.get("TRACKER_BASE_URL") or f"http://{host}:{port}").rstrip("/"),
        secret_key=secret,
        database_url=database,
        redis_url=env.get("TRACKER_REDIS_URL") or None,
        store=store,
        smtp=smtp,
        mail_from=env.get("TRACKER_MAIL_FROM") or "tracker@localhost",
        timezone=timezone,
        max_upload=_number(env, "TRACKER_MAX_UPLOAD_MB", 16384, 1, 1 << 20) << 20,
        demo=demo,
        idle_minutes=_number(env, "TRACKER_IDLE_MINUTES", 15, 1, 1440),
        session_hours=_number(env, "TRACKER_SESSION_HOURS", 8, 1, 168),
        backup=_backup(env),
        tsa=_tsa(env),
        bounces=parse_bounces(env["TRACKER_BOUNCE_IMAP_URL"]) if env.get("TRACKER_BOUNCE_IMAP_URL") else None,
        gateways={kind: parse_gateway(name, env[name]) for kind, name in GATEWAYS.items() if env.get(name)},
        mail_sink=env.get("TRACKER_SMTP_SINK", "0") == "1" and smtp is not None and smtp.host in LOOPBACK,
    )
