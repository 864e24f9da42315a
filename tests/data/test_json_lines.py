"""Lines of JSON are read as Python reads them, by whichever reader."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interplay.data.table_rows import _json_in

leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["\ud800", "\x7f", "\u2028"])
)
values = st.recursive(
    leaves, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(), v, max_size=3), max_leaves=8
)


@given(values, st.booleans(), st.sampled_from(["", " ", "[", "}", ",", "1e999"]))
def test_any_value_is_read_or_refused_as_by_python(value: Any, ascii_only: bool, after: str) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only) + after
    try:
        right = repr(json.loads(text))
    except ValueError as error:
        with pytest.raises(ValueError, match=re.escape(str(error))):
            _json_in(text)
    else:
        assert repr(_json_in(text)) == right


@pytest.mark.parametrize(
    "text", ["[" * 300 + "]" * 300, "1" * 400, '"\\ud800"', '{"a": 1, "a": NaN}', "-Infinity", "-0", "1e999", "1E5"]
)
def test_what_few_readers_take_is_read_as_by_python(text: str) -> None:
    assert repr(_json_in(text)) == repr(json.loads(text))


@pytest.mark.parametrize("text", ["01", ".5", "{'a': 1}", '{"a": 1,}', "\ufeff{}", '"\t"', "1" * 5000, "", "nan"])
def test_what_is_no_json_is_refused_in_the_words_of_python(text: str) -> None:
    with pytest.raises(ValueError) as right:
        json.loads(text)
    with pytest.raises(ValueError, match=re.escape(str(right.value))):
        _json_in(text)
