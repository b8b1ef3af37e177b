"""A real HTTP server that plays the robots of the three vendors and a webhook, each as strict as its documentation."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = {"wecom": "693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa", "dingtalk": "a1" * 32, "feishu": "bd8f-0000-11aa"}
SECRET = {"dingtalk": "SEC" + "c3" * 32, "feishu": "Kd8Signing0secret"}
PATH = {
    "wecom": "/cgi-bin/webhook/send?key={key}", "dingtalk": "/robot/send?access_token={key}",
    "feishu": "/open-apis/bot/v2/hook/{key}",
}  # fmt: skip
VENDOR = {
    "wecom": "https://qyapi.weixin.qq.com", "dingtalk": "https://oapi.dingtalk.com",
    "feishu": "https://open.feishu.cn",
}  # fmt: skip


def sign(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


@dataclass
class Robots:
    """What came, as (kind, JSON). `status`, `answer`, `wait`: what the next answers are instead of the vendor's own."""

    url: str = ""
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)  # where what came was sent to, in the same order
    asked: int = 0
    signed: bool = False  # the robots ask for a signature
    status: int = 200
    answer: bytes | None = None
    wait: float = 0
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def gateways(self) -> dict[str, str]:
        return dict.fromkeys(VENDOR, self.url)

    def said(self, kind: str) -> list[str]:
        """The texts that a kind of robot shows in its room."""
        texts = {"wecom": lambda body: body["text"]["content"], "dingtalk": lambda body: body["text"]["content"],
                 "feishu": lambda body: body["content"]["text"]}  # fmt: skip
        return [texts[kind](body) for who, body in self.got if who == kind]

    # -- the vendors' rules --------------------------------------------------------------------------------------------

    def take(self, target: str, headers: Any, raw: bytes) -> tuple[str, dict[str, Any]]:
        """(kind, answer) as the vendor would."""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = json.loads(raw)
        assert headers["Content-Type"].startswith("application/json")
        if parts.path == "/cgi-bin/webhook/send":
            return "wecom", self._wecom(query, body)
        if parts.path == "/robot/send":
            return "dingtalk", self._dingtalk(query, body)
        if parts.path.startswith("/open-apis/bot/v2/hook/"):
            return "feishu", self._feishu(parts.path.rpartition("/")[2], body)
        return "webhook", {}

    def _wecom(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        if query.get("key") != KEY["wecom"]:
            return {"errcode": 93000, "errmsg": "invalid webhook url"}
        if body["msgtype"] != "text" or len(body["text"]["content"].encode()) > 2048:
            return {"errcode": 40058, "errmsg": "text.content exceed max length 2048"}
        return {"errcode": 0, "errmsg": "ok"}

    def _dingtalk(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        if query.get("access_token") != KEY["dingtalk"]:
            return {"errcode": 300005, "errmsg": "token is not exist"}
        if self.signed:
            stamp = query.get("timestamp", "0")
            right = sign(SECRET["dingtalk"], f"{stamp}\n{SECRET['dingtalk']}")
            if abs(time.time() * 1000 - int(stamp)) > 3_600_000 or query.get("sign") != right:
                return {"errcode": 310000, "errmsg": "sign not match"}
        elif "法治任务" not in body["text"]["content"]:
            return {"errcode": 310000, "errmsg": "keywords not in content"}
        return {"errcode": 0, "errmsg": "ok"}

    def _feishu(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        if key != KEY["feishu"]:
            return {"code": 19001, "msg": "param invalid: incoming webhook access token invalid"}
        if self.signed and body.get("sign") != sign(f"{body.get('timestamp')}\n{SECRET['feishu']}", ""):
            return {"code": 19021, "msg": "sign match fail or timestamp is not within one hour"}
        if body["msg_type"] != "text" or not body["content"]["text"]:
            return {"code": 9499, "msg": "Bad Request"}
        return {"code": 0, "msg": "success", "data": {}}


@contextmanager
def running() -> Iterator[Robots]:
    robots, ended = Robots(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            robots.asked += 1
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            kind, answer = robots.take(self.path, self.headers, raw)
            if robots.wait:
                ended.wait(robots.wait)
            good = robots.status == 200 and not answer.get("errcode") and not answer.get("code")
            if good and robots.answer is None:
                robots.got.append((kind, json.loads(raw)))
                robots.paths.append(self.path)
            told = json.dumps(answer).encode() if robots.answer is None else robots.answer
            try:
                self.send_response(robots.status)
                for name, value in robots.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)
            except OSError:
                pass  # whoever asked is gone

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    robots.url = f"http://127.0.0.1:{server.server_port}"
    yield robots
    ended.set()
    server.shutdown()
    thread.join()
    server.server_close()
