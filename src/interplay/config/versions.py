"""Versions of config.toml: what a key of an older one is called today."""

from pathlib import Path
from typing import Any, Literal

from interplay.errors import ConfigError
from interplay.files.versions import Upgrade, rename_keys, upgrade_document

FORMAT: Literal["interplay/config/6"] = "interplay/config/6"
RENAMED = {
    "removal.toward": "removal.target",
    "explain.on": "explain.scale",
    "explain.width": "explain.max_interval_width",
    "explain.players": "explain.token_groups",
    "training.device": "device",
}
"""Keys of version 1 of the format -> their names of today."""


def upgrade_config(settings: dict[str, Any], file: str | Path) -> dict[str, Any]:
    """The settings of a run folder, whatever version wrote them, with the names of today.

    Args:
        settings: what its config.toml holds.
        file: that file, for messages.

    Raises:
        ConfigError: they are of a newer version.
    """
    return upgrade_document(settings, FORMAT, UPGRADES, error=ConfigError, file=file)


def _from_1(settings: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had no `format` key, and `device` was a key of `training`."""
    out = rename_keys(settings, {old: new for old, new in RENAMED.items() if old != "training.device"})
    training, explain = out.get("training"), out.get("explain")
    if isinstance(training, dict) and "device" in training:  # what is no section is named when the whole is checked
        rest = {key: value for key, value in training.items() if key != "device"}
        out = {"device": training["device"], **out, "training": rest}
    if isinstance(explain, dict) and explain.get("token_groups") == "features":
        out["explain"] = explain | {"token_groups": "none"}
    return out


def _from_2(settings: dict[str, Any]) -> dict[str, Any]:
    """Version 2 knew no roles but those by losses, and asked for the labels themselves."""
    then: dict[str, dict[str, Any]] = {"fusion": {"roles": "losses"}, "training": {"smoothing": 0.0}}
    given = {name: settings.get(name, {}) for name in then}  # what is no section is named when the whole is checked
    return settings | {name: then[name] | part for name, part in given.items() if isinstance(part, dict)}


def _from_3(settings: dict[str, Any]) -> dict[str, Any]:
    """In version 3 all that two modalities both say counted once."""
    fusion = settings.get("fusion", {})
    return settings | ({"fusion": {"counted_once": "all"} | fusion} if isinstance(fusion, dict) else {})


def _from_4(settings: dict[str, Any]) -> dict[str, Any]:
    """In version 4 the weights were those of an epoch's last step, not an average."""
    training = settings.get("training", {})
    return settings | ({"training": {"averaging": 0.0} | training} if isinstance(training, dict) else {})


def _from_5(settings: dict[str, Any]) -> dict[str, Any]:
    """In version 5 the synergy network read modalities' latents alone, not their products."""
    fusion = settings.get("fusion", {})
    return settings | ({"fusion": {"products": False} | fusion} if isinstance(fusion, dict) else {})


UPGRADES: dict[int, Upgrade] = {1: _from_1, 2: _from_2, 3: _from_3, 4: _from_4, 5: _from_5}
