"""The part of an explanations page's address after #: which explanation it shows, and under which value function."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from interplay.results import Explanation, ValueFunction

LONGEST = 200  # UTF-16 units of an id, as browsers count characters


def sample_addresses(ids: Sequence[str]) -> list[str]:
    """One address for each explanation of a page; a second one of the same sample adds `~2`.

    Args:
        ids: the sample id of each explanation, in the order of the page.

            >>> sample_addresses(["a b", "c", "a b"])
            ['a%20b', 'c', 'a%20b~2']
    """
    times: Counter[str] = Counter()
    out = []
    for name in ids:
        times[name] += 1
        out.append(_quoted(name) + (f"~{times[name]}" if times[name] > 1 else ""))
    return out


def value_addresses(values: Sequence[ValueFunction]) -> list[str]:
    """One address for each pair table of an explanation: its expert, or `~n` where an earlier one has the same.

    Args:
        values: the value functions of the tables, the main one first.
    """
    out: list[str] = []
    for n, value in enumerate(values):
        name = _quoted(value.expert)
        out.append(f"~{n}" if name in out else name)
    return out


def page_addresses(page: Path) -> dict[tuple[str, str, str], str]:
    """(sample id, target, whose answer) -> the address at which an explanations page shows it.

    Args:
        page: a file that `write_page` wrote; those of earlier versions hold no addresses, which were made alike.
    """
    _, _, rest = page.read_text(encoding="utf-8").partition('<script type="application/json" id="index">')
    samples = json.loads(rest.partition("</script>")[0])["samples"]
    made = sample_addresses([shown["id"] for shown in samples])
    out: dict[tuple[str, str, str], str] = {}
    for shown, address in zip(samples, made, strict=True):
        out.setdefault((shown["id"], shown["target"], shown.get("by", "")), shown.get("address", address))
    return out


def whose(explanation: Explanation) -> str:
    """Whose answer an explanation is of, as pages name it: the model and its run.

    Args:
        explanation: the explanation.
    """
    known = explanation.provenance
    return f"{known.model} ({known.run})" if known.model else known.run


def _quoted(text: str) -> str:
    """Cut, without halves of characters, which an address cannot hold, and escaped as browsers do."""
    short = text.encode("utf-16-le", "surrogatepass")[: 2 * LONGEST].decode("utf-16-le", "ignore")
    return quote(short, safe="!~*'()")
