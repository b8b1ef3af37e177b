"""Makes previews in the sandbox: LibreOffice turns office files into PDF, Pillow scales pictures.

Implements `services.renditions.Renderer`. Each one has a folder of its own, with a LibreOffice profile of its
own, which is gone afterwards. Macros are off, and so are links: a document that names a file of this machine or
an address gets neither.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from tracker.adapters import sandbox
from tracker.adapters.sandbox import Limits, SandboxFailed
from tracker.domain.renditions import OFFICE
from tracker.ports import RenderFailed

LARGEST_PDF = 128 << 20  # bytes; a larger one is no preview
LARGEST_TEXT = 8 << 20
_CHUNK = 1 << 20
OFFICE_LIMITS = Limits(seconds=75, memory=3 << 30, output=LARGEST_PDF)
IMAGE_LIMITS = Limits(seconds=60, memory=2 << 30, output=64 << 20)
_ABANDONED = 3600  # seconds; a folder that old belongs to nobody who still runs

_OLE = b"\xd0\xcf\x11\xe0"
_WPS = {"wps": ("doc", "docx"), "et": ("xls", "xlsx"), "dps": ("ppt", "pptx")}

# No macros, no links to files or addresses, nothing brought up to date from outside.
_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema">
{items}
</oor:items>
"""
_ITEM = (
    '<item oor:path="/org.openoffice.{path}"><prop oor:name="{name}" oor:op="fuse"><value>{value}</value></prop></item>'
)
_SETTINGS = (
    ("Office.Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("Office.Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("Office.Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("Office.Common/Security/Scripting", "DisableActiveContent", "true"),
    ("Office.Writer/Content/Update", "Link", "2"),
    ("Office.Calc/Content/Update", "Link", "1"),
    ("Office.Common/Save/Document", "LoadPrinter", "false"),
    ("Setup/Product", "ooSetupLastVersion", "7.0"),
)


class SandboxRenderer:
    """`office`: the LibreOffice program; found on PATH by default, None where there is none."""

    def __init__(self, office: str | None = None) -> None:
        self._office = office or shutil.which("soffice") or shutil.which("libreoffice")

    def able(self, kind: str) -> bool:
        return kind == "image" or (kind == "pdf" and self._office is not None)

    @contextmanager
    def render(self, kind: str, media_type: str, source: BinaryIO) -> Iterator[tuple[BinaryIO, str]]:
        """See `ports.Renderer.render`."""
        with tempfile.TemporaryDirectory(prefix=sandbox.PREFIX, ignore_cleanup_errors=True) as name:
            folder = Path(name)
            if kind == "image":
                made, made_type = self._picture(source, folder)
            else:
                made, made_type = self._document(source, media_type, folder), "application/pdf"
            with made.open("rb") as file:
                yield cast("BinaryIO", file), made_type

    def _picture(self, source: BinaryIO, folder: Path) -> tuple[Path, str]:
        _copy(source, folder / "source")
        out = folder / "out"
        out.mkdir()
        command = [sys.executable, "-m", "tracker.adapters.render_image", str(folder / "source"), str(out)]
        root = str(Path(__file__).resolve().parents[2])
        try:
            sandbox.run(command, folder, IMAGE_LIMITS, {"PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1"})
        except SandboxFailed as error:
            hopeless = str(error).startswith(("status 3", "status 4"))
            raise RenderFailed(str(error), impossible=hopeless) from error
        if (out / "made.pdf").is_file():
            return _demand_pdf(out / "made.pdf"), "application/pdf"
        if not (out / "made.webp").is_file():
            raise RenderFailed("nothing_made")
        return out / "made.webp", "image/webp"

    def _document(self, source: BinaryIO, media_type: str, folder: Path) -> Path:
        if self._office is None:
            raise RenderFailed("not_installed", impossible=True)
        extension = OFFICE[media_type]
        extra: list[str] = []
        if extension in {"txt", "csv"}:
            _as_utf8(source, folder / f"source.{extension}")
            # Comma, quotation mark, UTF-8, from the first line.
            how = "Text - txt - csv (StarCalc):44,34,76,1" if extension == "csv" else "Text (encoded):UTF8,LF,,,"
            extra = [f"--infilter={how}"]
        else:
            head = source.read(4)
            source.seek(0)
            if extension in _WPS:
                extension = _WPS[extension][head != _OLE]
            _copy(source, folder / f"source.{extension}")
        user = folder / "profile" / "user"
        user.mkdir(parents=True)
        items = "\n".join(_ITEM.format(path=path, name=name, value=value) for path, name, value in _SETTINGS)
        (user / "registrymodifications.xcu").write_text(_PROFILE.format(items=items), encoding="utf-8")
        command = [
            self._office, f"-env:UserInstallation=file://{folder}/profile", "--headless", "--norestore", "--nologo",
            "--nodefault", "--nolockcheck", "--nofirststartwizard", *extra, "--convert-to", "pdf", "--outdir",
            str(folder / "out"), str(folder / f"source.{extension}"),
        ]  # fmt: skip
        try:
            said = sandbox.run(command, folder, OFFICE_LIMITS)
        except SandboxFailed as error:
            raise RenderFailed(str(error)) from error
        made = folder / "out" / "source.pdf"
        if not made.is_file():
            raise RenderFailed(f"nothing_made: {said[-300:]}")
        return _demand_pdf(made)


def _copy(source: BinaryIO, target: Path) -> None:
    source.seek(0)
    with target.open("wb") as file:
        shutil.copyfileobj(source, file, _CHUNK)


def _as_utf8(source: BinaryIO, target: Path) -> None:
    """Text in the encoding that the program is told of: office PCs write GBK."""
    source.seek(0)
    content = source.read(LARGEST_TEXT + 1)
    if len(content) > LARGEST_TEXT:
        raise RenderFailed("too_large", impossible=True)
    for encoding in ("utf-8-sig", "gb18030", "utf-16"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        target.write_text(text, encoding="utf-8")
        return
    raise RenderFailed("unknown_encoding", impossible=True)


def _demand_pdf(path: Path) -> Path:
    """The file, if it is a PDF of a size that is worth being shown."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        file.seek(max(0, size - 1024))
        tail = file.read()
    if not head.startswith(b"%PDF-") or b"%%EOF" not in tail or size > LARGEST_PDF:
        raise RenderFailed("not_a_pdf")
    return path


def sweep_folders(now: float) -> int:
    """Takes away what a killed worker left; `now`: seconds since the epoch. How many folders."""
    gone = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{sandbox.PREFIX}*"):
        try:
            if folder.is_dir() and not folder.is_symlink() and now - folder.stat().st_mtime > _ABANDONED:
                shutil.rmtree(folder, ignore_errors=True)
                gone += 1
        except OSError:
            continue
    return gone
