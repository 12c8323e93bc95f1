"""Numbers as text: the digits that they take, or those that are asked for."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from autodiff_cli.report import numbers
from autodiff_cli.report.numbers import (
    json_text,
    json_value,
    number_text,
    summary_text,
    value_text,
)

NUMBERS = {
    "an integer": (3, None, "3"),
    "a large integer": (2**62 + 1, None, "4611686018427387905"),
    "an integer has all its digits": (123456, 2, "123456"),
    "true": (True, None, "true"),
    "NumPy's false": (np.False_, None, "false"),
    "a float": (28.0, None, "28.0"),
    "minus zero": (-0.0, None, "-0.0"),
    "nan": (math.nan, None, "nan"),
    "minus inf": (-math.inf, 3, "-inf"),
    "three digits": (math.pi, 3, "3.14"),
    "three digits of a large one": (123456.0, 3, "1.23e+05"),
    "float32": (np.float32(0.1), None, "0.1"),
    "float32 nan": (np.float32("nan"), 2, "nan"),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_number(name: str) -> None:
    value, digits, text = NUMBERS[name]
    assert number_text(value, digits) == text


ARRAYS = {
    "none": (np.zeros(0), "[]"),
    "no columns": (np.zeros((2, 0)), "[[], []]"),
    "a matrix": (np.array([[1.0, -2.5], [math.nan, math.inf]]), "[[1.0, -2.5], [nan, inf]]"),
    "integers": (np.array([1, 2]), "[1, 2]"),
    "booleans": (np.array([True, False]), "[true, false]"),
    "float32": (np.array([0.1, 1e10], np.float32), "[0.1, 1e+10]"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_array(name: str) -> None:
    value, text = ARRAYS[name]
    assert value_text(value) == text


SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)


@given(st.one_of(arrays.arrays(np.float64, SHAPES), arrays.arrays(np.float32, SHAPES)))
def test_plain_and_json_read_back_to_the_same_array(value: np.ndarray) -> None:
    names = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}

    def numbers(tree: object) -> object:
        if isinstance(tree, list):
            return [numbers(item) for item in tree]
        return names[tree] if isinstance(tree, str) else tree

    from_json = numbers(json.loads(json.dumps(json_value(value), allow_nan=False)))
    from_plain = json.loads(value_text(value).replace("nan", "NaN").replace("inf", "Infinity"))
    for read in (from_json, from_plain):
        again = np.array(read, dtype=value.dtype).reshape(value.shape)
        np.testing.assert_array_equal(again, value)
        assert (np.signbit(again) == np.signbit(value))[~np.isnan(value)].all()


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 17))
def test_digits_are_significant_ones(value: float, digits: int) -> None:
    assert json_value(value, digits) == float(f"{value:.{digits - 1}e}")


SUMMARIES = {
    "short": (np.arange(3.0), None, "[0., 1., 2.]"),
    "digits": (np.array([math.pi, 1e6, -1 / 3]), 3, "[  3.14,  1e+06, -0.333]"),
    "rows in columns": (np.array([[math.pi, 10], [1, 2]]), 2, "[[3.1,  10],\n [  1,   2]]"),
    "long": (np.arange(1000.0), None, "[  0.,   1.,   2., ..., 997., 998., 999.]"),
    "long, with digits": (
        np.arange(1000) / 7,
        3,
        "[    0, 0.143, 0.286, ...,   142,   143,   143]",
    ),
    "booleans": (np.array([True, False]), None, "[ true, false]"),
    "none": (np.zeros(0), 3, "[]"),
}


@pytest.mark.parametrize("name", SUMMARIES)
def test_summary(name: str) -> None:
    value, digits, text = SUMMARIES[name]
    assert summary_text(value, digits) == text


@pytest.mark.parametrize("width", [16, 30, 60])
def test_summary_keeps_to_the_width(width: int) -> None:
    lines = summary_text(np.linspace(0, 1, 90), None, width).splitlines()
    assert max(map(len, lines)) <= width


CUBE = np.arange(24.0).reshape(2, 3, 4) / 7
LONG = {
    "a cube": CUBE,
    "a cube with nan": np.where(CUBE == 0, np.nan, CUBE),
    "a cube of float32": CUBE.astype(np.float32),
    "a vector": CUBE.ravel(),
    "whole numbers": np.arange(7),
}


@pytest.mark.parametrize("digits", [None, 3])
@pytest.mark.parametrize("at_once", [1, 3, 5])
@pytest.mark.parametrize("name", LONG)
def test_what_is_written_in_parts_is_the_same_text(monkeypatch, name, at_once, digits):
    def texts():
        found = {"value": json_value(LONG[name], digits), "after": "é\x7f"}
        return value_text(LONG[name], digits), json_text(found)

    whole = texts()
    monkeypatch.setattr(numbers, "AT_ONCE", at_once)
    assert texts() == whole
