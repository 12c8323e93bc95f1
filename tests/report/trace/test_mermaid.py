"""The flowchart for Mermaid."""

from __future__ import annotations

import re
from html import unescape

import pytest

from autodiff_cli.errors import UsageError
from autodiff_cli.report.trace import mermaid
from autodiff_cli.report.trace.brief import Style
from autodiff_cli.report.trace.structure import EVERYTHING
from autodiff_cli.report.trace.view import Choice
from autodiff_cli.report.trace.wiring import facts, wiring
from tests.report.trace.stories import PROGRAMS, check_golden, orphans, view_of, views

LABEL = r'"[^"\n]*"'
STATEMENT = re.compile(
    rf"flowchart LR|(?P<open>subgraph g\d+\[{LABEL}\])|(?P<close>end)"
    rf"|(?P<node>n\d+)(?:\(\[{LABEL}\]\)|\({LABEL}\)|\[\[{LABEL}\]\]):::(?P<kind>\w+)"
    rf"|(?P<start>n\d+) -->(?:\|{LABEL}\|)? (?P<end>n\d+)"
    r"|classDef (?P<defined>\w+) [\w#:, -]+"
)


def text(view: object) -> str:
    return "".join(mermaid.text(view, Style()))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", PROGRAMS)
def test_flowchart_of_an_example(name: str) -> None:
    check_golden(name, "mmd", mermaid.text, columns=None)


def test_no_golden_file_is_left_over() -> None:
    assert orphans("mmd") == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_keeps_to_the_language(name: str) -> None:
    for view in views(name):
        found: dict[str, set[str | None]] = {
            key: set() for key in ("node", "kind", "start", "end", "defined")
        }
        depth = 0
        for line in text(view).splitlines():
            statement = STATEMENT.fullmatch(line.strip())
            assert statement, line
            depth += bool(statement["open"]) - bool(statement["close"])
            for key, names in found.items():
                names.add(statement[key])
        assert depth == 0
        assert found["start"] | found["end"] <= found["node"] | {None}
        assert found["kind"] <= found["defined"] | {None}


def test_more_than_mermaid_draws_is_refused() -> None:
    program = f"input x; for i in range({mermaid.MOST_ARROWS + 1}) {{ x = sin(x) }}\nx"
    with pytest.raises(UsageError, match="arrows") as error:
        text(view_of(program, choice=Choice(EVERYTHING), x=1.0))
    assert "--depth" in error.value.help


def test_labels_read_back_to_what_was_to_be_said() -> None:
    program = 'x = [[1, -2], [3, 4]]\na_b = -x\ny = sum(einsum("ij,jk->ik", a_b, a_b)) * -1'
    view = view_of(program)
    labels = re.findall(r'^  n\d+\W+"(.*)"\W+:::', text(view), re.MULTILINE)
    # Mermaid's #35; is HTML's &#35;, and its text is Markdown with line breaks.
    read = [unescape(re.sub(r"#(\d+;)", r"&#\1", label)) for label in labels]
    assert read == ["<br/>".join(facts(box, Style())) for box in wiring(view)]
    lines = [line for label in labels for line in label.split("<br/>")]
    assert not any(re.search(r"[*_`\\]|^[-+]", line) for line in lines)


def test_iterations_are_subgraphs() -> None:
    shown = text(
        view_of("input x; for i in range(2) { x = sin(x) }\ny = x", choice=Choice(9), x=1.0)
    )
    assert re.findall(r'subgraph g\d\["(.*)"\]', shown) == [
        "loop line 1 ×2",
        "iteration 1",
        "iteration 2",
    ]
