"""Office files are ZIPs that name the moment of their making: without it, equal content is equal bytes."""

import io
import zipfile
from collections.abc import Sequence

EPOCH = (1980, 1, 1, 0, 0, 0)


def same_every_time(raw: bytes) -> bytes:
    """The same parts in a fixed order without moments and makers."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as made, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as kept:
        for name in _ordered(made.namelist()):
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o600 << 16
            kept.writestr(info, made.read(name))
    return out.getvalue()


def _ordered(names: Sequence[str]) -> list[str]:
    """The list of types first, as readers expect it."""
    return sorted(names, key=lambda name: (name != "[Content_Types].xml", not name.startswith("_rels"), name))
