"""Scales a picture; a process of its own in the sandbox, for decoders are where picture files attack.

    python -m tracker.adapters.render_image SOURCE TARGET_FOLDER

Writes made.webp, or made.pdf for a scan of several pages. Ends with 3 for a picture that is too large to be
unpacked, 4 for one that cannot be read.
"""

import sys
import warnings
from pathlib import Path

from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

LONGEST = 2000  # pixels of a picture's longer side
PAGE_LONGEST = 1800  # and of a scanned page's
MOST_PIXELS = 120_000_000  # of the original; an A1 plan at 300 dpi has 70 million
MOST_PAGES = 60
TOO_LARGE, UNREADABLE = 3, 4


def _shown(image: Image.Image, longest: int) -> Image.Image:
    """Upright as the camera held it, no larger than asked, in colours that every format knows."""
    image.draft("RGB", (longest, longest))  # JPEG: unpacks at an eighth, a quarter, a half
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    if upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info:
        ground = Image.new("RGB", upright.size, "white")
        alpha = upright.convert("RGBA")
        ground.paste(alpha, mask=alpha.getchannel("A"))
        return ground
    return upright.convert("RGB") if upright.mode not in {"RGB", "L"} else upright


def _pages(image: Image.Image) -> list[Image.Image]:
    pages = []
    for number, frame in enumerate(ImageSequence.Iterator(image)):
        if number == MOST_PAGES:
            break
        if frame.width * frame.height > MOST_PIXELS:
            raise Image.DecompressionBombError
        pages.append(_shown(frame.copy(), PAGE_LONGEST))
    return pages


def render(source: Path, folder: Path) -> int:
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        from pi_heif import register_heif_opener

        register_heif_opener()
        with Image.open(source) as image:
            if image.width * image.height > MOST_PIXELS:
                return TOO_LARGE
            if image.format == "TIFF" and getattr(image, "n_frames", 1) > 1:
                first, *more = _pages(image)
                first.save(folder / "made.pdf", "PDF", save_all=True, append_images=more, resolution=150)
            else:
                _shown(image, LONGEST).save(folder / "made.webp", "WEBP", quality=80, method=2)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        return TOO_LARGE
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError):
        return UNREADABLE
    return 0


if __name__ == "__main__":
    sys.exit(render(Path(sys.argv[1]), Path(sys.argv[2])))
