"""Small cases after public bug reports of other systems (tests/data/reports)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands.shell import adiff

CASES = json.loads((Path(__file__).parents[1] / "data/reports/reports.json").read_text("utf-8"))


def approximate(want: Any, tolerance: float) -> Any:
    """What compares equal to numbers that are close enough, down through lists and keys."""
    if isinstance(want, dict):
        return {key: approximate(value, tolerance) for key, value in want.items()}
    if isinstance(want, list):
        return [approximate(value, tolerance) for value in want]
    if isinstance(want, float):
        return pytest.approx(want, rel=tolerance, abs=0 if want else tolerance)
    return want


def part_of(got: Any, want: Any) -> Any:
    """Of what was got, the keys that are wanted."""
    if isinstance(want, dict):
        return {key: part_of(got.get(key), value) for key, value in want.items()}
    return got


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_case(case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in case["files"].items():
        data = (
            base64.b64decode(content["base64"]) if isinstance(content, dict) else content.encode()
        )
        Path(name).write_bytes(data)
    done = adiff(*case["command"], stdin=case["stdin"] or "")
    expect = case["expect"]
    assert done.status == expect.get("status", 0), done.err
    if "stdout_json" in expect:
        want = expect["stdout_json"]
        got = part_of(done.objects[0], want)
        assert got == approximate(want, expect.get("tolerance", 1e-9))
    for stream, text in (("stdout", done.out), ("stderr", done.err)):
        assert expect.get(f"{stream}_contains", "") in text
        assert f"{stream}_lacks" not in expect or expect[f"{stream}_lacks"] not in text
