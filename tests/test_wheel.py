"""A wheel built from the checkout carries all that an installation without a network needs; built once, offline."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hatch_build import VENDOR_FILES

ROOT = Path(__file__).resolve().parents[1]
BUILDERS = {"PIP_NO_INDEX": "1", "npm_config_offline": "true", "SOURCE_DATE_EPOCH": "1700000000"}


def run(arguments: list[str], folder: Path, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRACKER_", "PYTHONPATH"))}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=kept | BUILDERS | environment, capture_output=True, text=True,
        timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(["-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], ROOT)
    [made] = folder.glob("tracker-*.whl")
    return made


def test_the_front_end_the_words_and_the_pages_are_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        words = archive.read("tracker/translations/en/LC_MESSAGES/messages.mo")
    assert len(words) > 50_000
    lacking = [
        to for _, to in VENDOR_FILES if not any(name.startswith(f"tracker/static/vendor/{to}") for name in names)
    ]
    assert lacking == []
    committed = subprocess.run(
        ["git", "ls-files", "-z", "tracker"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode().split("\0")  # fmt: skip
    here = {name for name in committed if name and (ROOT / name).is_file()}
    assert sorted(here - names) == []
    assert not [name for name in names if "node_modules" in name or name.startswith("tests/")]


def test_it_installs_and_sets_up_a_database_without_a_network(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    run(["-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(target), str(wheel)], tmp_path)
    settings = {
        "PYTHONPATH": str(target), "TRACKER_DATA": str(tmp_path / "var"), "TRACKER_SECRET_KEY": "only for this test",
    }  # fmt: skip
    (tmp_path / "var").mkdir()
    told = json.loads(run(["-m", "tracker.cli.main", "init", "--json"], tmp_path, **settings))
    assert told["calendars_added"] >= 4
    asked = "import tracker, tracker.web.base as b; print(tracker.__file__)"
    assert str(target) in run(["-c", asked], tmp_path, **settings)
