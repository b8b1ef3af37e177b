"""What a page needs to show a file: how it is shown, what was made for it, what an archive holds."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tracker.domain.renditions import rendition_kind, viewer
from tracker.errors import NotFound
from tracker.models import Blob, Rendition, Version


@dataclass(frozen=True, slots=True)
class Listing:
    """What an archive holds; `left`: so many more that are not named, `looked`: unpacked as a trial and found sound."""

    files: int
    size: int
    looked: int
    left: int
    entries: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class ShownFile:
    """One file for the viewer. `viewer`: domain.renditions.viewer, `preview`: the rendition's state, "" for none."""

    id: int
    file_name: str
    media_type: str
    size: int
    viewer: str
    preview: str
    preview_type: str
    condition: str
    listing: Listing | None


def rendition_of(session: Session, blob_id: int, media_type: str, size: int) -> Rendition | None:
    """What was made, or is to be made, of these bytes for this type."""
    kind = rendition_kind(media_type, size)
    if not kind:
        return None
    return session.scalar(select(Rendition).where(Rendition.blob_id == blob_id, Rendition.kind == kind))


def as_listing(data: dict[str, Any] | None) -> Listing | None:
    """As it was kept with the bytes (adapters.content_entries.Checked.as_listing)."""
    if not data:
        return None
    entries = tuple((str(name), int(size)) for name, size in data.get("entries", ()))
    return Listing(
        int(data.get("files", 0)),
        int(data.get("size", 0)),
        int(data.get("looked", 0)),
        int(data.get("left", 0)),
        entries,
    )


def shown_file(session: Session, version_id: int) -> ShownFile:
    """NotFound("not_found") for a version without bytes of its own."""
    found = session.execute(
        select(Version.id, Version.file_name, Version.media_type, Blob)
        .join(Blob, Blob.id == Version.blob_id)
        .where(Version.id == version_id)
    ).first()
    if found is None:
        raise NotFound("not_found")
    blob = found.Blob
    row = rendition_of(session, blob.id, found.media_type, blob.size)
    return ShownFile(
        id=found.id, file_name=found.file_name, media_type=found.media_type, size=blob.size,
        viewer=viewer(found.media_type, blob.size), preview=row.state if row else "",
        preview_type=row.media_type if row else "", condition=blob.condition,
        listing=as_listing(blob.listing),
    )  # fmt: skip
