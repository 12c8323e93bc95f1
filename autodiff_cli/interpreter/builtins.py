"""What is built in: the primitives, the constants, and the functions that need the machine."""

from __future__ import annotations

import math
from functools import reduce
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node, value_of
from autodiff_cli.engine.primitive import REQUIRED, Primitive
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.primitives.arguments import whole
from autodiff_cli.errors import AdiffError, ProgramError, TypeMismatch, did_you_mean
from autodiff_cli.interpreter import calculus
from autodiff_cli.interpreter.machine import Detached, Machine, arity_error
from autodiff_cli.interpreter.values import NOTHING, describe_value, is_function
from autodiff_cli.language.library import LIBRARY
from autodiff_cli.language.names import DIFFERENTIATED, BuiltIn, Resolved
from autodiff_cli.language.syntax import Call, Name
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from autodiff_cli.language.source import Span
    from autodiff_cli.language.syntax import Argument

CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}

INTERNAL = frozenset(name for name, entry in TABLE.items() if entry.internal)
"""Primitives that programs do not call by name."""


# ── functions that need the machine ───────────────────────────────────────────────────


def _detach(machine: Machine, args: list[Any], span: Span) -> Any:
    (value,) = args
    if isinstance(value, Node):
        machine.detached[span] = Detached(span, value)
    return value_of(value)


def _elements(machine: Machine, value: Any, span: Span) -> list[Any]:
    """The slices of an array along its first axis, recorded where the array is."""
    shape = getattr(value_of(value), "shape", ())
    if not shape:
        raise TypeMismatch(f"got {describe_value(value)}, want an array to go through", span)
    return [machine.apply(TABLE["index"], (value, (i,)), span) for i in range(shape[0])]


def _map(machine: Machine, args: list[Any], span: Span) -> Any:
    function, values = args
    results = [_call(machine, function, [v], span) for v in _elements(machine, values, span)]
    return machine.apply(TABLE["stack"], (*results, 0), span)


def _fold(machine: Machine, args: list[Any], span: Span) -> Any:
    function, result, values = args
    for value in _elements(machine, values, span):
        result = _call(machine, function, [result, value], span)
    return result


def _sum_over(machine: Machine, args: list[Any], span: Span) -> Any:
    count, function = args
    total: Any = 0.0
    for i in range(whole(value_of(count), "the count of `sum_over`")):
        total = machine.apply(TABLE["add"], (total, _call(machine, function, [i], span)), span)
    return total


def _shuffle(machine: Machine, args: list[Any], span: Span) -> Any:
    (x,) = args
    shape = getattr(value_of(x), "shape", ())
    if not shape:
        raise TypeMismatch(f"`shuffle` got {describe_value(x)}, want an array", span)
    return machine.apply(
        TABLE["index"], (x, (machine.randomness.draw("permutation", shape[0]),)), span
    )


def _call(machine: Machine, function: Any, args: list[Any], span: Span) -> Any:
    machine.tick(span)
    result = machine.call(function, args, span)
    if result is NOTHING:
        raise TypeMismatch("the function has no value", span, help="end it with an expression")
    return result


# Solvers are modules of some size, and most programs call none.


def _root(machine: Machine, args: list[Any], span: Span) -> Any:
    from autodiff_cli.interpreter import implicit

    return implicit.root(machine, args, span)


def _fixed_point(machine: Machine, args: list[Any], span: Span) -> Any:
    from autodiff_cli.interpreter import implicit

    return implicit.fixed_point(machine, args, span)


def _argmin(machine: Machine, args: list[Any], span: Span) -> Any:
    from autodiff_cli.interpreter import implicit

    return implicit.argmin(machine, args, span)


def _integrate(machine: Machine, args: list[Any], span: Span) -> Any:
    from autodiff_cli.interpreter import integration

    return integration.integrate(machine, args, span)


def _odeint(machine: Machine, args: list[Any], span: Span) -> Any:
    from autodiff_cli.interpreter import integration

    return integration.odeint(machine, args, span)


@record
class MachineFunction:
    """A built-in function that needs the machine: it calls functions, or reads the graph.

    Attributes:
        parameters: as the reference shows them; those past the first `needed` may be left out.
        call: `call(machine, args, span)`.
        doc: what it gives, one line.
        example: an expression that shows it.
    """

    parameters: tuple[str, ...]
    needed: int
    call: Callable[[Machine, list[Any], Span], Any]
    doc: str
    example: str

    @property
    def count(self) -> str:
        """How many arguments it takes, in words."""
        most = len(self.parameters)
        return str(most) if self.needed == most else f"{self.needed} to {most}"


MACHINE_FUNCTIONS: dict[str, MachineFunction] = {
    "detach": MachineFunction(
        ("x",), 1, _detach, "the value of x, without its history: no gradient flows", "detach(3)"
    ),
    "map": MachineFunction(
        ("function", "x"),
        2,
        _map,
        "the array of function(xᵢ)",
        "map(fn(t) { t^2 }, [1, 2, 3])",
    ),
    "fold": MachineFunction(
        ("function", "init", "x"),
        3,
        _fold,
        "function(… function(function(init, x₀), x₁) …)",
        "fold(fn(total, t) { total + t }, 0, [1, 2, 3])",
    ),
    "sum_over": MachineFunction(
        ("n", "function"),
        2,
        _sum_over,
        "function(0) + … + function(n - 1)",
        "sum_over(4, fn(i) { i^2 })",
    ),
    "shuffle": MachineFunction(
        ("x",),
        1,
        _shuffle,
        "x with its elements, or its slices along the first axis, in random order",
        "shuffle([1, 2, 3])",
    ),
    "root": MachineFunction(
        ("function", "start"),
        2,
        _root,
        "an x near start with function(x) = 0, differentiable by all that the function reads",
        "root(fn(x) { x^2 - 2 }, 1)",
    ),
    "fixed_point": MachineFunction(
        ("function", "start"),
        2,
        _fixed_point,
        "an x with function(x) = x, near where iterating from start leads",
        "fixed_point(cos, 1)",
    ),
    "integrate": MachineFunction(
        ("function", "a", "b"),
        3,
        _integrate,
        "∫ function(x) dx from a to b, which may be infinite, of numbers or arrays",
        "integrate(fn(x) { exp(-x^2) }, 0, inf)",
    ),
    "odeint": MachineFunction(
        ("function", "y0", "t"),
        3,
        _odeint,
        "y at the times t, one row each, for dy/dt = function(t, y) and y0 at the first",
        "odeint(fn(t, y) { -y }, 1, [0, 1, 2])",
    ),
    "grad": MachineFunction(
        ("y", "x", "cotangent"),
        2,
        calculus.grad,
        "the gradient of y by the name x, which can itself be differentiated",
        "x = 3; grad(x^2, x)",
    ),
    "jacobian": MachineFunction(
        ("y", "x"),
        2,
        calculus.jacobian,
        "the derivatives of every element of y by every element of x",
        "x = [1, 2]; jacobian(x^2, x)",
    ),
    "hessian": MachineFunction(
        ("y", "x"),
        2,
        calculus.hessian,
        "the second derivatives of y by the elements of x",
        "x = [1, 2]; hessian(sum(x^3), x)",
    ),
    "backward": MachineFunction(
        ("y", "cotangent"),
        1,
        calculus.backward,
        "adds the gradient of y into x.grad, for every name x below y",
        "x = 3; backward(x^2); x.grad",
    ),
    "zero_grad": MachineFunction(
        ("x",),
        0,
        calculus.zero_grad,
        "clears x.grad, or every one",
        "x = 3; backward(x^2); zero_grad(x); x.grad",
    ),
}

OF_FUNCTIONS: dict[str, Callable[[Machine, list[Any], Span], Any]] = {"argmin": _argmin}
"""What a primitive's name means where its first argument is a function."""

RANDOM = frozenset(name for name, entry in TABLE.items() if entry.draws) | {"shuffle"}
"""Functions that take random numbers."""

NAMES = frozenset().union(CONSTANTS, frozenset(TABLE) - INTERNAL, MACHINE_FUNCTIONS, LIBRARY)
"""Every name that means something without being bound."""


def signature(name: str) -> str:
    if name in MACHINE_FUNCTIONS:
        function = MACHINE_FUNCTIONS[name]
        needed, further = (
            function.parameters[: function.needed],
            function.parameters[function.needed :],
        )
        return f"{name}({', '.join([*needed, *(f'[{parameter}]' for parameter in further)])})"
    return TABLE[name].signature


# ── arguments ─────────────────────────────────────────────────────────────────────────


def arrange(
    name: str, arguments: Sequence[Argument], span: Span
) -> tuple[Primitive | None, list[Any]]:
    """Which primitive a call means, if it is one, and its arguments in the primitive's order.

    An argument left out is its default; one given is still the syntax tree's.

    Raises:
        ProgramError: too few, too many, or an unknown or repeated keyword.
    """
    positional = [argument for argument in arguments if not argument.keyword]
    keywords = {argument.keyword: argument for argument in arguments if argument.keyword}
    for argument in arguments:
        if argument.keyword and keywords[argument.keyword] is not argument:
            raise _given_twice(name, keywords[argument.keyword])
    if name in MACHINE_FUNCTIONS:
        function = MACHINE_FUNCTIONS[name]
        if keywords:
            keyword, argument = next(iter(keywords.items()))
            raise ProgramError(
                f"got the keyword `{keyword}` for `{name}`",
                argument.span,
                help=f"pass its arguments in order, without names: {signature(name)}",
                kind="arguments",
            )
        if not function.needed <= len(positional) <= len(function.parameters):
            raise _wrong_count(name, function.count, len(arguments), span)
        return None, [argument.value for argument in positional]
    primitive = TABLE[name]
    if primitive.of_several is not None and len(positional) > 1:
        _refuse_unknown(name, keywords, (), span)
        return primitive.of_several, [a.value for a in positional]
    known = primitive.options if primitive.variadic else primitive.parameters
    _refuse_unknown(name, keywords, known, span)
    if not primitive.variadic:
        for parameter, _ in zip(known, positional, strict=False):
            if parameter in keywords:
                raise _given_twice(name, keywords[parameter])
    values = _in_order(
        primitive,
        [argument.value for argument in positional],
        {keyword: argument.value for keyword, argument in keywords.items()},
    )
    if values is None:
        raise _wrong_count(name, _count(primitive), len(arguments), span)
    return primitive, values


def _in_order(
    primitive: Primitive, positional: Sequence[Any], keywords: Mapping[str, Any]
) -> list[Any] | None:
    """A caller's arguments in the primitive's order, with the defaults of those left out.

    None where there are too few or too many.
    """
    rest = list(positional)
    if primitive.variadic:
        values = {**primitive.options, **keywords}
        if primitive.options_first:
            for option in primitive.options:
                if option not in keywords and rest:
                    values[option] = rest.pop(0)
        operands, rest = rest, []
    else:
        values = dict(primitive.parameters)
        for parameter in values:
            if parameter in keywords:
                values[parameter] = keywords[parameter]
            elif rest:
                values[parameter] = rest.pop(0)
        operands = [values[operand] for operand in primitive.operands]
    ordered = [*operands, *(values[option] for option in primitive.options)]
    complete = not rest and not any(value is REQUIRED for value in ordered)
    return ordered if complete and (operands or not primitive.operands) else None


def _count(primitive: Primitive) -> str:
    """How many arguments a primitive takes, in words."""
    defaults = primitive.parameters.values()
    needed = sum(default is REQUIRED for default in defaults)
    if primitive.variadic:
        return f"{needed} or more"
    return str(needed) if needed == len(defaults) else f"{needed} to {len(defaults)}"


def _refuse_unknown(name: str, keywords: dict[str, Any], known: Any, span: Span) -> None:
    for keyword, argument in keywords.items():
        if keyword not in known:
            raise ProgramError(
                f"`{name}` has no argument called `{keyword}`",
                argument.span,
                help=did_you_mean(keyword, known)
                or f"its signature is {signature(name)}; to compare, write `==`",
                kind="arguments",
            )


def _given_twice(name: str, second: Argument) -> ProgramError:
    return ProgramError(
        f"`{name}` got the argument `{second.keyword}` twice",
        second.span,
        help=f"leave out one; its signature is {signature(name)}",
        kind="arguments",
    )


def _wrong_count(name: str, want: int | str, got: int, span: Span) -> ProgramError:
    error = arity_error(name, want, got, span, signature(name))
    return ProgramError(error.what, span, help=error.help, kind="arguments")


def check_calls(resolved: Resolved) -> None:
    """Refuses calls that can never succeed, also where they are not reached.

    Raises:
        ProgramError: arguments that a built-in function doesn't take, or names of arguments
            for a function of the program.
    """
    for nodes in resolved.nodes.values():
        for node in nodes:
            if not isinstance(node, Call):
                continue
            if isinstance(node.function, Name):
                function = resolved.bindings[node.function]
                if isinstance(function, BuiltIn):
                    if function.name not in CONSTANTS:
                        arrange(function.name, node.arguments, node.span)
                    continue
            for argument in node.arguments:
                if argument.keyword:
                    raise ProgramError(
                        f"got the keyword `{argument.keyword}` for a function of the program",
                        argument.span,
                        help="pass its arguments in order, without names",
                        kind="arguments",
                    )


def as_value(name: str) -> Callable[[Machine, list[Any], Span], Any]:
    """A built-in function called through a value, with positional arguments only."""

    def call(machine: Machine, args: list[Any], span: Span) -> Any:
        if name in MACHINE_FUNCTIONS:
            function = MACHINE_FUNCTIONS[name]
            if name in DIFFERENTIATED:
                raise TypeMismatch(
                    f"`{name}` is called through a value, and needs the name of a variable",
                    span,
                    help=f"call it by its own name: {signature(name)}",
                )
            if not function.needed <= len(args) <= len(function.parameters):
                raise arity_error(name, function.count, len(args), span, signature(name))
            return call_machine_function(machine, name, args, span)
        if name in OF_FUNCTIONS and len(args) == 2 and is_function(args[0]):
            return called(OF_FUNCTIONS[name], machine, args, span)
        primitive = TABLE[name]
        pair = primitive.of_several
        if pair is not None and len(args) > 1:
            return reduce(lambda a, b: machine.apply(pair, (a, b), span), args)
        values = _in_order(primitive, args, {})
        if values is None:
            raise arity_error(name, _count(primitive), len(args), span, signature(name))
        return machine.apply(primitive, tuple(values), span)

    return call


def call_machine_function(machine: Machine, name: str, args: list[Any], span: Span) -> Any:
    function = MACHINE_FUNCTIONS[name].call
    if name not in DIFFERENTIATED or machine.journal is None:
        return called(function, machine, args, span)
    machine.journal.enter("derivative", name, span)
    result = called(function, machine, args, span)
    machine.journal.leave()
    return result


def called(
    function: Callable[[Machine, list[Any], Span], Any],
    machine: Machine,
    args: list[Any],
    span: Span,
) -> Any:
    """What a function that needs the machine gives; its errors have a place."""
    try:
        return function(machine, args, span)
    except AdiffError as error:
        if error.where is None:
            error.where = span
        raise
