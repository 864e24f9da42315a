"""An exported run to the Hugging Face hub, by the hub's own client."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from interplay.errors import CheckpointError, HubError
from interplay.files.exported import CARD_FILE, MANIFEST_FILE, check_exported
from interplay.files.fetching import HUB_NAME, LOG_IN, SECONDS, network_fix, reason
from interplay.hub.card import renamed

UNTOUCHED = {".gitattributes", CARD_FILE}
"""What a new repository of the hub may have."""


def push_to_hub(folder: str | Path, name: str, *, private: bool = True) -> str:
    """Push an exported run to the Hugging Face hub, as one commit.

    The token is the one that the hub's client finds: of `hf auth login`, or of the variable HF_TOKEN. The card goes as
    it lies in the folder, but that it calls the model by its name on the hub.

    Args:
        folder: the folder that `save_pretrained` wrote.
        name: OWNER/NAME; a repository that does not exist is made.
        private: whether a new repository is seen by its owner alone; one that is there stays as it is.

    Returns:
        The address of the repository.

    Raises:
        CheckpointError: the folder is no exported run, or has changed.
        HubError: there is no token, it may not write there, something else is in the repository, or the hub cannot be
            reached.
    """
    folder = Path(folder)
    if not (folder / MANIFEST_FILE).is_file():
        raise CheckpointError(
            f"it has no {MANIFEST_FILE}",
            file=folder,
            expected="a run that was exported",
            fix=f"export it first: interplay export {folder} --out FOLDER",
        )
    manifest = check_exported(folder)
    if not HUB_NAME.fullmatch(name) or "@" in name:
        raise HubError(f"the name on the hub is {name!r}", expected="OWNER/NAME")
    card = _card(folder, manifest["name"], name)
    _refuse_no_token()
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    api = HfApi()
    files = [*manifest["files"], MANIFEST_FILE]
    try:
        there = _files_there(api, name)
        _refuse_other(there, name)
        address = str(api.create_repo(name, private=private, exist_ok=True))
        added = [CommitOperationAdd(file, folder / file) for file in files]
        gone = [CommitOperationDelete(file) for file in _stale(there, files)]
        api.create_commit(
            name,
            [*added, CommitOperationAdd(CARD_FILE, card), *gone],
            commit_message="An exported run of Interplay",
        )
    except (CheckpointError, HubError):
        raise
    except Exception as error:  # the network, the hub and its client raise many kinds
        raise _hub_error(error, name) from None
    return address


def _card(folder: Path, old: str, new: str) -> bytes:
    """The card as it lies in the folder, under its name on the hub."""
    from huggingface_hub import ModelCard

    if not (folder / CARD_FILE).is_file():
        raise CheckpointError(
            f"the model card {CARD_FILE} is missing", file=folder, expected="one", fix="export the run again"
        )
    try:
        card = ModelCard((folder / CARD_FILE).read_text(encoding="utf-8"))
    except Exception as error:  # whatever the YAML of an edited card holds
        raise CheckpointError(
            f"the metadata of {CARD_FILE} cannot be read: {reason(error)}",
            file=folder,
            expected="YAML between two lines of ---",
            fix="correct it, or export the run again",
        ) from None
    if card.data.get("model_name") == old:
        card.data["model_name"] = new
    card.text = renamed(card.text, old, new)
    return str(card).encode()


def _refuse_no_token() -> None:
    from huggingface_hub import constants, get_token

    if constants.HF_HUB_OFFLINE:
        raise HubError("the hub is not asked while HF_HUB_OFFLINE is set", expected="a network", fix="unset it")
    if get_token() is None:
        raise HubError(
            "no token for the Hugging Face hub was found",
            expected="one that may write, of https://huggingface.co/settings/tokens",
            fix=f"{LOG_IN}; it is never given on the command line, where others may see it",
        )


def _files_there(api: Any, name: str) -> list[str]:
    """The files of a repository; none if it does not exist."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return [file.rfilename for file in api.model_info(name, timeout=SECONDS).siblings or []]
    except RepositoryNotFoundError:
        return []


def _refuse_other(there: Sequence[str], name: str) -> None:
    """Refuse a repository that holds something else: it would lie beside, and the card would be lost."""
    if MANIFEST_FILE not in there and (other := sorted(set(there) - UNTOUCHED)):
        raise HubError(
            f"something that is no exported run is in {name} already: {', '.join(other[:3])}",
            expected="a new repository, or one with an exported run",
            fix="choose another name",
        )


def _stale(there: Sequence[str], files: Sequence[str]) -> list[str]:
    """Files of an older export that this one has not; what else lies there stays."""
    ours = {PurePosixPath(file).name for file in files}
    return [file for file in there if file not in files and PurePosixPath(file).name in ours]


def _hub_error(error: Exception, name: str) -> HubError:
    from huggingface_hub.errors import HfHubHTTPError

    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, HfHubHTTPError) and status in (401, 403):
        return HubError(
            f"the hub does not let this token write to {name} ({status})",
            expected="a token that may write there",
            fix=f"make one at https://huggingface.co/settings/tokens, then {LOG_IN}",
        )
    answered = isinstance(error, HfHubHTTPError) and status is not None and status < 500
    return HubError(
        f"{name} cannot be pushed: {reason(error)}",
        expected="the hub to take it",
        fix="correct what it names, such as the card's metadata" if answered else network_fix(),
    )
