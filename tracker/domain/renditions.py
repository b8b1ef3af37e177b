"""What is shown of a file in the page, and what must be made for it first (decision 0021)."""

OFFICE = {
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.wps-office.wps": "wps",
    "application/vnd.wps-office.et": "et",
    "application/vnd.wps-office.dps": "dps",
    "application/rtf": "rtf",
    "text/csv": "csv",
    "text/plain": "txt",
}
SHOWN_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})  # by every browser
OTHER_IMAGES = frozenset({"image/bmp", "image/tiff", "image/heic", "image/heif"})
VIDEOS = frozenset({"video/mp4", "video/webm", "video/quicktime"})
AUDIOS = frozenset({"audio/mpeg", "audio/mp4", "audio/wav"})

BIG_IMAGE = 1 << 20  # bytes; larger ones are shown scaled
LARGEST_OFFICE = 100 << 20  # bytes; larger ones are offered for download
LARGEST_IMAGE = 300 << 20

TRIES = 3  # a rendition that fails so often is given up


def rendition_kind(media_type: str, size: int) -> str:
    """What is to be made of a file before it can be shown: "pdf", "image", or "" for nothing."""
    if media_type in OFFICE:
        return "pdf" if size <= LARGEST_OFFICE else ""
    if media_type in OTHER_IMAGES or (media_type in SHOWN_IMAGES and size > BIG_IMAGE):
        return "image" if size <= LARGEST_IMAGE else ""
    return ""


def viewer(media_type: str, size: int) -> str:
    """How a page shows a file: pdf, image, video, audio, office and picture (both need a rendition), or other."""
    if media_type == "application/pdf":
        return "pdf"
    kind = rendition_kind(media_type, size)
    if kind:
        return "office" if kind == "pdf" else "picture"
    if media_type in SHOWN_IMAGES:
        return "image"
    if media_type in VIDEOS:
        return "video"
    return "audio" if media_type in AUDIOS else "other"
