"""Linear algebra: rules at many shapes, other systems' values, ties, singular matrices, errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autodiff_cli.engine.derivatives import gradient
from autodiff_cli.engine.graph import Graph, apply, value_of
from autodiff_cli.engine.lazy import quiet_numpy
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.errors import AdiffError, DomainError, ShapeError, TypeMismatch
from autodiff_cli.interpreter.program import load
from autodiff_cli.interpreter.run import run
from autodiff_cli.language.source import Source
from tests.engine.test_primitives import check_derivatives

RECORDED = json.loads((Path(__file__).parents[1] / "data/linalg_torch.json").read_text())


def draw(*shape: int, seed: int = 3) -> Any:
    return np.random.default_rng(seed).uniform(0.5, 2.0, shape)


def regular(*batch: int, n: int = 3) -> Any:
    """Matrices that are well away from singular ones, and not symmetric."""
    return draw(*batch, n, n) + 2 * np.eye(n)


def outcome(program: str, **inputs: Any) -> tuple[Any, list[Any]]:
    """The value of a program, and its gradient by every input."""
    with quiet_numpy():
        result = run(load(Source("<test>", program)), inputs)
        (output,) = result.outputs.values()
        targets = [result.targets[name] for name in inputs]
        assert all(target is not None for target in targets)
        found = gradient(result.graph, output, targets)
    return value_of(output), found


def value(program: str, **inputs: Any) -> Any:
    (output,) = run(load(Source("<test>", program)), inputs).outputs.values()
    return value_of(output)


# ── rules at many shapes ──────────────────────────────────────────────────────────────

CASES: list[tuple[str, list[Any], list[Any]]] = [
    ("matmul", [draw(3), draw(3, seed=4)], []),
    ("matmul", [draw(3), draw(3, 2)], []),
    ("matmul", [draw(2, 3), draw(3)], []),
    ("matmul", [draw(4, 2, 3), draw(3, 2)], []),
    ("matmul", [draw(2, 3), draw(4, 3, 2)], []),
    ("matmul", [draw(3), draw(2, 3, 2)], []),
    ("matmul", [draw(2, 2, 3), draw(3)], []),
    ("matmul", [draw(2, 1, 2, 3), draw(3, 3, 2)], []),
    ("outer", [draw(2, 2), draw(3)], []),
    ("outer", [0.7, draw(3)], []),
    ("cross", [draw(3), draw(4, 3)], [-1]),
    ("cross", [draw(3, 2), draw(3, 2, seed=5)], [0]),
    ("cross", [draw(2, 1, 3), draw(4, 3)], [-1]),
    ("kron", [draw(2), draw(3)], []),
    ("kron", [draw(2, 3), draw(2)], []),
    ("kron", [draw(2), draw(2, 1, 3)], []),
    ("kron", [0.7, draw(2, 2)], []),
    ("einsum", [draw(3), draw(3, seed=4)], ["i,i"]),
    ("einsum", [draw(3), draw(2)], ["i,j->ji"]),
    ("einsum", [draw(2, 3)], ["ij->j"]),
    ("einsum", [draw(2, 3)], ["ij->"]),
    ("einsum", [draw(2, 3)], ["ba"]),
    ("einsum", [draw(3, 3)], ["ii"]),
    ("einsum", [draw(3, 3)], ["ii->i"]),
    ("einsum", [draw(3, 2, 3), draw(3)], ["iji,i->j"]),
    ("einsum", [draw(2, 3), draw(3, 4), draw(4)], ["ij,jk,k->i"]),
    ("einsum", [draw(5, 2, 3), draw(5, 3, 2)], ["...ij,...jk->...ik"]),
    ("einsum", [draw(2, 3, 4), draw(4)], ["...i,i"]),
    ("einsum", [draw(2, 1, 3), draw(4, 3)], ["...i,...i->..."]),
    ("einsum", [draw(1, 3), draw(2, 3)], ["ij,ij->ij"]),
    ("einsum", [0.7, draw(3)], [",i->i"]),
    ("einsum", [draw(2), draw(3)], ["i,j->j"]),
    ("diag", [draw(3)], [0]),
    ("diag", [draw(3)], [-2]),
    ("diag", [draw(3, 4)], [1]),
    ("diag", [draw(3, 4)], [-1]),
    ("triu", [draw(2, 3, 4)], [1]),
    ("tril", [draw(2, 3, 4)], [-1]),
    ("trace", [draw(3, 4)], []),
    ("trace", [draw(2, 3, 3)], []),
    ("inv", [regular(2)], []),
    ("inv", [np.array([[0.5]])], []),
    ("solve", [regular(), draw(3, 2)], []),
    ("solve", [regular(2), draw(3)], []),
    ("solve", [regular(), draw(2, 3, 2)], []),
    ("solve", [regular(2), draw(3, 2)], []),
    ("det", [regular(2)], []),
    ("det", [np.array([[0.5]])], []),
    ("det", [np.array([[1.0, 2.0], [2.0, 4.0]])], []),
    ("det", [np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [5.0, 7.0, 9.0]])], []),
    ("det", [np.zeros((2, 2))], []),
    ("det", [np.stack([np.eye(3), np.ones((3, 3))])], []),
    ("logdet", [regular(2)], []),
    ("cholesky", [regular(2) @ np.swapaxes(regular(2), -1, -2)], []),
    ("eigh", [regular(2)], []),
    ("svdvals", [draw(2, 4, 3)], []),
    ("svdvals", [draw(3, 4)], []),
    ("svdvals", [draw(3, 1)], []),
]


@pytest.mark.parametrize(
    ("name", "operands", "static"),
    [
        pytest.param(*case, id=f"{case[0]} {[np.shape(x) for x in case[1]]} {case[2]}")
        for case in CASES
    ],
)
def test_derivatives(name: str, operands: list[Any], static: list[Any]) -> None:
    check_derivatives(TABLE[name], operands, static)


@pytest.mark.parametrize("row", RECORDED["rows"], ids=lambda row: row["program"])
def test_as_torch(row: dict[str, Any]) -> None:
    inputs = {name: np.array(x) for name, x in row["inputs"].items()}
    found, by = outcome(row["program"], **inputs)
    assert found == pytest.approx(row["value"], rel=1e-13)
    for got, want in zip(by, row["gradient"].values(), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13 * np.abs(want).max())


def test_numpy_has_the_same_values() -> None:
    a, b = draw(2, 3, 4), draw(4, 5)
    np.testing.assert_array_equal(value("x @ y", x=a, y=b), a @ b)
    np.testing.assert_array_equal(value("kron(x, y)", x=a[0], y=b), np.kron(a[0], b))
    np.testing.assert_array_equal(value("outer(x, y)", x=a, y=b), np.outer(a, b))
    np.testing.assert_array_equal(
        value("trace(x)", x=regular(2)), [np.trace(m) for m in regular(2)]
    )
    for text in ("ijk,kl->ijl", "ijk,kl", "i...,...l->il...", "ijk,kl->l"):
        np.testing.assert_allclose(
            value(f'einsum("{text}", x, y)', x=a, y=b), np.einsum(text, a, b), rtol=1e-14
        )


def test_integers_stay_exact() -> None:
    assert value("[1, 2] @ [3, 4]") == 11
    assert type(value("dot([1, 2], [3, 4])")) is int
    assert value("dot([2^31, 2^31], [1, 1])") == 2.0**32
    large = value("[range(3037000500, 3037000501)] @ range(3037000500, 3037000501)")
    assert large.dtype == np.float64, "past 2^63 it is a float, and no negative number"


# ── singular matrices ─────────────────────────────────────────────────────────────────

SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])


@pytest.mark.parametrize("call", ["inv(A)", "solve(A, [1, 2])", "solve(A, A)"])
def test_a_singular_matrix_has_no_inverse(call: str) -> None:
    with pytest.raises(DomainError, match=r"got a singular matrix, of shape \(2, 2\)") as caught:
        value(call, A=SINGULAR)
    assert caught.value.where is not None
    assert caught.value.where.text == call


def test_the_determinant_of_a_singular_matrix_has_its_cofactors() -> None:
    found, (by,) = outcome("det(A)", A=SINGULAR)
    assert found == 0
    np.testing.assert_allclose(by, [[4, -2], [-2, 1]], rtol=1e-14)
    _, (by,) = outcome("det(A)", A=np.diag([1.0, 0.0, 3.0]))
    np.testing.assert_array_equal(by, np.diag([0.0, 3.0, 0.0]))
    _, (by,) = outcome("det(A)", A=np.diag([1.0, 0.0, 0.0]))
    np.testing.assert_array_equal(by, np.zeros((3, 3)))


def test_cofactors_neither_overflow_nor_underflow() -> None:
    _, (by,) = outcome("det(A)", A=1e-200 * np.eye(2))
    np.testing.assert_array_equal(by, 1e-200 * np.eye(2))
    _, (by,) = outcome("det(A)", A=1e200 * np.eye(2))
    np.testing.assert_array_equal(by, 1e200 * np.eye(2))


def test_the_determinant_of_a_multiple_of_the_identity_at_zero() -> None:
    """det([[x, 0], [0, x]]) = x², at 0: 0, 0 and 2."""
    program = "g = grad(det([[x, 0], [0, x]]), x)\ng"
    first, (second,) = outcome(program, x=0.0)
    assert (first, second) == (0, 2)


@pytest.mark.parametrize(("matrix", "want"), [(SINGULAR, -np.inf), (np.diag([1.0, -1.0]), np.nan)])
def test_logdet_beyond_its_domain(matrix: Any, want: float) -> None:
    found, (by,) = outcome("logdet(A)", A=matrix)
    np.testing.assert_equal(found, want)
    assert np.isfinite(by).all() == np.isnan(want)
    _, (by,) = outcome("where(det(A) > 0, logdet(A), 0)", A=matrix)
    np.testing.assert_array_equal(by, np.zeros((2, 2)))


def test_not_positive_definite() -> None:
    with pytest.raises(DomainError, match="not positive definite"):
        value("cholesky(A)", A=np.diag([1.0, -1.0]))


@pytest.mark.parametrize("name", ["inv", "det", "logdet", "cholesky", "eigh", "svdvals"])
def test_what_is_not_finite_gives_nan(name: str) -> None:
    """Of a stack only the matrix that holds it."""
    stack = np.stack([4 * np.eye(2), [[np.nan, 1.0], [1.0, 2.0]]])
    with quiet_numpy():
        out = TABLE[name].evaluate(stack)
    assert np.isfinite(out[0]).all()
    assert np.isnan(out[1]).all()


# ── ties ──────────────────────────────────────────────────────────────────────────────


def kinks(name: str, x: Any) -> int:
    graph = Graph()
    apply(graph, TABLE[name], (graph.leaf(x, "x"),), None)
    return len(graph.kinks)


TURNED = np.linalg.qr(draw(3, 3))[0]


@pytest.mark.parametrize(
    ("name", "matrix", "tied"),
    [
        ("eigh", np.diag([1.0, 2.0, 3.0]), False),
        ("eigh", np.diag([1.0, 2.0, 2.0]), True),
        ("eigh", TURNED @ np.diag([1.0, 2.0, 2.0]) @ TURNED.T, True),
        ("svdvals", np.diag([1.0, 2.0, 3.0]), False),
        ("svdvals", np.diag([1.0, -1.0, 3.0]), True),
        ("svdvals", np.diag([1.0, 2.0, 0.0]), True),
        ("svdvals", np.outer([1.0, 2.0, 3.0], [1.0, 1.0]), True),
    ],
)
def test_ties_are_told(name: str, matrix: Any, tied: bool) -> None:
    assert kinks(name, matrix) == tied


@pytest.mark.parametrize(
    "matrix", [np.eye(3), TURNED @ np.diag([1.0, 2.0, 2.0]) @ TURNED.T, np.zeros((3, 3))]
)
def test_equal_eigenvalues_harm_no_symmetric_function(matrix: Any) -> None:
    """Σ exp(w) has the derivative exp(A), whatever the multiplicities."""
    _, (by,) = outcome("w, V = eigh(A)\nsum(exp(w))", A=matrix)
    values, vectors = np.linalg.eigh(matrix)
    want = vectors @ np.diag(np.exp(values)) @ vectors.T
    np.testing.assert_allclose(by, want, rtol=1e-13, atol=1e-13)


def test_vectors_of_equal_eigenvalues_have_no_derivative() -> None:
    _, (by,) = outcome("w, V = eigh(A)\nV[1, 0]", A=np.diag([2.0, 2.0, 5.0]))
    assert np.isnan(by).any()
    # That of the third, which is alone, has one, though the two beside it are tied.
    _, (by,) = outcome("w, V = eigh(A)\nV[0, 2]^2 + w[2]", A=np.diag([2.0, 2.0, 5.0]))
    np.testing.assert_array_equal(by, np.diag([0.0, 0.0, 1.0]))


def test_a_function_of_a_projector_where_eigenvalues_are_tied() -> None:
    """V₂V₂ᵀ of a simple value next to a double one, against central differences."""
    program = "w, V = eigh(A)\nsum(outer(V[:, 2], V[:, 2]) * W)"
    a, weights, step = TURNED @ np.diag([2.0, 2.0, 5.0]) @ TURNED.T, draw(3, 3, seed=9), 1e-5
    _, (by, _) = outcome(program, A=a, W=weights)
    for i, j in np.ndindex(3, 3):
        moved = np.zeros((3, 3))
        moved[i, j] = step
        up, down = (value(program, A=a + s * moved, W=weights) for s in (1, -1))
        assert by[i, j] == pytest.approx((up - down) / (2 * step), abs=1e-8)


def test_a_singular_value_of_zero_has_the_least_subgradient() -> None:
    _, (by,) = outcome("sum(svdvals(A))", A=np.diag([3.0, 0.0]))
    np.testing.assert_array_equal(by, np.diag([1.0, 0.0]))
    _, (by,) = outcome("sum(svdvals(A))", A=np.zeros((3, 2)))
    np.testing.assert_array_equal(by, np.zeros((3, 2)))
    _, (by,) = outcome("sum(svdvals(A))", A=SINGULAR)
    np.testing.assert_allclose(by, SINGULAR / 5, rtol=1e-14)


def test_the_two_results_of_eigh_share_one_node() -> None:
    program = "w, V = eigh(A)\nsum(V @ diag(w) @ V.T * W)"
    result = run(load(Source("<test>", program)), {"A": np.diag([1.0, 2.0]), "W": np.ones((2, 2))})
    names = [node.primitive.name for node in result.graph.nodes if node.primitive is not None]
    assert names.count("eigh") == 1
    weights = draw(3, 3)
    _, (by, _) = outcome(program, A=TURNED @ np.diag([1.0, 2.0, 4.0]) @ TURNED.T, W=weights)
    np.testing.assert_allclose(by, (weights + weights.T) / 2, rtol=1e-12)


def test_an_asymmetric_matrix_stands_for_its_symmetric_part() -> None:
    skew = np.array([[4.0, 3.0], [1.0, 3.0]])
    for program in ("w, V = eigh(A)\nsum(w * [1, 2])", "sum(cholesky(A) * [[1, 0], [2, 3]])"):
        found, (by,) = outcome(program, A=skew)
        want, (symmetric,) = outcome(program, A=(skew + skew.T) / 2)
        assert found == want
        np.testing.assert_array_equal(by, symmetric)
        np.testing.assert_allclose(by, by.T, rtol=1e-14)


# ── zeros add zero ────────────────────────────────────────────────────────────────────

BAD = np.array([[1.0, 2.0], [np.inf, np.nan]])


@pytest.mark.parametrize(
    ("program", "want"),
    [
        ("(B @ x)[0]", [1, 2]),
        ("sum((B @ [x, x])[0, :])", [3, 3]),
        ("(x @ B.T)[0]", [1, 2]),
        ('einsum("ij,j->i", B, x)[0]', [1, 2]),
        ('sum(einsum("ij,kj->ik", B, [x, x])[0, :])', [2, 4]),
        ("outer(x, B[1, :])[0, 0] * 0 + outer(x, B)[0, 1]", [2, 0]),
        ("kron(B, x)[0, 1]", [0, 1]),
        ("convolve(B[:, 0], x)[0]", [1, 0]),
    ],
)
def test_what_is_not_finite_does_not_leak_from_elements_not_used(program: str, want: Any) -> None:
    _, (_, by) = outcome(f"input B, x\n{program}", B=BAD, x=np.array([1.0, 1.0]))
    np.testing.assert_array_equal(by, want)


# ── bad input ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        ("[1, 2] @ [1, 2, 3]", ShapeError, r"`@` got shapes \(2,\) and \(3,\)"),
        ("ones([2, 2, 3]) @ ones([3, 3, 2])", ShapeError, r"`@` got shapes \(2, 2, 3\)"),
        ("2 @ [1, 2]", TypeMismatch, "`@` got the number 2"),
        ("dot([1, 2], [1, 2, 3])", ShapeError, "want two vectors of one length"),
        ("cross([1, 2], [3, 4])", ShapeError, "want 3 elements along axis -1"),
        ("cross(ones([3, 3]), ones(3), 0)", ShapeError, "axis 0 is not the same"),
        ("trace([1, 2])", ShapeError, r"`trace` got an array of shape \(2,\), want a matrix"),
        ("diag(ones([2, 2, 2]))", ShapeError, "want a vector or a matrix"),
        ("diag([1], 0.5)", TypeMismatch, "want a whole number"),
        ("inv(ones([2, 3]))", ShapeError, "want a square matrix"),
        ("inv(3)", ShapeError, "want a matrix"),
        ("det([1, 2])", ShapeError, "want a matrix"),
        ('det("A")', TypeMismatch, "`det` got a string, want numbers"),
        ("solve(eye(2), [1, 2, 3])", ShapeError, r"`solve` got a matrix of shape \(2, 2\)"),
        ("solve(ones([2, 2, 2]), ones([3, 2, 1]))", ShapeError, "do not go together"),
        ("eigh(ones([2, 3]))", ShapeError, "want a square matrix"),
        ("svdvals([1, 2])", ShapeError, "want a matrix"),
        ('einsum("ij,jk->ik", eye(2))', ShapeError, "got 1 arrays"),
        ('einsum("ij->i", [1, 2])', ShapeError, r"shape \(2,\) for the subscripts \"ij\""),
        ('einsum("i,i", [1, 2], [1, 2, 3])', ShapeError, "sizes 2 and 3 for one letter"),
        ('einsum("ii", ones([2, 3]))', ShapeError, "one letter"),
        ('einsum("ii", ones([1, 3]))', ShapeError, "the diagonal of `i`"),
        ('einsum("i->j", [1, 2])', DomainError, "result's `j`"),
        ('einsum("i->ii", [1, 2])', DomainError, "result's `i`"),
        ('einsum("i1", [1, 2])', DomainError, "want letters"),
        ('einsum("i...->i", ones([2, 2]))', DomainError, "which the result lacks"),
        ("einsum(1, [1, 2])", TypeMismatch, "want a string"),
    ],
)
def test_bad_input(call: str, kind: type[AdiffError], says: str) -> None:
    with pytest.raises(kind, match=says) as caught:
        value(call)
    assert caught.value.where is not None
