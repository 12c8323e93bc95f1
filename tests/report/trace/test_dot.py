"""The graph for Graphviz."""

from __future__ import annotations

import re

import pytest

from autodiff_cli.report.trace import dot
from autodiff_cli.report.trace.brief import Style
from autodiff_cli.report.trace.view import Choice
from tests.report.trace.stories import PROGRAMS, check_golden, orphans, view_of, views

STRING = r'"(?:[^"\\\n]|\\.)*"'
ATTRIBUTES = rf"\[\w+=(?:{STRING}|\w+)(?:, \w+=(?:{STRING}|\w+))*\]"
STATEMENT = re.compile(
    rf"(?P<open>digraph {STRING} \{{|subgraph cluster_\d+ \{{)|(?P<close>\}})"
    rf"|rankdir=LR|label={STRING}|(?:node|edge) {ATTRIBUTES}"
    rf"|(?P<node>n\d+) {ATTRIBUTES}|(?P<start>n\d+) -> (?P<end>n\d+)(?: {ATTRIBUTES})?"
)


def text(view: object) -> str:
    return "".join(dot.text(view, Style()))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", PROGRAMS)
def test_dot_of_an_example(name: str) -> None:
    check_golden(name, "dot", dot.text, columns=None)


def test_no_golden_file_is_left_over() -> None:
    assert orphans("dot") == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_keeps_to_the_language(name: str) -> None:
    for view in views(name):
        depth, nodes, edges = 0, set(), set()
        for line in text(view).splitlines():
            statement = STATEMENT.fullmatch(line.strip())
            assert statement, line
            depth += bool(statement["open"]) - bool(statement["close"])
            nodes.add(statement["node"])
            edges |= {statement["start"], statement["end"]}
        assert depth == 0
        assert edges <= nodes | {None}


def test_iterations_are_clusters() -> None:
    program = "input x; for i in range(2) { x = sin(x) }\ny = x"
    shown = text(view_of(program, choice=Choice(9), x=1.0))
    assert re.findall(r"^ *label=(.*)$", shown, re.MULTILINE) == [
        '"loop line 1 ×2"',
        '"iteration 1"',
        '"iteration 2"',
    ]


def test_quotes_and_backslashes_stay_in_their_string() -> None:
    shown = text(view_of('x = [[1, 2], [3, 4]]; y = einsum("ii->", x)'))
    assert r"subscripts=\"ii->\"" in shown
    assert dot._quoted('a\\"&\n') == r'"a\\\"&amp;\n"'
