"""From what a user gives, a folder or the name of a model on the Hugging Face hub, to a folder on this disk."""

import re
from pathlib import Path

from interplay.errors import CheckpointError, HubError
from interplay.files.exported import MANIFEST_FILE, refuse_code_files

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?", re.ASCII)
SECONDS = 10.0
FETCHED = ["*.json", "*.toml", "*.md", "*.safetensors"]
"""All that an exported run has; nothing else of a repository is ever fetched."""

LOG_IN = "log in with `hf auth login`, or set the variable HF_TOKEN"


def hub_name(source: str | Path) -> str:
    """OWNER/NAME or OWNER/NAME@REVISION, if that is what a source is; empty for a folder.

    A folder of that name goes first, and where a folder OWNER is there, NAME was to be in it.

    >>> hub_name("nobody/films"), hub_name("nobody/films@v2"), hub_name("/runs/first"), hub_name("first")
    ('nobody/films', 'nobody/films@v2', '', '')

    Args:
        source: what a user gave.
    """
    text = str(source)
    if not HUB_NAME.fullmatch(text) or Path(text).exists() or Path(text).parent.is_dir():
        return ""
    return text


def local_folder(source: str | Path) -> Path:
    """The folder of a run: itself, or where the hub's client keeps the files of that model of the hub.

    Args:
        source: a folder, OWNER/NAME, or OWNER/NAME@REVISION (a tag, a branch or a commit).

    Raises:
        HubError: the hub does not have it, or cannot be reached and it was not fetched before.
        CheckpointError: it is no exported run, or has files that may run code.
    """
    name = hub_name(source)
    return _fetched(name) if name else Path(source)


def _fetched(name: str) -> Path:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    repo, _, revision = name.partition("@")
    wanted = revision or None
    try:
        found = HfApi().model_info(repo, revision=wanted, timeout=SECONDS)
        names = sorted(file.rfilename for file in found.siblings or [])
        refuse_code_files(names, name)
        if MANIFEST_FILE not in names:
            raise CheckpointError(
                f"it has no {MANIFEST_FILE}",
                file=name,
                expected="a run that was exported with `interplay export`",
                fix="of any other model of the hub, see `interplay explain-model --help`",
            )
        return Path(snapshot_download(repo, revision=wanted, allow_patterns=FETCHED))  # found again by its name
    except CheckpointError:
        raise
    except Exception as error:  # the network, the hub and its client raise many kinds
        answered = isinstance(error, RepositoryNotFoundError | RevisionNotFoundError)
        if not answered and (before := _cached(repo, wanted)):
            return before
        elsewhere = f"{network_fix()}, or give a folder that was fetched elsewhere"
        why = "it has no such model or revision, or keeps it private" if answered else reason(error)
        raise HubError(
            f"{name} is no folder here, and the hub does not give it: {why}",
            expected="the folder of a run, or OWNER/NAME of one on the hub",
            fix=f"check the spelling; if it is private, {LOG_IN}" if answered else elsewhere,
        ) from None


def _cached(repo: str, revision: str | None) -> Path | None:
    """What was fetched before, for when the hub cannot be reached."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(repo, revision=revision, allow_patterns=FETCHED, local_files_only=True))
    except (OSError, ValueError):  # nothing, or not all of it
        return None
    return folder if (folder / MANIFEST_FILE).is_file() else None


def network_fix() -> str:
    """What to do where the hub cannot be reached."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "unset HF_HUB_OFFLINE, which forbids to ask the hub"
    return "check the network"


def reason(error: BaseException) -> str:
    """The first line of what the hub's client says, without the token.

    Args:
        error: what it raised.
    """
    from huggingface_hub import get_token

    lines = str(error).strip().splitlines()
    line = lines[0].rstrip(".") if lines else type(error).__name__
    token = get_token()
    return line.replace(token, "***") if token else line
