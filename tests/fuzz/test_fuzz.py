"""Some thousand random cases with a fixed seed, and all that random cases have found before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.fuzz.run import FOUND, KINDS, run

if TYPE_CHECKING:
    from pathlib import Path

COUNTS = {"programs": 200, "texts": 1000, "edges": 700, "inputs": 400, "sessions": 60}
SEED = 20261126


@pytest.mark.parametrize("kind", KINDS)
def test_random(kind: str) -> None:
    assert run(kind, COUNTS[kind], SEED) > COUNTS[kind] // 2


@pytest.mark.parametrize("path", sorted(FOUND.glob("*.json")), ids=lambda path: path.stem)
def test_found(path: Path) -> None:
    filed = json.loads(path.read_text(encoding="utf-8"))
    KINDS[filed["kind"]].check(filed["case"])
