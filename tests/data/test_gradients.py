"""Recorded gradients: the two forms, and what is neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autodiff_cli.data.gradients import read_gradients
from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = {
    "plain": ('{"x": [1, 2], "y": 3}', {None: {"x": [1, 2], "y": 3}}),
    "a result": ('{"output": "y", "gradient": {"x": 2.5}}', {"y": {"x": 2.5}}),
    "two results": (
        '{"output": "y", "gradient": {"x": 2}}\n\n{"output": "z", "gradient": {"x": 3}}\n',
        {"y": {"x": 2}, "z": {"x": 3}},
    ),
    "over lines": ('{\n  "x": [\n    1\n  ]\n}\n', {None: {"x": [1]}}),
}

BAD = {
    "not JSON": ("x = 3", "line 1: not JSON"),
    "an array": ("[1, 2]", "no gradients"),
    "a string for a number": ('{"x": "big"}', "want a number"),
    "one output twice": ('{"output": "y", "gradient": {}}\n' * 2, "recorded twice"),
    "nested too deep": ("[" * 100_000, "nested too deep"),
}


@pytest.mark.parametrize("name", GOOD)
def test_reads(name: str, tmp_path: Path) -> None:
    text, want = GOOD[name]
    path = tmp_path / "recorded.json"
    path.write_text(text, encoding="utf-8")
    got = read_gradients(str(path))
    plain = {
        output: {x: getattr(value, "tolist", lambda v=value: v)() for x, value in one.items()}
        for output, one in got.items()
    }
    assert plain == want


@pytest.mark.parametrize("name", BAD)
def test_refuses(name: str, tmp_path: Path) -> None:
    text, want = BAD[name]
    path = tmp_path / "recorded.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=want):
        read_gradients(str(path))
