"""Whatever is done to a package, packed or unpacked, is found by name; and what was not touched is found intact."""

import csv
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import bagit
import pytest
from click.testing import CliRunner

from tests.support.package_sample import FIRST, NAME, SECOND, build
from tests.support.packages import unpacked
from tracker.adapters import package_verify
from tracker.adapters.package_verify import EXTRACT, SlowSM3, Unusable, verify
from tracker.cli.main import cli
from tracker.domain.package_bag import manifest

VERIFIER = Path(package_verify.__file__)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return build(tmp_path_factory.mktemp("sample"))


@pytest.fixture
def packed(sample: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "p.zip"
    path.write_bytes(sample)
    return path


@pytest.fixture
def top(sample: bytes, tmp_path: Path) -> Path:
    return unpacked(sample, tmp_path / "unpacked")


def problems(place: Path) -> list[tuple[str, str]]:
    return [(kind, name) for kind, name, _ in verify(str(place)).problems]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def repair(top: Path) -> None:
    """What a careful forger does: every manifest fits what lies there now."""
    payload = {path.relative_to(top).as_posix(): path for path in (top / "data").rglob("*") if path.is_file()}
    (top / "manifest-sha256.txt").write_text(manifest((name, digest(path)) for name, path in payload.items()))
    sm3 = manifest((name, hashlib.new("sm3", path.read_bytes()).hexdigest()) for name, path in payload.items())
    (top / "digests/sm3sum.txt").write_text(sm3)
    octets = sum(path.stat().st_size for path in payload.values())
    info = (top / "bag-info.txt").read_text().splitlines()
    lines = [f"Payload-Oxum: {octets}.{len(payload)}" if line.startswith("Payload-Oxum") else line for line in info]
    (top / "bag-info.txt").write_text("\n".join(lines) + "\n")
    rest = {path.relative_to(top).as_posix(): path for path in top.rglob("*") if path.is_file()}
    rest = {name: path for name, path in rest.items() if name != "tagmanifest-sha256.txt" and name not in payload}
    (top / "tagmanifest-sha256.txt").write_text(manifest((name, digest(path)) for name, path in rest.items()))


def edit_log(top: Path, change: Callable[[list[list[str]]], None]) -> None:
    path = top / EXTRACT
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
    change(rows)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(rows)


def test_an_untouched_package_is_intact_packed_and_unpacked(packed: Path, top: Path) -> None:
    for place in (packed, top, top.parent):
        check = verify(str(place))
        assert check.problems == []
        assert check.events == 3
        assert check.checked > 15
        assert check.info["External-Identifier"] == NAME
    bag = bagit.Bag(str(top))
    bag.validate()
    assert bag.version_info == (1, 0)


def test_the_library_of_congress_finds_a_tampered_one_too(top: Path) -> None:
    (top / FIRST).write_bytes(b"other")
    with pytest.raises(bagit.BagValidationError):
        bagit.Bag(str(top)).validate()


@pytest.mark.parametrize("path", [FIRST, SECOND, "index/index.html", "verify.py", "bag-info.txt", "digests/sm3sum.txt"])
def test_a_changed_file_is_named(top: Path, path: str) -> None:
    content = (top / path).read_bytes()
    (top / path).write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    assert ("changed", path) in problems(top)


def test_a_missing_and_an_extra_file_are_named(top: Path) -> None:
    (top / SECOND).rename(top / "data" / "换了名字.xlsx")
    assert problems(top) == [("missing", SECOND), ("extra", "data/换了名字.xlsx")]


def test_a_time_stamp_of_another_package_is_named(top: Path) -> None:
    """The token carries the digest of the tag manifest (RFC 3161, messageImprint)."""
    stamp = top / "digests" / "timestamp.tsr"
    own = hashlib.sha256((top / "tagmanifest-sha256.txt").read_bytes()).digest()
    stamp.write_bytes(b"0\x82 token of " + own + b" signed")
    assert problems(top) == []
    stamp.write_bytes(b"0\x82 token of " + hashlib.sha256(b"another package").digest() + b" signed")
    assert problems(top) == [("stamp", "digests/timestamp.tsr")]


def test_manifests_that_were_changed_are_named(top: Path) -> None:
    path = top / "manifest-sha256.txt"
    text = path.read_text()
    path.write_text(text.replace(text[:8], "00000000", 1))
    assert ("changed", "manifest-sha256.txt") in problems(top)
    path.write_text("\n".join(text.splitlines()[1:]) + "\n")  # a line taken out
    found = problems(top)
    assert ("changed", "manifest-sha256.txt") in found
    assert any(kind == "extra" for kind, _ in found)
    path.write_text(text)
    tags = top / "tagmanifest-sha256.txt"
    tags.write_text(tags.read_text() + "no digest  x\n")
    assert problems(top) == [("manifest", "tagmanifest-sha256.txt")]
    tags.unlink()
    assert ("missing", "tagmanifest-sha256.txt") in problems(top)


def test_an_edited_line_of_the_log_is_found_though_all_manifests_fit(top: Path) -> None:
    edit_log(top, lambda rows: rows[2].__setitem__(4, "别人"))
    repair(top)
    check = verify(str(top))
    assert [(kind, name) for kind, name, _ in check.problems] == [("audit", EXTRACT)]
    assert "line 3, seq 2" in check.problems[0][2]


def test_an_edited_line_with_a_digest_of_its_own_breaks_the_chain(top: Path) -> None:
    def forge(rows: list[list[str]]) -> None:
        rows[1][4] = "别人"
        rows[1][11] = package_verify.event_digest(dict(zip(rows[0], rows[1], strict=True)))

    edit_log(top, forge)
    repair(top)
    assert [detail for _, _, detail in verify(str(top)).problems] == ["line 3, seq 2, does not follow the one before"]


def test_a_cut_tail_does_not_reach_the_head_on_the_cover(top: Path) -> None:
    def forge(rows: list[list[str]]) -> None:
        rows[3][4] = "别人"
        rows[3][11] = package_verify.event_digest(dict(zip(rows[0], rows[3], strict=True)))

    edit_log(top, forge)
    repair(top)
    assert ("audit", "bag-info.txt") in problems(top)


def test_an_sm3_that_does_not_fit_is_named(top: Path) -> None:
    path = top / "digests/sm3sum.txt"
    lines = path.read_text().splitlines()
    lines = [("0" * 64 + line[64:]) if line.endswith(FIRST) else line for line in lines]
    path.write_text("\n".join(lines) + "\n")
    assert ("sm3", FIRST) in problems(top)


def test_a_zip_with_a_flipped_bit_and_a_cut_one(packed: Path, sample: bytes) -> None:
    place = sample.index(b"%PDF-1.7 minutes")
    packed.write_bytes(sample[:place] + b"X" + sample[place + 1 :])
    assert problems(packed) == [("changed", FIRST)]
    packed.write_bytes(sample[:-100])
    with pytest.raises(Unusable):
        verify(str(packed))


def test_a_zip_with_another_member_is_not_clean(packed: Path) -> None:
    with zipfile.ZipFile(packed, "a") as file:
        file.writestr(f"{NAME}/data/混入.txt", "x")
        file.writestr("旁边/x.txt", "x")
    found = problems(packed)
    assert ("extra", "data/混入.txt") in found
    assert any(kind == "zip" for kind, _ in found)


def test_the_command_names_problems_and_ends_with_their_status(packed: Path, top: Path, tmp_path: Path) -> None:
    good = CliRunner().invoke(cli, ["package", "verify", str(packed), "--json"])
    assert (good.exit_code, json.loads(good.stdout)["good"]) == (0, True)
    (top / FIRST).unlink()
    bad = CliRunner().invoke(cli, ["package", "verify", str(top)])
    assert bad.exit_code == 1
    assert FIRST in bad.stdout
    assert CliRunner().invoke(cli, ["package", "verify", str(tmp_path / "none.zip")]).exit_code == 2


def test_the_verifier_in_the_package_runs_by_itself(top: Path, packed: Path) -> None:
    """Without this installation: isolated from its packages and its folder."""
    assert (top / "verify.py").read_bytes() == VERIFIER.read_bytes()

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", "verify.py", *arguments]
        return subprocess.run(command, cwd=top, capture_output=True, text=True, check=False)

    assert run().returncode == 0
    assert json.loads(run(str(packed), "--json").stdout)["good"] is True
    assert run("--what").returncode == 2
    (top / SECOND).write_bytes(b"")
    bad = run()
    assert bad.returncode == 1
    assert SECOND in bad.stdout


def test_sm3_in_plain_python_is_sm3() -> None:
    assert hashlib.new("sm3", b"abc").hexdigest() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    for size in (0, 1, 55, 56, 63, 64, 65, 1000):
        data = bytes(number % 251 for number in range(size))
        slow = SlowSM3()
        slow.update(data[: size // 3])
        slow.update(data[size // 3 :])
        assert slow.hexdigest() == hashlib.new("sm3", data).hexdigest()


def test_without_openssls_sm3_large_files_wait_to_be_asked_for(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_verify, "fast_sm3", lambda: None)
    assert verify(str(packed)).sm3_skipped == 0
    monkeypatch.setattr(package_verify, "SLOW_SM3", 500)
    some = verify(str(packed))
    assert (some.problems, some.sm3_skipped > 0) == ([], True)
    assert verify(str(packed), sm3=True).sm3_skipped == 0
