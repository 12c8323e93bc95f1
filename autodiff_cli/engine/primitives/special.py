"""Special functions. SciPy computes them on arrays, and loads only when one is called."""

from __future__ import annotations

import math
from math import inf
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np, special
from autodiff_cli.engine.primitive import Primitive
from autodiff_cli.engine.primitives.elementwise import exp

if TYPE_CHECKING:
    from collections.abc import Callable

TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
ROOT_HALF = math.sqrt(0.5)
DENSITY_AT_0 = 1 / math.sqrt(2 * math.pi)


def _special(
    name: str,
    doc: str,
    scalar: Callable[[float], float],
    array: Callable[..., Any],
    partial: Any,
    **fields: Any,
) -> Primitive:
    fields.setdefault("sample", ((-3, 3),))
    return Primitive(
        name=name,
        kind="elementwise",
        operands=("x",),
        scalar=scalar,
        array=array,
        partials=(partial,),
        doc=doc,
        example=f"{name}(0.5)",
        **fields,
    )


erf = _special(
    "erf",
    "the error function",
    math.erf,
    lambda x: special.erf(x),
    lambda out, x: TWO_OVER_ROOT_PI * exp(-(x * x)),
)
erfc = _special(
    "erfc",
    "1 - erf(x), exact in its tail",
    math.erfc,
    lambda x: special.erfc(x),
    lambda out, x: -TWO_OVER_ROOT_PI * exp(-(x * x)),
)
gelu = _special(
    "gelu",
    "x·Φ(x), with Φ the normal distribution",
    lambda x: 0.5 * x * math.erfc(-x * ROOT_HALF),
    lambda x: 0.5 * x * special.erfc(-np.asarray(x) * ROOT_HALF),
    lambda out, x: 0.5 * erfc(-x * ROOT_HALF) + x * DENSITY_AT_0 * exp(-0.5 * x * x),
)
lgamma = _special(
    "lgamma",
    "the logarithm of |Γ(x)|",
    math.lgamma,
    lambda x: special.gammaln(x),
    lambda out, x: digamma(x),
    beyond=lambda x: inf,
    domain="x ≠ 0, -1, -2, …",
    sample=((0.2, 10),),
)
digamma = _special(
    "digamma",
    "the derivative of lgamma",
    lambda x: float(special.digamma(x)),
    lambda x: special.digamma(x),
    lambda out, x: polygamma(1.0, x),
    domain="x ≠ 0, -1, -2, …",
    sample=((0.2, 10),),
)
polygamma = Primitive(
    name="polygamma",
    kind="elementwise",
    operands=("n", "x"),
    scalar=lambda n, x: float(special.polygamma(n, x)),
    array=lambda n, x: special.polygamma(n, x),
    # n is a whole number, by which there is no derivative.
    partials=(0.0, lambda out, n, x: polygamma(n + 1.0, x)),
    doc="the n-th derivative of digamma",
    domain="x ≠ 0, -1, -2, …; n = 0, 1, 2, …",
    example="polygamma(1, 0.5)",
    sample=(range(1, 4), (0.2, 10)),
)
