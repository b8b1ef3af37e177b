"""Previews from the upload to the page, made by the real LibreOffice in the real sandbox (`make browser` brings it)."""

import base64
import io
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from pypdf import PdfReader
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import containers, files
from tests.support import evidence as giving
from tests.support.clock import FROZEN
from tests.support.office import OfficeKit
from tracker.adapters import sandbox
from tracker.adapters.content import examine
from tracker.adapters.rendering import SandboxRenderer, sweep_folders
from tracker.domain.renditions import OFFICE
from tracker.models import JobRun, Rendition
from tracker.passes import run_renditions
from tracker.ports import ObjectStore, RenderFailed
from tracker.services import evidence

Login = Callable[..., FlaskClient]
# A red picture as a phone stores it; nothing among our packages writes this format.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ACJpbG9jAAAAAERAAAEAAQAAAAABoQABAAAAAAAAABgAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRt"
    "AAAAAAABAAAA/WlwcnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMA"
    "AAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5j"
    "bHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBp"
    "eGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAACBtZGF0AAAAFCgBrwQY+Mpx1//qvn7IgLdUUhHn"
)
HEIC_SIZE = (64, 48)
TYPES = {extension: media_type for media_type, extension in OFFICE.items()}


def give(session: Session, office: OfficeKit, store: ObjectStore, content: bytes, name: str) -> int:
    """A draft of the contact's, examined and kept as an upload is; its version."""
    facts = examine(io.BytesIO(content), name)
    file = evidence.ReceivedFile(store.put(io.BytesIO(content)), name, facts.media_type, listing=facts.listing)
    version = giving.draft(session, office, office.obligation(session, "T02-E1", "M10"), file, FROZEN)
    session.commit()
    return version.id


def run(app: Flask) -> dict[str, Any]:
    with app.app_context():
        return run_renditions(app, FROZEN)


def words(content: bytes) -> str:
    return "".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others may be making previews at the same time."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def left_over() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"{sandbox.PREFIX}*"))


def test_an_office_file_is_shown_as_pdf(
    login: Login, app: Flask, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    client = login("contact")
    number = give(session, office, store, files.docx("大港街道十月巡查会议记录"), "会议记录.docx")
    assert client.get(f"/files/{number}/preview/state").get_json()["state"] == "wanted"
    assert client.get(f"/files/{number}/preview").status_code == 409
    page = client.get(f"/files/{number}/view").text
    assert f'data-preview="/files/{number}/preview"' in page
    assert "预览生成中" in page
    assert run(app) == {"ready": 1, "failed": 0, "impossible": 0}
    answer = client.get(f"/files/{number}/preview")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"].startswith("inline")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "十月巡查会议记录" in words(answer.data)
    assert client.get(f"/files/{number}/preview", headers={"Range": "bytes=0-4"}).data == b"%PDF-"
    assert f'data-pdf="/files/{number}/preview"' in client.get(f"/files/{number}/view").text
    # The original stays what it was.
    assert client.get(f"/files/{number}").headers["Content-Disposition"].startswith("attachment")
    assert run(app) == {}
    assert left_over() == []
    session.rollback()
    assert session.scalars(select(JobRun.job)).all() == ["renditions"]


def test_who_may_not_read_the_file_sees_no_preview(
    login: Login, app: Flask, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    number = give(session, office, store, files.docx(), "会议记录.docx")
    other = app.test_client()
    login("contact_dzb", other)
    refused = {other.get(f"/files/{number}{end}").status_code for end in ("", "/preview", "/preview/state", "/view")}
    assert refused <= {403, 404}


@pytest.mark.parametrize("extension", ["xlsx", "et", "wps", "csv", "txt", "rtf"])
def test_the_formats_of_the_country_become_pdf(extension: str) -> None:
    content = {
        "xlsx": files.xlsx("十月台账"), "et": files.xlsx("十月台账"), "wps": files.docx("十月台账"),
        "csv": "序号,事项\n1,十月台账\n".encode("gb18030"), "txt": "十月台账".encode("gb18030"),
        "rtf": rb"{\rtf1\ansi " + "".join(f"\\u{ord(char)}?" for char in "十月台账").encode() + b"}",
    }[extension]  # fmt: skip
    with SandboxRenderer().render("pdf", TYPES[extension], io.BytesIO(content)) as (made, media_type):
        assert media_type == "application/pdf"
        assert "十月台账" in words(made.read())


def test_slides_become_pages() -> None:
    space = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    draw = 'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"'
    mime = "application/vnd.oasis.opendocument.presentation"
    content = f'<office:document-content {space} {draw} office:version="1.2"><office:body><office:presentation>'
    content += '<draw:page draw:name="a"/><draw:page draw:name="b"/></office:presentation></office:body>'
    manifest = '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><m:file-entry m:full-path="/" '
    manifest += f'm:media-type="{mime}"/><m:file-entry m:full-path="content.xml" m:media-type="text/xml"/></m:manifest>'
    parts = {"mimetype": mime, "content.xml": f"{content}</office:document-content>", "META-INF/manifest.xml": manifest}
    slides = containers.zipped({name: part.encode() for name, part in parts.items()}, method=zipfile.ZIP_STORED)
    with SandboxRenderer().render("pdf", mime, io.BytesIO(slides)) as (made, _):
        assert len(PdfReader(io.BytesIO(made.read())).pages) == 2


def test_a_document_cannot_fetch_files_of_this_machine(tmp_path: Path) -> None:
    """Linked sections and linked pictures name a file that our user may read; nothing of it is in the preview."""
    secret = tmp_path / "secret.txt"
    secret.write_text("TOPSECRETWORD")
    picture = tmp_path / "secret.png"
    Image.effect_noise((300, 300), 90).save(picture)
    spaces = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{long}:1.0"'
        for short, long in (("office", "office"), ("text", "text"), ("draw", "drawing"), ("svg", "svg-compatible"))
    )
    content = f"""<office:document {spaces} xmlns:xlink="http://www.w3.org/1999/xlink" office:version="1.2"
      office:mimetype="application/vnd.oasis.opendocument.text"><office:body><office:text>
      <text:section text:name="a"><text:section-source xlink:href="file://{secret}" xlink:type="simple"/>
      <text:p>BEFORE</text:p></text:section>
      <text:p>{"SHOWN "}<draw:frame svg:width="5cm" svg:height="5cm"><draw:image xlink:href="file://{picture}"
      xlink:type="simple" xlink:show="embed" xlink:actuate="onLoad"/></draw:frame></text:p>
      </office:text></office:body></office:document>"""
    with SandboxRenderer().render("pdf", TYPES["odt"], io.BytesIO(content.encode())) as (made, _):
        shown = made.read()
    assert "SHOWN" in words(shown)
    assert "TOPSECRETWORD" not in words(shown)
    pages = PdfReader(io.BytesIO(shown)).pages
    assert not any(image.image and image.image.size == (300, 300) for page in pages for image in page.images)


@pytest.mark.parametrize(
    ("kind", "media_type", "content"),
    [
        ("pdf", TYPES["docx"], containers.zipped({"word/document.xml": b"<w"})),
        ("image", "image/png", b"\x89PNG\r\n\x1a\nnothing"),
    ],
)
def test_what_cannot_be_opened_fails_and_leaves_nothing(kind: str, media_type: str, content: bytes) -> None:
    with (
        pytest.raises(RenderFailed),
        SandboxRenderer().render(kind, media_type, io.BytesIO(content)) as _,
    ):
        pass
    assert left_over() == []


def test_without_libreoffice_the_file_is_offered_for_download(
    login: Login, app: Flask, session: Session, office: OfficeKit, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = login("contact")
    number = give(session, office, store, files.docx(), "会议记录.docx")
    monkeypatch.setattr("tracker.adapters.rendering.shutil.which", lambda _name: None)
    assert run(app)["impossible"] == 1
    page = client.get(f"/files/{number}/view").text
    assert "没能生成预览" in page
    assert "下载文件" in page


# -- pictures ----------------------------------------------------------------------------------------------------------


def photo(size: tuple[int, int] = (3000, 2000), turned: int = 6) -> bytes:
    """A noisy photo of a camera that was held upright (EXIF orientation 6: turn it by a quarter)."""
    exif = Image.Exif()
    exif[0x0112] = turned
    target = io.BytesIO()
    noise = Image.frombytes("RGB", size, os.urandom(size[0] * size[1] * 3))
    noise.save(target, "JPEG", quality=60, exif=exif)
    return target.getvalue()


def test_a_big_photo_is_scaled_and_turned(
    login: Login, app: Flask, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    client = login("contact")
    content = photo()
    number = give(session, office, store, content, "现场照片.jpg")
    assert run(app)["ready"] == 1
    answer = client.get(f"/files/{number}/preview")
    assert answer.headers["Content-Type"] == "image/webp"
    assert len(answer.data) < len(content)
    assert Image.open(io.BytesIO(answer.data)).size == (1333, 2000)
    page = client.get(f"/files/{number}/view").text
    assert f'<img src="/files/{number}/preview"' in page
    assert client.get(f"/files/{number}").data == content


def made(content: bytes, media_type: str) -> tuple[bytes, str]:
    with SandboxRenderer().render("image", media_type, io.BytesIO(content)) as (file, made_type):
        return file.read(), made_type


def test_scans_and_phones(tmp_path: Path) -> None:
    scan = io.BytesIO()
    pages = [Image.new("L", (1200, 1600), shade) for shade in (250, 240, 230)]
    pages[0].save(scan, "TIFF", save_all=True, append_images=pages[1:])
    content, media_type = made(scan.getvalue(), "image/tiff")
    assert media_type == "application/pdf"
    assert len(PdfReader(io.BytesIO(content)).pages) == 3
    content, media_type = made(HEIC, "image/heic")
    assert media_type == "image/webp"
    assert Image.open(io.BytesIO(content)).size == HEIC_SIZE
    clear = io.BytesIO()
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(clear, "PNG")
    content, _ = made(clear.getvalue(), "image/png")
    assert Image.open(io.BytesIO(content)).convert("RGB").getpixel((5, 5)) == (255, 255, 255)


def test_a_picture_bomb_is_not_unpacked() -> None:
    size = struct.pack(">II", 40_000, 40_000) + bytes([1, 0, 0, 0, 0])
    rows = zlib.compress(bytes(5001) * 40)
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", size), (b"IDAT", rows), (b"IEND", b""))
    )
    with pytest.raises(RenderFailed) as caught:
        made(bomb, "image/png")
    assert caught.value.impossible


def test_a_spoilt_preview_is_made_again(
    login: Login, app: Flask, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    client = login("contact")
    number = give(session, office, store, files.docx("再来一次"), "会议记录.docx")
    run(app)
    session.rollback()
    row = session.scalars(select(Rendition)).one()
    store.put_as(row.object_key, io.BytesIO(b"%PDF-1.4 other bytes"))
    assert client.get(f"/files/{number}/preview").status_code == 503
    session.rollback()
    assert session.scalars(select(Rendition.state)).all() == ["wanted"]
    assert run(app)["ready"] == 1
    assert "再来一次" in words(client.get(f"/files/{number}/preview").data)


def test_folders_of_killed_workers_are_taken_away() -> None:
    folder = Path(tempfile.mkdtemp(prefix=sandbox.PREFIX))
    (folder / "source.docx").write_bytes(b"x")
    assert sweep_folders(folder.stat().st_mtime + 10) == 0
    assert sweep_folders(folder.stat().st_mtime + 4000) == 1
    assert not folder.exists()


def test_an_archive_is_listed_on_the_pages(
    login: Login, session: Session, office: OfficeKit, store: ObjectStore
) -> None:
    client = login("contact")
    number = give(session, office, store, containers.zipped({"材料/通知.pdf": b"x" * 2048}), "材料.zip")
    for path in ("/tasks/2026/T02?period=M10", f"/files/{number}/view"):
        page = client.get(path).text
        assert "材料/通知.pdf" in page
        assert "压缩包内 1 个文件" in page
