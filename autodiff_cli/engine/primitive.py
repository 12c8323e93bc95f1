"""The record that a primitive is. All that adiff knows of a function stands in one."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan, prod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.memory import reserve
from autodiff_cli.engine.operand import Operand
from autodiff_cli.errors import ShapeError, TypeMismatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Pull = Callable[[Any, float], None]

Kind = Literal["elementwise", "reduction", "structural", "constant"]
Rule = Any
"""`rule(out, *args)`: a callable, or a number where the derivative is that everywhere."""

REQUIRED: Any = object()
"""Stands in `options` for a static argument that has no default."""

Zero = Literal["anywhere", "with an operand", "never"]
Read = Literal["size", "condition", "number"]
Trouble = Literal["outside", "overflow", "saturated", "not-chosen"]

NUMBERS = frozenset((float, int, bool))
LARGEST_INTEGER = 2**63
SMALL = 2**16
"""Bytes, below which the shape of a result is not worth computing ahead."""


def _nan(*_: float) -> float:
    return nan


@dataclass(slots=True, eq=False, kw_only=True)
class Primitive:
    """A function with its derivative.

    Attributes:
        name: as programs call it; an operator's is a word (`add`).
        sign: the operator that programs write for it.
        internal: programs reach it by an operator, by syntax or by a derivative, and not by its
            name; so is all that has no example.
        kind: `elementwise` has `partials`, `reduction` has `weight`, `structural` has `vjps`
            and `jvps`; `constant` has no derivative, which is said by being of this kind.
        operands: names of the arguments that are numbers.
        defaults: values of operands that may be left out.
        options: static arguments (an axis), which follow the operands, with their defaults.
        options_first: a caller gives the options before the operands.
        variadic: any number of operands, all like the one named.
        parts: of a primitive with several results, which are recorded as one array that
            joins them: the key of each in it, `parts(shape)`.
        array: the value, on anything that NumPy takes: `array(*args)`.
        scalar: the value on Python floats; may raise `ValueError` or `ArithmeticError`,
            and then `beyond` gives what IEEE 754 says. None where there is no such path.
        python: the value on floats as Python's own operators write it, `({} + {})`, where they
            never raise: what compiled rules have in the place of a call.
        c: the function of C's library that gives it, where that is not Python's `math` by name.
        body: the value of floats that are finite as an expression, in terms of the table's own
            primitives, in as many operations as `scalar` and with its digits: what compiled
            code has where neither `python`, `math` nor `c` does.
        of_several: of a reduction, the primitive that joins the operands, two by two, of a call
            with several: `maximum` of `max(a, b, c)`.
        exact: integers give an integer.
        bound: the most that |value| can be, a number, or `bound(*sizes)` where |operand| is at
            least `size.least` and at most `size.most`; left out, the value of an exact one is no
            larger than its operands but for a rounding to integers, and of others nothing is known.
        rounded: of floats it is the one that is nearest to the exact result, whoever computes it.
        sums: it adds up, so that its rounding goes by the size of the terms, not of the result.
        multiplies: where an operand gets a derivative of 0, it is as another one is 0.
        vanishes: where the value is 0, but for an underflow: `with an operand` where one is 0,
            `never` where it is above 0 everywhere.
        reads: what it takes an argument for that has no derivative: a `size` or a count, a
            `condition`, or a `number`, by which it could have one.
        draws: it takes random numbers, and so has another value each time.
        partials: for each operand, ∂out/∂operand as `rule(out, *operands)`.
        weight: `weight(out, *args)`, ∂out/∂x of a reduction in the shape of x, for the
            reduced `out` as an array that broadcasts against x.
        remainder: `remainder(weight, axes)`, what rounding took from the weight, None where that is
            nothing to speak of: `logsumexp(x) - x[0]` is made of no more.
        vjps: for each operand, `rule(g, out, *args)`, the cotangent that it gets; None
            where it has no derivative. A variadic one has a single `rule(i, g, out, *args)`.
        jvps: for each operand, `rule(t, out, *args)`, the tangent that it gives; left out
            where the primitive is linear in that operand. A variadic one has a single
            `rule(i, t, out, *args)`; left out where it is linear in all of them together.
        pullback: in place of `vjps` and `jvps`, `pullback(g, out, args)`: the cotangents of all
            operands at once, as a rule of the program's own gives them.
        derivative: of reductions and structural primitives, the derivative as a formula.
        chooses: a partial of 0 says that an operand was not chosen, and then it gets nothing of
            a cotangent that is inf or nan either.
        unchosen: what it has done to an operand, or an element, that it has not chosen, in words.
        plainly: the same in terms that are better known, for formulas that people read.
        kink: `kink(*args)`, true where the derivative is a convention; or one for each operand
            or None, where it depends on what the derivative is by.
        rests: `rests(g, *args)`, whether at a kink a cotangent of the result goes by the
            convention; left out where each does that is not 0. It may have axes before its own.
        convention: that convention, in words.
        doc: what it computes, one line.
        domain: where it is finite and differentiable, in words.
        remedies: what to do about a nan or an inf that it makes `outside` of its domain, an
            `overflow`, a derivative that is 0 as it is `saturated`, an operand `not-chosen`;
            left out where what holds for all primitives is all that is known.
        example: an expression that shows it.
        precise: the value with many digits, `precise(mp, *args)` for a context `mp` of mpmath:
            of an elementwise entry on its numbers, of others on arrays of them. It shares no
            code with `scalar`, `array` and the rules, whose referee it is.
        sample: for each operand the interval from which tests may draw, or the `range` of
            whole numbers that it takes, by which there is no derivative.
        special: for each operand the numbers at which a formula of it switches, meets a pole or
            a kink, or the end of its domain; tests try all that they make together, with 0 and
            ±1, and its page lists them.
    """

    name: str
    kind: Kind
    operands: tuple[str, ...]
    array: Callable[..., Any]
    doc: str
    example: str
    sign: str = ""
    internal: bool = False
    defaults: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    options_first: bool = False
    variadic: bool = False
    parts: Callable[[tuple[int, ...]], tuple[Any, ...]] | None = None
    scalar: Callable[..., Any] | None = None
    beyond: Callable[..., float] = _nan
    python: str = ""
    c: str = ""
    body: Rule | None = None
    of_several: Primitive | None = None
    exact: bool = False
    rounded: bool = False
    bound: Callable[..., float] | float | None = None
    sums: bool = False
    multiplies: bool = False
    vanishes: Zero = "anywhere"
    reads: Read | None = None
    draws: bool = False
    partials: Sequence[Rule] = ()
    weight: Callable[..., Any] | None = None
    remainder: Callable[[Any, tuple[int, ...]], Any] | None = None
    vjps: Any = ()
    jvps: Any = ()
    pullback: Callable[..., Sequence[Any]] | None = None
    derivative: str = ""
    chooses: bool = False
    unchosen: str = ""
    plainly: Callable[..., Any] | None = None
    kink: Any = None
    rests: Callable[..., bool] | None = None
    convention: str = ""
    domain: str = "all reals"
    remedies: Mapping[Trouble, str] = field(default_factory=dict)
    precise: Callable[..., Any] | None = None
    sample: Sequence[tuple[float, float] | range] = ()
    special: Sequence[Sequence[float]] = ()
    compile_pull: ClassVar[Callable[[Primitive], Pull]]
    """What makes a `scalar_pull` of the partials: the table sets it, as it sets `Operand.table`."""
    scalar_pull: Pull | None = field(init=False, default=None)
    """`pull(node, g)`: adds g·∂out/∂operand to the adjoint of every operand, on floats; of
    elementwise primitives."""
    flat: bool = field(init=False)
    """The derivative is 0 wherever there is one: a gradient ends here."""
    counts: frozenset[int] = field(init=False)
    """The positions of operands that are whole numbers, by which there is no derivative."""
    has_edges: bool = field(init=False)
    """There are points at which what a derivative rests on is worth a word: a kink, or flat."""
    edges_by: tuple[int, ...] | None = field(init=False)
    """The positions of the operands by which it has edges; None where that is by all."""

    def __post_init__(self) -> None:
        self.flat = bool(self.partials) and all(not callable(p) and p == 0 for p in self.partials)
        whole = {i for i, one in enumerate(self.sample) if isinstance(one, range)}
        self.counts = frozenset(whole if self.kind == "elementwise" else ())
        self.has_edges = self.flat or self.kink is not None or bool(self.counts)
        by = [] if callable(self.kink) else [i for i, k in enumerate(self.kink or ()) if k]
        self.edges_by = None if self.flat or callable(self.kink) else (*by, *self.counts)
        self.internal = self.internal or not self.example
        if self.kind == "elementwise":
            self.scalar_pull = self._first_pull

    @property
    def title(self) -> str:
        """What messages call it: the operator that a program writes, or the name."""
        return self.sign or self.name

    @property
    def signature(self) -> str:
        """As a caller writes it: `leaky_relu(x, slope=0.01)`; what stands in [] may be left out."""
        parts = [
            f"{name}={self.defaults[name]:g}" if name in self.defaults else name
            for name in self.operands
        ]
        if self.variadic:
            parts = [f"{self.operands[0]}1", f"{self.operands[0]}2", "…"]
        options = [
            {REQUIRED: name, None: f"[{name}]"}.get(default, f"{name}={_literal(default)}")
            for name, default in self.options.items()
        ]
        parts = options + parts if self.options_first else parts + options
        return f"{self.name}({', '.join(parts)})"

    @property
    def parameters(self) -> dict[str, Any]:
        """Operands and options in the order in which a caller gives them, with their defaults."""
        operands = {name: self.defaults.get(name, REQUIRED) for name in self.operands}
        return {**self.options, **operands} if self.options_first else {**operands, **self.options}

    def __call__(self, *args: Any) -> Any:
        """Inside a rule: computes on arrays, records on nodes, writes on symbols."""
        for arg in args:
            if isinstance(arg, Operand):
                return arg.taken_by(self, args)
        return self.array(*args)

    def evaluate(self, *values: Any) -> Any:
        """The value, as programs see it: a float, int or bool, or an array of them.

        Raises:
            ShapeError: the shapes do not go together.
            TypeMismatch: an argument is not a number.
        """
        if self.scalar is not None:
            for value in values:
                if type(value) not in NUMBERS:
                    break
            else:
                return self._on_scalars(values)
        for value in values[: len(values) - len(self.options)]:
            if not is_numeric(value):
                raise TypeMismatch(f"`{self.title}` got {describe(value)}, want numbers")
        if self.scalar is None and self.kind != "elementwise":
            return plain(self.array(*values))
        self._reserve(values)
        try:
            return plain(self.array(*values))
        except ValueError:
            raise broadcast_error(self.title, values) from None
        except TypeError:
            # Some of NumPy's functions of numbers do not take booleans for such.
            return plain(self.array(*(counted(value) for value in values)))

    def _reserve(self, values: tuple[Any, ...]) -> None:
        """Asks for the memory of a result that is larger than all operands, by broadcasting."""
        size = 8
        for value in values:
            size *= getattr(value, "size", 1)
        if size > SMALL:
            try:
                shape = np.broadcast_shapes(*(shape_of(value) for value in values))
            except ValueError:
                raise broadcast_error(self.title, values) from None
            reserve(8 * prod(shape), f"`{self.title}` of shape {shape}")

    def _on_scalars(self, values: tuple[Any, ...]) -> Any:
        assert self.scalar is not None
        try:
            out = self.scalar(*values)
        except (ValueError, ArithmeticError):
            return self.beyond(*values)
        if type(out) is int and not (self.exact and -LARGEST_INTEGER <= out < LARGEST_INTEGER):
            return float(out)
        return out

    def _first_pull(self, node: Any, g: float) -> None:
        """Stands for `scalar_pull` until it is needed: few of the table's primitives ever are."""
        self.scalar_pull = Primitive.compile_pull(self)
        self.scalar_pull(node, g)

    def is_kink(self, args: Sequence[Any], by: Sequence[int] | None = None) -> bool:
        """Whether a derivative by an operand at a position in `by`, or by any, is a convention."""
        if callable(self.kink):
            kinks = [self.kink]
        else:
            chosen = range(len(self.kink or ())) if by is None else by
            kinks = [self.kink[position] for position in chosen] if self.kink else []
        return any(kink is not None and _anywhere(kink(*args)) for kink in kinks)

    def guarded(self, *values: float) -> Any:
        """The value on floats, by `beyond` where `scalar` raises."""
        return self._on_scalars(values)


def _anywhere(condition: Any) -> bool:
    return condition if isinstance(condition, bool) else bool(condition.any())


def plain(value: Any) -> Any:
    """NumPy's scalars and 0-d arrays as Python's own, but for float32, which keeps its type."""
    if isinstance(value, np.ndarray):
        if value.ndim:
            return value
        value = value[()]
    if isinstance(value, np.generic) and not isinstance(value, np.float32):
        return value.item()
    return value


def as_array(value: Any) -> Any:
    """A number as an array; an array, and what behaves like one, as it is."""
    return value if hasattr(value, "__array_function__") else np.asarray(value)


def counted(value: Any) -> Any:
    """An array of booleans as the integers that they count as; all else as it is."""
    if isinstance(value, np.ndarray) and value.dtype == bool:
        return value.astype(np.int64)
    return value


def is_numeric(value: Any) -> bool:
    if type(value) in NUMBERS:
        return True
    return isinstance(value, (np.ndarray, np.generic))


def shape_of(value: Any) -> tuple[int, ...]:
    return value.shape if hasattr(value, "shape") else ()


def describe(value: Any) -> str:
    """A value in the words of a message: `an array of shape (3,)`, `a function`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {value!r}"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, tuple):
        return f"{len(value)} values"
    if hasattr(value, "shape"):
        return f"an array of shape {value.shape}" if value.shape else f"the number {value}"
    return "a function"


def broadcast_error(name: str, values: Sequence[Any]) -> ShapeError:
    shapes = [str(shape_of(value)) for value in values]
    return ShapeError(
        f"`{name}` got shapes {' and '.join(shapes)}, which do not go together",
        help="the sizes of each axis, counted from the last, must be equal or 1",
    )


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return str(value).lower() if isinstance(value, bool) else str(value)
