"""CSV, and numbers with white space between them -> values."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autodiff_cli.data.files import read_file_value
from autodiff_cli.data.tables import read_csv, read_numbers
from autodiff_cli.errors import UsageError

NAN, INF = float("nan"), float("inf")
CELL = "a cell holds one number, with a point for its decimals, or nan, inf, -inf"
WIDTH = (
    "every row needs the same number of cells; put quotes around a text that holds the separator"
)
COMMA = "with a decimal comma, want a number with a point"
POINT = "write {}; `tr , . < FILE` does so in a whole file"
ROW = "give at least one row of numbers"


@pytest.mark.parametrize(
    ("text", "columns", "want"),
    [
        ("1,2\n3,4\n", None, [[1, 2], [3, 4]]),
        ("a,b\n1,2\n3,4", None, [[1, 2], [3, 4]]),
        ("a,2\n1,2\n", None, [[1, 2]]),
        (",a\n0,1\n", None, [[0, 1]]),
        ("7", None, [[7]]),
        ("w\n1\n2\n", None, [[1], [2]]),
        ("a;b\n1;2\n", None, [[1, 2]]),
        ("a\tb\n1\t2\n", None, [[1, 2]]),
        ("a, m;b\n1;2\n", "b", [2]),
        ('"a;b;c",d\n1,2\n', None, [[1, 2]]),
        ("a,b\r\n1,2\r\n\r\n", None, [[1, 2]]),
        ("# c\n\na,b\n\n1,2\n\n# d\n\n3,4\n\n# e\n", None, [[1, 2], [3, 4]]),
        ("1,2\r3,4\r", None, [[1, 2], [3, 4]]),
        ("\n\n1,2\n\n  \n", None, [[1, 2]]),
        (' 1 , "2" \n', None, [[1, 2]]),
        ("nan,inf,-inf\nNaN,+Inf,-Infinity\n", None, [[NAN, INF, -INF]] * 2),
        ("1e3,-.5,+2.\n", None, [[1000, -0.5, 2]]),
        ("2019_01\n3\n", None, [[3]]),
        ("a,b\n1,2\n3,4\n", "b", [2, 4]),
        ("a,b\n1,2\n", "b", [2]),
        ("name,a\nx,1\n,2\n", "a", [1, 2]),
        ("a,b,c\n1,2,3\n4,5,6\n", "c,a", [[3, 1], [6, 4]]),
        ("a,b,c\n1,2,3\n", "a, a", [[1, 1]]),
        ('"a,b",c\n1,2\n', "a,b", [1]),
        ('" a ",b\n1,2\n', "a", [1]),
        ("x,2020\n1,2\n", "2020", [2]),
        ('"two\nlines",b\n1,2\n', "b", [2]),
        ("# made by a logger\nt,u\n\n1,2\n  # later\n3,4\n", "u", [2, 4]),
        ("# t,u\n1,2\n3,4\n", "u", [2, 4]),
        ("# t,u\n1,2\n", None, [[1, 2]]),
        ('a,b\n"#1",2\n', "b", [2]),
        ('"1"\t"2"\n"3"\t"4"\n', None, [[1, 2], [3, 4]]),
        ('a,b\n"x\n# y",2\n', "b", [2]),
        ("# it's \"quoted\n1,2\n", None, [[1, 2]]),
        ("1.5D+03,2d-1\n", None, [[1500, 0.2]]),
        ("1 2\n3 4\n", None, [[1, 2], [3, 4]]),
        ("a,b,a\n1,2,3\n", "#3", [3]),
        ("a,b\n1,2\n", "#2,a", [[2, 1]]),
        ("a,#1\n1,2\n", "#1", [2]),
        ("a,b\n1,2\n", "*", [[1, 2]]),
        ("a,*\n1,2\n", "*", [2]),
        ("2019,2020\n1,2\n", None, [[2019, 2020], [1, 2]]),
        ("2019,2020\n1,2\n", "header", [[1, 2]]),
        ("2019,2020\n1,2\n", "header:2020", [2]),
        ("2019,2020\n1,2\n", "no-header:#2", [2020, 2]),
        ("header,a\n1,2\n", "header", [1]),
    ],
)
def test_csv(text, columns, want):
    np.testing.assert_array_equal(
        read_csv(text, columns, "d.csv"), np.array(want, dtype=np.float64), strict=True
    )


def test_csv_with_a_byte_order_mark(tmp_path):
    file = tmp_path / "d.csv"
    file.write_bytes("a,σ\r\n1,2\r\n".encode("utf-8-sig"))
    np.testing.assert_array_equal(read_file_value(f"{file}:a", "X"), [1.0])
    np.testing.assert_array_equal(read_file_value(f"{file}:σ", "X"), [2.0])


@pytest.mark.parametrize(
    ("text", "columns", "what", "help"),
    [
        (
            "height,weight\n1,2\n3,abc\n",
            None,
            ', row 3, column 2 (weight): got "abc", want a number',
            CELL,
        ),
        ("1,2\n3,abc\n", None, ', row 2, column 2: got "abc", want a number', CELL),
        ("a,b\n1,\n", None, ", row 2, column 2 (b): got an empty cell, want a number", CELL),
        ("1,,3\n4,5,6\n", None, ", row 1, column 2: got an empty cell, want a number", CELL),
        ("a;b\n1;2,5\n", None, f', row 2, column 2 (b): got "2,5" {COMMA}', POINT.format("2.5")),
        ("1,5;2,5\n", None, f', row 1, column 1: got "1,5" {COMMA}', POINT.format("1.5")),
        ("1,5\t-2\n", None, f', row 1, column 1: got "1,5" {COMMA}', POINT.format("1.5")),
        ("1\n1_000\n", None, ', row 2, column 1: got "1_000", want a number', CELL),
        ("\na,b\n1,x y\n", None, ', row 3, column 2 (b): got "x y", want a number', CELL),
        ("a,b\nx,y\n", "b", ', row 2, column 2 (b): got "y", want a number', CELL),
        ("a,b\n1,2\n3\n", None, ", row 3 has 1 cell, row 1 has 2", WIDTH),
        ("\n1,2\n3,4,5\n", None, ", row 3 has 3 cells, row 2 has 2", WIDTH),
        ("1,2\n\n# c\n3\n", None, ", row 4 has 1 cell, row 1 has 2", WIDTH),
        ("1,2\n\n3,4\n", None, ", row 2 has 0 cells, row 1 has 2", WIDTH),
        ("t,u\r\n1,2\r\n \r\n\r\n3,4\r\n", "u", ", row 3 has 0 cells, row 1 has 2", WIDTH),
        ("1\r\r3\r", None, ", row 2 has 0 cells, row 1 has 1", WIDTH),
        ("1,2\n ,\n3,4\n", None, ", row 2, column 1: got an empty cell, want a number", CELL),
        ('a\n1\n""\n', None, ", row 3, column 1 (a): got an empty cell, want a number", CELL),
        ("1,2\n3,4\n", "#3", " has no column #3", "columns count from 1, and it has 2"),
        ("1,2\n3,4\n", "#0", " has no column #0", "columns count from 1, and it has 2"),
        ("a,b\n1,2\n", "no-header", ', row 1, column 1: got "a", want a number', CELL),
        (
            "height,weight\n1,2\n",
            "wieght",
            ' has no column "wieght"',
            "did you mean `weight`?; its columns are: height, weight",
        ),
        ("a,b\n1,2\n", "zzz", ' has no column "zzz"', "its columns are: a, b"),
        ("a,b\n1,2\n", "", ' has no column ""', "its columns are: a, b"),
        ("a,b\n1,2\n", "a,c", ' has no column "c"', "its columns are: a, b"),
        (
            ",".join(f"c{i}" for i in range(30)) + "\n" + ",".join("1" * 30),
            "zzz",
            ' has no column "zzz"',
            f"its columns are: {', '.join(f'c{i}' for i in range(20))}, … (30 in all)",
        ),
        (
            "1,2\n3,4\n",
            "b",
            ' has no header, got the column "b"',
            "columns without names are :#1 to :#2; where the first row holds the names though "
            "they are numbers, write :header:b; or leave out :b for the whole table",
        ),
        (
            "a,b,a\n1,2,3\n",
            "a",
            ' has 2 columns "a", want one',
            "give each column a name of its own, or take it by position: :#1",
        ),
        ("a,b\n", None, ': no rows below the header "a,b"', ROW),
        ("a,b\n\n", "a", ': no rows below the header "a,b"', ROW),
        ('""\n', None, ", row 1, column 1: got an empty cell, want a number", CELL),
        ("# t\n \n", None, " has no numbers", ROW),
        pytest.param(
            'a\n1\n"' + "2\n" * 10**5,
            None,
            ": not a CSV after row 2: field larger than field limit (131072)",
            "look for a quote that is not closed",
            id="a quote that is not closed",
        ),
    ],
)
def test_csv_refusal(text, columns, what, help):
    with pytest.raises(UsageError) as caught:
        read_csv(text, columns, "input X: d.csv")
    assert (caught.value.what, caught.value.help) == (f"input X: d.csv{what}", help)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("3\n", 3.0),
        ("\n  -inf  \n", -INF),
        ("1 2\t3", np.array([1.0, 2.0, 3.0])),
        ("1\n2\n3\n", np.array([1.0, 2.0, 3.0])),
        ("1\r\n\r\n2\r\n", np.array([1.0, 2.0])),
        ("1 2\n3 4\n", np.array([[1.0, 2.0], [3.0, 4.0]])),
        ("1 2\r3 4\r", np.array([[1.0, 2.0], [3.0, 4.0]])),
        ("  nan  1e-3\n", np.array([NAN, 0.001])),
    ],
)
def test_numbers(text, want):
    value = read_numbers(text, None, "d.txt")
    assert type(value) is type(want)
    np.testing.assert_array_equal(value, want, strict=isinstance(want, np.ndarray))


@pytest.mark.parametrize(
    ("text", "what", "help"),
    [
        (
            "1\n2,3\n",
            f', line 2, column 1: got "2,3" {COMMA}',
            POINT.format("2.3"),
        ),
        (
            "1\n1_000",
            ', line 2, column 1: got "1_000", want a number',
            CELL,
        ),
        (
            "\n1 2 3\n\n4 5\n",
            ", line 4 has 2 numbers, line 2 has 3",
            "every line needs the same number of numbers",
        ),
    ],
)
def test_numbers_refusal(text, what, help):
    with pytest.raises(UsageError) as caught:
        read_numbers(text, None, "input X: d.txt")
    assert (caught.value.what, caught.value.help) == (f"input X: d.txt{what}", help)


TABLES = hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=5))


@given(TABLES, st.sampled_from(",;\t"), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_a_table_survives_the_round_trip(array, separator, ending, with_header):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=ending)
    names = [f"column {index}, quoted; or not" for index in range(array.shape[1])]
    if with_header:
        # With quotes throughout, the separators within the names count for nothing.
        quoting = csv.writer(
            text, delimiter=separator, lineterminator=ending, quoting=csv.QUOTE_ALL
        )
        quoting.writerow(names)
    writer.writerows(array.tolist())
    value = read_csv(text.getvalue(), None, "d.csv")
    np.testing.assert_array_equal(value, array, strict=True)
    if with_header:
        column = read_csv(text.getvalue(), names[-1], "d.csv")
        np.testing.assert_array_equal(column, array[:, -1], strict=True)


@given(TABLES)
def test_numbers_survive_the_round_trip(array):
    text = "\n".join(" ".join(map(repr, row)) for row in array.tolist())
    value = read_numbers(text, None, "d.txt")
    np.testing.assert_array_equal(value, array.squeeze() if 1 in array.shape else array)


@given(st.text('01.,;\t\n\r" aé_-', min_size=1), st.none() | st.sampled_from(["a", "a,0"]))
def test_any_text_is_a_table_or_a_usage_error(text, columns):
    try:
        value = read_csv(text, columns, "d.csv")
    except UsageError as error:
        assert error.what.startswith("d.csv")
        assert error.help
    else:
        assert value.dtype == np.float64
        assert value.ndim == (1 if columns == "a" else 2)
