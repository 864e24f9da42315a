"""Files that carry a version: older ones are upgraded step by step, newer ones are refused by name.

A version is text such as "interplay/config/2". What may change when is written in docs/compatibility.md.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from interplay.errors import BadInput

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]
"""A document of one version -> the same in the next; changes nothing that it is given."""


def upgrade_document(
    document: Mapping[str, Any],
    version: str,
    upgrades: Mapping[int, Upgrade],
    *,
    key: str = "format",
    error: type[BadInput] = BadInput,
    file: str | Path | None = None,
) -> dict[str, Any]:
    """Bring a document to the version of today.

    Args:
        document: what was read.
        version: the version of today, "interplay/NAME/N".
        upgrades: version k -> what makes a document of version k one of k + 1.
        key: where the document says its version; one that says none is of version 1.
        error: what is raised.
        file: where it was read, for the message.

    Returns:
        The document in the version of today, which it says; its keys in their order.

    Raises:
        BadInput: or the error given: the version is newer than that of today, or none of this name.

    >>> steps = {1: lambda old: {"scale" if key == "on" else key: value for key, value in old.items()}}
    >>> upgrade_document({"on": "logit"}, "interplay/example/2", steps)
    {'scale': 'logit', 'format': 'interplay/example/2'}
    """
    name, _, today = version.rpartition("/")
    found = document.get(key, f"{name}/1")
    theirs, _, number = str(found).rpartition("/")
    if theirs != name or not number.isdecimal() or int(number) < 1:
        raise error(f"its {key} is {found!r}", file=file, expected=version)
    if int(number) > int(today):
        raise error(
            f"it was written by a newer version of Interplay, as {found}",
            file=file,
            expected=f"{version} or older",
            fix="update Interplay",
        )
    out = dict(document)
    for step in range(int(number), int(today)):
        out = upgrades[step](out)
    return out | {key: version}


def rename_keys(document: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A document with dotted keys under new names, each in its place.

    >>> rename_keys({"explain": {"on": "logit", "grid": 4}}, {"explain.on": "explain.scale"})
    {'explain': {'scale': 'logit', 'grid': 4}}

    Args:
        document: nested keys and values.
        names: old dotted key -> new one, in the same section.
    """

    def renamed(part: Mapping[str, Any], before: str) -> dict[str, Any]:
        out = {}
        for key, value in part.items():
            path = f"{before}{key}"
            new = names.get(path, path).rpartition(".")[2]
            out[new] = renamed(value, f"{path}.") if isinstance(value, Mapping) else value
        return out

    return renamed(document, "")
