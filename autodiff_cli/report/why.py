"""An explanation of a gradient as plain data: what the JSON says, and what the text names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.explain.paths import binary_order
from autodiff_cli.report.diagnostics import as_data
from autodiff_cli.report.folding import segments
from autodiff_cli.report.numbers import json_lines, json_value
from autodiff_cli.report.trace.brief import brief_data
from autodiff_cli.report.trace.labels import assigned_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.engine.graph import Node
    from autodiff_cli.errors import Finding
    from autodiff_cli.explain.paths import Flow
    from autodiff_cli.explain.reasons import Explanation

SCHEMA = "adiff.why/1"
LONGEST_LABEL = 30


class Words:
    """What one run's nodes are called."""

    def __init__(self, explanation: Explanation) -> None:
        outcome = explanation.outcome
        self._names = assigned_names(outcome)
        self._several_lines = "\n" in outcome.resolved.tree.span.source.text.strip()
        self._target = outcome.targets[explanation.name]
        self._target_name = explanation.name

    def name(self, node: Node) -> str:
        """The variable that a node is the first value of; "" where it is none's."""
        if node is self._target:
            return self._target_name
        if node.primitive is None:
            return str(node.span)
        return self._names.get(id(node.span), "")

    def expression(self, node: Node) -> str:
        """The source that made a node, on one line."""
        if node.primitive is None:
            return str(node.span)
        if line_of(node) is None:
            return f"{node.primitive.title} of a derivative"
        return _bare(node.span.words)

    def label(self, node: Node) -> str:
        """The name, else the expression; with the line where there are several."""
        text = short(self.name(node) or self.expression(node))
        line = line_of(node)
        return f"{text} (line {line})" if self._several_lines and line else text

    def step(self, node: Node) -> str:
        """Name and expression: `gap = a - b`."""
        name, expression = self.name(node), self.expression(node)
        written = node.primitive is not None and node.primitive.name == "setindex"
        if not name or name == expression or written or node is self._target:
            return short(expression if written else name or expression)
        return short(f"{name} = {expression}")

    def line(self, node: Node) -> str:
        line = line_of(node)
        return f"line {line}" if self._several_lines and line else ""


def line_of(node: Node) -> int | None:
    """The line of the source that made a node; None of an input, and of a derivative's own."""
    return node.place.line if node.place else None


def _bare(text: str) -> str:
    """An expression without brackets around the whole of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for char in text[:-1]:
        depth += (char == "(") - (char == ")")
        if not depth:
            return text
    return text[1:-1].strip()


def short(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"


# ── JSON ──────────────────────────────────────────────────────────────────────────────


def as_json(
    explanations: Sequence[Explanation],
    digits: int | None = None,
    remarks: Sequence[Finding] = (),
) -> str:
    """One object a line, as `schemas/why.json` describes it; `remarks` are of the inputs."""
    warnings = [as_data(remark) for remark in remarks]
    return json_lines({**_data(each, digits), "warnings": warnings} for each in explanations)


def _data(explanation: Explanation, digits: int | None) -> dict[str, Any]:
    words = Words(explanation)
    evaluation, flow = explanation.evaluation, explanation.flow
    return {
        "schema": SCHEMA,
        "verdict": explanation.verdict,
        "output": evaluation.output,
        "name": explanation.name,
        "value": json_value(evaluation.value, digits),
        "at": json_value(evaluation.at[explanation.name], digits),
        "gradient": json_value(explanation.gradient, digits),
        "reasons": [{**as_data(reason), "notes": reason.notes} for reason in explanation.reasons],
        "way": [
            {
                **_node_data(node, words),
                "value": brief_data(node.value, digits),
                "adjoint": brief_data(explanation.adjoints.get(node, 0.0), digits),
            }
            for node in _ends_of(explanation.way)
        ],
        "way_length": len(explanation.way),
        "paths": None if flow is None else _flow_data(flow, words, digits),
        "ends": [
            {**_node_data(end.node, words), "cause": end.cause, "count": end.count}
            for end in explanation.ends
        ],
        "kinks": [as_data(kink) for kink in explanation.kinks],
    }


def _ends_of(way: Sequence[Node]) -> Sequence[Node]:
    """A way, or the two ends of a long one."""
    half = 50
    return way if len(way) <= 2 * half else [*way[:half], *way[-half:]]


def _node_data(node: Node, words: Words) -> dict[str, Any]:
    return {
        "name": words.name(node) or None,
        "expression": words.expression(node),
        "primitive": node.primitive.name if node.primitive else None,
        "line": line_of(node),
    }


def _flow_data(flow: Flow, words: Words, digits: int | None) -> dict[str, Any]:
    return {
        "count": flow.paths if isinstance(flow.paths, int) else None,
        "log2_count": json_value(binary_order(flow.paths)),
        "alive": flow.alive if isinstance(flow.alive, int) else None,
        "log2_alive": json_value(binary_order(flow.alive)),
        "largest": [
            {
                "share": json_value(path.share),
                "contribution": brief_data(path.contribution, digits),
                "length": len(path.partials),
                "segments": [
                    {
                        "steps": [_node_data(node, words) for node in part.nodes],
                        "rounds": part.rounds,
                        "product": None
                        if part.product is None
                        else json_value(part.product, digits),
                    }
                    for part in segments(path)
                ],
            }
            for path in flow.best
        ],
        "rest": json_value(flow.rest),
        "uses": [
            {
                **_node_data(use.node, words),
                "count": use.count,
                "contribution": brief_data(use.contribution, digits),
                "share": json_value(use.share),
            }
            for use in flow.uses
        ],
    }
