"""What is built in: the primitives, the constants, and the functions that need the machine."""

from __future__ import annotations

import math
from functools import reduce
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node, value_of
from autodiff_cli.engine.primitive import REQUIRED, Primitive
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.primitives.arrays import whole
from autodiff_cli.errors import AdiffError, ProgramError, TypeMismatch, did_you_mean
from autodiff_cli.runtime.machine import Detached, Machine, arity_error
from autodiff_cli.runtime.values import NOTHING, describe_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.language.source import Span
    from autodiff_cli.language.syntax import Argument

CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}

INTERNAL = frozenset(
    "add sub mul div floordiv mod pow neg identity gated less less_equal greater greater_equal equal "
    "not_equal logical_and logical_or logical_not index scatter setindex broadcast_to".split()
)
"""Primitives that programs reach by an operator or by syntax, and not by name."""


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


def _call(machine: Machine, function: Any, args: list[Any], span: Span) -> Any:
    machine.tick(span)
    result = machine.call(function, args, span)
    if result is NOTHING:
        raise TypeMismatch("the function has no value", span, help="end it with an expression")
    return result


MACHINE_FUNCTIONS: dict[str, tuple[str, Callable[[Machine, list[Any], Span], Any]]] = {
    "detach": ("x", _detach),
    "map": ("function, x", _map),
    "fold": ("function, init, x", _fold),
    "sum_over": ("n, function", _sum_over),
}
"""Name to parameters and implementation."""

NAMES = frozenset(CONSTANTS) | (frozenset(TABLE) - INTERNAL) | frozenset(MACHINE_FUNCTIONS)
"""Every name that means something without being bound."""


def signature(name: str) -> str:
    if name in MACHINE_FUNCTIONS:
        return f"{name}({MACHINE_FUNCTIONS[name][0]})"
    return TABLE[name].signature


# ── arguments ─────────────────────────────────────────────────────────────────────────


def arrange(name: str, arguments: Sequence[Argument], span: Span) -> tuple[Primitive | None, list[Any]]:
    """Which primitive a call means, if it is one, and its arguments in the primitive's order.

    An argument left out is its default; one given is still the syntax tree's.

    Raises:
        ProgramError: too few, too many, or an unknown or repeated keyword.
    """
    positional = [argument for argument in arguments if not argument.keyword]
    keywords = {argument.keyword: argument for argument in arguments if argument.keyword}
    if len(positional) + len(keywords) < len(arguments):
        raise ProgramError(f"`{name}` got one keyword twice", span, kind="arguments")
    if name in MACHINE_FUNCTIONS:
        want = len(MACHINE_FUNCTIONS[name][0].split(","))
        if keywords or len(positional) != want:
            raise _wrong_count(name, want, len(arguments), span)
        return None, [argument.value for argument in positional]
    if name in ("max", "min") and len(positional) > 1:
        _refuse_unknown(name, keywords, (), span)
        return TABLE["maximum" if name == "max" else "minimum"], [a.value for a in positional]
    primitive = TABLE[name]
    if primitive.variadic:
        _refuse_unknown(name, keywords, primitive.options, span)
        if not positional:
            raise _wrong_count(name, "1 or more", 0, span)
        return primitive, [a.value for a in positional] + [
            keywords[option].value if option in keywords else default
            for option, default in primitive.options.items()
        ]
    defaults = {operand: primitive.defaults.get(operand, REQUIRED) for operand in primitive.operands}
    defaults.update(primitive.options)
    _refuse_unknown(name, keywords, defaults, span)
    needed = sum(default is REQUIRED for default in defaults.values())
    want = str(needed) if needed == len(defaults) else f"{needed} to {len(defaults)}"
    if len(positional) > len(defaults):
        raise _wrong_count(name, want, len(arguments), span)
    values: list[Any] = []
    for position, (parameter, default) in enumerate(defaults.items()):
        if position < len(positional):
            if parameter in keywords:
                raise ProgramError(f"`{name}` got `{parameter}` twice", span, kind="arguments")
            values.append(positional[position].value)
        elif parameter in keywords:
            values.append(keywords[parameter].value)
        elif default is REQUIRED:
            raise _wrong_count(name, want, len(arguments), span)
        else:
            values.append(default)
    return primitive, values


def _refuse_unknown(name: str, keywords: dict[str, Any], known: Any, span: Span) -> None:
    for keyword, argument in keywords.items():
        if keyword not in known:
            raise ProgramError(
                f"`{name}` has no argument called `{keyword}`",
                argument.span,
                help=did_you_mean(keyword, known) or f"its signature is {signature(name)}",
                kind="arguments",
            )


def _wrong_count(name: str, want: int | str, got: int, span: Span) -> ProgramError:
    error = arity_error(name, want, got, span, signature(name))
    return ProgramError(error.what, span, help=error.help, kind="arguments")


def as_value(machine: Machine, name: str) -> Callable[[list[Any], Span], Any]:
    """A built-in function called through a value, with positional arguments only."""

    def call(args: list[Any], span: Span) -> Any:
        if name in MACHINE_FUNCTIONS:
            want = len(MACHINE_FUNCTIONS[name][0].split(","))
            if len(args) != want:
                raise arity_error(name, want, len(args), span, signature(name))
            return call_machine_function(machine, name, args, span)
        primitive = TABLE[name]
        if name in ("max", "min") and len(args) > 1:
            pair = TABLE["maximum" if name == "max" else "minimum"]
            return reduce(lambda a, b: machine.apply(pair, (a, b), span), args)
        given = list(args)
        parameters = [primitive.defaults.get(o, REQUIRED) for o in primitive.operands]
        if primitive.variadic:
            return machine.apply(primitive, (*given, *primitive.options.values()), span)
        parameters += primitive.options.values()
        given += parameters[len(given) :]
        if len(given) != len(parameters) or any(value is REQUIRED for value in given):
            raise arity_error(name, len(primitive.operands), len(args), span, signature(name))
        return machine.apply(primitive, tuple(given), span)

    return call


def call_machine_function(machine: Machine, name: str, args: list[Any], span: Span) -> Any:
    try:
        return MACHINE_FUNCTIONS[name][1](machine, args, span)
    except AdiffError as error:
        if error.where is None:
            error.where = span
        raise
