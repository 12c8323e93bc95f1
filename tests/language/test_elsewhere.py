"""What is said of other systems' names: what to write is a program, and no real name is there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import special, stats

from autodiff_cli import program
from autodiff_cli.errors import ProgramError, did_you_mean
from autodiff_cli.interpreter.builtins import NAMES
from autodiff_cli.language.elsewhere import elsewhere, names
from autodiff_cli.language.library import LIBRARY
from autodiff_cli.language.names import resolve
from autodiff_cli.language.parser import parse
from autodiff_cli.language.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable

KNOWN = {*NAMES, *LIBRARY}


def test_nothing_that_is_built_in_is_elsewhere() -> None:
    assert not KNOWN.intersection(names())


@pytest.mark.parametrize("answer", sorted({elsewhere(name) for name in names()}))
def test_answer_can_be_written(answer: str) -> None:
    codes = [code for code in re.findall("`(.*?)`", answer) if "…" not in code]
    for code in codes:
        if answer.startswith("did you mean"):
            assert code in KNOWN
        else:
            resolve(parse(Source("<test>", code)), NAMES)


@pytest.mark.parametrize(
    ("typed", "meant"), [("sni", "sin"), ("csoh", "cosh"), ("lgo", "log"), ("epx", "exp")]
)
def test_two_letters_that_changed_places(typed: str, meant: str) -> None:
    assert did_you_mean(typed, sorted(KNOWN)) == f"did you mean `{meant}`?"


A, B = np.array([1.2, 2.5, 0.7, 3.1]), np.array([0.4, 1.9, 2.2, 0.8])
M = np.array([[2.0, 0.5], [0.3, 1.5]])
N = np.array([[1.0, -0.4], [0.7, 2.0]])
POINTS: dict[str, tuple[dict[str, Any], ...]] = {
    "x": ({"x": 0.3}, {"x": 0.9}),
    "x<0": ({"x": -0.3}, {"x": -4.0}),
    "±x": ({"x": -1.7}, {"x": 0.4}, {"x": 8.5}),
    "p": ({"p": 0.1}, {"p": 0.8}),
    "x,y": ({"x": 1.3, "y": 0.4}, {"x": 0.2, "y": 2.5}),
    "±x,y": ({"x": -7.5, "y": 2.0}, {"x": 7.5, "y": -2.0}, {"x": 7.5, "y": 2.0}),
    "a,b": ({"a": 1.3, "b": 0.4}, {"a": 2.2, "b": 2.1}),
    "a,b,n": ({"a": 0.5, "b": 2.0, "n": 5}, {"a": 1.0, "b": 3.0, "n": 2}),
    "a,x": ({"a": 1.3, "x": 0.4}, {"a": 2.2, "x": 5.0}),
    "n,k": ({"n": 7.0, "k": 2.0}, {"n": 9.0, "k": 9.0}),
    "x,n": ({"x": 1.5, "n": 3.0}, {"x": 4.0, "n": 2.0}),
    "xs": ({"x": A}, {"x": B}),
    "xs,ys": ({"x": A, "y": B}, {"x": B, "y": A}),
    "m": ({"a": M}, {"a": N}),
    "m,n": ({"a": M, "b": N}, {"a": N, "b": M}),
}
MEANINGS: dict[str, tuple[str, Callable[..., Any]]] = {
    "square": ("±x", np.square),
    "reciprocal": ("±x", np.reciprocal),
    "rsqrt": ("x", lambda x: 1 / np.sqrt(x)),
    "logaddexp2": ("a,b", np.logaddexp2),
    "log_diff_exp": ("a,b", lambda a, b: np.log(np.exp(a) - np.exp(b))),
    "log1m": ("x", lambda x: np.log(1 - x)),
    "log1m_exp": ("x<0", lambda x: np.log(1 - np.exp(x))),
    "log1m_inv_logit": ("±x", lambda x: np.log(1 - special.expit(x))),
    "xlog1py": ("x,y", special.xlog1py),
    "entr": ("x", special.entr),
    "rel_entr": ("x,y", special.rel_entr),
    "kl_div": ("x,y", special.kl_div),
    "exprel": ("±x", special.exprel),
    "powm1": ("x,y", special.powm1),
    "divide": ("x,y", np.divide),
    "mod": ("±x,y", np.mod),
    "remainder": ("±x,y", np.remainder),
    "fmod": ("±x,y", np.fmod),
    "floor_divide": ("±x,y", np.floor_divide),
    "frac": ("±x", lambda x: np.modf(x)[0]),
    "fix": ("±x", np.fix),
    "rint": ("±x", np.rint),
    "ptp": ("xs", np.ptp),
    "signbit": ("±x", np.signbit),
    "heaviside": ("±x", lambda x: np.heaviside(x, 0.0)),
    "fdim": ("x,y", lambda x, y: max(x - y, 0.0)),
    "copysign": ("±x,y", np.copysign),
    "cot": ("x", lambda x: 1 / np.tan(x)),
    "acot": ("x", lambda x: np.arctan(1 / x)),
    "csch": ("x", lambda x: 1 / np.sinh(x)),
    "coth": ("x", lambda x: 1 / np.tanh(x)),
    "sind": ("±x", special.sindg),
    "cosd": ("±x", special.cosdg),
    "tand": ("±x", special.tandg),
    "cosm1": ("±x", special.cosm1),
    "gamma": ("x", special.gamma),
    "rgamma": ("x", special.rgamma),
    "gammaln": ("x", special.gammaln),
    "factorial": ("n,k", lambda n, k: special.factorial(n)),
    "choose": ("n,k", special.binom),
    "perm": ("n,k", special.perm),
    "falling_factorial": ("n,k", special.perm),
    "poch": ("x,n", special.poch),
    "trigamma": ("x", lambda x: special.polygamma(1, x)),
    "tetragamma": ("x", lambda x: special.polygamma(2, x)),
    "gammaincc": ("a,x", special.gammaincc),
    "erfcinv": ("x", special.erfcinv),
    "erfcx": ("±x", special.erfcx),
    "log_erfc": ("x", lambda x: np.log(special.erfc(x))),
    "log_ndtr": ("x", special.log_ndtr),
    "ndtri": ("p", special.ndtri),
    "std_normal_lpdf": ("±x", stats.norm.logpdf),
    "norm_pdf": ("±x", stats.norm.pdf),
    "norm_cdf": ("±x", stats.norm.cdf),
    "betaln": ("a,b", special.betaln),
    "psi": ("x", special.psi),
    "inv_cloglog": ("±x", lambda x: 1 - np.exp(-np.exp(x))),
    "cloglog": ("p", lambda p: np.log(-np.log(1 - p))),
    "nansum": ("xs", np.nansum),
    "sd": ("xs", lambda x: np.std(x, ddof=1)),
    "variance": ("xs", lambda x: np.var(x, ddof=1)),
    "nanstd": ("xs", np.nanstd),
    "nanvar": ("xs", np.nanvar),
    "zscore": ("xs", stats.zscore),
    "count_nonzero": ("xs", np.count_nonzero),
    "trapezoid": ("xs,ys", lambda x, y: np.trapezoid(y, x)),
    "logcumsumexp": ("xs", np.logaddexp.accumulate),
    "ediff1d": ("xs", np.ediff1d),
    "squared_distance": ("xs,ys", lambda x, y: np.sum((x - y) ** 2)),
    "distance": ("xs,ys", lambda x, y: np.linalg.norm(x - y)),
    "sort_desc": ("xs", lambda x: np.sort(x)[::-1]),
    "corrcoef": ("xs,ys", lambda x, y: np.corrcoef(x, y)[0, 1]),
    "cov": ("xs,ys", lambda x, y: np.cov(x, y)[0, 1]),
    "softmin": ("xs", lambda x: special.softmax(-x)),
    "mse_loss": ("xs,ys", lambda x, y: np.mean((x - y) ** 2)),
    "logspace": ("a,b,n", np.logspace),
    "geomspace": ("a,b,n", np.geomspace),
    "mm": ("m,n", np.matmul),
    "pinv": ("m", np.linalg.pinv),
    "lstsq": ("m,n", lambda a, b: np.linalg.lstsq(a, b)[0]),
    "solve_triangular": ("m,n", np.linalg.solve),
    "mdivide_right": ("m,n", lambda a, b: a @ np.linalg.inv(b)),
    "columns_dot_product": ("m,n", lambda a, b: np.sum(a * b, axis=0)),
    "trace_quad_form": ("m,n", lambda a, b: np.trace(b.T @ a @ b)),
    "numel": ("xs", np.size),
}


@pytest.mark.parametrize("name", MEANINGS)
def test_answer_means_what_its_name_means_elsewhere(name: str) -> None:
    points, reference = MEANINGS[name]
    found = re.search("`(.*?)`", elsewhere(name))
    assert found is not None
    code = found[1]
    for point in POINTS[points]:
        text = f"{code}({', '.join(point)})" if code.isidentifier() else code
        read = {key: value for key, value in point.items() if re.search(rf"\b{key}\b", text)}
        got = program(text, wrt=[])(**read).value
        np.testing.assert_allclose(got, reference(*point.values()), rtol=1e-9)


@pytest.mark.parametrize("call", ["np.exp(x)", "jax.numpy.exp(x)", "torch.special.exp(x)"])
def test_a_function_of_a_module_is_one_of_its_argument(call: str) -> None:
    with pytest.raises(ProgramError) as caught:
        resolve(parse(Source("<test>", call)), NAMES)
    assert caught.value.help == "`exp` is a function: write `exp(…)`"
