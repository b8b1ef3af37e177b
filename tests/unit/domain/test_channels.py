"""Where a channel may point: the vendors' addresses and the office's gateway, nowhere else."""

import pytest

from tests.support.robots import KEY, PATH, SECRET, VENDOR
from tracker.domain.channels import ChannelKind, Target, parse_kind, parse_target
from tracker.errors import InvalidInput

KINDS = (ChannelKind.WECOM, ChannelKind.DINGTALK, ChannelKind.FEISHU)


def address(kind: str, base: str = "") -> str:
    return (base or VENDOR[kind]) + PATH[kind].format(key=KEY[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_the_address_as_the_vendor_shows_it_or_the_key_alone(kind: ChannelKind) -> None:
    assert parse_target(kind, f" {address(kind)} ", "", {}) == Target(key=KEY[kind])
    assert parse_target(kind, KEY[kind], SECRET.get(kind, ""), {}).key == KEY[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_the_gateway_stands_in_the_vendors_place(kind: ChannelKind) -> None:
    gateways = {kind.value: "http://10.1.2.3:8080/robots"}
    assert parse_target(kind, address(kind, "http://10.1.2.3:8080/robots"), "", gateways).key == KEY[kind]
    assert parse_target(kind, address(kind), "", gateways).key == KEY[kind]
    with pytest.raises(InvalidInput):
        parse_target(kind, address(kind, "http://10.1.2.3:8080/robots"), "", {})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "wrong",
    [
        "http://169.254.169.254/latest/meta-data", "https://{host}.evil.example{path}", "https://evil.example{path}",
        "https://user:pw@{host}{path}", "https://{host}:8443{path}", "http://{host}{path}", "https://{host}/other{path}",
        "https://{host}{path}#x", "https://{host}@evil.example{path}", "file:///etc/passwd", "gopher://{host}{path}",
        "https://{host}{path}\nHost: a", "https://{host}\\@evil.example{path}", "https://[::1", "短", "x" * 2000,
    ],
)  # fmt: skip
def test_nothing_else_is_an_address(kind: ChannelKind, wrong: str) -> None:
    host, path = VENDOR[kind].removeprefix("https://"), PATH[kind].format(key=KEY[kind])
    with pytest.raises(InvalidInput) as caught:
        parse_target(kind, wrong.format(host=host, path=path), "", {})
    assert caught.value.code == "channel_address_invalid"


def test_secrets_belong_to_vendors_that_sign() -> None:
    with pytest.raises(InvalidInput):
        parse_target(ChannelKind.WECOM, KEY["wecom"], "SEC" + "a" * 32, {})
    with pytest.raises(InvalidInput):
        parse_target(ChannelKind.DINGTALK, KEY["dingtalk"], "not a secret", {})


@pytest.mark.parametrize("good", ["http://10.0.0.8/hook", "https://oa.office.example:8443/a?b=c", "http://[fd00::1]/x"])
def test_webhooks_go_to_any_address_of_the_web(good: str) -> None:
    assert parse_target(ChannelKind.WEBHOOK, good, "", {}).url == good


@pytest.mark.parametrize("bad", ["ftp://a/b", "https://u:p@a.example/", "a.example/hook", "http://", "http://a:99999/"])
def test_webhooks_that_are_none(bad: str) -> None:
    with pytest.raises(InvalidInput):
        parse_target(ChannelKind.WEBHOOK, bad, "", {})


def test_people_have_no_webhooks_of_their_own() -> None:
    assert parse_kind("webhook", personal=False) is ChannelKind.WEBHOOK
    with pytest.raises(InvalidInput):
        parse_kind("webhook", personal=True)


def test_what_a_page_shows_is_only_the_tail() -> None:
    assert Target(key=KEY["wecom"]).shown() == "…" + KEY["wecom"][-4:]
    assert Target(url="https://oa.office.example/hook?key=1").shown() == "oa.office.example"
    assert KEY["wecom"] not in repr(Target(key=KEY["wecom"]))
