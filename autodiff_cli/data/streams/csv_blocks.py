"""A CSV or TSV in blocks of whole rows, each of which can be read by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.csv

from autodiff_cli.data.columns import COMMENT, Table
from autodiff_cli.data.streams.records import Bad, Records
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator

BYTES = 2 * 2**20
"""Of a block: it fits into a processor's cache with what is made of it."""
LONGEST = 64 * 2**20
"""Of a block whose quotes do not close; then a row ends with its line."""
BOM = b"\xef\xbb\xbf"


@record
class CsvBlock:
    """Rows as they stand in the file, with what it takes to read them."""

    content: bytes
    names: tuple[str, ...]
    separator: str

    def read(self) -> Records:
        """The rows; cells stay text."""
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
        """The table with an empty row in the place of each that has too few or too many cells."""
        order: list[int | None] = list(range(table.num_rows))
        comments = 0
        for row in sorted(wrong, key=lambda row: row.number):
            if row.text.startswith(COMMENT):
                comments += 1
                continue
            place = row.number - 1 - comments
            order.insert(place, None)
            noun = "cell" if row.actual_columns == 1 else "cells"
            bad[place] = Bad(
                f"has {row.actual_columns} {noun}, want {row.expected_columns}",
                help="put quotes around a text that holds the separator",
            )
        return table.take(pa.array(order, pa.int64()))


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
        names: of the columns; `#1`, `#2` … where the file has none.

    Raises:
        UsageError: there is not even a header.
    """

    def __init__(self, stream: BinaryIO, where: str, separator: str) -> None:
        self._stream = stream
        self._separator = separator
        head = stream.read(BYTES).removeprefix(BOM)
        text = head.decode(errors="surrogateescape")
        table = Table(text, where, separator)
        self.names = table.names or [f"#{i + 1}" for i in range(table.width)]
        self._rest = text[table.body :].encode(errors="surrogateescape")

    def blocks(self) -> Iterator[CsvBlock]:
        rest, ended = self._rest, False
        while not ended:
            more = self._stream.read(BYTES)
            ended = not more
            rest += more
            if not ended and len(rest) < BYTES:
                continue
            end = len(rest) if ended else _end_of_rows(rest)
            if end:
                content, rest = rest[:end], rest[end:]
                if content.strip():
                    yield CsvBlock(content, tuple(self.names), self._separator)


def _end_of_rows(content: bytes) -> int:
    """Where the last row that is whole ends: behind a newline that is not within quotes."""
    end = content.rfind(b"\n") + 1
    if content.count(b'"', 0, end) % 2 == 0 or len(content) > LONGEST:
        return end
    while end:
        # An odd number of quotes before a newline: it stands in one of them.
        end = content.rfind(b"\n", 0, end - 1) + 1
        if content.count(b'"', 0, end) % 2 == 0:
            break
    return end
