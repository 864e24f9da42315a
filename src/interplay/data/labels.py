"""What labels a row has, however they are kept: one reader for every format.

Texts (several parted by `|`), numbers, booleans, lists of these, lists written as text as pandas writes them, and lists
or columns of zeros and ones. Names are stripped alike; None, NaN and pandas' NA are a missing label.
"""

import ast
import json
import re
import unicodedata
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from interplay.words import strip_invisible

MISSING = "the label is missing"
PLACEHOLDERS = frozenset({"nan", "none", "null", "na", "n/a", "<na>", "nat", "undefined", "missing", "?"})
"""Texts, without case, that programs write where a label is missing."""

_WHOLE = re.compile(r"[+-]?\d+\.0+")
_TRUTH = frozenset({"true", "false"})
_LISTED = re.compile(r"\[.*\]|\(.*,.*\)|\{[^:]*\}", re.DOTALL)
_QUOTED = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""")
_NUMBERS = re.compile(r"\[\s*[-+\d.]+(?:\s+[-+\d.]+)*\s*\]")


@dataclass(frozen=True)
class LabelColumn:
    """The labels of every row.

    Attributes:
        rows: the labels of each row, a name twice where it is there twice; None where they cannot be read.
        reasons: row, by its place -> why its labels cannot be read.
        names: all labels in their order, where the column itself says them (zeros and ones); else empty.
        several: whether rows are lists, and so may have any number of labels.
        notes: sentences about how values were read that are not plain names.
    """

    rows: list[tuple[str, ...] | None]
    reasons: Mapping[int, str]
    names: tuple[str, ...] = ()
    several: bool = False
    notes: tuple[str, ...] = ()


def read_labels(values: Sequence[Any], names: Sequence[str] = (), classes: Sequence[str] = ()) -> LabelColumn:
    """The labels of a column, whose values are read together: what a 1 means depends on the others.

    >>> read_labels(["['storm', 'urgent']", "calm"]).rows
    [('storm', 'urgent'), ('calm',)]
    >>> read_labels([[1, 0, 1], [0, 0, 0]]).rows
    [('label_0', 'label_2'), ()]
    >>> read_labels([0.0, 1.0, None]).rows
    [('0',), ('1',), None]

    Args:
        values: the values as they are kept.
        names: the names of all labels in their order, where they are declared: of lists of zeros and ones.
        classes: the names that numbers stand for; a negative number is then a label that is withheld.
    """
    plain = [_plain(value) for value in values]
    texts = [v for v in plain if isinstance(v, str)]
    listed = {text: _list_in(text) for text in set(texts) if _LISTED.fullmatch(text)}
    listed = {text: items for text, items in listed.items() if items is not None}
    notes = []
    if listed:
        first = next(text for text in texts if text in listed)
        notes.append(f"labels such as {first[:60]} are lists written as text, and are read as lists")
    plain = [listed.get(v, v) if isinstance(v, str) else v for v in plain]
    if not classes and (length := _indicator_length(plain)):
        return _from_indicators(plain, length, names, notes)
    plain, more = _normal_texts(plain)
    notes += more
    if any(isinstance(v, float) for v in plain):
        notes.append("labels that are numbers such as 1.0 are read as whole numbers, 1")
    rows: list[tuple[str, ...] | None] = []
    reasons: dict[int, str] = {}
    for at, value in enumerate(plain):
        try:
            rows.append(_names_of(value, classes))
        except ValueError as error:
            rows.append(None)
            reasons[at] = str(error)
    return LabelColumn(rows, reasons, (), any(isinstance(v, list) for v in plain), tuple(notes))


def read_indicators(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> LabelColumn:
    """The labels of columns of zeros and ones, one a label: those that hold of a row.

    Args:
        columns: the columns; each is the name of its label.
        rows: column -> value.
    """
    found: list[tuple[str, ...] | None] = []
    reasons: dict[int, str] = {}
    for at, row in enumerate(rows):
        values = {column: _truth(_plain(row.get(column))) for column in columns}
        wrong = next((column for column, value in values.items() if value is None), None)
        found.append(tuple(column for column, value in values.items() if value) if wrong is None else None)
        if wrong is not None:
            reasons[at] = f"{wrong!r} is {row.get(wrong)!r}, neither 0 nor 1"
    return LabelColumn(found, reasons, tuple(columns), True)


def label_name(value: Any) -> str:
    """One label as a name: stripped text, a whole number or a truth value.

    >>> [label_name(value) for value in (" cat\u00a0", 3, 1.0, True)]
    ['cat', '3', '1', 'true']

    Args:
        value: the value.

    Raises:
        ValueError: it is none, with the reason.
    """
    value = _plain(value)
    if value is None:
        raise ValueError(MISSING)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(f"the label {value} is no whole number")
    if isinstance(value, int | float):
        return str(int(value))
    if not isinstance(value, str):
        raise ValueError(f"the label is {type(value).__name__}, neither a text nor a number")
    name = strip_invisible(value)
    if not name:
        raise ValueError("a label is blank")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError("a label holds half a surrogate pair") from None
    return name


def near_equal(labels: Sequence[str]) -> list[list[str]]:
    """Groups of labels that differ only in case, blanks, hyphens, or how their characters are coded.

    >>> near_equal(["cat", "Cat", "dog", "sci fi", "Sci-Fi"])
    [['cat', 'Cat'], ['sci fi', 'Sci-Fi']]

    Args:
        labels: the names.
    """
    groups: dict[str, list[str]] = {}
    for label in labels:
        key = "".join(char for char in unicodedata.normalize("NFKC", label).casefold() if char.isprintable())
        groups.setdefault(re.sub(r"[\s_-]+", "", key) or label, []).append(label)
    return [group for group in groups.values() if len(group) > 1]


def _plain(value: Any) -> Any:
    """A value of numpy, pandas or Arrow as Python's own; None if it is missing."""
    if type(value) is str:  # as most are
        return strip_invisible(value)
    if hasattr(value, "tolist"):  # an array, or a number of one
        value = value.tolist()
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, tuple | set | frozenset):
        value = sorted(value, key=str) if isinstance(value, set | frozenset) else list(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return strip_invisible(value) if isinstance(value, str) else value


def _list_in(text: str) -> list[Any] | None:
    """The list that a text writes, as JSON, Python or numpy do; None if it writes none."""
    if _NUMBERS.fullmatch(text):
        text = "[" + ",".join(text[1:-1].split()) + "]"
    elif text[0] == "[" and len(_QUOTED.findall(text)) > 1 and not _QUOTED.sub("", text).strip("[] \r\n\t"):
        return [_unescaped(found) for found in _QUOTED.finditer(text)]  # numpy parts them by blanks, which Python joins
    for read in (json.loads, _literal):
        try:
            value = read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        if isinstance(value, list | tuple | set):
            return [_plain(item) for item in (sorted(value, key=str) if isinstance(value, set) else value)]
    return None


def _unescaped(quoted: re.Match[str]) -> str:
    """What a quoted text stands for, as Python reads it: a backslash escapes the character behind it."""
    try:
        return str(_literal(quoted[0]))
    except (ValueError, SyntaxError):  # no escape of Python's, or a line that goes on
        return quoted[1] or quoted[2] or ""


def _literal(text: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a backslash before a letter that needs none, which is kept
        return ast.literal_eval(text)


def _indicator_length(values: Sequence[Any]) -> int:
    """How many zeros and ones each list holds; 0 if values are no such lists of one length."""
    lists = [v for v in values if v is not None and v != ""]
    if not lists or not all(isinstance(v, list) and len(v) == len(lists[0]) >= 2 for v in lists):
        return 0
    sound = all(isinstance(one, bool | int | float) and one in (0, 1) for v in lists for one in v)
    return len(lists[0]) if sound else 0


def _from_indicators(values: Sequence[Any], length: int, names: Sequence[str], notes: Sequence[str]) -> LabelColumn:
    own = tuple(names) if len(names) == length else tuple(f"label_{n}" for n in range(length))
    rows = [tuple(n for n, on in zip(own, v, strict=True) if on) if isinstance(v, list) else None for v in values]
    reasons = {at: MISSING for at, row in enumerate(rows) if row is None}
    called = "as declared" if own == tuple(names) else f"{own[0]} to {own[-1]}; `labels` in dataset.toml names them"
    note = (
        f"labels are lists of {length} zeros and ones, and are read as which of {length} labels hold, called {called}"
    )
    return LabelColumn(rows, reasons, own, True, (*notes, note))


def _normal_texts(values: Sequence[Any]) -> tuple[list[Any], list[str]]:
    """Texts of a column that are all whole numbers with a point, or all truth values, as a program wrote them."""
    texts = {v for v in values if isinstance(v, str) and v}
    if texts and all(_WHOLE.fullmatch(text) for text in texts):
        note = "labels that are numbers such as 1.0 are read as whole numbers, 1"
        return [str(int(v.partition(".")[0])) if isinstance(v, str) and v else v for v in values], [note]
    if texts and {text.casefold() for text in texts} <= _TRUTH:
        return [v.casefold() if isinstance(v, str) else v for v in values], []
    return list(values), []


def _names_of(value: Any, classes: Sequence[str]) -> tuple[str, ...]:
    if isinstance(value, str) and not classes:
        return tuple(name for part in value.split("|") if (name := strip_invisible(part)) and label_name(name))
    items = value if isinstance(value, list) else [value]
    return tuple(_class_name(item, classes) if classes else _name(item) for item in items)


def _name(value: Any) -> str:
    return _name_in(value) if type(value) is str else label_name(value)


@lru_cache(4096)
def _name_in(text: str) -> str:
    """`label_name` of a text, of which a table has few different ones."""
    return label_name(text)


def _class_name(value: Any, classes: Sequence[str]) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return label_name(value)
    if not 0 <= value < len(classes):
        raise ValueError(MISSING)
    return label_name(classes[value])


def _truth(value: Any) -> bool | None:
    """Whether a value of a column of zeros and ones is a one; None if it is neither."""
    if isinstance(value, str):
        text = value.casefold()
        return {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}.get(text)
    return bool(value) if isinstance(value, bool | int | float) and value in (0, 1) else None
