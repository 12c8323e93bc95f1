"""The options that say which derivatives are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from autodiff_cli.commands.inputs import INPUT, read_inputs, read_value
from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autodiff_cli.explain.evaluation import Question
    from autodiff_cli.interpreter.machine import Settings

KINDS = {
    "cotangent": "gradient",
    "jacobian": "jacobian",
    "hessian": "hessian",
    "jvp": "jvp",
    "hvp": "hvp",
    "order": "derivatives",
}
"""The kind of question that each option asks."""

COTANGENT = click.option(
    "--cotangent",
    metavar="EXPR",
    help="Weigh the output's elements by these: `ones`, or an array.",
)
AT_KINK = click.option(
    "--at-kink",
    type=click.Choice(("subgradient", "nan", "error")),
    default="subgradient",
    help="What a derivative is where there is none.",
)


def gradient_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of a gradient: `--cotangent` and `--at-kink`."""
    for option in (AT_KINK, COTANGENT):
        function = option(function)
    return function


def derivative_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that ask for something else than the gradient of a single number."""
    tangent = "NAME=EXPR"
    options = (
        COTANGENT,
        click.option("--jacobian", is_flag=True, help="Every output element by every input's."),
        click.option("--hessian", is_flag=True, help="Second derivatives, for every pair."),
        click.option(
            "--jvp", multiple=True, metavar=tangent, help="The derivative along a direction."
        ),
        click.option(
            "--hvp", multiple=True, metavar=tangent, help="The Hessian times a direction."
        ),
        click.option(
            "--order",
            type=click.IntRange(min=1),
            metavar="N",
            help="The first N derivatives along one number.",
        ),
        AT_KINK,
    )
    for option in reversed(options):
        function = option(function)
    return function


def read_question(
    options: Mapping[str, Any], stdin_is_program: bool, settings: Settings
) -> Question:
    """What the options ask for; the gradient where they say nothing.

    Raises:
        UsageError: two of them ask for different things, or a value is none.
    """
    from autodiff_cli.explain.evaluation import Question

    asked = [name for name in KINDS if options.get(name) not in (None, False, ())]
    if len(asked) > 1:
        raise UsageError(
            f"got --{asked[0]} and --{asked[1]}, want one of them",
            help="run the command once for each",
        )
    if not asked:
        return Question(at_kink=options["at_kink"])
    (name,) = asked
    cotangent = None
    if name == "cotangent":
        cotangent = options["cotangent"].strip()
        if cotangent != "ones":
            cotangent = read_value(
                "cotangent", cotangent, stdin_is_program, settings, "--cotangent"
            )
    tangents: dict[str, Any] = {}
    if name in ("jvp", "hvp"):
        for word in options[name]:
            if not INPUT.fullmatch(word):
                raise UsageError(
                    f"--{name}: got {word!r}, want NAME=EXPR",
                    help=f"the direction for each name, as in --{name} x=1",
                )
        tangents = read_inputs(options[name], None, stdin_is_program, settings)
    return Question(
        KINDS[name],  # type: ignore[arg-type]
        cotangent,
        tangents,
        options.get("order") or 0,
        options["at_kink"],
    )
