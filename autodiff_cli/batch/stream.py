"""A stream of records from its files to where it is written: in order, and in constant memory."""

from __future__ import annotations

from queue import Queue
from threading import Thread
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar

from autodiff_cli.batch.mapping import Mapper, Piece, Plan, Totals, add_up, as_json
from autodiff_cli.batch.ways import Ways
from autodiff_cli.data.remarks import EXACT_UP_TO
from autodiff_cli.data.streams.broken import unbroken
from autodiff_cli.data.streams.formats import SEPARATORS, format_of, how_far, opened, reader
from autodiff_cli.data.streams.writers import as_arrow, csv_bytes, json_bytes
from autodiff_cli.data.values import counted, quoted
from autodiff_cli.errors import AdiffError, Finding, RunError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from autodiff_cli.batch.cluster import Cluster
    from autodiff_cli.batch.workers import Workers
    from autodiff_cli.data.streams.records import Bad, Header
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

    Attributes:
        records: how many there were.
        bad: how many of them were not evaluated.
        status: the exit status of the first of these; 0 where there are none.

    Args:
        say: writes a line to standard error.
        watch: is told how many records are done, and how much of the files, where that is known.
    """

    def __init__(
        self,
        plan: Plan,
        sink: Sink,
        say: Callable[[str], None],
        watch: Callable[[int, float | None], None],
    ) -> None:
        self.plan = plan
        self._sink = sink
        self._say = say
        self._watch = watch
        self._header: Header | None = None
        self._where = ""
        self._before = 0
        """Records of this file that are done."""
        self.records = 0
        self.bad = 0
        self.status = 0
        self.ways = Ways()
        self._told: dict[str, tuple[int, str, list[Finding]]] = {}
        self._rounded = 0, ""
        self._totals: dict[Any, Totals] = {}
        self._columns: list[str] = []
        self.mapper: Mapper | None = None
        self._workers: Workers | None = None
        self._cluster: Cluster | None = None

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
        try:
            for number, path in enumerate(paths):
                of_path = format_of(path, form, "--from")
                with opened(path) as (stream, where):
                    source = reader(stream, where, of_path, at_once)
                    self._begin(where, source.header)
                    self._hire(workers, cluster)
                    for piece in self._pieces(path, where, of_path, source, at_once):
                        self._take(piece)
                        if at_once:
                            self._sink.flush()
                        if self._cluster is None:
                            self._watch(self.records, how_far(paths, number, stream))
                        else:
                            self._watch(self.records, None)
            if self._cluster is not None:
                self._totals = self._cluster.totals()
            if self.plan.reduce:
                self._write_totals()
        except AdiffError as error:
            # Of a total that is not one nothing is written.
            error.keeps_output = error.keeps_output and not self.plan.reduce
            raise
        finally:
            for others in (self._workers, self._cluster):
                if others is not None:
                    others.end()
        if not self._sink.begun and self.mapper is not None:
            self._take(self.mapper.empty())

    def _begin(self, where: str, header: Header) -> None:
        before = self._header
        if before is None:
            self.mapper = Mapper(self.plan, header, where)
            self._header = header
        elif not header.may_differ and sorted(before.names) != sorted(header.names):
            raise UsageError(
                f"{where} has the columns {_shown(header.names)}, and {self._where} "
                f"{_shown(before.names)}",
                help="files that are read one after another need the same columns",
            )
        self._where, self._before = where, 0

    def _hire(self, workers: int, cluster: str | None) -> None:
        """Takes on who else is to work on the blocks, at the first file."""
        header = self._header
        assert header is not None
        if cluster is not None and self._cluster is None:
            from autodiff_cli.batch.cluster import Cluster

            self._cluster = Cluster(self.plan, header, self._where, cluster)
        elif workers > 1 and self._workers is None:
            from autodiff_cli.batch.workers import Workers

            self._workers = Workers(self.plan, header, self._where, workers)

    def _pieces(
        self, path: str, where: str, form: str, source: Any, at_once: bool
    ) -> Iterable[Piece]:
        """What the blocks of a file come to, in their order."""
        mapper = self.mapper
        assert mapper is not None
        if self._cluster is not None:
            blocks = self._cluster.parts(path, where, form, source)
            return self._cluster.mapped(unbroken(blocks, where))
        blocks = unbroken(source.blocks(), where)
        if self._workers is not None:
            return self._workers.mapped(blocks)
        if at_once:
            return map(mapper.answer, blocks)
        # Reading, evaluating and writing go on side by side: most of it is outside of Python.
        read = ahead(map(mapper.columns, ahead(blocks)))
        return ahead(map(mapper.finish, ahead(map(mapper.evaluate, read))))

    # ── a piece ───────────────────────────────────────────────────────────────────────

    def _take(self, piece: Piece) -> None:
        if self.plan.reduce:
            add_up(self._totals, piece.totals)
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
        self.status = self.status or bad.status
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

        found = _alike(self._totals)
        groups = [totals.values(plan.reduce == "mean") for totals in found.values()]
        columns: dict[str, Any] = {}
        if plan.group_by:
            import pyarrow as pa

            if plan.form == "jsonl":
                columns[plan.group_by] = [as_json(key) for key in found]
            elif any(isinstance(key, str) for key in found):
                columns[plan.group_by] = pa.array(
                    [key if key is None else str(key) for key in found], pa.string()
                )
            else:
                columns[plan.group_by] = pa.array(list(found))
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
        is_written = self.plan.on_error == "emit" and not self.plan.reduce
        verb = "written with an error" if is_written else "skipped"
        return f"{self.bad:,} of {counted(self.records, 'record')} {verb}"


def _alike(totals: dict[Any, Totals]) -> dict[Any, Totals]:
    """Groups by the numbers that they are of, where of some files these come as text."""
    if all(isinstance(key, (str, NoneType)) for key in totals):
        return totals
    found: dict[Any, Totals] = {}
    for key, part in totals.items():
        found.setdefault(as_json(key), Totals()).add(part)
    return found


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
