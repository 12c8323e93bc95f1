"""The story: its sums are those of the sweep, its products multiply out, and it folds."""

from __future__ import annotations

import math
import re

import pytest

from autodiff_cli.report.trace import steps
from autodiff_cli.report.trace.brief import Style
from autodiff_cli.report.trace.view import Choice, View
from tests.report.trace.stories import PROGRAMS, check_golden, orphans, view_of

NUMBER = r"\(?(-?[\d.]+(?:e[-+]?\d+)?)\)?"
PRODUCT = re.compile(rf"\+= .* · .* = {NUMBER} × {NUMBER} = {NUMBER}$")
DIGITS = 17


@pytest.mark.parametrize("name", PROGRAMS)
def test_steps_of_an_example(name: str) -> None:
    check_golden(name, "steps", steps.text)


def test_no_golden_file_is_left_over() -> None:
    assert orphans("steps") == []


def told(view: View, digits: int | None = None) -> list[str]:
    text = "".join(steps.text(view, Style(digits, width=200)))
    return [line.strip() for line in text.splitlines()]


def test_accumulation_is_spelt_out() -> None:
    lines = told(view_of("y = x * x", x=6.0))
    assert "x̄ = 0 + 6 = 6, then + 6 = 12" in lines
    assert "x̄ += ȳ · ∂y/∂x = 1 × 6 = 6" in lines
    assert "ȳ = 1, the seed" in lines


def test_numbers_stand_for_the_names() -> None:
    lines = told(view_of("y = (x - 5)^2", x=3.0))
    assert "v2 = x - 5 = 3 - 5 = -2" in lines
    assert "y = v2 ^ 2 = (-2) ^ 2 = 4" in lines


def test_products_multiply_out_and_their_sum_is_the_gradient() -> None:
    view = view_of("y = exp(sin(x)) * x^3 / (1 + x^2) - log(x) * tanh(x)", x=1.3)
    lines = told(view, DIGITS)
    given = 0.0
    products = 0
    for line in lines:
        match = PRODUCT.search(line)
        if match:
            adjoint, partial, product = map(float, match.groups())
            assert math.isclose(adjoint * partial, product, rel_tol=1e-12), line
            given += product if line.startswith("x̄") else 0.0
            products += 1
    assert products > 10
    assert math.isclose(given, view.trace.evaluation.gradient["x"], rel_tol=1e-12)


def test_many_terms_are_counted() -> None:
    program = " + ".join(f"{k} * x" for k in range(1, 21))
    lines = told(view_of(f"y = {program}", x=1.0))
    (total,) = (line for line in lines if line.startswith("x̄ = 0"))
    assert total.endswith("then + … (18 more) … = 210")


def test_terms_of_a_folded_loop_are_one() -> None:
    program = "s = 0\nfor i in range(1000) { s = s + i * x }\ny = s + 5 * x"
    lines = told(view_of(program, choice=Choice(0), x=1.0))
    assert "x̄ += 499500" in lines
    assert "x̄ = 0 + 5 = 5, then + 499500 = 499505" in lines
    assert not any("iteration" in line for line in lines)


def test_iterations_go_forward_and_then_back() -> None:
    program = "s = x\nfor i in range(3) { s = s * x }\ns"
    lines = told(view_of(program, choice=Choice(1), x=2.0))
    rounds = [line for line in lines if line.startswith("iteration")]
    assert rounds == [f"iteration {k} of 3:" for k in (1, 2, 3, 3, 2, 1)]


def test_backward_is_told_at_its_place() -> None:
    program = "y = x^2\nbackward(y)\nbackward(y)\nzero_grad(x)\nz = x.grad * x"
    lines = told(view_of(program, x=3.0))
    assert "x.grad += 6   → x.grad = 6" in lines
    assert "x.grad += 6   → x.grad = 12" in lines
    first, cleared = lines.index("x.grad += 6   → x.grad = 6"), lines.index("x.grad = 0")
    assert lines.index("y = x ^ 2 = 3 ^ 2 = 9") < first < cleared
    assert sum(line.startswith("Reverse pass from y") for line in lines) == 2


def test_path_not_taken_ends() -> None:
    lines = told(view_of("y = where(x > 0, log(x), x)", x=-1.0))
    place = lines.index("v2 = log(x)")
    assert lines[place + 1 : place + 3] == ["v̄2 = 0", "nothing goes further back from here"]


def test_kink_names_its_convention() -> None:
    lines = told(view_of("y = relu(x)", x=0.0))
    assert "at a kink: the derivative is a convention, 0 at 0" in lines


def test_output_without_a_name_below_it_has_no_reverse_pass() -> None:
    lines = told(view_of("y = detach(x)^2", x=3.0))
    assert lines[-1].startswith("y = 9 is a constant")


def test_control_characters_of_the_source_do_not_reach_the_terminal() -> None:
    text = "".join(steps.text(view_of("y = x^2 # \x1b[31mred", x=3.0), Style()))
    assert "\x1b" not in text
