"""Small copies of pictures beside a page. Nothing but pixels survives: no EXIF, no profile, no file name."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import features

from interplay.files import write_atomic
from interplay.modalities.pictures import open_picture

SIDE = 96
IN_A_FOLDER = 500
KIND = "webp" if features.check("webp") else "png"


def write_thumbnails(
    pictures: Sequence[Path], folder: Path, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write one thumbnail of at most SIDE x SIDE pixels per picture.

    `folder`/003/01514.webp is that of pictures[1514].

    Args:
        pictures: the files.
        folder: where to write.
        progress: called with (done, total) pictures.

    Raises:
        DataError: a picture cannot be read.
        DiskFullError: the disk has no room.
    """
    for number, file in enumerate(pictures):
        part = folder / f"{number // IN_A_FOLDER:03d}"
        part.mkdir(parents=True, exist_ok=True)
        small = io.BytesIO()
        open_picture(file, max_side=SIDE).save(small, KIND, **({"quality": 80} if KIND == "webp" else {}))
        write_atomic(part / f"{number:05d}.{KIND}", small.getvalue())
        if progress:
            progress(number + 1, len(pictures))
