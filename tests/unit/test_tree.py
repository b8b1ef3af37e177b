"""What is committed names no registry, no machine's path, and loads nothing from elsewhere."""

from pathlib import Path

import pytest

from tools import check_tree


def test_the_tree_is_clean() -> None:
    assert [finding for path in check_tree.committed() for finding in check_tree.findings(path)] == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "see https://py" + "pi.org/simple"),
        ("package-lock.json", '"resolved": "https://registry.npm' + 'js.org/x.tgz"'),
        ("a.py", 'PATH = "/ro' + 'ot/x"'),
        ("page.html", '<script src="https://cdn.example/x.js"></script>'),
        ("page.css", "@import url(//fonts.example/x.css);"),
        ("page.js", 'import x from "https://cdn.example/x.mjs"'),
        ("static/chart.min.js", "x"),
        ("node_modules/x/index.js", "x"),
    ],
)
def test_what_may_not_be_committed_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str
) -> None:
    monkeypatch.setattr(check_tree, "ROOT", tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(content)
    assert check_tree.findings(Path(name))


def test_the_pins_carry_digests_and_no_address() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (check_tree.ROOT / name).read_text()
        assert "http" not in text
        assert "--index" not in text
        pinned = [line for line in text.splitlines() if "==" in line and not line.lstrip().startswith("#")]
        assert pinned
        assert all(line.endswith("\\") for line in pinned)  # followed by --hash lines


def test_runtime_and_development_agree_on_versions() -> None:
    def pins(name: str) -> set[str]:
        lines = (check_tree.ROOT / name).read_text().splitlines()
        return {line.split(";")[0].strip(" \\") for line in lines if "==" in line and not line.startswith((" ", "#"))}

    assert pins("requirements.txt") <= pins("requirements-dev.txt")
