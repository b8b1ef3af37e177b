"""docker-compose.yml and the Dockerfile, as far as they can be judged without an engine."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import compose
import pytest

from tracker.adapters.embedded.supervisor import WORKER

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(sysconfig.get_path("scripts"))
SECRETS = {
    "TRACKER_BASE_URL": "https://tracker.office.example",
    "TRACKER_SECRET_KEY": "k" * 32,
    "POSTGRES_PASSWORD": "pg-word",
    "REDIS_PASSWORD": "redis-word",
    "S3_SECRET_KEY": "s3-secret-word",
    "S3_ADMIN_PASSWORD": "s3-admin-word",
}


def run(*command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("TRACKER_", "S3_", "POSTGRES_"))}
    return subprocess.run(command, cwd=ROOT, env=clean | (env or {}), capture_output=True, text=True, check=False)


def config(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    # The package's Python wrapper always ends with 0, so its program is called directly.
    program = Path(compose.__file__).parent / "docker-compose"
    return run(str(program), "-f", "docker-compose.yml", "config", "--format", "json", env=env)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    done = config(SECRETS)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


def test_every_part_is_there(services: dict[str, Any]) -> None:
    assert set(services) == {"web", "worker", "beat", "init", "postgres", "redis", "s3", "bucket"}


@pytest.mark.parametrize("missing", sorted(SECRETS))
def test_a_missing_secret_stops_it_and_is_named(missing: str) -> None:
    done = config({key: value for key, value in SECRETS.items() if key != missing})
    assert done.returncode != 0
    assert missing in done.stderr


def test_only_the_web_is_published_and_only_on_loopback(services: dict[str, Any]) -> None:
    published = {name: part["ports"] for name, part in services.items() if part.get("ports")}
    assert set(published) == {"web"}
    assert [port["host_ip"] for port in published["web"]] == ["127.0.0.1"]


def test_the_application_waits_for_its_schema_and_the_schema_for_its_servers(services: dict[str, Any]) -> None:
    for part in ("web", "worker", "beat"):
        assert services[part]["depends_on"]["init"]["condition"] == "service_completed_successfully"
    assert set(services["init"]["depends_on"]) == {"postgres", "redis", "bucket"}


def test_the_worker_is_the_embedded_runs(services: dict[str, Any]) -> None:
    assert services["worker"]["command"] == ["celery", "-A", "workers.celery_app", *WORKER]


def test_the_settings_are_accepted_by_the_application(services: dict[str, Any]) -> None:
    from tracker.config import load

    settings = load(services["web"]["environment"])
    assert settings.database_url == "postgresql+psycopg://tracker:pg-word@postgres:5432/tracker"
    assert settings.store is not None
    assert settings.store.endpoint == "s3:9000"
    assert settings.smtp is None


def test_the_applications_key_may_not_undo_the_archive() -> None:
    done = config(SECRETS)
    policy = json.loads(json.loads(done.stdout)["configs"]["policy"]["content"])
    denied = {action for rule in policy["Statement"] if rule["Effect"] == "Deny" for action in rule["Action"]}
    assert {"s3:DeleteBucket", "s3:BypassGovernanceRetention", "s3:PutBucketVersioning"} <= denied
    allowed = {action for rule in policy["Statement"] if rule["Effect"] == "Allow" for action in rule["Action"]}
    assert not allowed & denied
    assert "s3:*" not in allowed


def test_the_schema_of_compose_files() -> None:
    done = run(str(SCRIPTS / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile_is_clean() -> None:
    done = run(str(SCRIPTS / "hadolint"), "Dockerfile")
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_image_copies_is_not_ignored() -> None:
    kept = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            assert set(line.split()[1:-1]) <= kept, line
