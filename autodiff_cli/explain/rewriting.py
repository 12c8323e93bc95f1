"""What can be written instead of an operation, so that nothing below it overflows or is lost.

log(1 + exp(x)) is softplus(x), and sqrt(x^2 + y^2) is hypot(x, y): such an identity is matched on
the graph, on however many lines of the program its parts stand, and written in the words of the
source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node, value_of
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.explain.numbers import anywhere, marks
from autodiff_cli.explain.words import expression

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MOST_TERMS = 8
DEEPEST = 8
"""Rewritings inside one another; what is deeper stays as it is."""
LONGEST = 60
"""Characters of the source that are repeated."""

POSITIVE = frozenset(("exp", "exp2", "sigmoid", "softmax", "normal_pdf", "cosh", "beta"))
"""Primitives whose value is above 0, also where a float shows 0."""


def rewritten(node: Node, bottom: Node | None, at_pole: bool) -> str:
    """Another expression for an operation, that does without the one at the `bottom`; or "".

    Args:
        at_pole: `bottom` is not finite whatever its scale.
    """
    writer = _Writer()
    write = (AT_POLES if at_pole else INSTEAD).get(_name(node))
    try:
        text = write(writer, *node.args) if write else ""
    except _Unwritten:
        return ""
    spared = bottom in writer.spared or (bottom is node and writer.spared)
    return text if spared else ""


class _Unwritten(Exception):  # noqa: N818
    """Something has no short text, or no identity is known of it."""


class _Writer:
    """Writes expressions that come to the same in another way.

    Methods raise `_Unwritten` where they know none.

    Attributes:
        spared: the operations that the new expression does without.
    """

    def __init__(self) -> None:
        self.spared: set[Node | None] = set()
        self._named: dict[str, Node] = {}
        self._depth = 0

    # ── logarithms ────────────────────────────────────────────────────────────────────

    def log(self, x: Any) -> str:
        """log(x); "0" of 1."""
        if isinstance(x, (int, float)) and x == 1:
            return "0"
        return self._through(LOGARITHMS, x) or f"log({self._above(0.0, x, strictly=True)})"

    def log_of_sum(self, a: Any, b: Any) -> str:
        terms = self._terms(a, b)
        logs = [self.log(term) for term in terms]
        if "0" in logs and len(logs) == 2:
            logs.remove("0")
            return f"softplus({logs[0]})"
        if len(logs) > 2 and not _is_array(terms):
            return f"logsumexp([{', '.join(logs)}])"
        return _nested("logaddexp", logs)

    def log_of_difference(self, a: Any, b: Any) -> str:
        larger, smaller = self._exponent(a), self._exponent(b)
        return f"{larger} + log(-expm1({_minus(smaller, larger)}))"

    def log_of_power(self, base: Any, exponent: Any) -> str:
        even = isinstance(exponent, (int, float)) and exponent % 2 == 0
        known = self._through(LOGARITHMS, base)
        log = known or (f"log(abs({self.text(base)}))" if even else self.log(base))
        return f"{_atom(self.text(exponent))} * {_atom(log)}"

    def log_of_sum_along(self, x: Any, axis: Any, keepdims: Any) -> str:
        return f"logsumexp({self.log(x)}{_axis(axis, keepdims)})"

    def log_of_mean(self, x: Any, axis: Any, keepdims: Any) -> str:
        return f"{self.log_of_sum_along(x, axis, keepdims)} - log({self._count(x)})"

    # ── square roots ──────────────────────────────────────────────────────────────────

    def root(self, x: Any) -> str:
        """sqrt(x)."""
        if isinstance(x, (int, float)) and x in (1, 4, 9):
            return str(round(x**0.5))
        return self._through(ROOTS, x) or f"sqrt({self._above(0.0, x)})"

    def root_of_sum(self, a: Any, b: Any) -> str:
        terms = self._terms(a, b)
        legs = [self._leg(term) for term in terms]
        if len(legs) > 2 and not _is_array(terms):
            return f"norm([{', '.join(legs)}])"
        return _nested("hypot", legs)

    def _leg(self, term: Any) -> str:
        """The root of a term, whose sign does not matter."""
        base = self._squared(term)
        return self.root(term) if base is None else self.text(base)

    def root_of_difference(self, a: Any, b: Any) -> str:
        bases = self._squared(a), self._squared(b)
        if None in bases:
            raise _Unwritten
        larger, smaller = (_atom(self.text(base)) for base in bases)
        return f"sqrt({larger} - {smaller}) * sqrt({larger} + {smaller})"

    def root_of_power(self, base: Any, exponent: Any) -> str:
        if not isinstance(exponent, (int, float)):
            raise _Unwritten
        known = self._through({"exp": ROOTS["exp"]}, base)
        if known is None:
            even = exponent % 2 == 0
            known = f"abs({self.text(base)})" if even else self._above(0.0, base)
            exponent /= 2
        return known if exponent == 1 else f"{_atom(known)}^{_atom(_number(exponent))}"

    def root_of_product(self, a: Any, b: Any) -> str:
        if a is b:
            return f"abs({self.text(a)})"
        return f"{_atom(self.root(a))} * {_atom(self.root(b))}"

    def root_of_sum_along(self, x: Any, axis: Any, keepdims: Any) -> str:
        base = self._squared(x)
        if base is None:
            raise _Unwritten
        return f"norm({self.text(base)}{_axis(axis, keepdims)})"

    def root_of_mean(self, x: Any, axis: Any, keepdims: Any) -> str:
        return f"{self.root_of_sum_along(x, axis, keepdims)} / sqrt({self._count(x)})"

    def root_of_dot(self, a: Any, b: Any) -> str:
        if a is not b:
            raise _Unwritten
        return f"norm({self.text(a)})"

    # ── quotients, products, powers ───────────────────────────────────────────────────

    def quotient(self, a: Any, b: Any) -> str:
        ways = (self._share, self._tangent, self._exponential, self._in_turn)
        for way in ways:
            before = set(self.spared)
            try:
                return way(a, b)
            except _Unwritten:
                self.spared = before
        raise _Unwritten

    def _share(self, a: Any, b: Any) -> str:
        """exp(u) / (exp(u) + exp(v)), and exp(u) / sum(exp(u))."""
        own = self._exponent(a)
        if _name(b) == "sum":
            x, axis, _ = b.args
            if self._exponent(x) != own or (axis is None and len(shape_of(value_of(x))) != 1):
                raise _Unwritten
            self.spared.add(b)
            return f"softmax({own}{_axis(axis, False)})"
        others = [self._exponent(term) for term in self._terms(b)]
        if own not in others or len(others) != 2:
            raise _Unwritten
        others.remove(own)
        return f"sigmoid({_minus(own, others[0])})"

    def _tangent(self, a: Any, b: Any) -> str:
        """sinh(u) / cosh(u), written out or not."""
        if (_name(a), _name(b)) == ("sinh", "cosh"):
            u = self.text(a.args[0])
            if self.text(b.args[0]) != u:
                raise _Unwritten
            self.spared.update((a, b))
            return f"tanh({u})"
        if _name(a) != "sub":
            raise _Unwritten
        u, v = (self._exponent(term) for term in a.args)
        if sorted(map(self._exponent, self._terms(b))) != sorted((u, v)):
            raise _Unwritten
        self.spared.add(a)
        return f"tanh({u})" if v == _minus("0", u) else f"tanh({_atom(_minus(u, v))} / 2)"

    def _exponential(self, a: Any, b: Any) -> str:
        """A quotient of products of exponentials as one of them."""
        if not (_is_exponential(a) or _is_exponential(b)):
            raise _Unwritten
        return f"exp({_minus(self.log(a), self.log(b))})"

    def _in_turn(self, a: Any, b: Any) -> str:
        """x * y / z, which is divided first."""
        if _name(a) != "mul":
            raise _Unwritten
        self.spared.add(a)
        x, y = a.args
        return f"{_atom(self.text(x))} / {_atom(self.text(b))} * {_atom(self.text(y))}"

    def product(self, a: Any, b: Any) -> str:
        if not (_is_exponential(a) or _is_exponential(b)):
            raise _Unwritten
        return f"exp({_plus(self.log(a), self.log(b))})"

    def power(self, base: Any, exponent: Any) -> str:
        if isinstance(exponent, (int, float)) and abs(exponent) == 0.5:
            root = self.root(base)
            return root if exponent > 0 else f"1 / {_atom(root)}"
        return f"exp({_atom(self.text(exponent))} * {_atom(self._exponent(base))})"

    def angle(self, slope: Any) -> str:
        """atan(y / x), on the side of x > 0 and at 0."""
        if _name(slope) != "div":
            raise _Unwritten
        self.spared.add(slope)
        y, x = slope.args
        return f"atan2({self.text(y)}, {self._above(0.0, x)})"

    # ── at poles ──────────────────────────────────────────────────────────────────────

    def entropy(self, a: Any, b: Any) -> str:
        """0 * log(0)."""
        for x, log in ((a, b), (b, a)):
            if _name(log) == "log" and _has_0(x) and _has_0(log.args[0]):
                self.spared.add(log)
                return f"xlogy({self.text(x)}, {self.text(log.args[0])})"
        raise _Unwritten

    def sinc(self, a: Any, b: Any) -> str:
        if _name(a) != "sin" or a.args[0] is not b:
            raise _Unwritten
        self.spared.add(a)
        return f"sinc({_atom(self.text(b))} / pi)"

    def length(self, x: Any) -> str:
        """A root that has a derivative at 0, or a convention for it."""
        text = self.root(x)
        if not text.startswith(("abs(", "hypot(", "norm(")) or text != _atom(text):
            raise _Unwritten
        return text

    # ── parts ─────────────────────────────────────────────────────────────────────────

    def text(self, x: Any) -> str:
        """The source of an operand, or a number."""
        if not isinstance(x, Node):
            if not isinstance(x, (int, float)):
                raise _Unwritten
            return _number(x)
        text = expression(x)
        known = self._named.setdefault(text, x)
        # In a loop the same text has one value after another.
        if not text or len(text) > LONGEST or (known is not x and not _alike(known, x)):
            raise _Unwritten
        return text

    def _through(self, known: dict[str, Callable[..., str]], x: Any) -> str | None:
        """What is written for an operand by its primitive; None where nothing is known."""
        write = known.get(_name(x))
        if write is None or self._depth == DEEPEST:
            return None
        before = set(self.spared)
        self.spared.add(x)
        self._depth += 1
        try:
            return write(self, *x.args)
        except _Unwritten:
            self.spared = before
            return None
        finally:
            self._depth -= 1

    def _exponent(self, x: Any) -> str:
        """u of exp(u); 0 of 1."""
        if isinstance(x, (int, float)) and x == 1:
            return "0"
        if _name(x) != "exp":
            raise _Unwritten
        self.spared.add(x)
        return self.text(x.args[0])

    def _squared(self, x: Any) -> Any:
        """u of u^2 and of u * u, else None."""
        if _name(x) not in ("pow", "mul"):
            return None
        base, other = x.args
        is_2 = isinstance(other, (int, float)) and other == 2
        if is_2 if _name(x) == "pow" else base is other:
            self.spared.add(x)
            return base
        return None

    def _terms(self, *args: Any) -> list[Any]:
        """The terms of a sum of sums."""
        terms: list[Any] = []
        pending = list(args)
        while pending:
            x = pending.pop(0)
            if _name(x) == "add" and len(pending) + len(terms) < MOST_TERMS:
                self.spared.add(x)
                pending[:0] = x.args
            else:
                terms.append(x)
        return terms

    def _above(self, least: float, x: Any, strictly: bool = False) -> str:
        """The text of what is not below a number."""
        value = value_of(x)
        above = value > least if strictly else value >= least
        if _name(x) not in POSITIVE and not (above if isinstance(above, bool) else above.all()):
            raise _Unwritten
        return self.text(x)

    def _count(self, x: Any) -> str:
        """How many elements a vector has."""
        if len(shape_of(value_of(x))) != 1:
            raise _Unwritten
        return str(len(value_of(x)))


def _name(x: Any) -> str:
    return x.primitive.name if isinstance(x, Node) and x.primitive is not None else ""


def _has_0(x: Any) -> bool:
    return anywhere(marks(value_of(x), "zero"))


def _is_array(terms: Sequence[Any]) -> bool:
    return any(shape_of(value_of(term)) for term in terms)


def _is_exponential(x: Any) -> bool:
    return _name(x) == "exp" or (_name(x) == "mul" and "exp" in map(_name, x.args))


def _alike(one: Node, other: Node) -> bool:
    """Whether two evaluations of the same text, at two places, gave the same."""
    if one.span is other.span or shape_of(one.value) != shape_of(other.value):
        return False
    same = one.value == other.value
    return same if isinstance(same, bool) else bool(same.all())


def _number(x: float) -> str:
    return str(int(x)) if float(x).is_integer() and abs(x) < 1e15 else repr(float(x))


def _atom(text: str) -> str:
    """An expression as an operand: in brackets where it has an operator of its own."""
    depth = 0
    for char in text:
        depth += (char in "([") - (char in ")]")
        if not depth and char in " +-*/^@%":
            return f"({text})"
    return text


def _plus(a: str, b: str) -> str:
    if "0" in (a, b):
        return a if b == "0" else b
    return f"{a} - {b[1:]}" if b.startswith("-") else f"{a} + {b}"


def _minus(a: str, b: str) -> str:
    if b == "0":
        return a
    negated = b[1:] if b.startswith("-") and b[1:] == _atom(b[1:]) else f"-{_atom(b)}"
    return _plus(a, negated)


def _nested(function: str, parts: Sequence[str]) -> str:
    text, *others = parts
    for other in others:
        text = f"{function}({text}, {other})"
    return text


def _axis(axis: Any, keepdims: Any) -> str:
    if axis is not None and not isinstance(axis, int):
        raise _Unwritten
    return ("" if axis is None else f", {axis}") + (", keepdims=true" if keepdims else "")


LOGARITHMS: dict[str, Callable[..., str]] = {
    "exp": lambda w, x: w.text(x),
    "exp2": lambda w, x: f"{_atom(w.text(x))} * log(2)",
    "expm1": lambda w, x: f"{w.text(x)} + log(-expm1({_minus('0', w.text(x))}))",
    "cosh": lambda w, x: f"logaddexp({w.text(x)}, {_minus('0', w.text(x))}) - log(2)",
    "sigmoid": lambda w, x: f"logsigmoid({w.text(x)})",
    "softmax": lambda w, x, axis: f"log_softmax({w.text(x)}, {axis})",
    "normal_pdf": lambda w, x: f"-{_atom(w.text(x))}^2 / 2 - log(2 * pi) / 2",
    "beta": lambda w, a, b: (
        f"lgamma({w.text(a)}) + lgamma({w.text(b)}) - lgamma({w.text(a)} + {w.text(b)})"
    ),
    "sqrt": lambda w, x: f"{_atom(w.log(x))} / 2",
    "mul": lambda w, a, b: _plus(w.log(a), w.log(b)),
    "div": lambda w, a, b: _minus(w.log(a), w.log(b)),
    "pow": _Writer.log_of_power,
    "add": _Writer.log_of_sum,
    "sub": _Writer.log_of_difference,
    "sum": _Writer.log_of_sum_along,
    "mean": _Writer.log_of_mean,
    "prod": lambda w, x, axis, keepdims: f"sum({w.log(x)}{_axis(axis, keepdims)})",
    "dot": lambda w, a, b: f"2 * log({w.root_of_dot(a, b)})",
    "matmul": lambda w, a, b: f"2 * log({w.root_of_dot(a, b)})",
}
"""The logarithm of what a primitive gives, without that."""

ROOTS: dict[str, Callable[..., str]] = {
    "exp": lambda w, x: f"exp({_atom(w.text(x))} / 2)",
    "mul": _Writer.root_of_product,
    "pow": _Writer.root_of_power,
    "add": _Writer.root_of_sum,
    "sub": _Writer.root_of_difference,
    "sum": _Writer.root_of_sum_along,
    "mean": _Writer.root_of_mean,
    "dot": _Writer.root_of_dot,
    "matmul": _Writer.root_of_dot,
}
"""The same of the square root."""

INSTEAD: dict[str, Callable[..., str]] = {
    "log": _Writer.log,
    "log1p": lambda w, x: f"softplus({w.log(x)})",
    "log2": lambda w, x: f"{_atom(w.log(x))} / log(2)",
    "log10": lambda w, x: f"{_atom(w.log(x))} / log(10)",
    "sqrt": _Writer.root,
    "pow": _Writer.power,
    "div": _Writer.quotient,
    "mul": _Writer.product,
    "atan": _Writer.angle,
}
"""What can be written for an operation, without an overflow or underflow below it."""

AT_POLES: dict[str, Callable[..., str]] = {
    "mul": _Writer.entropy,
    "div": _Writer.sinc,
    "sqrt": _Writer.length,
    "atan": _Writer.angle,
}
"""What can be written at a point where an operation below it is not finite at all."""
