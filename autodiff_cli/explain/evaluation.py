"""A program, its inputs and a question: values, derivatives, and what to tell of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from autodiff_cli.engine import derivatives
from autodiff_cli.engine.graph import Node, value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.engine.sweeps import AtKink, Kinks, ones_of
from autodiff_cli.errors import AdiffError, Finding, RunError, ShapeError, UsageError
from autodiff_cli.interpreter.machine import Machine, Settings
from autodiff_cli.interpreter.run import Outcome, run_in
from autodiff_cli.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autodiff_cli.interpreter.program import Program

Kind = Literal["gradient", "jacobian", "hessian", "jvp", "hvp", "derivatives"]


@record
class Question:
    """Which derivatives are asked for.

    Attributes:
        kind: `gradient` is a vjp, of ones where no cotangent is given; `derivatives` are the
            first `order` ones along one scalar.
        cotangent: for `gradient`, one number for each of the output's; "ones" for ones.
        tangents: for `jvp` and `hvp`, by name, each in that name's shape.
        order: for `derivatives`, how many.
    """

    kind: Kind = "gradient"
    cotangent: Any = None
    tangents: Mapping[str, Any] = {}
    order: int = 0
    at_kink: AtKink = "subgradient"


@record
class Evaluation:
    """One output of a run.

    Attributes:
        output: its name.
        value: a number, or an array.
        kind: what `found` is.
        found: the derivatives. `gradient`, `jacobian` and `hvp`: an array by name; `hessian`:
            an array by name and name; `jvp`: an array; `derivatives`: a list of numbers.
        at: the value of each name differentiated by, at the point.
        direction: for `jacobian`, which way it was swept.
        findings: warnings, in the order in which a reader wants them.
        nodes, leaves: the size of the graph of the run, leaves among the nodes, without what
            its derivatives were recorded in.
        several: the run has other outputs too, from which its labels must tell it.
        engine: what ran it, and why not more, in words.
    """

    output: str
    value: Any
    kind: Kind
    found: Any
    at: dict[str, Any]
    direction: str
    findings: list[Finding]
    nodes: int
    leaves: int
    several: bool
    engine: str = "graph"

    @property
    def gradient(self) -> dict[str, Any]:
        """∂output/∂name for each name differentiated by, in that name's shape."""
        assert self.kind == "gradient"
        found: dict[str, Any] = self.found
        return found

    def labelled(self) -> Iterator[tuple[str, Any]]:
        """The derivatives, each under the label that all reports give it: `dy/dx`, `d2y/dx2`."""
        output = self.output
        of = f"({output})" if self.several else ""
        if self.kind in ("gradient", "jacobian"):
            for name, value in self.found.items():
                yield f"d{output}/d{name}", value
        elif self.kind == "hessian":
            for first, row in self.found.items():
                for second, value in row.items():
                    below = f"d{first}2" if first == second else f"d{first}d{second}"
                    yield f"d2{output}/{below}", value
        elif self.kind == "jvp":
            yield f"jvp{of}", self.found
        elif self.kind == "hvp":
            for name, value in self.found.items():
                yield f"hvp{of}/{name}", value
        else:
            (name,) = self.at
            for order, value in enumerate(self.found, start=1):
                power = str(order) if order > 1 else ""
                yield f"d{power}{output}/d{name}{power}", value


def evaluate(
    program: Program,
    inputs: Mapping[str, Any],
    wrt: Sequence[str] | None = None,
    of: Sequence[str] | None = None,
    settings: Settings | None = None,
    question: Question | None = None,
) -> list[Evaluation]:
    """Runs a program and differentiates each output by each of `wrt`.

    Raises:
        UsageError, RunError: as `interpreter.run.run`, or the question does not fit the program.
        ShapeError: an output, a cotangent or a tangent is not of the shape that it must be.
    """
    question = question or Question()
    machine = Machine(asked(settings, question))
    with machine.open():
        wrt = names_for(question, wrt)
        return answer(run_in(machine, program, inputs, wrt, of, logged=False), question)


def names_for(question: Question, wrt: Sequence[str] | None) -> Sequence[str] | None:
    """What is differentiated by: along tangents, where nobody says otherwise, what they are of."""
    if question.kind == "jvp" or (question.kind == "hvp" and wrt is None):
        return list(question.tangents)
    return wrt


def asked(settings: Settings | None, question: Question) -> Settings:
    """The settings of a run for a question: a `grad` of the program keeps to its kinks too."""
    settings = settings or Settings()
    if settings.at_kink == question.at_kink:
        return settings
    return replace(settings, at_kink=question.at_kink)


def answer(outcome: Outcome, question: Question) -> list[Evaluation]:
    """Differentiates each output of a run whose program has ended, and which is still open.

    Raises as `evaluate`.
    """
    targets = bound_targets(outcome)
    nodes = len(outcome.graph.nodes)
    evaluations = []
    for name, output in outcome.outputs.items():
        kinks = Kinks(question.at_kink)
        try:
            found, direction = _derivatives(question, outcome, name, output, targets, kinks)
        except AdiffError as error:
            tell_what(error, name)
            raise
        evaluation = evaluation_of(outcome, question.kind, name, found, targets, kinks)
        evaluation.direction = direction
        evaluation.nodes = nodes
        evaluations.append(evaluation)
    return evaluations


def evaluation_of(
    outcome: Outcome,
    kind: Kind,
    name: str,
    found: Any,
    targets: Mapping[str, Node],
    kinks: Kinks,
) -> Evaluation:
    """The evaluation of an output whose derivatives were `found`, with all there is to tell."""
    output = outcome.outputs[name]
    graph = outcome.graph
    evaluation = Evaluation(
        name,
        value_of(output),
        kind,
        found,
        {target: node.value for target, node in targets.items()},
        "",
        [],
        len(graph.nodes),
        graph.leaves,
        len(outcome.outputs) > 1,
    )
    machine = outcome.machine
    absorbed = kinks.absorbed or machine.absorbed or machine.odd_constants
    if absorbed or kinks.met or machine.kinks_met or machine.noted or _is_odd(evaluation):
        from autodiff_cli.explain.findings import find

        labelled = dict(evaluation.labelled())
        evaluation.findings = find(outcome, name, output, labelled, _by_target(evaluation), kinks)
    return evaluation


def _is_odd(evaluation: Evaluation) -> bool:
    """Whether there may be something to tell of the numbers: one is not finite, or all are 0."""
    if _is_empty(evaluation.value, zero=False):
        return True
    if evaluation.kind in ("gradient", "jacobian"):
        return any(_is_empty(value) for value in evaluation.found.values())
    if evaluation.kind == "jvp":
        return _is_empty(evaluation.found)
    return True  # of second and higher derivatives, which cost more than to look at them


def _is_empty(value: Any, zero: bool = True) -> bool:
    """Whether a value is not finite somewhere, or, where that counts, 0 everywhere."""
    if isinstance(value, (int, float)):
        return (zero and value == 0) or not math.isfinite(value)
    return bool(not np.isfinite(value).all() or (zero and not value.any()))


def tell_what(error: AdiffError, name: str) -> None:
    """An error of a sweep says of which output's."""
    if error.where is not None and error.kind == "domain":
        error.notes.append(f"while differentiating `{name}`")


def _by_target(evaluation: Evaluation) -> dict[str, Any]:
    """For each name, a derivative that is zero where the output does not depend on it."""
    if evaluation.kind in ("gradient", "jacobian"):
        by_target: dict[str, Any] = evaluation.found
        return by_target
    if evaluation.kind == "jvp":
        return dict.fromkeys(evaluation.at, evaluation.found)
    return dict.fromkeys(evaluation.at, 0.0)


def _derivatives(
    question: Question,
    outcome: Outcome,
    name: str,
    output: Any,
    targets: dict[str, Node],
    kinks: Kinks,
) -> tuple[Any, str]:
    """The derivatives that are asked for, and the direction of a Jacobian's sweeps."""
    graph, nodes = outcome.graph, list(targets.values())
    kind = question.kind
    if kind == "jacobian":
        shape = shape_of(value_of(output))
        blocks, direction = derivatives.jacobian(output, nodes, shape, kinks)
        return dict(zip(targets, blocks, strict=True)), direction
    if kind == "jvp":
        return derivatives.jvp(output, _tangents(question, targets), kinks), ""
    if kind == "gradient" and question.cotangent is not None:
        seed = seed_of(question, output, name)
        found = derivatives.gradient(graph, output, nodes, seed, kinks)
        return dict(zip(targets, found, strict=True)), ""
    if targets:
        require_scalar(outcome, name, output)
    if kind == "gradient":
        found = derivatives.gradient(graph, output, nodes, kinks=kinks)
        return dict(zip(targets, found, strict=True)), ""
    if kind == "hessian":
        rows = derivatives.hessian(graph, output, nodes, kinks)
        return {
            first: dict(zip(targets, row, strict=True))
            for first, row in zip(targets, rows, strict=True)
        }, ""
    if kind == "hvp":
        found = derivatives.hvp(graph, output, nodes, _tangents(question, targets), kinks)
        return dict(zip(targets, found, strict=True)), ""
    return derivatives.taylor(graph, output, _only_scalar(targets), question.order, kinks), ""


def bound_targets(outcome: Outcome) -> dict[str, Node]:
    """The nodes to differentiate by.

    Raises:
        RunError: a name to differentiate by was never given a value.
    """
    bound = {}
    for name, node in outcome.targets.items():
        if node is None:
            raise RunError(
                f"`{name}` is to be differentiated by, and was never given a value",
                outcome.resolved.top.bound_at[name],
                label="this did not run",
                kind="wrt",
            )
        bound[name] = node
    return bound


def require_scalar(outcome: Outcome, name: str, output: Any) -> None:
    """Raises a `ShapeError` where an output is no single number."""
    shape = shape_of(value_of(output))
    if not shape or all(size == 1 for size in shape):
        return
    what = "the result" if name == "result" else f"output `{name}`"
    inner = "…" if name == "result" else name
    raise ShapeError(
        f"{what} has shape {shape}, want a single number to differentiate",
        outcome.place_of(name),
        help=f"weigh its elements with --cotangent, make one number of it with sum({inner}) "
        f"or {inner}[0], or ask for --jacobian; --wrt '' gives the value alone",
    )


def seed_of(question: Question, output: Any, name: str) -> Any:
    """The cotangent that the reverse sweep from an output begins with."""
    cotangent = question.cotangent
    shape = shape_of(value_of(output))
    if cotangent is None or isinstance(cotangent, str):
        return ones_of(output) if isinstance(output, Node) else None
    if shape_of(cotangent) != shape:
        raise ShapeError(
            f"--cotangent has shape {shape_of(cotangent)}, and output `{name}` shape {shape}",
            help="a cotangent has one number for each of the output's; `ones` is all ones",
        )
    return cotangent if shape else float(cotangent)


def _tangents(question: Question, targets: Mapping[str, Node]) -> dict[Node, Any]:
    option = f"--{question.kind}"
    tangents = {}
    for name, tangent in question.tangents.items():
        if name not in targets:
            raise UsageError(
                f"{option} {name}: is not among the names to differentiate by",
                help=f"add it: --wrt {','.join([*targets, name])}",
                kind="tangent",
            )
        shape = shape_of(targets[name].value)
        if shape_of(tangent) != shape:
            raise ShapeError(
                f"{option} {name} has shape {shape_of(tangent)}, and `{name}` shape {shape}",
                help="a tangent has one number for each of its name's",
            )
        tangents[targets[name]] = tangent if shape else float(tangent)
    return tangents


def _only_scalar(targets: Mapping[str, Node]) -> Node:
    if len(targets) != 1:
        raise UsageError(
            f"--order goes along one name, got {', '.join(targets) or 'none'}",
            help="name it with --wrt",
            kind="order",
        )
    ((name, node),) = targets.items()
    if shape_of(node.value):
        raise ShapeError(
            f"--order goes along a single number, and `{name}` has shape {shape_of(node.value)}",
            help="along a direction: write the program as a function of t, with x = x0 + t * v",
        )
    return node
