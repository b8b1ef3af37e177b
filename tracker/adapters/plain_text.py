"""The words of a small text or Word file, line by line, for comparing two versions."""

import io
import zipfile

LARGEST = 4 << 20  # bytes; larger files are compared by their fields alone
MOST_LINES = 4000
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TEXTS = {"text/plain", "text/csv"}


def readable(media_type: str, size: int) -> bool:
    return size <= LARGEST and (media_type == DOCX or media_type in TEXTS)


def lines_of(data: bytes, media_type: str) -> list[str] | None:
    """Lines of text, None when the file does not give any away."""
    if media_type in TEXTS:
        for encoding in ("utf-8-sig", "gb18030"):
            try:
                return data.decode(encoding).splitlines()[:MOST_LINES]
            except UnicodeDecodeError:
                continue
        return None
    from docx import Document
    from docx.opc.exceptions import PackageNotFoundError

    try:
        document = Document(io.BytesIO(data))
    except (PackageNotFoundError, zipfile.BadZipFile, KeyError, ValueError):
        return None
    found = [paragraph.text for paragraph in document.paragraphs]
    for table in document.tables:
        found += [" | ".join(cell.text for cell in row.cells) for row in table.rows]
    return found[:MOST_LINES]
