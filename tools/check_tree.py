"""No third-party host, no vendored file, no machine's path in what is committed.

Looks at what git tracks or would track. Prints each finding as path:line.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Written in pieces, so that this file does not find itself.
REGISTRIES = ("pypi" + ".org", "pythonhosted" + ".org", "registry.npm" + "js", "deb.debian" + ".org", "npm" + "mirror")
MACHINE_PATHS = ("/ro" + "ot/", "/wo" + "rk/", "/tmp/" + "bash_jobs")
FORBIDDEN = re.compile("|".join(re.escape(word) for word in (*REGISTRIES, *MACHINE_PATHS)))
# What a page loads must come from the installation itself (I9).
LOADED = re.compile(r"""(?:src|href|action|url)\s*[=(]\s*["']?(?:https?:)?//(?!127\.0\.0\.1|localhost)[\w.-]+""")
IMPORTED = re.compile(r"""(?:from|import)\s*\(?\s*["'](?:https?:)?//""")
VENDORED = re.compile(r"(^|/)(node_modules|vendor|dist)/|\.min\.(js|mjs|css)$|\.(woff2?|ttf|otf|whl|mo)$")
PAGES = {".html", ".css", ".js", ".mjs", ".svg", ".jinja"}
LARGE = 2 << 20  # bytes


def committed() -> list[Path]:
    """Files that git tracks, and new ones that it does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    names = sorted(set(listed.decode().split("\0")) - {""})
    return [Path(name) for name in names if (ROOT / name).is_file()]


def findings(path: Path) -> list[str]:
    """What is wrong with one file."""
    name = path.as_posix()
    if VENDORED.search(name):
        return [f"{name}: a third-party or generated file; it belongs to the build"]
    content = (ROOT / path).read_bytes()
    found = [f"{name}: {len(content) >> 20} MB is too large to commit"] if len(content) > LARGE else []
    if b"\0" in content[:8192]:
        return found
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        if match := FORBIDDEN.search(line):
            found.append(f"{name}:{number}: {match.group()!r} may not be committed")
        if path.suffix in PAGES and (match := LOADED.search(line) or IMPORTED.search(line)):
            found.append(f"{name}:{number}: loads from elsewhere: {match.group()!r}")
    return found


def main() -> int:
    found = [finding for path in committed() for finding in findings(path)]
    for finding in found:
        print(finding)
    print(f"tree: {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
