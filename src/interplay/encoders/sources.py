"""From a folder or a hub id to a folder on this disk. A hub model that is cached is never asked for again."""

from pathlib import Path

from huggingface_hub import HfApi, snapshot_download

from interplay.errors import EncoderError

EXPECTED = "a packaged name, a Hugging Face folder with config.json, or a hub id"
SECONDS = 10.0
WEIGHTS = ("*.safetensors", "*.bin")


def local_folder(model: str) -> Path:
    """The folder that holds a model: `model` itself, or the cached or freshly downloaded copy of that hub id.

    Args:
        model: a folder, a hub id, or the name of a packaged encoder.

    Raises:
        EncoderError: there is no such folder, and the hub does not have it or cannot be reached.
    """
    folder = Path(model)
    if _exists(folder):
        if not (folder / "config.json").is_file():
            raise EncoderError(f"encoder {model} has no config.json", expected=EXPECTED, fix="check encoders.*.model")
        return folder
    return _cached(model) or _downloaded(model)


def public_name(model: str) -> str:
    """An encoder's name as shown on a page that may be published: only the last part of a folder's path.

    >>> public_name("/srv/models/roberta"), public_name("openai/clip-vit-base-patch16")
    ('roberta', 'openai/clip-vit-base-patch16')

    Args:
        model: a folder, a hub id, or the name of a packaged encoder.
    """
    return Path(model).name if is_path(model) else model


def is_path(model: str) -> bool:
    """Whether an encoder's name is a folder of this machine, no hub id nor the name of a packaged encoder.

    >>> is_path("/srv/models/roberta"), is_path("./roberta"), is_path("openai/clip-vit-base-patch16")
    (True, True, False)

    Args:
        model: a folder, a hub id, or the name of a packaged encoder.
    """
    path = Path(model)
    return path.is_absolute() or model.startswith((".", "~")) or model.count("/") > 1 or _exists(path)


def is_fetched(model: str) -> bool:
    """Whether a name is that of a model that was fetched from the hub before. The hub is not asked.

    Args:
        model: what may be a hub id.
    """
    return _cached(model) is not None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long, or holding a zero byte
        return False


def _cached(model: str) -> Path | None:
    try:
        folder = Path(snapshot_download(model, local_files_only=True))
    except (OSError, ValueError):  # not cached, or not the form of a hub id
        return None
    return folder if any(path for pattern in WEIGHTS for path in folder.glob(pattern)) else None


def _downloaded(model: str) -> Path:
    """Asks once whether the model is there: the hub's own downloads try for half a minute before they give up."""
    try:
        files = HfApi().model_info(model, timeout=SECONDS).siblings or []
        return Path(snapshot_download(model, allow_patterns=_wanted([file.rfilename for file in files])))
    except Exception as error:  # the network, the hub and its client raise many kinds
        raise EncoderError(
            f"encoder {model} is no folder, and the hub does not give it: {_reason(error)}",
            expected=EXPECTED,
            fix="check the spelling and the network, or download the model and give its folder "
            "(`interplay encode --list`, `PACKAGED` in Python, names the packaged encoders)",
        ) from error


def _wanted(names: list[str]) -> list[str]:
    """Configuration, vocabulary and one set of weights: not the copies for other frameworks, nor subfolders."""
    top = [name for name in names if "/" not in name]
    safe = [name for name in top if name.endswith(".safetensors")]
    small = [name for name in top if name.endswith((".json", ".txt", ".model"))]
    return small + (safe or [name for name in top if name.endswith(".bin")])


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
