"""A program, its inputs and a question to an answer: values, gradients, and what to tell of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.derivatives import gradient
from autodiff_cli.engine.graph import Node, value_of
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.errors import AdiffError, Finding, RunError, ShapeError
from autodiff_cli.runtime.findings import find
from autodiff_cli.runtime.interpreter import Outcome, Settings, no_garbage_collection, quiet_numpy, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodiff_cli.engine.sweeps import AtKink
    from autodiff_cli.language.names import Names


@dataclass(slots=True)
class Evaluation:
    """One output of a run.

    Attributes:
        output: its name.
        value: a number, or an array.
        gradient: ∂output/∂name for each name differentiated by, in that name's shape.
        at: the value of each of those names at the point.
        findings: warnings, in the order in which a reader wants them.
        nodes, leaves: the size of the graph, leaves among the nodes.
    """

    output: str
    value: Any
    gradient: dict[str, Any]
    at: dict[str, Any]
    findings: list[Finding] = field(default_factory=list)
    nodes: int = 0
    leaves: int = 0


def evaluate(
    names: Names,
    inputs: Mapping[str, Any],
    wrt: Sequence[str] | None = None,
    of: Sequence[str] | None = None,
    settings: Settings | None = None,
    at_kink: AtKink = "subgradient",
) -> list[Evaluation]:
    """Runs a program and differentiates each output by each of `wrt`.

    Raises:
        UsageError, RunError: as `interpreter.run`.
        ShapeError: an output that is to be differentiated is no single number.
    """
    outcome = run(names, inputs, wrt, of, settings)
    targets = bound_targets(outcome)
    evaluations = []
    with no_garbage_collection(), quiet_numpy():
        for name, output in outcome.outputs.items():
            if targets:
                require_scalar(outcome, name, output)
            try:
                derivative = gradient(outcome.graph, output, list(targets.values()), at_kink)
            except AdiffError as error:
                error.notes.append(f"while differentiating `{name}`")
                raise
            by_name = dict(zip(targets, derivative.by_target, strict=True))
            evaluations.append(
                Evaluation(
                    name,
                    value_of(output),
                    by_name,
                    {target: node.value for target, node in targets.items()},
                    find(outcome, name, output, by_name, derivative.kinks, derivative.flats),
                    len(outcome.graph.nodes),
                    outcome.graph.leaves,
                )
            )
    return evaluations


def bound_targets(outcome: Outcome) -> dict[str, Node]:
    bound = {}
    for name, node in outcome.targets.items():
        if node is None:
            raise RunError(
                f"`{name}` is to be differentiated by, and was never given a value",
                outcome.names.top.bound_at[name],
                label="this did not run",
                kind="wrt",
            )
        bound[name] = node
    return bound


def require_scalar(outcome: Outcome, name: str, output: Any) -> None:
    shape = shape_of(value_of(output))
    if all(size == 1 for size in shape):
        return
    last = outcome.names.program.body.statements[-1].span
    what = "the result" if name == "result" else f"output `{name}`"
    inner = "…" if name == "result" else name
    raise ShapeError(
        f"{what} has shape {shape}, want a single number to differentiate",
        last if name in outcome.names.results else outcome.names.top.bound_at[name],
        help=f"make one number of it, as with sum({inner}) or {inner}[0], "
        "or give --wrt '' for the value alone",
    )
