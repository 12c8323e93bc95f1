"""What else an entry of the table says of its primitive, and that nothing else says it."""

from __future__ import annotations

import ast
import math
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import pytest

import autodiff_cli
from autodiff_cli.compiler.finite import Size, bound
from autodiff_cli.engine.graph import Graph, apply
from autodiff_cli.engine.primitives import TABLE, elementwise
from autodiff_cli.engine.sweeps import ones_of, reverse_sweep
from tests.documents import blocks
from tests.engine.accuracy import errors, known_limit
from tests.engine.test_primitives import cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autodiff_cli.engine.primitive import Primitive

PACKAGE = Path(autodiff_cli.__file__).parent
MODULES = sorted(
    path.relative_to(PACKAGE).as_posix()
    for path in PACKAGE.rglob("*.py")
    if PACKAGE / "engine" / "primitives" not in path.parents
)

FEW = 2
"""Names of primitives that stand together anywhere, without being a table of facts."""

PATTERNS = {
    "explain/rewriting.py": "identities between primitives, of which none is of one of them",
    "compiler/special.py": "what stands in an exported file for functions that its language lacks",
    "interpreter/batched.py": "what an operation on columns means where one row has a number",
    "report/trace/brief.py": "keys of the JSON, some of which are called as primitives are",
}
"""Modules that may name more of them in one collection, and why."""


def collections(module: str) -> Iterator[set[str]]:
    """The names of primitives in each literal collection of a module."""
    for node in ast.walk(ast.parse((PACKAGE / module).read_text(encoding="utf-8"))):
        items: list[Any] = []
        if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            items = node.elts
        elif isinstance(node, ast.Dict):
            items = node.keys
        elif isinstance(node, ast.Match):
            items = [each.value for each in ast.walk(node) if isinstance(each, ast.MatchValue)]
        yield {i.value for i in items if isinstance(i, ast.Constant) and i.value in TABLE}


@pytest.mark.parametrize("module", MODULES)
def test_facts_of_primitives_stand_in_their_entries(module: str) -> None:
    most = max((len(names) for names in collections(module)), default=0)
    assert (most > FEW) == (module in PATTERNS), "say it in the entries, by a field of `Primitive`"


def test_the_entry_that_shows_how_to_add_one_passes_the_tests() -> None:
    (example,) = blocks("CONTRIBUTING.md", "python")
    namespace = dict(vars(elementwise))
    exec(example.text, namespace)
    (name,) = namespace.keys() - vars(elementwise).keys()
    with mock.patch.dict(TABLE, {name: namespace[name]}):
        for path, orders, error in errors(namespace[name]):
            assert error.ulps <= known_limit(name, len(orders)), (path, orders, error)


# ── the facts hold ────────────────────────────────────────────────────────────────────


def having(holds: Callable[[Primitive], Any]) -> list[Any]:
    return [pytest.param(entry, id=name) for name, entry in TABLE.items() if holds(entry)]


@pytest.mark.parametrize("entry", having(lambda entry: entry.python))
def test_python_source_computes_the_value(entry: Primitive) -> None:
    assert entry.scalar is not None
    for numbers in np.random.default_rng(0).normal(size=(20, len(entry.operands))):
        operands = [float(x > 0) if not entry.partials else float(x) for x in numbers]
        names = "abc"[: len(operands)]
        found = eval(entry.python.format(*names), {}, dict(zip(names, operands, strict=True)))
        assert found == entry.scalar(*operands)


@pytest.mark.parametrize("entry", having(lambda entry: entry.rounded))
def test_what_is_rounded_is_the_same_on_arrays(entry: Primitive) -> None:
    assert entry.scalar is not None
    operands = np.abs(np.random.default_rng(0).normal(size=(len(entry.operands), 1000)))
    of_array = entry.array(*operands)
    assert of_array.tolist() == [entry.scalar(*one) for one in operands.T.tolist()]


@pytest.mark.parametrize("entry", having(lambda entry: entry.sums))
def test_terms_are_no_smaller_than_their_sum(entry: Primitive) -> None:
    for operands, static in cases(entry):
        signed = [np.asarray(x) * np.where(np.arange(np.size(x)) % 2, -1, 1).reshape(np.shape(x))
                  for x in operands]  # fmt: skip
        of_terms = entry.array(*(np.abs(x) for x in signed), *static)
        assert np.all(np.abs(entry.array(*signed, *static)) <= of_terms + 1e-12)


@pytest.mark.parametrize(
    "entry", having(lambda entry: entry.scalar and (entry.exact or entry.bound is not None))
)
def test_a_value_is_no_larger_than_its_bound(entry: Primitive) -> None:
    numbers = (0.0, 1e-300, 0.4, 1.0, -2.5, 7.0, -1e9, 1e75, -1e160, 1.7e308)
    seen = 0
    for operands in product(numbers, repeat=len(entry.operands)):
        sizes = [Size(abs(x), abs(x)) for x in operands]
        most = bound(entry, sizes)
        assert abs(entry.guarded(*operands)) <= most or most == math.inf
        seen += most < math.inf
    assert seen or entry.bound == math.inf


@pytest.mark.parametrize("entry", having(lambda entry: entry.multiplies))
def test_a_factor_of_0_takes_the_derivative(entry: Primitive) -> None:
    operands, static = next(iter(cases(entry)))
    graph = Graph()
    leaves = [
        graph.leaf(np.asarray(x) * 0.0 if i == 0 else np.asarray(x), str(i))
        for i, x in enumerate(operands)
    ]
    out = apply(graph, entry, (*leaves, *static), None)
    adjoints = reverse_sweep(graph.nodes, ones_of(out), leaves)
    assert not any(np.any(adjoints.get(leaf, 0.0)) for leaf in leaves[1:])


@pytest.mark.parametrize(
    "entry", having(lambda entry: entry.unchosen or entry.name in ("relu", "quantile"))
)
def test_what_is_not_chosen_gets_nothing_of_an_infinity(entry: Primitive) -> None:
    operands, static = next(iter(cases(entry)))
    if len(operands) == 1:
        operands = [np.array([3.0, 1.0, 2.0])]
    graph = Graph()
    leaves = [graph.leaf(x, str(i)) for i, x in enumerate(operands)]
    out = apply(graph, entry, (*leaves, *static), None)
    plainly, infinitely = (
        reverse_sweep(graph.nodes, seed, leaves) for seed in (ones_of(out), math.inf * ones_of(out))
    )
    for leaf in leaves:
        reached = np.asarray(plainly.get(leaf, 0.0)) != 0
        assert np.all((np.asarray(infinitely.get(leaf, 0.0)) != 0) == reached)


@pytest.mark.parametrize("entry", having(lambda entry: entry.vanishes != "anywhere"))
def test_a_value_vanishes_where_it_may(entry: Primitive) -> None:
    for operands, static in cases(entry):
        out = entry.array(*operands, *static)
        if entry.vanishes == "never":
            assert np.all(out > 0)
        elif all(np.all(x) for x in map(np.asarray, operands)):
            assert np.all(out)
