"""A program as Python calls it, and as the commands do: there is no other way in."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from autodiff_cli.api.engines import Engines
from autodiff_cli.api.results import Result, refuse_non_finite
from autodiff_cli.engine.lazy import quiet_numpy
from autodiff_cli.errors import AdiffError, UsageError
from autodiff_cli.explain.evaluation import Question
from autodiff_cli.interpreter import program as prepared
from autodiff_cli.interpreter.machine import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

    from autodiff_cli.api.checks import Claims, Recorded
    from autodiff_cli.api.engines import Engine
    from autodiff_cli.api.packing import Packed
    from autodiff_cli.api.traces import Trace
    from autodiff_cli.check.claims import Box
    from autodiff_cli.explain import tracing
    from autodiff_cli.explain.evaluation import Evaluation, Kind
    from autodiff_cli.explain.reasons import Explanation
    from autodiff_cli.language.source import Source
    from autodiff_cli.report.check import Report

NOTHING: Mapping[str, Any] = {}


class Program:
    """A program that is ready to run, with what to differentiate by and what to give out.

    It is prepared once; call it with its inputs as often as there are points, in as many threads
    as you like. Inputs are numbers, booleans, and whatever NumPy makes an array of: lists,
    arrays, pandas' columns. They are given by name, or, where a name is none of Python's, in a
    mapping before those: `f({"lambda": 2.0}, x=3.0)`.

    All that runs it raises what the commands report: `UsageError` for an input that is missing,
    unknown or no number, `RunError` and its kin for what fails on the way, `NonFiniteError` for
    a nan or inf where that is to be an error.

    Args:
        wrt: top-level names to differentiate by; every floating input where it is None.
        of: top-level names to give out; the program's result where it is None.
        settings: precision, seed, limits, and where `print` goes.
        strict: a value or a derivative that is nan or inf is an error.
        engine: what runs it; "auto" compiles what is long, or is called often.

    Raises:
        ProgramError: the text is no program, or a name in it means nothing.
    """

    def __init__(
        self,
        source: Source,
        wrt: Sequence[str] | None = None,
        of: Sequence[str] | None = None,
        settings: Settings | None = None,
        strict: bool = False,
        engine: Engine = "auto",
    ) -> None:
        self.settings = settings or Settings()
        self.wrt = wrt
        self.of = of
        self.strict = strict
        self._gradient = self._asking("gradient")
        try:
            self.prepared = prepared.load(source, self.settings.limits)
        except AdiffError as error:
            _tell(error)
        self._engines = Engines(self.prepared, engine)

    @property
    def inputs(self) -> list[str]:
        """The names of its inputs, in the order in which it names them."""
        return list(self.prepared.resolved.inputs)

    def __repr__(self) -> str:
        return f"<adiff program {self.prepared.resolved.tree.span.source.name}: of {self.inputs}>"

    # ── value and derivatives ─────────────────────────────────────────────────────────

    def __call__(self, inputs: Mapping[str, Any] = NOTHING, /, **named: Any) -> Result:
        """The value, and the gradient by every name to differentiate by.

        Raises:
            ShapeError: the output is no single number.
        """
        return self._result(_values(inputs, named), self._gradient)

    def value_and_gradient(
        self, inputs: Mapping[str, Any] = NOTHING, /, **named: Any
    ) -> tuple[Any, dict[str, Any]]:
        """The value, and the gradient by name. What there is to tell becomes Python's warnings."""
        result = self._result(_values(inputs, named), self._gradient)
        if result.warnings:
            result.warn()
        return result.value, result.gradient

    def vjp(self, cotangent: Any, inputs: Mapping[str, Any] = NOTHING, /, **named: Any) -> Result:
        """The gradient of the output weighed by a cotangent, in its shape; "ones" for ones."""
        if not isinstance(cotangent, str):
            cotangent = _value("cotangent", cotangent)
        return self._result(_values(inputs, named), self._asking("gradient", cotangent=cotangent))

    def jacobian(self, inputs: Mapping[str, Any] = NOTHING, /, **named: Any) -> Result:
        """The derivatives of every element of the output by every element of each name."""
        return self._result(_values(inputs, named), self._asking("jacobian"))

    def hessian(self, inputs: Mapping[str, Any] = NOTHING, /, **named: Any) -> Result:
        """The second derivatives by every pair of names."""
        return self._result(_values(inputs, named), self._asking("hessian"))

    def jvp(
        self, tangents: Mapping[str, Any], inputs: Mapping[str, Any] = NOTHING, /, **named: Any
    ) -> Result:
        """The derivative along a direction: a tangent for each name, in that name's shape."""
        question = self._asking("jvp", tangents=_values(tangents, {}))
        return self._result(_values(inputs, named), question)

    def hvp(
        self, tangents: Mapping[str, Any], inputs: Mapping[str, Any] = NOTHING, /, **named: Any
    ) -> Result:
        """The Hessian times a direction."""
        question = self._asking("hvp", tangents=_values(tangents, {}))
        return self._result(_values(inputs, named), question)

    def derivatives(
        self, order: int, inputs: Mapping[str, Any] = NOTHING, /, **named: Any
    ) -> Result:
        """The first `order` derivatives along one number."""
        return self._result(_values(inputs, named), self._asking("derivatives", order=order))

    def outputs(self, inputs: Mapping[str, Any] = NOTHING, /, **named: Any) -> dict[str, Result]:
        """Each output of a program that has several, with its gradient, from one run."""
        found = self.evaluate(_values(inputs, named), self._gradient)
        return {one.output: Result(one) for one in found}

    # ── the other commands ────────────────────────────────────────────────────────────

    def trace(self, inputs: Mapping[str, Any] = NOTHING, /, **named: Any) -> Trace:
        """The graph with the numbers on it, which shows itself in a notebook."""
        from autodiff_cli.api.traces import Trace

        traces = self.traces(_values(inputs, named), self._gradient)
        self.require_one(traces)
        return Trace(traces[0])

    def why(self, inputs: Mapping[str, Any] = NOTHING, /, **named: Any) -> list[Explanation]:
        """Why each derivative is nan, 0, or the number that it is."""
        return self.explanations(_values(inputs, named), self._gradient)

    def check(
        self,
        inputs: Mapping[str, Any] = NOTHING,
        /,
        **named: Any,
    ) -> Report:
        """The gradient before its referees: a forward sweep, differences, and 80 digits."""
        reports = self.checks(_values(inputs, named))
        self.require_one(reports)
        return reports[0]

    def as_function(self, *names: str | Mapping[str, Any], **inputs: Any) -> Packed:
        """A function of one vector that gives value and gradient, as optimisers want it.

        `minimize(f.as_function("w"), w0, jac=True)`: with one name the vector is its value; with
        several, each is a single number; and a mapping of names to values gives their shapes,
        and with `.start` the vector to begin at. All other inputs stay as they are given here.
        """
        from autodiff_cli.api.packing import Packed, vector_of

        shapes, values = vector_of(names, self.inputs)
        program = copy(self)
        program.wrt = list(shapes)
        return Packed(program.value_and_gradient, shapes, _values(inputs, {}), values)

    # ── as the commands ask ───────────────────────────────────────────────────────────

    def evaluate(
        self, inputs: Mapping[str, Any], question: Question | None = None
    ) -> list[Evaluation]:
        """Each output with the derivatives that are asked for."""
        try:
            found = self._engines.evaluate(inputs, self.wrt, self.of, self.settings, question)
            self.refuse(found)
        except AdiffError as error:
            _tell(error)
        return found

    def traces(
        self, inputs: Mapping[str, Any], question: Question | None = None
    ) -> list[tracing.Trace]:
        """Each output as it can be shown."""
        from autodiff_cli.explain.tracing import trace

        try:
            return trace(self.prepared, inputs, self.wrt, self.of, self.settings, question)
        except AdiffError as error:
            _tell(error)

    def explanations(
        self, inputs: Mapping[str, Any], question: Question | None = None
    ) -> list[Explanation]:
        """Each derivative explained."""
        from autodiff_cli.explain.reasons import explain

        try:
            return explain(self.prepared, inputs, self.wrt, self.of, self.settings, question)
        except AdiffError as error:
            _tell(error)

    def checks(
        self,
        inputs: Mapping[str, Any],
        claims: Claims = (),
        samples: int = 20,
        box: Box | None = None,
        recorded: Recorded | None = None,
        tolerance: float = 1e-9,
        file: str = "the record",
    ) -> list[Report]:
        """Each output's gradient checked; see `api.checks.check`."""
        from autodiff_cli.api.checks import check

        try:
            return check(
                self.prepared,
                inputs,
                self.wrt,
                self.of,
                self.settings,
                claims,
                samples,
                box or {},
                recorded,
                tolerance,
                file,
            )
        except AdiffError as error:
            _tell(error)

    def values(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What Python has, as the numbers, booleans and arrays that a program takes."""
        return _values(inputs, NOTHING)

    # ── within ────────────────────────────────────────────────────────────────────────

    def _result(self, inputs: Mapping[str, Any], question: Question) -> Result:
        found = self.evaluate(inputs, question)
        self.require_one(found)
        return Result(found[0])

    def _asking(self, kind: Kind, **asked: Any) -> Question:
        return Question(kind, at_kink=self.settings.at_kink, **asked)

    def require_one(self, found: Sequence[object]) -> None:
        """Raises a `UsageError` where a program has several outputs, and one was meant."""
        if len(found) != 1:
            names = ", ".join(self.of or self.prepared.resolved.results)
            raise UsageError(
                f"got the outputs {names}, want one",
                help="name it with `of=`, or call `.outputs(…)` for all of them",
                kind="output",
            )

    def refuse(self, found: Sequence[Evaluation]) -> None:
        """Raises a `NonFiniteError` for the first nan or inf, where that is to be an error."""
        if self.strict:
            refuse_non_finite(found)


def _values(inputs: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: _value(name, given) for name, given in inputs.items()}
    for name, given in named.items():
        values[name] = given if type(given) is float else _value(name, given)
    return values


def _value(name: str, given: Any) -> Any:
    """What Python has, as a number, a boolean, or an array of either."""
    if isinstance(given, (bool, float)):
        return given
    if isinstance(given, int):
        return float(given)
    import numpy as np

    try:
        array = np.asarray(given)
    except (ValueError, TypeError) as error:
        raise _no_number(name, given) from error
    if array.dtype.kind not in "fiub":
        raise _no_number(name, given)
    if array.dtype.kind != "b":
        with quiet_numpy():  # what a longer float holds may be inf as a float64
            array = array.astype(np.float64)
    return array if array.ndim else array.item()


def _no_number(name: str, given: Any) -> UsageError:
    kind = getattr(given, "dtype", type(given).__name__)
    return UsageError(
        f"input `{name}`: got a value of type {kind}, want numbers",
        help="give a number, or what NumPy makes an array of numbers of",
        kind="input",
    )


def _tell(error: AdiffError) -> NoReturn:
    """Has Python's own report of an error say all that a command would."""
    from autodiff_cli.api.notebook import annotate

    annotate(error)
    raise error
