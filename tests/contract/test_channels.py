"""What the vendors' robots read and answer, against a server as strict as their documentation."""

import logging
import socket
from collections.abc import Iterator

import pytest

from tests.support import robots
from tests.support.robots import KEY, SECRET, Robots
from tracker.adapters import channels
from tracker.adapters.channels import ApprisePoster, text_of
from tracker.adapters.sealing import FernetSealer
from tracker.ports import ChannelMessage, PostRefused, SealBroken

MESSAGE = ChannelMessage(
    "大港街道",
    "【法治任务】逾期2项（2026-10-13）",
    ("▲ 逾期 · T01 信访 & <b>*排查*</b> · 逾期3个工作日", "◆ T02"),
    "https://a.example/my",
)
VENDORS = ("wecom", "dingtalk", "feishu")


@pytest.fixture
def server() -> Iterator[Robots]:
    with robots.running() as made:
        yield made


def post(server: Robots, kind: str, message: ChannelMessage = MESSAGE, **target: str) -> str:
    known = {"url": f"{server.url}/hook/a?room=1"} if kind == "webhook" else {"key": KEY[kind]}
    return ApprisePoster(server.gateways).post(kind, known | target, message)


@pytest.mark.parametrize("kind", VENDORS)
def test_a_robot_shows_the_text_as_it_was_written(server: Robots, kind: str) -> None:
    assert "HTTP 200" in post(server, kind)
    assert server.said(kind) == ["\n".join([MESSAGE.title, *MESSAGE.lines, MESSAGE.url])]


def test_a_webhook_gets_its_json_and_nothing_else(server: Robots) -> None:
    post(server, "webhook")
    assert server.got == [
        (
            "webhook",
            {"office": "大港街道", "title": MESSAGE.title, "lines": list(MESSAGE.lines), "url": MESSAGE.url},
        )
    ]


@pytest.mark.parametrize("kind", ["dingtalk", "feishu"])
def test_signatures_are_those_that_the_vendor_computes(server: Robots, kind: str) -> None:
    server.signed = True
    post(server, kind, secret=SECRET[kind])
    assert len(server.got) == 1
    with pytest.raises(PostRefused) as caught:
        post(server, kind, secret=SECRET[kind][:-1] + "0")
    assert caught.value.permanent
    assert len(server.got) == 1


@pytest.mark.parametrize("kind", VENDORS)
def test_a_refusal_inside_http_200_is_a_refusal(server: Robots, kind: str) -> None:
    wrong = {"wecom": "0000-wrong-0000", "dingtalk": "f" * 32, "feishu": "0000-wrong-0000"}[kind]
    with pytest.raises(PostRefused) as caught:
        post(server, kind, key=wrong)
    assert caught.value.permanent
    assert wrong not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("wecom", b'{"errcode": 45009, "errmsg": "api freq out of limit"}'),
        ("dingtalk", b'{"errcode": 130101, "errmsg": "send too fast"}'),
        ("feishu", b'{"code": 9499, "msg": "too many request"}'),
        ("wecom", b"<html>the office's proxy wants you to log in</html>"),
        ("feishu", b"[]"),
    ],
)
def test_what_is_only_so_now_is_tried_again(server: Robots, kind: str, answer: bytes) -> None:
    server.answer = answer
    with pytest.raises(PostRefused) as caught:
        post(server, kind)
    assert not caught.value.permanent


@pytest.mark.parametrize(("status", "permanent"), [(500, False), (503, False), (429, False), (404, True), (401, True)])
@pytest.mark.parametrize("kind", [*VENDORS, "webhook"])
def test_statuses(server: Robots, kind: str, status: int, permanent: bool) -> None:
    server.status, server.answer = status, b"out of order"
    with pytest.raises(PostRefused) as caught:
        post(server, kind)
    assert caught.value.permanent is permanent
    assert f"HTTP {status} out of order" in str(caught.value)


@pytest.mark.parametrize("kind", [*VENDORS, "webhook"])
def test_redirects_are_not_followed(server: Robots, kind: str) -> None:
    """A robot must not send the server, with its key, somewhere inside the office's network."""
    server.status, server.headers = 302, {"Location": f"{server.url}/secret"}
    with pytest.raises(PostRefused):
        post(server, kind)
    assert server.asked == 1


@pytest.mark.parametrize("kind", [*VENDORS, "webhook"])
def test_a_server_that_hangs_is_left(server: Robots, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "READ", 0.3)
    server.wait = 20
    with pytest.raises(OSError, match="no answer in time"):
        post(server, kind)


def test_an_endless_answer_is_cut(server: Robots) -> None:
    server.answer = b"x" * (1 << 20)
    assert len(post(server, "webhook")) < 400


def test_nobody_there(server: Robots) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match="cannot be reached") as caught:
            ApprisePoster({"wecom": url}).post("wecom", {"key": KEY["wecom"]}, MESSAGE)
    assert KEY["wecom"] not in str(caught.value)


def test_certificates_are_checked(server: Robots) -> None:
    with pytest.raises(OSError, match="TLS"):
        ApprisePoster({}).post("webhook", {"url": server.url.replace("http:", "https:")}, MESSAGE)


def test_no_log_holds_a_key(server: Robots, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "apprise")
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # as the adapter leaves it
    post(server, "dingtalk", secret=SECRET["dingtalk"])
    server.status = 500
    with pytest.raises(PostRefused):
        post(server, "dingtalk", secret=SECRET["dingtalk"])
    assert KEY["dingtalk"] not in "".join(record.getMessage() for record in caplog.records if record.name == "apprise")


def test_long_messages_give_way_line_by_line_and_keep_their_link(server: Robots) -> None:
    long = ChannelMessage("", "【法治任务】" + "逾期" * 20, ("很长的一行" * 30,) * 10, "https://a.example/my")
    text = text_of(long, 2000)
    assert len(text.encode()) <= 2000
    assert text.endswith("\n…\nhttps://a.example/my")
    post(server, "wecom", long)
    assert len(server.said("wecom")) == 1  # one message, never two
    huge = ChannelMessage("", "标题" * 2000, (), "https://a.example/my")
    assert len(text_of(huge, 2000).encode()) <= 2000


def test_a_secret_opens_with_its_own_key_only() -> None:
    sealed = FernetSealer("one installation's key").seal("https://robot/秘密")
    assert "robot" not in sealed
    assert FernetSealer("one installation's key").unseal(sealed) == "https://robot/秘密"
    for other in (FernetSealer("another installation's"),):
        with pytest.raises(SealBroken):
            other.unseal(sealed)
    with pytest.raises(SealBroken):
        FernetSealer("one installation's key").unseal(sealed[:-4] + "AAAA")
