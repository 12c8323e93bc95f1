"""Tables as observations: gaps, texts, categories, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from autodiff_cli.data.observations import MISSING, observations
from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def kept(folder: Path, text: str, name: str = "d.csv") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("d.csv", "x,y,z\n1,2,a\n3,4,b\n"),
        ("d.csv", "# made by hand\nx;y\n1;2\n3;4\n"),
        ("d.tsv", "x\ty\n1\t2\n3\t4\n"),
        ("d.txt", "x y\n1 2\n3 4\n"),
        ("d.json", '{"x": [1, 3], "y": [2, 4]}'),
    ],
)
def test_columns_by_name(tmp_path: Path, name: str, text: str) -> None:
    found = observations(kept(tmp_path, text, name)).columns(["y", "x"])
    assert list(found.values) == ["y", "x"]
    np.testing.assert_array_equal(found.values["y"], [2, 4])
    assert found.dropped == 0


@pytest.mark.parametrize("cell", [*sorted(MISSING), "NA", "NaN"])
def test_missing_cell(tmp_path: Path, cell: str) -> None:
    path = kept(tmp_path, f"x,y,z\n1,2,\n3,{cell},1\n5,6,1\n")
    with pytest.raises(UsageError, match=r"row 3, column 2 \(y\)"):
        observations(path).columns(["x", "y"])
    found = observations(path).columns(["x", "y"], drop_missing=True)
    np.testing.assert_array_equal(found.values["x"], [1, 5])
    assert found.dropped == 1


def test_nan_in_arrays(tmp_path: Path) -> None:
    path = kept(tmp_path, '{"x": [1, "nan"], "y": [2, 4]}', "d.json")
    with pytest.raises(UsageError, match=r"x\[1\] is nan"):
        observations(path).columns(["x"])
    assert observations(path).columns(["x"], drop_missing=True).dropped == 1


def test_categories_are_in_order_and_keep_their_numbers(tmp_path: Path) -> None:
    first = observations(kept(tmp_path, "g,y\nb,1\na,2\n10,3\n9,4\n", "one.csv"))
    found = first.columns(["g"], ["g"])
    assert found.levels == {"g": ["9", "10", "a", "b"]}
    np.testing.assert_array_equal(found.values["g"], [3, 2, 1, 0])
    other = observations(kept(tmp_path, "g\nb\n", "two.csv"))
    np.testing.assert_array_equal(other.columns(["g"], levels=found.levels).values["g"], [3])
    third = observations(kept(tmp_path, "g\nc\n", "three.csv"))
    with pytest.raises(UsageError, match="which the data of the fit have not"):
        third.columns(["g"], levels=found.levels)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n3,4\n", "has no names"),
        ("x,y\n1,north\n", "want a number"),
        ("x,x\n1,2\n", "2 columns"),
        ("x,z\n1,2\n", "no column"),
        ("x,y\n,2\n,3\n", "got an empty cell"),
    ],
)
def test_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        observations(kept(tmp_path, text)).columns(["x", "y"])


def test_no_row_is_left(tmp_path: Path) -> None:
    path = kept(tmp_path, "x,y\n,2\n3,\n")
    with pytest.raises(UsageError, match="no row has all of"):
        observations(path).columns(["x", "y"], drop_missing=True)
