"""Starts the whole product on one machine and keeps it running; ends when told to, and everything with it.

    python -m tracker.adapters.embedded.supervisor [--data DIR] [--port N] [--no-demo] [--json]

Order: S3 store, Redis and mailbox together; then schema, bucket and (in the
demo) sample data; then the web; then worker and beat. From the second start on
the step in the middle loads its modules while the servers start. A server that the
environment names (TRACKER_S3_ENDPOINT, TRACKER_REDIS_URL, TRACKER_SMTP_URL) is
used instead of ours. A child that dies is started again, later each time.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from tracker import config
from tracker.adapters.embedded import bucket, install, mailsink, seaweed, valkey
from tracker.adapters.embedded.process import (
    LOOPBACK,
    DidNotStart,
    answers,
    free_port,
    is_free,
    spawn,
    stop,
    wait_until,
)

BACKOFF = (1, 2, 5, 10, 30, 60)  # seconds before the first, second, … new start of a child
STEADY = 60  # seconds after which a child counts as healthy again
START_LIMIT = 120  # seconds until the first page must be there
ACCOUNTS = "accounts.txt"  # the demo's, with their passwords: tracker/demo.py writes it
# Two threads for sweep and delivery; everything else has a thread of its own (decisions/0029). The workers' talk among
# themselves serves nobody here, and stumbles over a broker that comes back.
WORKER = (
    "worker", "--pool", "threads", "--concurrency", "2", "--loglevel", "INFO",
    "--without-gossip", "--without-mingle", "--without-heartbeat",
)  # fmt: skip
NAMED = 13  # accounts of the demo that the terminal lists: one of each role; all of them stand in the file


class Refused(Exception):
    """`up` cannot do what was asked; the message says why, in both languages."""


@dataclass
class Child:
    """One process and how to start it."""

    name: str
    launch: Callable[[], subprocess.Popen[bytes]]
    process: subprocess.Popen[bytes]
    started: float
    failures: int = 0
    again_at: float | None = None


def say(text: str) -> None:
    """One line on the terminal, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Supervisor:
    """The children of one installation."""

    def __init__(
        self, data: Path, inst: install.Install, env: Mapping[str, str], machine: TextIO | None = None
    ) -> None:
        """`machine`: gets one line of JSON when everything runs, instead of the words for people."""
        self.machine = machine
        self.first_words: list[str] = []  # of `init`: the code of a new installation
        self.data = data
        self.install = inst
        self.logs = data / "logs"
        self.children: list[Child] = []
        self.mail: mailsink.Handle | None = None
        self.init: subprocess.Popen[bytes] | None = None
        self.stopping = False
        self.env = dict(env) | {"TRACKER_DATA": str(data), "TRACKER_PORT": str(inst.port)}
        self.env = install.merged_environment(self.env) | {"PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2"}
        self.env.setdefault("TRACKER_HOST", LOOPBACK)

    # -- starting ------------------------------------------------------------------------------------------------

    def start(self, name: str, launch: Callable[[], subprocess.Popen[bytes]]) -> Child:
        child = Child(name, launch, launch(), time.monotonic())
        self.children.append(child)
        return child

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def start_servers(self) -> None:
        """S3, Redis and mailbox, all at once; those that the environment names elsewhere are left alone."""
        inst, waits = self.install, list[tuple[Child, Callable[[], bool]]]()
        if self.uses_our("TRACKER_S3_ENDPOINT", inst.store.endpoint):
            child = self.start("store", lambda: seaweed.launch(self.data / "s3", inst.store, self.log("store")))
            waits.append((child, lambda: seaweed.is_ready(inst.store)))
        if self.uses_our("TRACKER_REDIS_URL", inst.redis.url):
            child = self.start("redis", lambda: valkey.launch(self.data / "redis", inst.redis, self.log("redis")))
            waits.append((child, lambda: valkey.is_ready(inst.redis)))
        if self.uses_our("TRACKER_SMTP_URL", f"smtp://{LOOPBACK}:{inst.smtp_port}"):
            self.mail = mailsink.start(self.data / "mail", inst.smtp_port)
        name = self.env.get("TRACKER_S3_BUCKET") or install.BUCKET
        made = (inst.bucket_made, inst.bucket_rule) == (name, bucket.RULE)
        if made:
            self.start_init()
        for child, ready in waits:
            self.wait_for(child, ready)
        if not made and self.uses_our("TRACKER_S3_ENDPOINT", inst.store.endpoint):
            bucket.make_bucket(inst.store, self.data / "s3", name, self.log("store"))
            inst.bucket_made, inst.bucket_rule = name, bucket.RULE
            install.save(self.data, inst)

    def uses_our(self, setting: str, value: str) -> bool:
        """Whether the application is to use the embedded server (nothing else is named by the environment)."""
        return self.env.get(setting) == value

    def wait_for(self, child: Child, ready: Callable[[], bool]) -> None:
        wait_until(lambda: self.stopping or ready(), child.process, child.name, self.log(child.name), 60)

    def start_init(self) -> subprocess.Popen[bytes]:
        """Schema, bucket and sample data, by the command that every administrator has; it waits for the store."""
        command = [sys.executable, "-m", "tracker.cli.main", "init", "--quiet", "--wait", "60"]
        if self.install.demo:
            command.append("--demo")
        self.init = spawn(command, self.log("init"), self.env, capture=True)
        return self.init

    def initialise(self) -> None:
        process = self.init or self.start_init()
        while process.poll() is None and not self.stopping:
            time.sleep(0.05)
        if process.poll() is None:
            stop(process)
        elif process.returncode != 0:
            tail = self.log("init").read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
            raise DidNotStart("\n".join(["tracker init failed:", *tail]))
        elif process.stdout is not None:
            # Few lines: the code of a new installation, a password that is shown once.
            self.first_words = process.stdout.read().decode("utf-8", "replace").splitlines()
            for line in self.first_words:
                say(line)
        if process.stdout is not None:
            process.stdout.close()

    def start_application(self) -> None:
        """The web, and once it serves, worker and beat: together they would keep whoever waits for a page waiting."""
        python = sys.executable
        web = [python, "-m", "gunicorn", "--bind", f"{self.env['TRACKER_HOST']}:{self.install.port}"]
        web += ["-c", "python:tracker.serving", "--graceful-timeout", "5", "--error-logfile", "-", "tracker.wsgi:app()"]
        celery = [python, "-m", "celery", "-A", "workers.celery_app"]
        worker = [*celery, *WORKER]
        beat = [*celery, "beat", "--loglevel", "INFO", "--pidfile=", "-s", str(self.data / "beat-schedule")]
        self.start("web", partial(spawn, web, self.log("web"), self.env))
        self.wait_for_page()
        if self.stopping:
            return
        for name, command in (("worker", worker), ("beat", beat)):
            self.start(name, partial(spawn, command, self.log(name), self.env))

    def is_serving(self) -> bool:
        """Whether the web process answers."""
        try:
            urllib.request.urlopen(f"http://{self.address()}/healthz", timeout=5).close()
        except (OSError, urllib.error.URLError):
            return False
        return True

    def address(self) -> str:
        host = self.env["TRACKER_HOST"]
        return f"{LOOPBACK if host in {'0.0.0.0', '::'} else host}:{self.install.port}"  # noqa: S104 - recognised, not bound

    # -- running -------------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Everything from the first server to the last; returns the exit status."""
        began = time.monotonic()
        try:
            self.start_servers()
            if not self.stopping:
                self.initialise()
            if not self.stopping:
                self.start_application()
            if not self.stopping:
                self.greet(time.monotonic() - began)
            while not self.stopping:
                self.look_after_children()
                time.sleep(0.5)
        except DidNotStart as error:
            return refuse(f"启动失败 / could not start: {error}", self.machine)
        finally:
            self.stop_all()
        return 0

    def wait_for_page(self) -> None:
        until = time.monotonic() + START_LIMIT
        while not self.stopping and not self.is_serving():
            self.look_after_children()
            web = next(child for child in self.children if child.name == "web")
            if web.failures > 2 or time.monotonic() > until:
                raise DidNotStart(f"web: {self.log('web')}")
            time.sleep(0.1)

    def look_after_children(self) -> None:
        """Name the dead, and start them again when their time has come."""
        now = time.monotonic()
        for child in self.children:
            if child.again_at is not None:
                if now >= child.again_at:
                    child.process, child.started, child.again_at = child.launch(), now, None
                continue
            status = child.process.poll()
            if status is None:
                if child.failures and now - child.started > STEADY:
                    child.failures = 0
                continue
            pause = BACKOFF[min(child.failures, len(BACKOFF) - 1)]
            child.failures += 1
            child.again_at = now + pause
            say(f"{child.name} 已退出 / ended ({status}); {pause} s → 重启 / restart; {self.log(child.name)}")

    def accounts(self) -> list[dict[str, str]]:
        """The demo's accounts without their passwords."""
        try:
            lines = (self.data / ACCOUNTS).read_text(encoding="utf-8").splitlines()
        except OSError:
            return []
        fields = [line.split("\t") for line in lines]
        return [{"email": email, "name": name} for email, _password, name in fields]

    def ready(self, seconds: float) -> dict[str, Any]:
        """What a program wants to know of the running product."""
        accounts = self.accounts() if self.install.demo else []
        said = dict(line.split(": ", 1) for line in self.first_words if ": " in line)
        return {
            "address": f"http://{self.address()}/", "demo": self.install.demo, "data": str(self.data),
            "accounts_file": str(self.data / ACCOUNTS) if accounts else None, "accounts": accounts,
            "mail": str(self.data / "mail") if self.mail is not None else None, "logs": str(self.logs),
            "seconds": round(seconds, 1), **said,
        }  # fmt: skip

    def greet(self, seconds: float) -> None:
        if self.machine is not None:
            self.machine.write(json.dumps(self.ready(seconds), ensure_ascii=False) + "\n")
            self.machine.flush()
            return
        say(f"服务地址 / address:  http://{self.address()}/    ({seconds:.1f} s)")
        if self.install.demo:
            say("演示账户在登录页，一键进入 / demo accounts: one click on the login page")
            accounts = self.accounts()
            if accounts:
                say(f"账户和密码 / accounts and passwords: {self.data / ACCOUNTS}")
            for account in accounts[:NAMED]:
                say(f"  {account['email']:<32} {account['name']}")
            if len(accounts) > NAMED:
                say(f"  另有 {len(accounts) - NAMED} 个部门账户 / {len(accounts) - NAMED} more of departments")
        if self.mail is not None:
            say(f"邮件 / mail: {self.data / 'mail'}")
        say(f"日志 / logs: {self.logs}    Ctrl-C 停止 / stops everything")

    # -- stopping ------------------------------------------------------------------------------------------------

    def ask_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def stop_all(self) -> None:
        """Those that use the servers first, all at once; then the servers."""
        if self.init is not None and self.init.poll() is None:
            stop(self.init)
        servers = {"store", "redis"}
        for group in ({"web", "worker", "beat"}, servers):
            running = [c for c in self.children if c.name in group and c.process.poll() is None]
            for child in running:
                child.process.send_signal(signal.SIGTERM)
            for child in running:
                stop(child.process)
        if self.mail is not None:
            self.mail.stop()
            self.mail = None


def choose_install(data: Path, *, port: int | None, demo: bool) -> install.Install:
    """The installation of the folder, or a new one, with a port that is free now; Refused when that cannot be."""
    inst = install.load(data)
    if inst is None:
        inst = install.new(demo=demo, port=port or install.DEFAULT_PORT)
    elif inst.demo and not demo:
        raise Refused(
            f"{data}: 这里是演示单位的数据，请用 --data 另选目录"
            " / holds the demo office: choose another folder with --data"
        )
    if port is not None:
        inst.port = port
        if not is_free(port):
            raise Refused(f"端口 {port} 已被占用 / port {port} is taken (--port, TRACKER_PORT)")
    elif not is_free(inst.port):
        inst.port = next((p for p in range(inst.port + 1, inst.port + 50) if is_free(p)), 0) or free_port()
    for name, taken in (("S3", inst.store.ports["s3"]), ("Redis", inst.redis.port)):
        # A supervisor that was killed outright takes its servers with it, but they need some seconds to end.
        until = time.monotonic() + 8
        while answers(taken) and time.monotonic() < until:
            time.sleep(0.2)
        if answers(taken):
            raise Refused(f"端口 {taken} ({name}) 已被占用 / port {taken} ({name}) is taken by another program")
    if not is_free(inst.smtp_port):
        inst.smtp_port = free_port()
    return inst


def up(data: Path, *, port: int | None, demo: bool, env: Mapping[str, str], machine: TextIO | None = None) -> int:
    """Start and keep everything until told to stop; the exit status: 0 stopped, 1 met a problem."""
    data = data.absolute()
    try:
        with install.lock(data):
            inst = choose_install(data, port=port, demo=demo)
            install.save(data, inst)
            supervisor = Supervisor(data, inst, env, machine)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, supervisor.ask_to_stop)
            say(f"正在启动 / starting: {data}")
            return supervisor.run()
    except install.InUse:
        trouble = f"{data}: 已有一个 tracker up 在运行 / another `tracker up` is running on this folder"
    except Refused as error:
        trouble = str(error)
    return refuse(trouble, machine)


def refuse(trouble: str, machine: TextIO | None) -> int:
    """Says why nothing runs; the exit status."""
    say(trouble)
    if machine is not None:
        machine.write(json.dumps({"error": trouble}, ensure_ascii=False) + "\n")
        machine.flush()
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="tracker up")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--port", type=int)
    parser.add_argument("--no-demo", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    machine = None
    if given.json:  # what is said to people meanwhile goes elsewhere
        machine, sys.stdout = sys.stdout, sys.stderr
    try:
        settings = config.load()
    except config.BadSetting as error:
        return refuse(str(error), machine)
    port = given.port or (settings.port if os.environ.get("TRACKER_PORT") else None)
    return up(given.data or settings.data, port=port, demo=not given.no_demo, env=os.environ, machine=machine)


if __name__ == "__main__":
    sys.exit(main())
