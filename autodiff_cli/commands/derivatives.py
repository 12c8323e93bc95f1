"""Which derivatives are asked for, by the options that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.commands.inputs import INPUT, read_inputs, read_value
from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        return Question(at_kink=options.get("at_kink", "subgradient"))
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
        options.get("at_kink", "subgradient"),
    )
