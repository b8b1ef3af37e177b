"""Robots and webhooks through Apprise; implements ports.Poster.

Apprise builds what each vendor wants to read. Three things it leaves to us (docs/decisions/0014): the vendors answer
HTTP 200 to a message that they drop, so their answer is read here; an answer is bounded in size and time; and no key
ever comes into a log or an error.
"""

import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Mapping
from threading import local
from typing import Any
from urllib.parse import urlsplit

import apprise
import requests
from apprise.plugins import custom_json, dingtalk, feishu, wecombot
from apprise.plugins.base import NotifyBase

from tracker import clock
from tracker.domain.channels import VENDORS, ChannelKind
from tracker.ports import ChannelMessage, PostRefused

CONNECT, READ, WHOLE = 5.0, 10.0, 25.0  # seconds: to connect, for any piece of the answer, for all of it
MOST_ANSWER = 16 << 10  # bytes that are read of an answer
LONGEST = {ChannelKind.WECOM: 2000, ChannelKind.DINGTALK: 18_000, ChannelKind.FEISHU: 18_000}  # bytes of UTF-8
SAID = 300  # signs of an answer that are kept
TRY_LATER = {408, 425, 429}  # statuses below 500 that speak of now, not of us
# Codes in the vendors' answers that speak of now: busy, or too many messages.
BUSY = {"-1", "45009", "45033", "130101", "90018", "9499", "11232", "11233"}

logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would write keys; what went wrong is told by `post`


class _Wire(local):
    """What the plugins know as `requests`: bounds what comes back, and keeps it for whoever asked. One per thread."""

    codes, RequestException = requests.codes, requests.RequestException
    extra: Mapping[str, str] = {}  # further members of the JSON that is posted
    answer: requests.Response | None = None
    error: requests.RequestException | None = None

    def begin(self, extra: Mapping[str, str]) -> None:
        self.extra, self.answer, self.error = extra, None, None

    def post(self, url: str, **options: Any) -> requests.Response:
        return self.request("POST", url, **options)

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        if self.extra:
            options["data"] = json.dumps({**self.extra, **json.loads(options["data"])}).encode()
        try:
            with requests.Session() as session, session.request(method, url, stream=True, **options) as answer:
                answer._content = _bounded(answer)
        except requests.RequestException as error:
            self.error = error
            raise
        self.answer = answer
        return answer


def _bounded(answer: requests.Response) -> bytes:
    until, body = time.monotonic() + WHOLE, b""
    for piece in answer.iter_content(2048):
        body += piece
        if len(body) > MOST_ANSWER:
            break
        if time.monotonic() > until:
            raise requests.Timeout("the answer takes too long")
    return body[:MOST_ANSWER]


WIRE = _Wire()
for _module in (custom_json, dingtalk, feishu, wecombot):
    vars(_module)["requests"] = WIRE


class _WeCom(wecombot.NotifyWeComBot):
    def __init__(self, base: str, **given: Any) -> None:
        self.notify_url = base + "/cgi-bin/webhook/send?key={key}"
        super().__init__(**given)


class _DingTalk(dingtalk.NotifyDingTalk):
    def __init__(self, base: str, **given: Any) -> None:
        self.notify_url = base + "/robot/send?access_token={token}"
        super().__init__(**given)

    def get_signature(self) -> tuple[str, str]:
        """Timestamp and signature, as they are before the query is encoded: Apprise encodes the signature twice."""
        stamp = str(round(clock.now().timestamp() * 1000))
        return stamp, _signature(str(self.secret), f"{stamp}\n{self.secret}")


class _Feishu(feishu.NotifyFeishu):
    def __init__(self, base: str, **given: Any) -> None:
        self.notify_url = base + "/open-apis/bot/v2/hook/{token}"
        super().__init__(**given)


def _tuned(plugin: NotifyBase) -> NotifyBase:
    """No throttling (one message a day), and no waiting without end."""
    plugin.request_rate_per_sec = 0
    plugin.socket_connect_timeout, plugin.socket_read_timeout = CONNECT, READ
    return plugin


def _signature(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


def _feishu_sign(secret: str) -> dict[str, str]:
    """Feishu signs in the body, with key and text the other way round."""
    stamp = str(round(clock.now().timestamp()))
    return {"timestamp": stamp, "sign": _signature(f"{stamp}\n{secret}", "")}


class ApprisePoster:
    """`gateways`: kind → base address that stands in its vendor's place."""

    def __init__(self, gateways: Mapping[str, str]) -> None:
        self._gateways = gateways
        self._asset = apprise.AppriseAsset(
            app_id="tracker", app_desc="tracker", app_url="", http_redirects=False, async_mode=False,
            plugin_paths=(), image_url_mask="", image_url_logo="",
        )  # fmt: skip

    def post(self, kind: str, target: Mapping[str, str], message: ChannelMessage) -> str:
        secrets = [value for value in target.values() if value]
        try:
            return self._post(ChannelKind(kind), target, message)
        except PostRefused as error:
            raise PostRefused(_redacted(str(error), secrets), error.permanent) from None
        except OSError as error:
            raise OSError(_redacted(str(error), secrets)) from None

    def _post(self, kind: ChannelKind, target: Mapping[str, str], message: ChannelMessage) -> str:
        try:
            plugin = _tuned(self._plugin(kind, target, message))
        except apprise.exception.AppriseImproperlyConfigured as error:
            raise PostRefused("not an address of this kind", permanent=True) from error
        body = text_of(message, LONGEST.get(kind, 1 << 20))
        signs = kind is ChannelKind.FEISHU and target.get("secret")
        WIRE.begin(_feishu_sign(target["secret"]) if signs else {})
        plugin.notify(body=body, title=message.title if kind is ChannelKind.WEBHOOK else "")
        if WIRE.error is not None:
            raise OSError(_trouble(WIRE.error))
        if WIRE.answer is None:
            raise PostRefused("nothing was posted", permanent=True)
        return _read(kind, WIRE.answer)

    def _plugin(self, kind: ChannelKind, target: Mapping[str, str], message: ChannelMessage) -> NotifyBase:
        if kind is ChannelKind.WEBHOOK:
            return self._webhook(target["url"], message)
        base = self._gateways.get(kind) or VENDORS[kind].base
        given: dict[str, Any] = {"base": base, "asset": self._asset}
        if kind is ChannelKind.WECOM:
            return _WeCom(key=target["key"], **given)
        if kind is ChannelKind.DINGTALK:
            return _DingTalk(token=target["key"], secret=target.get("secret"), **given)
        return _Feishu(token=target["key"], **given)

    def _webhook(self, url: str, message: ChannelMessage) -> NotifyBase:
        """Posts {office, title, lines, url}; Apprise's own members are taken out of its JSON."""
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        plugin = custom_json.NotifyJSON(
            schema="jsons" if parts.scheme == "https" else "json", secure=parts.scheme == "https", host=host,
            port=parts.port, asset=self._asset,
            payload={
                "version": "", "message": "", "attachments": "", "type": "",
                "office": message.office, "lines": list(message.lines), "url": message.url,
            },
        )  # fmt: skip
        plugin.fullpath = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return plugin


def text_of(message: ChannelMessage, longest: int) -> str:
    """Title, lines and link as one text of at most `longest` bytes; the last lines give way, the link stays."""
    end = f"\n{message.url}" if message.url else ""
    room = longest - len(end.encode())
    text = message.title
    for number, line in enumerate(message.lines):
        longer = f"{text}\n{line}"
        more = "\n…" if number + 1 < len(message.lines) else ""
        if len((longer + more).encode()) > room:
            text += "\n…"
            break
        text = longer
    return text.encode()[:room].decode(errors="ignore") + end


def _redacted(words: str, secrets: list[str]) -> str:
    for secret in secrets:
        words = words.replace(secret, "…")
    return words[:SAID]


def _trouble(error: requests.RequestException) -> str:
    """What kept us from the other side, without the address."""
    if isinstance(error, requests.exceptions.SSLError):
        return "TLS: the certificate is not trusted, or the other side speaks no TLS"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not answer"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "cannot be reached"
    return type(error).__name__


def _read(kind: ChannelKind, answer: requests.Response) -> str:
    """The answer in one line; PostRefused where it says no."""
    status, words = answer.status_code, " ".join(answer.content.decode(errors="replace").split())
    said = f"HTTP {status} {words}".strip()
    if not 200 <= status < 300:
        raise PostRefused(said, permanent=status < 500 and status not in TRY_LATER)
    if kind is ChannelKind.WEBHOOK:
        return said[:SAID]
    try:
        told = json.loads(words)
        code = str(told.get("errcode", told.get("code", told.get("StatusCode"))))
    except (ValueError, AttributeError):
        code = "None"
    if code == "None":  # a proxy's page, or not this vendor at all
        raise PostRefused(f"not the answer of a robot: {said}", permanent=False)
    if code != "0":
        raise PostRefused(said, permanent=code not in BUSY)
    return said[:SAID]
