"""Places besides mail where people are told: robots of three vendors, and webhooks.

A new kind is one entry here, one in `adapters.channels` and one in the words of the pages.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from urllib.parse import SplitResult, parse_qs, urlsplit

from tracker.domain.mail import back_off
from tracker.errors import InvalidInput

MOST_CHANNELS = 5  # of one person or one department
MOST_LINES = 10  # of one message; the rest is one click away
LONGEST_ADDRESS = 1000
LONGEST_NAME = 60


class ChannelKind(StrEnum):
    WECOM = "wecom"
    DINGTALK = "dingtalk"
    FEISHU = "feishu"
    WEBHOOK = "webhook"  # posts JSON to any address; for departments only


@dataclass(frozen=True)
class Vendor:
    """Where a vendor's robots live. The key stands in the query as `parameter`, or, without one, ends the path."""

    base: str
    path: str
    parameter: str
    key: re.Pattern[str]
    secret: re.Pattern[str] | None = None  # 加签, where the vendor offers it


VENDORS: Mapping[ChannelKind, Vendor] = {
    ChannelKind.WECOM: Vendor(
        "https://qyapi.weixin.qq.com", "/cgi-bin/webhook/send", "key", re.compile(r"[A-Za-z0-9_-]{8,100}")
    ),
    ChannelKind.DINGTALK: Vendor(
        "https://oapi.dingtalk.com", "/robot/send", "access_token", re.compile(r"[A-Za-z0-9]{16,128}"),
        re.compile(r"SEC[A-Za-z0-9]{16,128}"),
    ),
    ChannelKind.FEISHU: Vendor(
        "https://open.feishu.cn", "/open-apis/bot/v2/hook/", "", re.compile(r"[A-Za-z0-9_-]{8,100}"),
        re.compile(r"[A-Za-z0-9_-]{8,100}"),
    ),
}  # fmt: skip
GATEWAY_KINDS = tuple(kind.value for kind in VENDORS)


@dataclass(frozen=True)
class Target:
    """What is sealed of a channel: a robot's key and signing secret, or a webhook's whole address."""

    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    url: str = field(default="", repr=False)

    def as_data(self) -> dict[str, str]:
        return {name: value for name, value in self.__dict__.items() if value}

    def shown(self) -> str:
        """Enough to tell one channel from another, and no more: the last four signs of a key, the host of a webhook."""
        return (urlsplit(self.url).hostname or "") if self.url else f"…{self.key[-4:]}"


def parse_kind(given: str, *, personal: bool) -> ChannelKind:
    """InvalidInput("channel_kind_unknown"); people have no webhooks of their own."""
    allowed = [kind for kind in ChannelKind if kind in VENDORS or not personal]
    if given not in allowed:
        raise InvalidInput("channel_kind_unknown", field="kind")
    return ChannelKind(given)


def parse_target(kind: ChannelKind, address: str, secret: str, gateways: Mapping[str, str]) -> Target:
    """What was typed (the robot's address as its vendor shows it, or the key alone), checked.

    `gateways`: kind → the base address that stands in the vendor's place in this installation. A robot's address
    must be the vendor's or the gateway's: nobody makes the server call elsewhere by it.
    Raises InvalidInput(channel_address_required, channel_address_invalid, channel_secret_invalid).
    """
    address, secret = address.strip(), secret.strip()
    if not address:
        raise InvalidInput("channel_address_required", field="address")
    vendor = VENDORS.get(kind)
    if vendor is None:
        return Target(url=_webhook(address))
    key = address if vendor.key.fullmatch(address) else _key(vendor, address, gateways.get(kind, ""))
    if key is None:
        raise InvalidInput("channel_address_invalid", field="address", shape=f"{vendor.base}{vendor.path}…")
    if secret and (vendor.secret is None or not vendor.secret.fullmatch(secret)):
        raise InvalidInput("channel_secret_invalid", field="secret")
    return Target(key=key, secret=secret)


def _split(address: str) -> SplitResult | None:
    """The parts of an address that a program may be sent to; None for anything odd."""
    if (
        len(address) > LONGEST_ADDRESS
        or not address.isascii()
        or any(sign <= " " or sign in '\\"<>' for sign in address)
    ):
        return None
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if usable and not parts.fragment else None


def _key(vendor: Vendor, address: str, gateway: str) -> str | None:
    parts = _split(address)
    if parts is None:
        return None
    for base in filter(None, (vendor.base, gateway)):
        ours = urlsplit(base)
        if (parts.scheme, parts.netloc) != (ours.scheme, ours.netloc):
            continue
        path = parts.path.removeprefix(ours.path.rstrip("/"))
        if vendor.parameter:
            found = parse_qs(parts.query).get(vendor.parameter, [""])[0] if path == vendor.path else ""
        else:
            found = path.removeprefix(vendor.path).rstrip("/") if path.startswith(vendor.path) else ""
        if vendor.key.fullmatch(found):
            return found
    return None


def _webhook(address: str) -> str:
    parts = _split(address)
    if parts is None or "@" in parts.netloc:
        raise InvalidInput("webhook_address_invalid", field="address")
    return address


def wait_after(channel_id: int, day: str, attempts: int) -> timedelta:
    """The wait after so many tries in vain: that of the mails."""
    return back_off(f"channel/{channel_id}/{day}", attempts)
