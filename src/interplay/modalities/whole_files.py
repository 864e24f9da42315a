"""Whether a picture's file looks whole, from its first and last bytes: without decoding, and without Pillow."""

from pathlib import Path

from interplay.errors import DataError

_WHOLE = ((b"\xff\xd8\xff", b"\xff\xd9"), (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"))
"""How whole files of a format begin and end."""


def looks_whole(path: Path) -> bool:
    """Whether a file is a picture, without decoding it where it begins and ends as a whole JPEG or PNG does.

    Args:
        path: the file.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
            file.seek(max(0, path.stat().st_size - 16))
            end = file.read().rstrip(b"\0\r\n")
        if any(start.startswith(first) and end.endswith(last) for first, last in _WHOLE):
            return True
        from interplay.modalities.pictures import open_picture  # with Pillow, for the few files that need it

        open_picture(path, max_side=64)
    except (OSError, ValueError, DataError):
        return False
    return True
