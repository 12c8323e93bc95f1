"""Values and derivatives of many records: all that take the same path at once, or one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff_cli.batch.ways import Ways
from autodiff_cli.engine import derivatives
from autodiff_cli.engine.graph import Node, below, value_of
from autodiff_cli.engine.sweeps import forward_sweep, reverse_sweep
from autodiff_cli.errors import AdiffError, LimitError, ShapeError
from autodiff_cli.explain.evaluation import asked, evaluate
from autodiff_cli.interpreter.batched import (
    BatchLowering,
    BatchMachine,
    NotBatched,
    RecordKinks,
    TooWide,
)
from autodiff_cli.interpreter.run import check_inputs, output_value
from autodiff_cli.interpreter.values import is_boolean
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from autodiff_cli.errors import Finding
    from autodiff_cli.explain.evaluation import Evaluation, Question
    from autodiff_cli.interpreter.machine import Settings
    from autodiff_cli.interpreter.program import Prepared, Program

    Array = np.ndarray[Any, Any]

FEWEST = 8
"""Records that are worth a run together."""
WORTH_A_LOOK = 2.5e5
"""Numbers that arrays have held, from which machine code is looked for that was kept."""
WORTH_COMPILING = 2e6
"""The same, from which a C compiler is worth its time."""
LOOKED_FOR = 64
"""Records that are evaluated one by one before it is asked whether compiled code is worth it."""
ALONE, OVERHEAD = 300, 1500
"""Numbers of an array that take as long as one that is computed by itself, and as what each
array takes whatever its size."""


@record
class Task:
    """What is asked of every record.

    Attributes:
        wrt: names to differentiate by; every floating input where it is None.
        shared: the inputs that are the same for all records.
        engines: gives what runs the program as compiled code, an `api.engines.Engines`; None
            where the interpreter is to run it.
    """

    program: Program
    wrt: Sequence[str] | None
    of: Sequence[str] | None
    settings: Settings
    question: Question
    shared: Mapping[str, Any]
    engines: Callable[[Program], Any] | None = None


@record
class Label:
    """What a column of the answer is called.

    Attributes:
        text: the name: `dy_da`.
        parts: the text in pieces, each with the name behind whose elements an index goes.
    """

    text: str
    parts: tuple[tuple[str, str], ...]

    def flat(self, shape: tuple[int, ...], ranks: Mapping[str, int]) -> list[str]:
        """The names of the elements of a record's array, in order: `dy[0]_dx[1]`."""
        parts = list(self.parts)
        if sum(ranks.get(name, 0) for _, name in parts) != len(shape):
            parts = [(parts[0][0], ""), *parts[1:]]  # of the only element of an output
        names = []
        for place in np.ndindex(shape):
            rest, name = list(place), ""
            for text, of in parts:
                count = ranks.get(of, 0)
                name += text + "".join(f"[{i}]" for i in rest[:count])
                rest = rest[count:]
            names.append(name if shape else self.text)
        return names


def value_label(output: str) -> Label:
    return Label(output, ((output, output),))


def first_label(output: str, by: str) -> Label:
    return Label(f"d{output}_d{by}", ((f"d{output}", output), (f"_d{by}", by)))


def second_label(output: str, first: str, second: str) -> Label:
    below = f"d{first}2" if first == second else f"d{first}d{second}"
    parts = ((f"d2{output}", output), (f"_d{first}", first), (f"d{second}", second))
    return Label(f"d2{output}_{below}", parts)


def jvp_label(output: str) -> Label:
    return Label(f"jvp_{output}", ((f"jvp_{output}", output),))


class Answer:
    """What a batch of records came to.

    Attributes:
        columns: by the text of their labels, each with a row for each record: outputs `y`, then
            what is asked of each: `dy_da`, `d2y_dadb`, `jvp_y`.
        labels: by their text.
        ranks: how many axes a record has of each output and of each name differentiated by.
        errors: what went wrong, by the record's place in the batch; its rows mean nothing.
        kinks: whether a derivative of a record met a kink.
        odd: whether a value or a derivative of a record is nan or inf.
        ways: how they were evaluated.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.columns: dict[str, Array] = {}
        self.labels: dict[str, Label] = {}
        self.ranks: dict[str, int] = {}
        self.errors: dict[int, AdiffError] = {}
        self.kinks = np.zeros(count, dtype=bool)
        self.ways = Ways()

    @property
    def odd(self) -> Array:
        odd = np.zeros(self.count, dtype=bool)
        for column in self.columns.values():
            finite = np.isfinite(column)
            if not finite.all():
                odd |= ~finite.reshape(self.count, -1).all(axis=1)
        odd[list(self.errors)] = False
        return odd

    def refuse(self, row: int, error: AdiffError) -> None:
        """Keeps what went wrong with a record, without what its run held: its graph too."""
        error.__cause__ = error.__context__ = None
        self.errors[row] = error.with_traceback(None)

    def put(self, label: Label, rows: Any, values: Any) -> None:
        """Sets the numbers of some records: values has a row for each of them."""
        values = np.asarray(values)
        column = self.columns.get(label.text)
        self.labels[label.text] = label
        if len(rows) == self.count and column is None:
            self.columns[label.text] = values
            return
        if column is None:
            column = np.zeros((self.count, *values.shape[1:]), dtype=values.dtype)
        elif column.dtype != values.dtype or not column.flags.writeable:
            column = column.astype(np.result_type(column, values))
        if column.shape[1:] != values.shape[1:]:
            raise ShapeError(
                f"`{label.text}` has shape {values.shape[1:]}, and that of another record "
                f"{column.shape[1:]}",
                help="every record needs the same shapes: a table has a column for each number",
            )
        column[rows] = values
        self.columns[label.text] = column


class Evaluator:
    """Evaluates batches of records.

    Attributes:
        reason: why records are evaluated one by one; None where they are not.
        engines: what runs the program as compiled code; None where the interpreter is to run it.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.reason: NotBatched | None = None
        self.engines = task.engines(task.program) if task.engines else None
        self._work = 0.0
        """Numbers that arrays have held, of all records so far."""
        self._flags_most = False
        """The interpreter has something to tell of most records."""
        self._parts_most = False
        """Most records went a path of few: as arrays they would not go together."""
        self._fewest: float = FEWEST
        self._widest = 2**62
        self._prepared: dict[tuple[str, ...], Prepared] = {}

    def evaluate(self, columns: Mapping[str, Array], count: int) -> Answer:
        """The answer for a batch of `count` records.

        Args:
            columns: of the inputs that differ: floats or booleans, a row for each record.

        Raises:
            UsageError: an input is missing or unknown, or a name of the question is.
        """
        answer = Answer(count)
        first, left = True, False
        pending = [(np.arange(count), left)]
        while pending:
            # Of those that compiled code has left, the interpreter has something to tell.
            rows, left = pending.pop()
            code = None if left or not len(rows) else self._code(columns, rows, answer)
            if code is not None:
                pending.append((self._compiled(code, columns, rows, answer), True))
                continue
            if self.reason is not None and len(rows) > LOOKED_FOR and not left:
                pending.append((rows[LOOKED_FOR:], left))
                rows = rows[:LOOKED_FOR]
            if self.reason is not None or len(rows) < FEWEST:
                self._one_by_one(columns, rows, answer)
                continue
            if len(rows) > self._widest:
                parts = np.array_split(rows, -(-len(rows) // self._widest))
                pending += [(part, left) for part in parts[::-1]]
                continue
            machine = BatchMachine(asked(self.task.settings, self.task.question), rows)
            try:
                self._together(machine, columns, answer)
            except NotBatched as error:
                if first and not machine.parted:
                    self.reason = error
                    pending.append((rows, left))
                else:
                    self._one_by_one(columns, machine.rows[machine.active], answer)
            except TooWide:
                self._widest = max(len(rows) // 4, FEWEST)
                pending.append((rows, left))
                continue
            except AdiffError:
                # Told in the words of the record's own run.
                self._one_by_one(columns, machine.rows[machine.active], answer)
            first = False
            pending += [(part, left) for part in machine.parted]
        answer.ways.together = count - answer.ways.compiled.total() - answer.ways.alone
        self._parts_most = 2 * answer.ways.together < count
        if self.reason is not None:
            where = self.reason.where
            place = "" if where is None else f", line {where.line}"
            answer.ways.why_alone = f"{self.reason.what}{place}"
        return answer

    # ── compiled ──────────────────────────────────────────────────────────────────────

    def _code(self, columns: Mapping[str, Array], rows: Array, answer: Answer) -> Any:
        """What runs some records as compiled code; None where that is not worth it, or cannot be.

        That is machine code for many; Python source where arrays would hold few records, or none.
        """
        engines, task = self.engines, self.task
        if engines is None or engines.choice == "graph" or self._flags_most:
            return None
        is_auto = engines.choice == "auto"
        if is_auto and self._work < WORTH_A_LOOK:
            return None
        kinds = []
        if engines.choice != "python":
            is_short = is_auto and self._work < WORTH_COMPILING
            kinds.append("kept rows" if is_short else "rows")
        is_apart = self.reason is not None or self._parts_most or len(rows) < self._fewest
        if is_apart or not is_auto:
            kinds.append("python rows")
        first = {name: _scalar(column[rows[0]]) for name, column in columns.items()}
        inputs = first | dict(task.shared)
        for kind in kinds:
            code = engines.rows(inputs, task.wrt, task.of, task.settings, task.question, kind)
            if not isinstance(code, str):
                return code
            answer.ways.why_not_compiled = code
        return None

    def _compiled(
        self, code: Any, columns: Mapping[str, Array], rows: Array, answer: Answer
    ) -> Array:
        """Evaluates some records by compiled code, and gives those that are left."""
        task, count = self.task, len(rows)
        if count < answer.count:
            columns = {name: column[rows] for name, column in columns.items()}
        found = code.run(columns, task.shared, count, task.settings.limits)
        done = ~found.flagged
        kept = rows[done]
        self._flags_most = 2 * len(kept) < count >= LOOKED_FOR
        answer.ways.compiled[code.engine] += len(kept)
        if len(kept):
            whole = slice(None) if len(kept) == count else done
            output = code.prepared.outputs[0].name
            answer.ranks[output] = 0
            answer.put(value_label(output), kept, found.value[whole])
            for name, part in found.gradient.items():
                answer.ranks[name] = part.ndim - 1
                answer.put(first_label(output, name), kept, part[whole])
        left: Array = rows[found.flagged]
        return left

    # ── together ──────────────────────────────────────────────────────────────────────

    def _together(
        self, machine: BatchMachine, columns: Mapping[str, Array], answer: Answer
    ) -> None:
        """Evaluates those of a machine's records that take the same path."""
        task = self.task
        inputs: dict[str, Any] = {name: value[machine.rows] for name, value in columns.items()}
        inputs |= task.shared
        resolved = task.program.resolved
        check_inputs(resolved, inputs)
        by = self._by(inputs)
        prepared = self._lowered(by)
        with machine.open():
            frame = machine.frame(prepared.size)
            for name, value in inputs.items():
                slot = resolved.top.slots[name]
                if name in columns and not is_boolean(value):
                    value = machine.graph.cast(value)
                if name in by:
                    value = machine.mark_column(name, value) if name in columns else value
                    frame[slot] = machine.targets[name] = (
                        value if isinstance(value, Node) else machine.mark(name, value)
                    )
                elif name in columns:
                    frame[slot] = machine.column(value, name)
                else:
                    frame[slot] = value if is_boolean(value) else machine.as_float(value, name)
            result = prepared.body(frame)
            machine.check_nodes()
            nodes = len(machine.graph.nodes)
            self._work += machine.array_bytes / 8 + OVERHEAD * nodes
            self._fewest = _fewest(nodes)
            targets = {name: machine.targets[name] for name in by if name in machine.targets}
            if task.wrt is not None and len(targets) < len(by):
                raise NotBatched("a name to differentiate by has no value")
            for output in prepared.outputs:
                value = output_value(output, frame, result)
                self._put(machine, answer, output.name, value, targets)

    def _by(self, inputs: Mapping[str, Any]) -> tuple[str, ...]:
        task = self.task
        if task.question.kind == "jvp":
            return tuple(task.question.tangents)
        if task.wrt is not None:
            return tuple(task.wrt)
        names = task.program.resolved.inputs
        return tuple([name for name in names if not is_boolean(inputs.get(name))])

    def _lowered(self, by: tuple[str, ...]) -> Prepared:
        prepared = self._prepared.get(by)
        if prepared is None:
            task = self.task
            prepared = self._prepared[by] = task.program.lowered(
                BatchLowering,
                by,
                task.wrt is None,
                None if task.of is None else tuple(task.of),
                task.settings.single,
            )
        return prepared

    def _put(
        self,
        machine: BatchMachine,
        answer: Answer,
        name: str,
        output: Any,
        targets: Mapping[str, Node],
    ) -> None:
        """Differentiates an output, and puts what there is into the answer."""
        kinks = RecordKinks(self.task.question.at_kink, len(machine.rows))
        output = machine.spread(output)
        found = list(self._derivatives(machine, name, output, targets, kinks))
        active, rows = machine.active, machine.rows[machine.active]
        if self.task.question.at_kink == "error" and kinks.records[active].any():
            raise NotBatched("a kink, which is to be an error")
        answer.kinks[rows] |= kinks.records[active]
        whole = len(rows) == len(active)
        answer.ranks[name] = output.value.ndim - 1
        answer.ranks |= {target: node.value.ndim - 1 for target, node in targets.items()}
        for label, values in ((value_label(name), output.value), *found):
            answer.put(label, rows, values if whole else values[active])

    def _derivatives(
        self,
        machine: BatchMachine,
        name: str,
        output: Node,
        targets: Mapping[str, Node],
        kinks: RecordKinks,
    ) -> Iterator[tuple[Label, Any]]:
        kind = self.task.question.kind
        if not targets:
            return
        if output.value.dtype.kind != "f":
            output = machine.column(machine.graph.cast(output.value.astype(np.float64)))
        shape = output.value.shape[1:]
        if kind == "jvp":
            yield jvp_label(name), _jvp(output, self.task.question.tangents, targets, kinks)
        elif kind == "jacobian":
            for target, block in _rows(machine, output, targets, kinks).items():
                yield first_label(name, target), block
        elif any(size != 1 for size in shape):
            raise NotBatched("an output of several numbers")
        elif kind == "gradient":
            nodes = machine.graph.up_to(output)
            adjoints = reverse_sweep(
                nodes, np.ones_like(output.value), list(targets.values()), kinks=kinks
            )
            for target, node in targets.items():
                yield first_label(name, target), adjoints.get(node, _zeros(node))
        else:
            ones = np.ones_like(output.value)
            nodes_by = list(targets.values())
            parts = derivatives.recorded_gradient(machine.graph, output, ones, nodes_by, kinks)
            for first, part in zip(targets, parts, strict=True):
                part = part if isinstance(part, Node) else machine.spread(0.0)
                undefined = np.isnan(part.value)
                for second, block in _rows(machine, part, targets, None).items():
                    wide = undefined.reshape(
                        *undefined.shape, *(1,) * (block.ndim - undefined.ndim)
                    )
                    yield second_label(name, first, second), np.where(wide, np.nan, block)

    # ── one by one ────────────────────────────────────────────────────────────────────

    def _one_by_one(self, columns: Mapping[str, Array], rows: Array, answer: Answer) -> None:
        for row in rows.tolist():
            answer.ways.alone += 1
            try:
                inputs = {name: _scalar(values[row]) for name, values in columns.items()}
                evaluations = self.single(inputs, None)
                for evaluation in evaluations:
                    self._work += ALONE * evaluation.nodes
                    if any(finding.kind == "kink" for finding in evaluation.findings):
                        answer.kinks[row] = True
                    answer_one(answer, row, evaluation)
            except LimitError as error:
                if error.what.startswith("--timeout"):
                    raise
                answer.refuse(row, error)
            except AdiffError as error:
                if error.status in (2, 3):
                    raise
                answer.refuse(row, error)

    def single(self, inputs: Mapping[str, Any], engines: Any) -> list[Evaluation]:
        """One record by itself, with all there is to tell of it."""
        task = self.task
        given = {**inputs, **task.shared}
        asked_for = task.wrt, task.of, task.settings, task.question
        if engines is None:
            return evaluate(task.program, given, *asked_for)
        found: list[Evaluation] = engines.evaluate(given, *asked_for)
        return found

    def findings(self, columns: Mapping[str, Array], row: int) -> list[Finding]:
        """What there is to tell of one record of a batch."""
        inputs = {name: _scalar(values[row]) for name, values in columns.items()}
        return [finding for one in self.single(inputs, None) for finding in one.findings]


def _fewest(nodes: int) -> float:
    """How many records of a path of so many nodes take as long together as in Python source.

    In microseconds: a run, and each array in it; a record, and each number in it.
    """
    return (40 + 6 * nodes) / (2 + 0.06 * nodes)


def answer_one(answer: Answer, row: int, evaluation: Evaluation) -> None:
    answer.ranks[evaluation.output] = np.ndim(evaluation.value)
    answer.ranks |= {name: np.ndim(value) for name, value in evaluation.at.items()}
    for label, value in labelled(evaluation):
        answer.put(label, [row], np.asarray(value)[None])


def labelled(evaluation: Evaluation) -> Iterator[tuple[Label, Any]]:
    """An evaluation's value and derivatives, by their labels."""
    output, found = evaluation.output, evaluation.found
    yield value_label(output), evaluation.value
    if evaluation.kind == "jvp":
        yield jvp_label(output), found
    elif evaluation.kind == "hessian":
        for first, row in found.items():
            for second, value in row.items():
                yield second_label(output, first, second), value
    else:
        for name, value in found.items():
            yield first_label(output, name), value


def _scalar(value: Any) -> Any:
    return value if getattr(value, "ndim", 0) else value.item()


def _zeros(node: Node) -> Any:
    return np.zeros_like(node.value)


def _rows(
    machine: BatchMachine, output: Node, targets: Mapping[str, Node], kinks: RecordKinks | None
) -> dict[str, Any]:
    """The derivatives of every element of each record's output by every element of its targets."""
    shape = output.value.shape[1:]
    nodes = machine.graph.up_to(output)
    count = len(output.value)
    blocks = {
        name: np.zeros((count, *shape, *node.value.shape[1:])) for name, node in targets.items()
    }
    for place in np.ndindex(shape):
        key = (slice(None), *place)
        seed = np.zeros_like(output.value)
        seed[key] = 1.0
        adjoints = reverse_sweep(nodes, seed, list(targets.values()), kinks=kinks)
        for name, node in targets.items():
            blocks[name][key] = adjoints.get(node, 0.0)
    return blocks


def _jvp(
    output: Node, tangents: Mapping[str, Any], targets: Mapping[str, Node], kinks: RecordKinks
) -> Any:
    """The derivative along the same direction for every record."""
    seeds = {}
    for name, node in targets.items():
        tangent = np.asarray(tangents[name], dtype=np.float64)
        if tangent.shape != node.value.shape[1:]:
            raise NotBatched("a tangent of another shape")
        seeds[node] = np.broadcast_to(tangent, node.value.shape)
    return value_of(forward_sweep(below(output), seeds, kinks).get(output, _zeros(output)))
