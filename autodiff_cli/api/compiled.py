"""A question put to compiled code: the runs that it takes, and what their numbers answer."""

from __future__ import annotations

from math import inf, prod
from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.engine import parts, shaped, size_of
from autodiff_cli.compiler.form import Flag
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.explain.evaluation import Evaluation
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from autodiff_cli.compiler.engine import Answer, Ask, Compiled, Form
    from autodiff_cli.compiler.native import Native
    from autodiff_cli.explain.evaluation import Question
    from autodiff_cli.interpreter.machine import Limits

    Code = Compiled | Native


def ask_of(question: Question) -> Ask | None:
    """What code is to compute for a question; None where there is no such code."""
    if question.kind == "gradient":
        return "gradient" if question.cotangent is None else "vjp"
    if question.kind == "hessian":
        return "hvp"
    return None if question.kind == "derivatives" else question.kind


@record
class Runs:
    """The runs of compiled code for one set of inputs.

    Attributes:
        say: takes what the program prints, in the first of them.
        most_turns: that the loops of all may take together.
    """

    code: Code
    inputs: Mapping[str, Any]
    limits: Limits
    say: Callable[[str], None]
    most_turns: float = inf
    steps: int = 0

    def __call__(self, *seeds: Sequence[float]) -> Answer:
        """One more, with its tangents and cotangents."""
        flat = [number for part in seeds for number in part]
        most = self.most_turns - self.steps
        found = self.code.run(self.inputs, self.limits, self.say, most, flat)
        self.say = _unheard
        self.steps += found.steps
        return found


def answered(run: Runs, question: Question) -> list[Evaluation]:
    """Each output with the derivatives that are asked for.

    Raises:
        Flag, Long: as the code; and where a run may not have depended on a name, or where
            tangents and cotangents do not fit.
    """
    form = run.code.form
    return [
        _evaluation(run, question, output, *found)
        for output, found in zip(form.outputs, _FINDERS[form.ask](run, question), strict=True)
    ]


Found = tuple[Any, Any, str, "Answer"]
"""Derivatives, by name what may be 0 as nothing depends on it, a Jacobian's direction, a run."""


def _evaluation(
    run: Runs,
    question: Question,
    output: str,
    found: Any,
    by_target: Mapping[str, Any],
    direction: str,
    answer: Answer,
) -> Evaluation:
    form = run.code.form
    for name, value in by_target.items():
        if name not in form.depends[output] and not _is_any(value):
            raise Flag
    return Evaluation(
        output,
        answer.values[output],
        question.kind,
        found,
        answer.at,
        direction,
        [],
        answer.nodes,
        answer.leaves,
        len(form.outputs) > 1,
        run.code.engine,
    )


def _is_any(value: Any) -> bool:
    """Whether a derivative is not 0; of a number NumPy, which is slow to load, is not asked."""
    return bool(value.any() if hasattr(value, "any") else value)


def _gradient(run: Runs, question: Question) -> Iterator[Found]:
    answer = run()
    found = _by_name(run.code.form, answer.found)
    yield found, found, "", answer


def _vjp(run: Runs, question: Question) -> Iterator[Found]:
    """A run for each output, or for each of its numbers."""
    form = run.code.form
    identity = np.eye(size_of(form.outputs))
    for _, shape, rows in parts(form.outputs, identity):
        if question.kind == "jacobian":
            answers = [run(row.tolist()) for row in rows]
            found = _columns(form, [answer.found for answer in answers], shape)
        else:
            answers = [run((_cotangent(question, shape) @ rows).tolist())]
            found = _by_name(form, answers[0].found)
        yield found, found, "reverse" if question.kind == "jacobian" else "", answers[0]


def _cotangent(question: Question, shape: tuple[int, ...]) -> Any:
    given = question.cotangent
    if given is None or isinstance(given, str):
        return np.ones(prod(shape))
    if shape_of(given) != shape:
        raise Flag
    return np.ravel(given)


def _jvp(run: Runs, question: Question) -> Iterator[Found]:
    form = run.code.form
    if question.kind == "jvp":
        answers = [run(_tangents(form, question))]
    else:
        answers = [run(row.tolist()) for row in np.eye(size_of(form.shapes))]
    numbers = np.array([answer.found for answer in answers])
    for _, shape, part in parts(form.outputs, numbers.T):
        if question.kind == "jvp":
            along = shaped(part.T[0], shape)
            yield along, dict.fromkeys(form.shapes, along), "", answers[0]
        else:
            found = _columns(form, part, shape)
            yield found, found, "forward", answers[0]


def _hvp(run: Runs, question: Question) -> Iterator[Found]:
    form = run.code.form
    size = size_of(form.shapes)
    directions = np.eye(size).tolist()
    if question.kind == "hvp":
        directions = [_tangents(form, question)]
    several = len(form.outputs) > 1
    for weights in np.eye(len(form.outputs)).tolist():
        answers = [run(along, weights if several else ()) for along in directions]
        gradient = _by_name(form, answers[0].found[:size])
        moved = np.array([answer.found[size:] for answer in answers])
        if question.kind == "hvp":
            found: dict[str, Any] = _by_name(form, moved[0].tolist())
        else:
            found = {}
            for name, shape, rows in parts(form.shapes, moved.T):
                found[name] = _columns(form, rows, shape)
        yield found, gradient, "", answers[0]


_FINDERS = {"gradient": _gradient, "vjp": _vjp, "jvp": _jvp, "hvp": _hvp}


def _tangents(form: Form, question: Question) -> list[float]:
    """The tangents that are given, 0 for other names."""
    numbers: list[float] = []
    for name, shape in form.shapes.items():
        given = question.tangents.get(name, np.zeros(shape))
        if shape_of(given) != shape:
            raise Flag
        numbers += np.ravel(given).tolist()
    if not question.tangents.keys() <= form.shapes.keys() or not np.isfinite(numbers).all():
        raise Flag
    return numbers


def _by_name(form: Form, numbers: Sequence[float]) -> dict[str, Any]:
    return {name: shaped(part, shape) for name, shape, part in parts(form.shapes, numbers)}


def _columns(form: Form, rows: Any, shape: tuple[int, ...]) -> dict[str, Any]:
    """A matrix by the names of its columns; shape: that of the rows, then the name's."""
    matrix = np.array(rows).reshape(prod(shape), size_of(form.shapes))
    return {
        name: np.array(part.T).reshape(shape + inner)
        for name, inner, part in parts(form.shapes, matrix.T)
    }


def _unheard(text: str) -> None:
    pass
