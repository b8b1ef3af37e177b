"""A time stamp authority of the test's own: openssl's, behind a tiny HTTP server, with a CA made on the spot."""

import subprocess
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CONFIG = """
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
certs = {folder}/ca.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""
EXTENSIONS = "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\nbasicConstraints=CA:FALSE\n"


def _run(*command: str, cwd: Path) -> None:
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)


def make_ca(folder: Path, name: str) -> None:
    """ca.pem, tsa.key and tsa.pem in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    _run("openssl", "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650", "-subj",
         f"/CN={name} CA", cwd=folder)  # fmt: skip
    _run("openssl", "req", *key, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", f"/CN={name} TSA", cwd=folder)
    (folder / "extensions").write_text(EXTENSIONS)
    _run("openssl", "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out",
         "tsa.pem", "-days", "3650", "-extfile", "extensions", cwd=folder)  # fmt: skip
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))


@dataclass
class Authority:
    """`fault`: what it does wrong: "", down (503), garbage, another_digest, replay (the first answer again), huge."""

    folder: Path
    url: str = ""
    fault: str = ""
    password: str = ""
    asked: int = 0
    answers: list[bytes] = field(default_factory=list)
    server: Any = None

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.pem"

    def reply(self, query: bytes) -> bytes:
        if self.fault == "another_digest":  # the last 32 bytes of the imprint, before nonce and certReq
            at = query.index(b"\x04\x20") + 2
            query = query[:at] + bytes(32) + query[at + 32 :]
        (self.folder / "query").write_bytes(query)
        _run("openssl", "ts", "-reply", "-config", "tsa.cnf", "-section", "own", "-queryfile", "query", "-out",
             "reply", cwd=self.folder)  # fmt: skip
        return (self.folder / "reply").read_bytes()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def start(folder: Path) -> Authority:
    make_ca(folder, "Test")
    authority = Authority(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            authority.asked += 1
            query = self.rfile.read(int(self.headers["Content-Length"]))
            status, body = 200, b""
            if authority.fault == "down":
                status = 503
            elif authority.password and authority.password not in self.headers.get("Authorization", ""):
                status = 401
            elif authority.fault == "garbage":
                body = b"<html>welcome to the portal</html>"
            elif authority.fault == "huge":
                body = b"0" * (1 << 20)
            elif authority.fault == "replay":
                body = authority.answers[0]
            else:
                body = authority.reply(query)
                authority.answers.append(body)
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    authority.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=authority.server.serve_forever, daemon=True).start()
    authority.url = f"http://127.0.0.1:{authority.server.server_port}/tsa"
    return authority
