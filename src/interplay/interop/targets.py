"""Labels as scikit-learn gives them, and which rows choose the best epoch and are tested on."""

import warnings
from collections import Counter
from collections.abc import Sequence, Set
from typing import Any

import numpy as np

from interplay.errors import BadInput
from interplay.interop.rows import Frame, is_missing
from interplay.kinds import LabelKind

GOLDEN = 0.6180339887498949
NAMED = 5
"""How many contradictions a warning names."""


def read_labels(y: Any, n: int) -> tuple[np.ndarray, LabelKind, list[list[int]]]:
    """What a classifier learns, as scikit-learn has it.

    Args:
        y: (n,) or (n, 1) labels, or (n, C) zeros and ones; the columns of a data frame name the labels.
        n: how many rows there are.

    Returns:
        The labels in order, whether one or several hold, and for each row the indices of those that hold.

    Raises:
        BadInput: another shape, a missing label, numbers that are no labels, or one label in all rows.
    """
    from sklearn.utils.multiclass import type_of_target

    given: np.ndarray = np.asarray(
        y, dtype=object
    )  # a plain array would make texts of numbers, and "nan" of what is missing
    values = given.ravel().tolist()
    if any(isinstance(one, Sequence | Set | np.ndarray) and not isinstance(one, str) for one in values):
        fix = "make zeros and ones of lists of labels by sklearn.preprocessing.MultiLabelBinarizer"
        raise BadInput("y holds several labels in one place", expected=f"({n},) or ({n}, C)", fix=fix)
    if given.ndim not in (1, 2) or len(given) != n:
        raise BadInput(f"y has shape {given.shape}", expected=f"({n},) or ({n}, C): X has {n} rows")
    if any(map(is_missing, values)):
        raise BadInput("y holds a missing label", expected="a label in every row", fix="leave these rows out")
    types = sorted({type(one).__name__ for one in values})
    if len(types) > 1:
        raise BadInput(f"y holds labels of the types {' and '.join(types)}", expected="labels of one type")
    array: np.ndarray = np.array(values).reshape(given.shape)
    found = type_of_target(array, input_name="y")
    if found in ("binary", "multiclass") and (array.ndim == 1 or array.shape[1] == 1):
        classes, at = np.unique(array.ravel(), return_inverse=True)
        if len(classes) < 2:
            raise BadInput(f"y has only the label {values[0]!r}", expected="two labels or more")
        return classes, "single", [[int(one)] for one in at]
    if found == "multilabel-indicator":
        names = [str(name) for name in y.columns] if isinstance(y, Frame) else list(range(array.shape[1]))
        return np.array(names), "multi", [np.flatnonzero(row).tolist() for row in array]
    raise BadInput(f"y is {found}", expected="one label a row, or zeros and ones with a column for each label")


def draw_seed(random_state: Any) -> int:
    """The seed of one fit, as scikit-learn has it: an integer is the seed, of anything else it is drawn.

    Args:
        random_state: an integer, a `numpy.random.RandomState`, or None.

    Raises:
        BadInput: it is something else.
    """
    from sklearn.utils import check_random_state

    try:
        drawn = check_random_state(random_state)
    except ValueError as error:
        expected = "an integer from 0 to 2**32 - 1, a numpy.random.RandomState, or None"
        raise BadInput(f"random_state is {random_state!r}", expected=expected) from error
    return int(random_state if isinstance(random_state, int | np.integer) else drawn.randint(2**31 - 1))


def choose_splits(
    held: Sequence[Sequence[int]], contents: Sequence[str], validation: float, test: float, seed: int
) -> list[str]:
    """The split of each row: a random order, with rows of equal labels beside each other, divided evenly everywhere.

    So every label has its share in each split, as nearly as its rows can be divided. Rows of the same content go into
    one split, by the labels of the first of them.

    Args:
        held: for each row the indices of the labels that hold.
        contents: for each row what its content is known by.
        validation: share of the rows in "val".
        test: share of the rows in "test".
        seed: decides the order.

    Raises:
        BadInput: shares that leave nothing, or too few rows for one of the splits.
    """
    if min(validation, test) <= 0 or validation + test >= 1:
        raise BadInput(
            f"validation_fraction is {validation:g} and test_fraction {test:g}", expected="above 0, together below 1"
        )
    n = len(held)
    first = {content: row for row, content in reversed([*enumerate(contents)])}
    shuffled = np.random.default_rng(seed).permutation(sorted(first.values())).tolist()
    order = sorted(shuffled, key=lambda row: list(held[row]))
    even = np.arange(len(order)) * GOLDEN % 1  # of any stretch, a share s lies below s, but for two at most
    chosen = np.select([even < validation, even < validation + test], ["val", "test"], "train").tolist()
    by_content = dict(zip((contents[row] for row in order), chosen, strict=True))
    splits = [by_content[content] for content in contents]
    counts = Counter(splits)
    if len(counts) < 3:
        different = "" if len(order) == n else f", {len(order)} of them different,"
        raise BadInput(
            f"of {n} rows{different} {counts['train']} are for training, {counts['val']} for validation and "
            f"{counts['test']} for testing",
            expected="at least one of each",
            fix="give more rows, or larger fractions",
        )
    return splits


def warn_of_contradictions(held: Sequence[Sequence[int]], contents: Sequence[str]) -> None:
    """Warn of rows of the same content that have other labels: no model can be right of all of them.

    Args:
        held: for each row the indices of the labels that hold.
        contents: for each row what its content is known by.
    """
    first: dict[str, int] = {}
    pairs = [(before, row) for row, content in enumerate(contents) if (before := first.setdefault(content, row)) != row]
    other = [(before, row) for before, row in pairs if list(held[before]) != list(held[row])]
    if other:
        named = ", ".join(f"{before} and {row}" for before, row in other[:NAMED])
        more = f", and {len(other) - NAMED} more" if len(other) > NAMED else ""
        message = (
            f"rows of X hold the same and have other labels in y: {named}{more}; correct the labels, or leave one out"
        )
        warnings.warn(message, stacklevel=3)
