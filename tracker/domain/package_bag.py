"""The BagIt side of a package (RFC 8493, version 1.0): its declaration, its manifests, what it says of itself."""

from collections.abc import Iterable, Sequence

DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
UNITS = ("B", "KB", "MB", "GB", "TB")


def encode_path(path: str) -> str:
    """A path as a manifest carries it: CR, LF and % are percent-encoded, nothing else."""
    return path.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def manifest(digests: Iterable[tuple[str, str]]) -> str:
    """Lines of (path, digest in hex), by path."""
    return "".join(f"{digest}  {encode_path(path)}\n" for path, digest in sorted(digests))


def size_words(size: int) -> str:
    """1.5 GB, as Bag-Size wants it: roughly, for people."""
    value, unit = float(size), 0
    while value >= 1024 and unit < len(UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} {UNITS[unit]}" if unit == 0 else f"{value:.1f} {UNITS[unit]}"


def info(pairs: Sequence[tuple[str, str]]) -> str:
    """bag-info.txt of (label, value); line breaks in a value become spaces."""
    return "".join(f"{label}: {' '.join(value.split())}\n" for label, value in pairs)
