"""Nothing is fetched from elsewhere: no page names another host, the policy forbids it, all works without a network."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.office import OfficeKit
from tracker.adapters.embedded.process import free_port

PACKAGE = Path(__file__).resolve().parents[1] / "tracker"
# An address of another host in something a browser loads. Names of XML namespaces are never fetched.
ELSEWHERE = re.compile(
    r"""(?:src|href|action|url\(|import|fetch\()\s*[=(]?\s*["']?(?:https?:)?//(?!www\.w3\.org)[\w.-]+"""
)
PAGES = ("/login", "/help/clerk", "/board", "/attention", "/overview", "/review", "/my", "/settings", "/admin/system")


def own_files() -> list[Path]:
    found = [path for kind in ("html", "css", "js", "svg") for path in PACKAGE.rglob(f"*.{kind}")]
    return [path for path in found if "vendor" not in path.parts]


def test_no_file_of_ours_names_another_host() -> None:
    assert own_files()
    assert [str(path) for path in own_files() if ELSEWHERE.search(path.read_text(encoding="utf-8"))] == []


def test_no_template_carries_inline_code_or_style() -> None:
    inline = re.compile(
        r"<script(?![^>]*(?:src=|type=\"application/json\"))|\son\w+=|\sstyle=|<style|javascript:", re.IGNORECASE
    )
    # Mails, and the report that `tracker rehearse` writes to a file, are no pages of ours: they stand alone.
    alone = ("mail", "report.html")
    templates = [path for path in own_files() if path.suffix == ".html" and not set(alone) & set(path.parts)]
    assert [str(path) for path in templates if inline.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_page_forbids_the_browser_to_look_elsewhere(
    app: Flask, client: FlaskClient, office: OfficeKit, login: object, page: str
) -> None:
    assert callable(login)
    if page != "/login":
        login("legal_head")
    answer = client.get(page)
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy or "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http:" not in policy
    assert "https:" not in policy
    assert not ELSEWHERE.search(answer.get_data(as_text=True))


def _unshare() -> list[str]:
    """A command prefix for a network of its own that holds nothing but a loopback; [] where that is not allowed."""
    prefix = ["unshare", "--net", "--map-root-user"]
    if shutil.which("unshare") is None:
        return []
    return prefix if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0 else []


def test_the_whole_product_runs_without_a_network(tmp_path: Path) -> None:
    """In a network namespace without any route; where the system forbids one, behind a proxy that is not there."""
    port = free_port()
    script = f"""
import signal, subprocess, sys, time, urllib.request
subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
up = subprocess.Popen([sys.executable, "-m", "tracker.cli.main", "up", "--data", {str(tmp_path / "data")!r},
                       "--port", "{port}", "--no-demo"])
try:
    for _ in range(240):
        try:
            with urllib.request.urlopen("http://127.0.0.1:{port}/first-run", timeout=5) as page:
                assert page.status == 200
                break
        except OSError:
            assert up.poll() is None, "tracker up has ended"
            time.sleep(0.5)
    else:
        sys.exit("no page")
finally:
    up.send_signal(signal.SIGINT)
    up.wait(60)
"""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "http_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1"}
    done = subprocess.run(
        [*_unshare(), sys.executable, "-c", script],
        cwd=PACKAGE.parent, env=environment, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
