"""Blocks of records to what is written for them, or to their totals."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from autodiff_cli.batch.evaluator import (
    Answer,
    Evaluator,
    Task,
    first_label,
    jvp_label,
    labelled,
    second_label,
    value_label,
)
from autodiff_cli.batch.sums import Sum, sum_of
from autodiff_cli.batch.ways import Ways
from autodiff_cli.data.remarks import EXACT_UP_TO
from autodiff_cli.data.streams.formats import SEPARATORS
from autodiff_cli.data.streams.records import Bad, array_of, bind, refuse_twice
from autodiff_cli.data.streams.writers import as_arrow, csv_bytes, json_bytes, numbers
from autodiff_cli.data.values import unknown_name
from autodiff_cli.errors import AdiffError, NonFiniteError, UsageError
from autodiff_cli.interpreter.program import load
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from autodiff_cli.data.streams.records import Binding, Header, Records
    from autodiff_cli.errors import Finding
    from autodiff_cli.explain.evaluation import Question
    from autodiff_cli.interpreter.machine import Settings
    from autodiff_cli.interpreter.program import Program
    from autodiff_cli.language.source import Source

    Array = np.ndarray[Any, Any]

_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
RECORDS = 16_384
"""Evaluated at once where nobody says: what is made of them fits into a processor's cache."""


@record
class Plan:
    """What is to be done with each record. Another process can be told it.

    Attributes:
        shared: inputs that are the same for all records.
        asked: columns by input, as --bind says.
        reduce: "sum" or "mean" for one record of all; "" for one of each.
        group_by: the column whose values each get a total of their own.
        engines: as of a `Task`.
    """

    source: Source
    wrt: Sequence[str] | None
    of: Sequence[str] | None
    settings: Settings
    question: Question
    shared: Mapping[str, Any]
    asked: Mapping[str, str]
    form: str
    only_new: bool = False
    on_error: str = "stop"
    batch: int = RECORDS
    strict: bool = False
    reduce: str = ""
    group_by: str = ""
    engines: Callable[[Program], Any] | None = None


@dataclass
class Piece:
    """What a block came to.

    Attributes:
        count: its records.
        names: of the columns that are written.
        content: what is written: bytes, or a table.
        bad: what is wrong, by the place in the block.
        told: for "kink" and "odd" how many records met one, the first's place and what to say.
        rounded: integers that became the nearest float: how many, and the first.
        totals: for each group its count and its sums by name.
        ways: how its records were evaluated.
    """

    count: int
    names: list[str] = field(default_factory=list)
    content: Any = b""
    bad: dict[int, Bad] = field(default_factory=dict)
    told: dict[str, tuple[int, int, list[Finding]]] = field(default_factory=dict)
    rounded: tuple[int, str] = (0, "")
    totals: dict[Any, Totals] = field(default_factory=dict)
    ways: Ways = field(default_factory=Ways)


class Totals:
    """Sums of columns, and of how many records."""

    def __init__(self) -> None:
        self.count = 0
        self.sums: dict[str, Sum] = {}

    def add(self, other: Totals) -> None:
        self.count += other.count
        for name, total in other.sums.items():
            self.sums.setdefault(name, Sum()).add(total)

    def values(self, mean: bool) -> dict[str, Any]:
        divisor = self.count if mean else 1
        return {name: total.value / divisor for name, total in self.sums.items()}


def add_up(groups: dict[Any, Totals], more: Mapping[Any, Totals]) -> None:
    """Adds the totals of more records to those of each group."""
    for key, totals in more.items():
        groups.setdefault(key, Totals()).add(totals)


class Mapper:
    """A plan at work on blocks whose columns have the same names."""

    def __init__(self, plan: Plan, header: Header, where: str) -> None:
        self.plan = plan
        program = load(plan.source, plan.settings.limits)
        inputs = program.resolved.inputs
        self.binding: Binding = bind(header, where, inputs, plan.shared, plan.asked)
        wrt = self._wrt(list(inputs)) if plan.reduce else plan.wrt
        if plan.group_by and plan.group_by not in header.names:
            raise unknown_name(where, "column", plan.group_by, header.names)
        shared = {name: v for name, v in plan.shared.items() if name not in self.binding}
        self.task = Task(program, wrt, plan.of, plan.settings, plan.question, shared, plan.engines)
        self.evaluator = Evaluator(self.task)
        self._kept = [] if plan.only_new or plan.reduce else list(header.names)
        wanted = [plan.group_by] if plan.group_by else self._kept
        refuse_twice(wanted, header.names, where)
        self._refuse_new(self._kept)
        self._refused = self._refused_keys()

    def _refused_keys(self) -> dict[str, tuple[str, str]]:
        """Keys that a record may not have where the first has not; why, and what to do."""
        late = "is there, and not in the first record"
        unset = self.task.program.resolved.inputs.keys() - self.binding.keys()
        default = f"{late}, where the default went for it", "give all records the key, or none"
        refused = dict.fromkeys(unset - self.plan.shared.keys(), default)
        if not (self.plan.only_new or self.plan.reduce):
            taken = f"{late}, and the output has one too", "--only-new leaves the data's keys out"
            refused |= dict.fromkeys([label.text for label in self._expected()], taken)
        return refused

    def _wrt(self, inputs: Sequence[str]) -> list[str]:
        """What totals are differentiated by: what is the same for all records."""
        wrt = self.plan.wrt
        if wrt is None:
            return [name for name in inputs if name not in self.binding]
        for name in wrt:
            if name in self.binding:
                raise UsageError(
                    f"--wrt {name}: is a column, and a total has no derivative by each record",
                    help=f"leave out --{self.plan.reduce}, or name inputs that all records share",
                    kind="wrt",
                )
        return list(wrt)

    def _refuse_new(self, kept: Sequence[str]) -> None:
        new = self._new_names()
        if new.count("error") > 1:
            raise UsageError(
                "--on-error emit: the program has an output `error` itself",
                help="give it another name",
            )
        for name in kept:
            if name in new:
                raise UsageError(
                    f"the data have a column `{name}`, as the output has",
                    help="--only-new leaves the data's columns out; or give it another name",
                )

    def _new_names(self) -> list[str]:
        """What is written of a record besides what it had."""
        errors = ["error"] if self.plan.on_error == "emit" else []
        return [label.text for label in self._expected()] + errors

    def _expected(self) -> list[Any]:
        """The labels of what a record comes to, before one has."""
        task = self.task
        outputs = list(task.of or task.program.resolved.results)
        wrt = task.program.resolved.inputs if task.wrt is None else task.wrt
        labels = [value_label(output) for output in outputs]
        if task.question.kind in ("gradient", "jacobian"):
            labels += [first_label(output, name) for output in outputs for name in wrt]
        elif task.question.kind == "hessian":
            labels += [second_label(one, a, b) for one in outputs for a in wrt for b in wrt]
        elif task.question.kind == "jvp":
            labels += [jvp_label(output) for output in outputs]
        return labels

    def empty(self) -> Piece:
        """What no records come to: a header."""
        names = [*self._kept, *self._new_names()]
        piece = Piece(0, names)
        if self.plan.form in ("arrow", "parquet"):
            piece.content = pa.table({name: pa.array([], pa.float64()) for name in names})
        return piece

    # ── a block ───────────────────────────────────────────────────────────────────────

    def work(self, block: Any) -> Piece:
        """Reads a block, evaluates it and writes what it came to."""
        return self.finish(self.evaluate(self.columns(block)))

    def answer(self, block: Any) -> Piece:
        """A block as it comes, in a shorter way where it is an object of which all is well."""
        objects = block.objects
        if len(objects) == 1 and not block.bad and not self.plan.reduce:
            line = self._line(objects[0])
            if line is not None:
                return Piece(1, content=line, ways=Ways(alone=1))
        return self.work(block)

    def _line(self, given: dict[str, Any]) -> bytes | None:
        """What is written for an object; None where it takes more than numbers to say it."""
        inputs = {}
        if not self._refused.keys().isdisjoint(given):
            return None
        for name, (keys, is_vector) in self.binding.items():
            values = [_exact(given.get(key)) for key in keys]
            if any(value is None or (is_vector and np.ndim(value)) for value in values):
                return None
            inputs[name] = np.array(values) if is_vector else values[0]
        try:
            evaluations = self.evaluator.single(inputs, self.evaluator.engines)
        except AdiffError:
            return None
        line = dict(given) if self._kept else {}
        for evaluation in evaluations:
            if evaluation.findings:
                return None
            for label, value in labelled(evaluation):
                line[label.text] = value if isinstance(value, float) else np.asarray(value).tolist()
        if self.plan.on_error == "emit":
            line["error"] = None
        try:
            return f"{json.dumps(line, ensure_ascii=False, allow_nan=False)}\n".encode()
        except ValueError:
            return None

    def columns(self, block: Any) -> tuple[Records, Mapping[str, Array]]:
        records = block.read()
        records.refuse_keys(self._refused)
        return records, records.inputs(self.binding)

    def evaluate(
        self, read: tuple[Records, Mapping[str, Array]]
    ) -> tuple[Records, Mapping[str, Array], Answer]:
        records, inputs = read
        count, size = records.count, self.plan.batch
        answers = []
        for start in range(0, count, size):
            stop = min(start + size, count)
            rows = [i for i in range(start, stop) if i not in records.bad] if records.bad else None
            answers.append(self._answer(inputs, start, stop, rows))
            if answers[-1].errors and self.plan.on_error == "stop":
                break
        return records, inputs, joined(answers, count)

    def _answer(
        self, inputs: Mapping[str, Array], start: int, stop: int, rows: list[int] | None
    ) -> Answer:
        if rows is None:
            given = {name: column[start:stop] for name, column in inputs.items()}
            return self.evaluator.evaluate(given, stop - start)
        given = {name: column[rows] for name, column in inputs.items()}
        part = self.evaluator.evaluate(given, len(rows))
        answer = Answer(stop - start)
        answer.ranks, answer.ways = part.ranks, part.ways
        places = np.array(rows, dtype=np.int64) - start
        for text, column in part.columns.items():
            answer.put(part.labels[text], places, column)
        answer.errors = {int(places[i]): error for i, error in part.errors.items()}
        answer.kinks[places] = part.kinks
        return answer

    def finish(self, evaluated: tuple[Records, Mapping[str, Array], Answer]) -> Piece:
        records, inputs, answer = evaluated
        plan = self.plan
        bad = dict(records.bad)
        for place, error in answer.errors.items():
            bad.setdefault(place, _as_bad(error))
        told = self._told(inputs, answer, bad)
        if plan.strict:
            for place in np.flatnonzero(answer.odd).tolist():
                if place not in bad:
                    what = "a value or a derivative is nan or inf, and --strict was asked for"
                    bad[place] = Bad(what, kind="non-finite", status=NonFiniteError.status)
        count = records.count
        if bad and plan.on_error == "stop":
            first = min(bad)
            bad, count = {first: bad[first]}, first
        rows = np.arange(count)
        if bad and plan.on_error != "emit":
            rows = np.array([i for i in rows.tolist() if i not in bad], dtype=np.int64)
        bad = dict(sorted(bad.items()))
        piece = Piece(records.count, bad=bad, told=told, ways=answer.ways)
        if records.rounded:
            piece.rounded = len(records.rounded), records.rounded[0]
        if plan.reduce:
            piece.totals = self._totals(records, answer, rows)
        else:
            self._write(piece, records, inputs, answer, rows)
        return piece

    def _told(
        self, inputs: Mapping[str, Array], answer: Answer, bad: Mapping[int, Bad]
    ) -> dict[str, tuple[int, int, list[Finding]]]:
        told = {}
        for kind, flags in (("kink", answer.kinks), ("odd", answer.odd)):
            flags[list(bad)] = False
            places = np.flatnonzero(flags)
            if len(places):
                first = int(places[0])
                # They are found out for the first record of all, of which a block knows nothing.
                findings = self.evaluator.findings(inputs, first)
                told[kind] = len(places), first, findings
        return told

    # ── what is written ───────────────────────────────────────────────────────────────

    def _write(
        self,
        piece: Piece,
        records: Records,
        inputs: Mapping[str, Array],
        answer: Answer,
        rows: Array,
    ) -> None:
        plan = self.plan
        is_whole = len(rows) == records.count
        gone = [i for i, row in enumerate(rows.tolist()) if row in piece.bad] if piece.bad else []
        new = self._new(answer, rows, is_whole, gone)
        if plan.on_error == "emit":
            new["error"] = pa.array(
                [text_of(piece.bad[row]) if row in piece.bad else None for row in rows.tolist()],
                pa.string(),
            )
        if plan.form == "jsonl":
            objects: Any = [{}] * records.count
            if self._kept:
                objects = self._objects(records, inputs)
            piece.names = [*self._kept, *new]
            piece.content = json_bytes([objects[row] or {} for row in rows.tolist()], new)
            return
        old: dict[str, Any] = {}
        if self._kept:
            table = records.table
            if not is_whole:
                table = table.take(numbers(rows))
            there = {name: table.column(i) for i, name in enumerate(table.column_names)}
            old = {name: there.get(name, pa.nulls(len(rows))) for name in self._kept}
        if plan.form in SEPARATORS:
            columns = old | new
            piece.names = list(columns)
            piece.content = csv_bytes(columns, SEPARATORS[plan.form])
        else:
            for name, (columns_of, is_vector) in self.binding.items():
                (column, *_) = columns_of
                if is_vector or column not in old:
                    continue
                kind = old[column].type
                # In JSON a number may be whole in some records, and not in later ones.
                if pa.types.is_string(kind) or (records.has_numbers and pa.types.is_integer(kind)):
                    old[column] = _with_nulls(inputs[name][rows], gone)
            piece.content = pa.table(
                {name: as_arrow(column) for name, column in (old | new).items()}
            )
            piece.names = piece.content.column_names

    def _objects(self, records: Records, inputs: Mapping[str, Array]) -> list[dict[str, Any]]:
        """The records as JSON has them: the cells of a CSV that are numbers there too, as such."""
        objects = records.objects
        if not records.has_numbers:
            for one in objects:
                for name, cell in one.items():
                    one[name] = as_json(cell)
            for name, (columns, is_vector) in self.binding.items():
                values = inputs[name].tolist()
                if not is_vector:
                    for place, one in enumerate(objects):
                        if place not in records.bad:
                            one[columns[0]] = values[place]
        return objects

    def _new(
        self, answer: Answer, rows: Array, is_whole: bool, gone: Sequence[int]
    ) -> dict[str, Any]:
        nested = self.plan.form not in SEPARATORS
        found: dict[str, Any] = {}
        columns = answer.columns
        if not columns:
            columns = {label.text: np.zeros(answer.count) for label in self._expected()}
            answer.labels = {label.text: label for label in self._expected()}
        for text, column in columns.items():
            column = column if is_whole else column[rows]
            if nested:
                found[text] = _with_nulls(column, gone) if gone else column
                continue
            flat = column.reshape(len(column), math.prod(column.shape[1:]))
            names = answer.labels[text].flat(column.shape[1:], answer.ranks)
            for name, part in zip(names, flat.T, strict=True):
                found[name] = _with_nulls(part, gone) if gone else part
        return found

    # ── totals ────────────────────────────────────────────────────────────────────────

    def _totals(self, records: Records, answer: Answer, rows: Array) -> dict[Any, Totals]:
        groups: Iterator[tuple[Any, Array]]
        if self.plan.group_by:
            keys = self._groups(records)
            places: dict[Any, list[int]] = {}
            for row in rows.tolist():
                places.setdefault(keys[row], []).append(row)
            groups = ((key, np.array(of)) for key, of in places.items())
        else:
            groups = iter([(None, rows)] if len(rows) else [])
        found = {}
        for key, of in groups:
            totals = found[key] = Totals()
            totals.count = len(of)
            for text, column in answer.columns.items():
                totals.sums[text] = sum_of(column[of])
        return found

    def _groups(self, records: Records) -> list[Any]:
        """The group of each record."""
        table, name = records.table, self.plan.group_by
        if name not in table.column_names:
            return [None] * records.count
        keys = table.column(name).to_pylist()
        return [json.dumps(key) if isinstance(key, (list, dict)) else key for key in keys]


def joined(answers: Sequence[Answer], count: int) -> Answer:
    """Answers that follow one another as one for `count` records; those that are left are empty."""
    if len(answers) == 1 and answers[0].count == count:
        return answers[0]
    whole = Answer(count)
    start = 0
    for answer in answers:
        rows = np.arange(start, start + answer.count)
        whole.ranks |= answer.ranks
        whole.ways.add(answer.ways)
        for text, column in answer.columns.items():
            whole.put(answer.labels[text], rows, column)
        whole.errors |= {start + place: error for place, error in answer.errors.items()}
        whole.kinks[rows] = answer.kinks
        start += answer.count
    return whole


def _exact(value: Any) -> Any:
    """A value of JSON as a float or an array; None where there is more to say of it."""
    if type(value) in (int, float):
        return float(value) if abs(value) < EXACT_UP_TO else None
    array = array_of(value) if type(value) is list else None
    return array if array is not None and (np.abs(array) < EXACT_UP_TO).all() else None


def as_json(cell: Any) -> Any:
    """A cell of a CSV as JSON has it: a number where JSON writes it in the same way."""
    is_number = isinstance(cell, str) and _JSON_NUMBER.fullmatch(cell)
    return json.loads(cell) if is_number else cell


def text_of(bad: Bad) -> str:
    return f"{bad.column}: {bad.reason}" if bad.column else bad.reason


def _as_bad(error: AdiffError) -> Bad:
    where = error.where
    place = ""
    if where is not None:
        line, column = where.source.position(where.start)
        place = f" ({where.source.name}:{line}:{column})"
    return Bad(f"{error.what}{place}", help=error.help, kind=error.kind, status=error.status)


def _with_nulls(column: Array, gone: Sequence[int]) -> Any:
    """A column for Arrow or JSON in which some records have nothing."""
    if not gone:
        return as_arrow(column)
    mask = np.zeros(len(column), dtype=bool)
    mask[list(gone)] = True
    if column.ndim == 1:
        return pa.array(column, mask=mask)
    lists = column.tolist()
    return pa.array([None if hidden else one for one, hidden in zip(lists, mask, strict=True)])
