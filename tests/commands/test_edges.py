"""Legal input at edges, through every command: nobody sees Python, whatever comes out."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autodiff_cli import program
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.errors import AdiffError
from tests.commands.shell import adiff

if TYPE_CHECKING:
    from collections.abc import Sequence

EDGES = Path(__file__).parents[1] / "data" / "edges" / "edges.json"
OTHERS = re.compile(r"Warning\b|\.py:\d")
VALUES = ("0", "-0.0", "inf", "nan", "1e308", "[]", "[0]", "[[1, 2], [3, 4]]", "true")
WAYS: Sequence[tuple[str, ...]] = (
    ("check",),
    ("trace", "--format", "html"),
    ("trace", "--format", "steps"),
    ("why", "--json"),
    ("eval", "--hessian"),
    ("eval", "--jacobian"),
)


@pytest.mark.parametrize("words", json.loads(EDGES.read_text(encoding="utf-8")), ids=" ".join)
def test_edge(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = adiff(*words)
    assert not OTHERS.search(done.out + done.err)
    assert done.status in (0, 1, 2, 5, 6)


@pytest.mark.parametrize(
    "name",
    [e.name for e in TABLE.values() if not (e.internal or e.variadic or len(e.operands) > 1)],
)
def test_primitive(name: str) -> None:
    """At an edge value and through a command of its own each, which vary from one to the next."""
    start = list(TABLE).index(name)
    for turn in range(2):
        value = VALUES[(start + 5 * turn) % len(VALUES)]
        command, *options = WAYS[(start // 2 + turn) % len(WAYS)]
        done = adiff(command, "-e", f"sum({name}(x))", f"x={value}", *options)
        assert not OTHERS.search(done.err)


CALLS: list[tuple[str, str, Any]] = [
    ("check", "x^2", np.inf),
    ("check", "sum(cumtrapz(x, inf))", [1.0, 2.0, 3.0]),
    ("check", "1 // x", 0.0),
    ("trace", "x / 0", 2.0),
    ("why", "log(x) * 0", 0.0),
    ("hessian", "sqrt(x)", 0.0),
    ("__call__", "std(x, ddof=5)", [1.0, 2.0]),
    ("__call__", "x^2", np.longdouble(1) * 1e308 * 10),
]


@pytest.mark.parametrize(("method", "text", "x"), CALLS)
def test_others_warn_of_nothing(method: str, text: str, x: Any) -> None:
    """Nor does the Python face: its own warnings are of a class of their own."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=UserWarning)
        before = list(warnings.filters)
        try:
            shown = getattr(program(text), method)(x=x)
            str(shown)
        except AdiffError:
            pass
        assert warnings.filters == before


def test_claims_at_infinity() -> None:
    done = adiff("check", "-e", "x^2", "x=inf", "--claim", "x = 2*x")
    assert not OTHERS.search(done.err)
