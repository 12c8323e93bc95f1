"""Long loops, of which the first and the last rounds are shown: nothing is lost between them."""

from __future__ import annotations

import numpy as np
import pytest

from autodiff_cli.report.trace.passes import Term, reverse_passes
from autodiff_cli.report.trace.rows import EventRow, GroupRow, NodeRow, RoundRow
from autodiff_cli.report.trace.structure import EVERYTHING
from autodiff_cli.report.trace.view import Choice, View
from tests.report.trace.stories import view_of

PROGRAM = """\
y = x
for i in range(9) {
    for j in range(4) { y = y + 0.1 * x * y }
    if i == 0 or i == 4 { backward(y) }
}
z = sum(map(fn(q) { sin(q)^2 }, [y, 2 * x, 3, x, x, x]))
"""


def opened(rounds: int) -> View:
    return view_of(PROGRAM, choice=Choice(EVERYTHING, rounds=rounds), x=1.5)


@pytest.mark.parametrize("rounds", [1, 2, 3, 4, 8, 9, EVERYTHING])
def test_every_node_is_in_one_row_or_folded_into_one(rounds: int) -> None:
    view = opened(rounds)
    seen: list[int] = []
    for row in view.rows():
        if isinstance(row, NodeRow):
            seen.append(row.number)
        elif (isinstance(row, RoundRow) and row.count > 1) or (
            isinstance(row, GroupRow) and not row.opened
        ):
            seen.extend(range(row.first, row.last + 1))
    assert seen == list(range(1, len(view.nodes) + 1))


@pytest.mark.parametrize(
    ("rounds", "shown"),
    [
        (1, [(1, 8), (9, 1)]),
        (2, [(1, 1), (2, 7), (9, 1)]),
        (4, [(1, 1), (2, 1), (3, 5), (8, 1), (9, 1)]),
        (8, [(number, 1) for number in range(1, 10)]),
    ],
)
def test_the_first_and_the_last_are_shown(rounds: int, shown: list[tuple[int, int]]) -> None:
    found = [row for row in opened(rounds).rows() if isinstance(row, RoundRow) and row.of == 9]
    assert [(row.number, row.count) for row in found] == shown


def test_a_pass_in_a_folded_round_has_no_row() -> None:
    for rounds, events in ((2, 1), (EVERYTHING, 2)):
        view = opened(rounds)
        assert sum(isinstance(row, EventRow) for row in view.rows()) == events
        assert len(list(reverse_passes(view))) == events + 1


def terms_of_x(view: View) -> list[Term]:
    """The parts of the adjoint of x in the command's own pass."""
    *_, last = reverse_passes(view)
    return next(sum_.terms for sum_ in last.sums if sum_.number == 1)


def test_what_a_folded_round_gives_is_one_term() -> None:
    whole, folded = opened(EVERYTHING), opened(2)
    all_terms, terms = terms_of_x(whole), terms_of_x(folded)
    assert len(terms) < len(all_terms)
    assert sum(term.count for term in terms) == len(all_terms)
    np.testing.assert_allclose(
        sum(term.value for term in terms), sum(term.value for term in all_terms)
    )


def test_a_folded_round_names_what_goes_in_and_what_comes_out() -> None:
    [row] = [row for row in opened(2).rows() if isinstance(row, RoundRow) and row.count == 7]
    assert row.operands[0].label == "x"
    assert {result.name for result in row.results} == {"y"}
    assert row.results[-1].number == row.last
