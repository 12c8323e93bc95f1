"""A CSV or TSV in blocks of whole rows, each of which can be read by itself."""

from __future__ import annotations

import csv
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.csv

from autodiff_cli.data.columns import COMMENT, Table
from autodiff_cli.data.streams.broken import BROKEN
from autodiff_cli.data.streams.quotes import LONGEST, rows_of
from autodiff_cli.data.streams.records import Bad, Header, Records
from autodiff_cli.errors import UsageError
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BYTES = 2 * 2**20
"""Of a block: it fits into a processor's cache with what is made of it."""
BOM = b"\xef\xbb\xbf"


@record
class CsvBlock:
    """Rows as they stand in the file, with what it takes to read them."""

    content: bytes
    names: tuple[str, ...]
    separator: str
    is_open: bool = False
    """Whether it is one row, in which a quote is not closed."""

    def read(self) -> Records:
        """The rows; cells stay text."""
        if self.is_open:
            empty = pa.table({name: pa.nulls(1, pa.string()) for name in self.names})
            reason = "a quote is not closed"
            return Records(empty, 1, {0: Bad(reason, help='close it, or write "" for a quote')})
        names = [str(i) for i in range(len(self.names))]
        wrong: list[Any] = []

        def skip(row: Any) -> str:
            wrong.append(row)
            return "skip"

        table = pa.csv.read_csv(
            pa.BufferReader(self.content),
            pa.csv.ReadOptions(
                use_threads=False, block_size=len(self.content) + 1, column_names=names
            ),
            pa.csv.ParseOptions(
                delimiter=self.separator,
                newlines_in_values=True,
                ignore_empty_lines=len(names) > 1,
                invalid_row_handler=skip,
            ),
            pa.csv.ConvertOptions(
                check_utf8=False,
                column_types={name: pa.string() for name in names},
                strings_can_be_null=False,
            ),
        ).rename_columns(list(self.names))
        bad: dict[int, Bad] = {}
        if wrong:
            table = self._with_gaps(table, wrong, bad)
        return Records(_valid(table, bad), table.num_rows, bad)

    def _with_gaps(self, table: pa.Table, wrong: list[Any], bad: dict[int, Bad]) -> pa.Table:
        """The table with the rows that have too few or too many cells, as far as these go."""
        order = list(range(table.num_rows))
        gaps: list[list[str | None]] = []
        comments = 0
        for row in sorted(wrong, key=lambda row: row.number):
            if row.text.startswith(COMMENT):
                comments += 1
                continue
            place = row.number - 1 - comments
            order.insert(place, table.num_rows + len(gaps))
            gaps.append(self._cells(row.text))
            noun = "cell" if row.actual_columns == 1 else "cells"
            bad[place] = Bad(
                f"has {row.actual_columns} {noun}, want {row.expected_columns}",
                help="put quotes around a text that holds the separator",
            )
        if not gaps:
            return table
        columns = [pa.array(cells, pa.string()) for cells in zip(*gaps, strict=True)]
        rest = pa.Table.from_arrays(columns, names=list(self.names))
        return pa.concat_tables([table, rest]).take(pa.array(order, pa.int64()))

    def _cells(self, row: str) -> list[str | None]:
        """One for each column."""
        cells: list[str | None] = []
        with suppress(csv.Error, StopIteration):
            cells += next(csv.reader([row], delimiter=self.separator))
        width = len(self.names)
        return cells[:width] + [None] * (width - len(cells))


def _valid(table: pa.Table, bad: dict[int, Bad]) -> pa.Table:
    """The table with its text in UTF-8; where it is not, the record is bad."""
    for position, name in enumerate(table.column_names):
        column = table.column(position)
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            cells = column.cast(pa.binary()).to_pylist()
            texts = [None if cell is None else cell.decode(errors="replace") for cell in cells]
            for place, (cell, text) in enumerate(zip(cells, texts, strict=True)):
                if cell is not None and text is not None and text.encode() != cell:
                    bad.setdefault(place, Bad("is not UTF-8", name, "save it as UTF-8 text"))
            table = table.set_column(position, name, pa.array(texts, pa.string()))
    return table


class CsvReader:
    """The blocks of one file.

    Attributes:
        header: the columns' names; `#1`, `#2` … where the file has none.
        start: where in the file its rows begin.

    Raises:
        UsageError: there is not even a header.
    """

    def __init__(self, stream: BinaryIO, where: str, separator: str) -> None:
        self._stream = stream
        self.separator = separator
        head = stream.read(BYTES)
        bare = head.removeprefix(BOM)
        text = bare.decode(errors="surrogateescape")
        table = Table(text, where, separator)
        names = table.names or [f"#{i + 1}" for i in range(table.width)]
        if any("\udc80" <= character <= "\udcff" for character in "".join(names)):
            raise UsageError(f"{where}: its header is not UTF-8", help="save it as UTF-8 text")
        self.header = Header(names)
        self._rest = text[table.body :].encode(errors="surrogateescape")
        self.start = len(head) - len(self._rest)

    def blocks(self) -> Iterator[CsvBlock]:
        rest, ended = self._rest, False
        while not ended:
            try:
                more = self._stream.read(BYTES)
            except BROKEN:
                yield from csv_blocks(rest, self.header.names, self.separator, False)[0]
                raise
            ended = not more
            rest += more
            if ended or len(rest) >= BYTES:
                is_last = ended or len(rest) > LONGEST
                blocks, rest = csv_blocks(rest, self.header.names, self.separator, is_last)
                yield from blocks


def csv_blocks(
    content: bytes, names: Sequence[str], separator: str, is_last: bool
) -> tuple[list[CsvBlock], bytes]:
    """The rows of a text that begins with one, and what is left of it.

    Args:
        is_last: nothing comes after it: a quote that is open is then never closed.
    """
    blocks: list[CsvBlock] = []
    while content:
        end, is_open = rows_of(content, separator)
        if is_last and not is_open:
            end = len(content)
        if content[:end].strip():
            blocks.append(CsvBlock(content[:end], tuple(names), separator))
        content = content[end:]
        if not (is_last and is_open):
            break
        line = content.find(b"\n") + 1 or len(content)
        blocks.append(CsvBlock(content[:line], tuple(names), separator, is_open=True))
        content = content[line:]
    return blocks, content
