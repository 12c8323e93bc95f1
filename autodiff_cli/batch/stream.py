"""A stream of records from its files to where it is written: in order, and in constant memory."""

from __future__ import annotations

from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from autodiff_cli.batch.mapping import Mapper, Piece, Plan, Totals
from autodiff_cli.batch.ways import Ways
from autodiff_cli.data.remarks import EXACT_UP_TO
from autodiff_cli.data.streams.formats import SEPARATORS, format_of, opened, reader
from autodiff_cli.data.streams.writers import as_arrow, csv_bytes, json_bytes
from autodiff_cli.data.values import counted, quoted
from autodiff_cli.errors import Finding, RunError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from autodiff_cli.data.streams.records import Bad
    from autodiff_cli.data.streams.writers import Sink

T = TypeVar("T")

AHEAD = 2
"""Blocks that wait between two steps."""
MOST_TOLD = 10
"""Bad records that each get a line of their own, where they are skipped."""


class BadRecordError(RunError):
    """A record that cannot be evaluated, where that ends the stream."""

    kind = "record"
    keeps_output = True


class Stream:
    """One run over all files.

    Args:
        say: writes a line to standard error.
    """

    def __init__(self, plan: Plan, sink: Sink, say: Callable[[str], None]) -> None:
        self.plan = plan
        self._sink = sink
        self._say = say
        self._names: list[str] | None = None
        self._where = ""
        self._before = 0
        """Records of this file that are done."""
        self.records = 0
        self.bad = 0
        self.ways = Ways()
        self._told: dict[str, tuple[int, str, list[Finding]]] = {}
        self._rounded = 0, ""
        self._totals: dict[Any, Totals] = {}
        self._columns: list[str] = []
        self.mapper: Mapper | None = None

    def run(
        self,
        paths: Sequence[str],
        form: str | None,
        at_once: bool = False,
        workers: int = 1,
        cluster: str | None = None,
    ) -> None:
        """Maps the records of all files.

        Raises:
            UsageError: a file cannot be read, or does not go with the program.
            BadRecordError: a record cannot be evaluated, and that is to stop.
        """
        for path in paths:
            form_of_path = format_of(path, form, "--from")
            with opened(path) as (stream, where):
                source = reader(stream, where, form_of_path, at_once)
                self._begin(where, source.names)
                assert self.mapper is not None
                for piece in self._pieces(source.blocks(), at_once, workers, cluster):
                    self._take(piece)
                    if at_once:
                        self._sink.flush()
        if self.plan.reduce:
            self._write_totals()
        elif not self._sink.begun and self.mapper is not None:
            self._take(self.mapper.empty())

    def _begin(self, where: str, names: Sequence[str]) -> None:
        if not names and self.mapper is None and self._names is None:
            return
        if self.mapper is None:
            self.mapper = Mapper(self.plan, names, where)
            self._names = list(names)
        elif self._names is not None and sorted(self._names) != sorted(names):
            raise UsageError(
                f"{where} has the columns {_shown(names)}, and {self._where} {_shown(self._names)}",
                help="files that are read one after another need the same columns",
            )
        self._where, self._before = where, 0

    def _pieces(
        self, blocks: Iterable[Any], at_once: bool, workers: int, cluster: str | None
    ) -> Iterator[Piece]:
        """What the blocks come to, in their order."""
        mapper = self.mapper
        assert mapper is not None
        if cluster is not None:
            from autodiff_cli.batch import cluster as dask

            return dask.mapped(self.plan, self._names or [], self._where, blocks, cluster)
        if workers > 1:
            from autodiff_cli.batch.workers import mapped

            return mapped(self.plan, self._names or [], self._where, blocks, workers)
        if at_once:
            return map(mapper.answer, blocks)
        # Reading, evaluating and writing go on side by side: most of it is outside of Python.
        read = ahead(map(mapper.columns, ahead(blocks)))
        return ahead(map(mapper.finish, ahead(map(mapper.evaluate, read))))

    # ── a piece ───────────────────────────────────────────────────────────────────────

    def _take(self, piece: Piece) -> None:
        if self.plan.reduce:
            for key, totals in piece.totals.items():
                self._totals.setdefault(key, Totals()).add(totals)
        else:
            self._write(piece)
        for kind, (count, place, findings) in piece.told.items():
            before = self._told.get(kind)
            first = f"{self._where}, record {self._before + place + 1}"
            self._told[kind] = (
                (count, first, findings) if before is None else (before[0] + count, *before[1:])
            )
        count, first = piece.rounded
        self._rounded = self._rounded[0] + count, self._rounded[1] or first
        for place, bad in piece.bad.items():
            self._refuse(self._before + place + 1, bad)
        self.ways.add(piece.ways)
        self._before += piece.count
        self.records += piece.count

    def _write(self, piece: Piece) -> None:
        if not self._sink.begun:
            self._columns = piece.names
            self._sink.begin(piece.names)
        elif piece.names != self._columns and self.plan.form != "jsonl":
            raise RunError(
                f"{self._where}, after record {self._before}: got the columns "
                f"{_shown(piece.names)}, want {_shown(self._columns)}",
                help="a table needs the same columns in all its rows: --to jsonl does not",
                kind="shape",
            )
        self._sink.write(piece.content)

    def _refuse(self, number: int, bad: Bad) -> None:
        column = f", column {quoted(bad.column)}" if bad.column else ""
        what = f"{self._where}, record {number}{column}: {bad.reason}"
        if self.plan.on_error == "stop":
            error = BadRecordError(what, help=bad.help, kind=bad.kind)
            error.status = bad.status
            raise error
        self.bad += 1
        if self.bad <= MOST_TOLD:
            self._say(what)
        elif self.bad == MOST_TOLD + 1:
            self._say("…")

    # ── the end ───────────────────────────────────────────────────────────────────────

    def _write_totals(self) -> None:
        plan = self.plan
        if not self._totals:
            raise RunError("there is no record to add up", help="give at least one", kind="input")
        import numpy as np

        groups = [totals.values(plan.reduce == "mean") for totals in self._totals.values()]
        columns: dict[str, Any] = {}
        if plan.group_by:
            import pyarrow as pa

            columns[plan.group_by] = pa.array(list(self._totals))
        for text in groups[0]:
            column = np.array([group[text] for group in groups])
            if plan.form in SEPARATORS:
                columns |= self._flat(text, column)
            else:
                columns[text] = column
        self._sink.begin(list(columns))
        if plan.form in SEPARATORS:
            self._sink.write(csv_bytes(columns, SEPARATORS[plan.form]))
        elif plan.form == "jsonl":
            self._sink.write(json_bytes([{}] * len(groups), columns))
        else:
            import pyarrow as pa

            self._sink.write(pa.table({name: as_arrow(c) for name, c in columns.items()}))

    def _flat(self, text: str, column: Any) -> dict[str, Any]:
        import numpy as np

        names = [text + "".join(f"[{i}]" for i in place) for place in np.ndindex(column.shape[1:])]
        return dict(zip(names, column.reshape(len(column), -1).T, strict=True))

    def findings(self) -> list[Finding]:
        """What there is to tell of the records, each kind once."""
        found = []
        for kind, (count, first, findings) in self._told.items():
            what = "a derivative meets a kink" if kind == "kink" else "a value or derivative is nan"
            of_kind = [f for f in findings if (f.kind == "kink") == (kind == "kink")]
            finding = of_kind[0] if of_kind else Finding(what, kind=kind)
            finding.what = f"{first}: {finding.what}"
            if count > 1:
                finding.notes.append(f"so it is, or alike, in {count - 1:,} more records")
            found.append(finding)
        count, text = self._rounded
        if count:
            more = f", and {count - 1:,} more" if count > 1 else ""
            found.append(
                Finding(
                    f"the integer {text} is rounded to {float(text)!r}{more}",
                    help=f"a float holds every integer up to {EXACT_UP_TO} (2^53), and not every "
                    "one above",
                    kind="rounded",
                )
            )
        return found

    def closing(self) -> str:
        """A line that counts what was left out; "" where nothing was."""
        if not self.bad:
            return ""
        verb = "skipped" if self.plan.on_error == "skip" else "written with an error"
        return f"{self.bad:,} of {counted(self.records, 'record')} {verb}"


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items, made by a thread of their own while those before are in use."""
    ready: Queue[tuple[str, Any]] = Queue(AHEAD)

    def work() -> None:
        try:
            for item in items:
                ready.put(("item", item))
            ready.put(("end", None))
        except BaseException as error:
            ready.put(("error", error))

    # Nobody waits for it at the end: it may be reading a pipe to which nothing comes.
    Thread(target=work, daemon=True).start()
    while True:
        kind, value = ready.get()
        if kind == "end":
            return
        if kind == "error":
            raise value
        yield value


def _shown(names: Sequence[str]) -> str:
    more = ", …" if len(names) > 12 else ""
    return ", ".join(quoted(name)[1:-1] for name in names[:12]) + more
