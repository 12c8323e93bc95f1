"""Functions that exported files bring along, as no language has them: written once, in adiff.

They are shorter than what adiff itself computes by, and less exact by some digits: a comment in
the file says how exact.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from autodiff_cli.compiler.form import Check, NotCompiled, regions
from autodiff_cli.compiler.pruning import prune
from autodiff_cli.compiler.statements import lower
from autodiff_cli.engine.numerics.beta import LANCZOS_DENOMINATOR, LANCZOS_G, LANCZOS_NUMERATOR
from autodiff_cli.engine.numerics.gamma import HALF_LOG_TWO_PI
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.interpreter.builtins import INTERNAL, NAMES
from autodiff_cli.interpreter.program import Program
from autodiff_cli.language.names import resolve
from autodiff_cli.language.parser import parse
from autodiff_cli.language.source import Source
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.compiler.form import Function, Region
    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.language.source import Span


@record
class Special:
    """A function as a program.

    Attributes:
        remark: how it is computed, and how exact that is.
        most: the largest order of a derivative that it gives, where its first operands count one.
    """

    remark: str
    text: str
    most: int | None = None


def _sum(name: str, coefficients: Sequence[float], argument: str) -> str:
    """A polynomial by Horner's rule, the coefficient of the highest power first."""
    return f"for c in {list(coefficients)} {{ {name} = {name}*{argument} + c }}\n"


_LANCZOS = f"""
fn lanczos(x) {{
above = 0.0; below = 0.0
if x > 1.0 {{
{_sum("above", LANCZOS_NUMERATOR, "(1.0/x)")}
{_sum("below", LANCZOS_DENOMINATOR, "(1.0/x)")}
}} else {{
{_sum("above", LANCZOS_NUMERATOR[::-1], "x")}
{_sum("below", LANCZOS_DENOMINATOR[::-1], "x")}
}}
above / below
}}
high = max(a, b); low = min(a, b)
total = high + low + {LANCZOS_G - 0.5!r}
"""

SPECIAL = {
    "lgamma": Special(
        "by Stirling's series, from 10 on: to 1e-14 of its size, or of 1",
        f"""
        if x < 0.5 {{
            if x <= 0 and x == floor(x) {{ return inf }}
            rest = x - 2.0*round(0.5*x)
            return log(pi / abs(sin(pi*rest))) - lgamma(1.0 - x)
        }}
        product = 1.0
        while x < 10.0 {{ product *= x; x += 1.0 }}
        z = 1.0/(x*x)
        series = 1/12 - z*(1/360 - z*(1/1260 - z*(1/1680 - z*(1/1188 - z*(691/360360 - z/156)))))
        (x - 0.5)*log(x) - x + {HALF_LOG_TWO_PI!r} + series/x - log(product)
        """,
    ),
    "digamma": Special(
        "by its asymptotic series, from 10 on: to 1e-14 of its size, or of 1",
        """
        if x < 0.0 {
            rest = x - round(x)
            return digamma(1.0 - x) - pi*cos(pi*rest)/sin(pi*rest)
        }
        total = 0.0
        while x < 10.0 { total -= 1.0/x; x += 1.0 }
        z = 1.0/(x*x)
        series = z*(1/12 - z*(1/120 - z*(1/252 - z*(1/240 - z*(1/132 - z*(691/32760 - z/12))))))
        total + log(x) - 0.5/x - series
        """,
    ),
    "polygamma": Special(
        "by Euler and Maclaurin's sum, from 20 + n on: to 1e-13 of its size",
        """
        if n == 0.0 { return digamma(x) }
        factor = -1.0; k = 0.0
        while k < n { k += 1.0; factor *= -k }
        total = 0.0
        while x < 20.0 + n { total += x^(-n - 1.0); x += 1.0 }
        total += x^(-n)/n + 0.5*x^(-n - 1.0)
        term = (n + 1.0)*x^(-n - 2.0)
        k = n + 1.0
        for c in [1/12, -1/720, 1/30240, -1/1209600, 1/47900160, -691/1307674368000,
                  1/74724249600] {
            total += c*term
            term *= (k + 1.0)*(k + 2.0)/(x*x)
            k += 2.0
        }
        factor*total
        """,
    ),
    "erfinv": Special(
        "by four steps of Halley's, from Winitzki's formula: to 1e-14 of its size",
        """
        if abs(x) >= 1.0 { return if abs(x) > 1.0 { nan } else { x*inf } }
        if x == 0.0 { return x }
        left = log1p(-x*x)
        t = 2.0/(pi*0.147) + 0.5*left
        y = sqrt(sqrt(t*t - left/0.147) - t)
        for turn in range(4) {
            off = if abs(x) < 0.5 { erf(y) - abs(x) } else { (1.0 - abs(x)) - erfc(y) }
            step = off*0.8862269254527580137*exp(y*y)
            y -= step/(1.0 + y*step)
        }
        if x < 0.0 { -y } else { y }
        """,
    ),
    "lbeta": Special(
        "by Lanczos' quotient: to 1e-14 of its size, or of 1",
        f"""
        {_LANCZOS}
        shared = (high - 0.5 - low)*log1p(-low/total) - 0.5*log(low + {LANCZOS_G - 0.5!r})
        constants = log(lanczos(high)/lanczos(high + low)*lanczos(low)) - {LANCZOS_G - 0.5!r}
        ratio = ((high + {LANCZOS_G - 0.5!r})/total)*((low + {LANCZOS_G - 0.5!r})/total)
        constants + shared + low*log(ratio)
        """,
    ),
    "beta": Special(
        "from its logarithm: to 1e-14 of its size, or as many times that as that is large",
        "exp(lbeta(a, b))",
    ),
    "beta_derivative": Special(
        "by the first argument where n is 1, else by the second",
        """
        step = if n > m { polygamma_step(0.0, a, b) } else { polygamma_step(0.0, b, a) }
        -beta(a, b)*step
        """,
        1,
    ),
    "polygamma_step": Special(
        "polygamma(n, a + b) - polygamma(n, a), for small b by Taylor's series: to 1e-13",
        """
        k = 0.0; powers = 0.0; factor = 1.0
        while k <= n { powers += a^(-k)*(a + b)^(k - n); k += 1.0 }
        k = 0.0
        while k < n { k += 1.0; factor *= -k }
        pole = factor*b/(a + b)/a*powers
        if abs(b) > 0.1*(a + 1.0) {
            return pole + polygamma(n, a + 1.0 + b) - polygamma(n, a + 1.0)
        }
        total = 0.0; power = 1.0; k = 0.0
        while k < 17.0 {
            k += 1.0
            power *= b/k
            total += power*polygamma(n + k, a + 1.0)
        }
        pole + total
        """,
    ),
    "gammainc": Special(
        "by its series, or from a + 1 on by Legendre's continued fraction: to 1e-13",
        """
        if x == 0.0 { return 0.0 }
        weight = exp(a*log(x) - x - lgamma(a))
        if x < a + 1.0 {
            term = 1.0/a; total = term; k = a
            while term > total*1e-17 { k += 1.0; term *= x/k; total += term }
            return weight*total
        }
        k = floor(40.0 + 400.0/(x - a + 1.0)); rest = 0.0
        while k > 0.0 { rest = k*(k - a)/(x + 2.0*k + 1.0 - a - rest); k -= 1.0 }
        1.0 - weight/(x + 1.0 - a - rest)
        """,
    ),
    "gamma_pdf_derivative": Special(
        "the density x^(a-1) e^-x / gamma(a): to 1e-14, or as many times that as its logarithm",
        "exp((a - 1.0)*log(x) - x - lgamma(a))",
        0,
    ),
    "sinc": Special(
        "to 1e-15",
        """
        if x == 0.0 { return 1.0 }
        sin(pi*(x - 2.0*round(0.5*x)))/(pi*x)
        """,
    ),
    "sinc_derivative": Special(
        "by its series near 0, else by parts: to 1e-13 of its largest",
        """
        z = pi*x
        scale = pi^n
        if abs(z) <= n + 1.0 {
            m = floor(0.5*(n + 1.0))
            odd = n - 2.0*floor(0.5*n)
            sign = 1.0 - 2.0*(m - 2.0*floor(0.5*m))
            term = sign*(if odd > 0.0 { z/(n + 2.0) } else { 1.0/(n + 1.0) })
            total = term
            last = m + 20.0 + n
            while m < last {
                high = 2.0*m + 1.0
                term *= -z*z*high/((high - n + 1.0)*(high - n)*(high + 2.0))
                total += term
                m += 1.0
            }
            return scale*total
        }
        rest = x - 2.0*round(0.5*x)
        total = sin(pi*rest)/z
        k = 0.0
        while k < n {
            k += 1.0
            total = (sin(pi*rest + 0.5*pi*(k - 4.0*floor(0.25*k))) - k*total)/z
        }
        scale*total
        """,
    ),
}


def special(primitive: Primitive, language: str, span: Span | None) -> Function:
    """A primitive of `SPECIAL` as a function.

    Raises:
        NotCompiled: it is none of these.
    """
    if primitive.name not in SPECIAL:
        what = f"`{primitive.title}`"
        what += f", {primitive.doc}" if primitive.internal and not primitive.sign else ""
        raise NotCompiled(f"{language} has no {what}", span)
    return _function(primitive.name)


@functools.cache
def _function(name: str) -> Function:
    lines = [line.strip() for line in SPECIAL[name].text.strip().splitlines()]
    given = ", ".join(TABLE[name].operands)
    text = "\n".join([f"input {given}", f"fn f({given}) {{", *lines, "}", f"f({given})"])
    source = Source(name, text)
    program = Program(resolve(parse(source), NAMES | INTERNAL, None))
    kinds = dict.fromkeys(program.resolved.inputs, "float")
    prepared = program.prepared((), False, None, False, False)
    function = lower(program, prepared, kinds, as_numpy=False).function
    function.body.yields = function.body.yields[:1]
    _drop_checks(function.body)
    prune(function)
    return function


def _drop_checks(region: Region) -> None:  # recurses: the program's blocks
    region.ops = [op for op in region.ops if not isinstance(op, Check)]
    for op in region.ops:
        for inner in regions(op):
            _drop_checks(inner)
