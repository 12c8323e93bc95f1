"""JSON text -> values."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autodiff_cli.data.json_text import read_json
from autodiff_cli.errors import UsageError

NAN, INF = float("nan"), float("inf")
SCALARS = "an input is a number, true, false, or arrays of them in [ ]; nan is written NaN"
ROWS = "all rows of an array need the same number of items, at every depth"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("3", 3.0),
        ("-0.5e1\n", -5.0),
        ("true", True),
        ("false", False),
        ("NaN", NAN),
        ("-Infinity", -INF),
        ('"nan"', NAN),
        ('"inf"', INF),
        ('"-inf"', -INF),
        ("1e999", INF),
        pytest.param("1" * 5000, INF, id="more digits than int() takes"),
        ("[]", np.zeros(0)),
        ("[[], []]", np.zeros((2, 0))),
        ("[1]", np.array([1.0])),
        ('[1, "nan", -Infinity]', np.array([1.0, NAN, -INF])),
        ("[[1, 2], [3, 4]]", np.array([[1.0, 2.0], [3.0, 4.0]])),
        ("[[[1]], [[2]]]", np.array([[[1.0]], [[2.0]]])),
        ("[true, false]", np.array([True, False])),
        ("[[true], [false]]", np.array([[True], [False]])),
        ("[true, 2]", np.array([1.0, 2.0])),
        pytest.param("[" * 64 + "1" + "]" * 64, np.ones((1,) * 64), id="64 deep"),
    ],
)
def test_value(text, want):
    value = read_json(text, None, "d.json")
    assert type(value) is type(want)
    np.testing.assert_array_equal(value, want, strict=isinstance(want, np.ndarray))


@pytest.mark.parametrize(
    ("text", "what", "help"),
    [
        ("[[1, 2, 3], [4, 5]]", ": [1] has 2 items, [0] has 3", ROWS),
        ("[[1, 2], [3, 4], [5]]", ": [2] has 1 item, [0] has 2", ROWS),
        ("[[[1], [2]], [[3], [4, 5]]]", ": [1][1] has 2 items, [0][0] has 1", ROWS),
        ("[[], [1]]", ": [1] has 1 item, [0] has 0", ROWS),
        ("[1, [2]]", ": [1] is an array, [0] is not", ROWS),
        ("[[1], 2]", ": [1] is a number, [0] is an array", ROWS),
        ("[[1], true]", ": [1] is a boolean, [0] is an array", ROWS),
        ("[1, null]", ": [1] is null, want a number", SCALARS),
        ("[[1], null]", ": [1] is null, want a number", SCALARS),
        ('[[1, "2*pi"]]', ': [0][1] is "2*pi", want a number', SCALARS),
        ('[1, {"a": 2}]', ": [1] is an object, want a number", SCALARS),
        ("[{}]", ": [0] is an object, want a number", SCALARS),
        (
            '{"x": 1, "y": 2}',
            ": got an object, want a number",
            "put :KEY after the file's name to take one of: x, y",
        ),
        ("{}", ": got an object, want a number", SCALARS),
        ("null", ": got null, want a number", SCALARS),
        (json.dumps("x" * 99), f': got "{"x" * 39}…", want a number', SCALARS),
        (r'"a\n\u001b[31m"', r': got "a\n\u001b[31m", want a number', SCALARS),
        ("[1,\n 2,\n oops]", ", line 3, column 2: not JSON: expecting value", SCALARS),
        (
            '{"x": 1}\n{"x": 2}',
            ", line 2, column 1: got more after the first JSON value, want one",
            "an input is one value: run the command once for each, or put them into one array",
        ),
        ("[1 2]", ", line 1, column 4: not JSON: expecting ',' delimiter", SCALARS),
        pytest.param(
            "[" * 65 + "]" * 65, ": nested too deep, want at most 64 levels", SCALARS, id="65 deep"
        ),
        pytest.param(
            "[" * 10**5 + "]" * 10**5,
            ": nested too deep, want at most 64 levels",
            SCALARS,
            id="very deep",
        ),
    ],
)
def test_refusal(text, what, help):
    with pytest.raises(UsageError) as caught:
        read_json(text, None, "input X: d.json")
    assert (caught.value.what, caught.value.help) == (f"input X: d.json{what}", help)


ARRAYS = hnp.arrays(
    st.sampled_from([np.float64, np.bool_]),
    hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4),
)


@given(ARRAYS)
def test_an_array_survives_the_round_trip(array):
    value = read_json(json.dumps(array.tolist()), None, "d.json")
    np.testing.assert_array_equal(value, array, strict=True)


@given(st.floats() | st.booleans())
def test_a_scalar_survives_the_round_trip(scalar):
    value = read_json(json.dumps(scalar), None, "d.json")
    assert type(value) is type(scalar)
    np.testing.assert_equal(value, scalar)


TREES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=8,
)


@given(TREES)
def test_any_json_is_a_value_or_a_usage_error(tree):
    try:
        value = read_json(json.dumps(tree), None, "d.json")
    except UsageError as error:
        assert error.what.startswith("d.json")
        assert error.help
    else:
        assert isinstance(value, float | bool | np.ndarray)
