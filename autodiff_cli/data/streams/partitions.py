"""A file in parts, each of which whoever sees the file can read by itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pyarrow.parquet

from autodiff_cli.data.streams.arrow_batches import ArrowBlock
from autodiff_cli.data.streams.broken import BROKEN, broken
from autodiff_cli.data.streams.csv_blocks import CsvBlock, csv_blocks
from autodiff_cli.data.streams.formats import SEPARATORS
from autodiff_cli.data.streams.quotes import LONGEST, rows_of
from autodiff_cli.errors import RunError
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, BinaryIO

    from autodiff_cli.data.streams.records import Records

BYTES = 8 * 2**20
"""Of a part of a CSV."""


@record
class CsvPart:
    """Rows of a CSV: the bytes from `start` to `stop`."""

    path: str
    where: str
    names: tuple[str, ...]
    separator: str
    start: int
    stop: int

    def read(self) -> Records:
        return CsvBlock(self.content(), self.names, self.separator).read()

    def content(self) -> bytes:
        with _opened(self.path, self.where) as file:
            file.seek(self.start)
            return file.read(self.stop - self.start)


@record
class ParquetPart:
    """A row group of a Parquet file."""

    path: str
    where: str
    group: int

    def read(self) -> Records:
        try:
            table = pyarrow.parquet.ParquetFile(self.path).read_row_group(self.group)
        except BROKEN as error:
            raise broken(self.where, error) from None
        return ArrowBlock(table).read()


@record
class Lines:
    """Whole lines of a CSV, and whether quotes are open after them.

    Attributes:
        opens: where none was open before.
        stays_open: where one was.
    """

    start: int
    stop: int
    opens: bool
    stays_open: bool


def can_part(path: str, form: str) -> bool:
    """Whether there are parts of a file of this format, to be read by themselves."""
    is_known = form in SEPARATORS or form == "parquet"
    return is_known and os.path.isfile(path) and not path.endswith(".gz")


def parts_of(
    path: str, where: str, form: str, source: Any, run: Callable[..., Iterable[Lines]]
) -> Iterator[Any]:
    """The parts of a file, in order.

    Args:
        source: its reader.
        run: what a function comes to for each of many groups of arguments, in their order:
            `itertools.starmap`, or the same on other machines.
    """
    path = os.path.realpath(path)
    if form == "parquet":
        return (ParquetPart(path, where, group) for group in range(source.groups))
    starts = [source.start, *range(source.start + BYTES, os.path.getsize(path), BYTES)]
    ranges = [(path, where, source.separator, start, start + BYTES) for start in starts]
    return _csv_parts(path, where, source, run(lines_in, ranges))


def _csv_parts(path: str, where: str, source: Any, found: Iterable[Lines]) -> Iterator[Any]:
    """Cut where no quote is open; what one leaves open to the end is read here."""
    names, separator = source.header.names, source.separator
    start, is_open = source.start, False
    stop = start
    for lines in found:
        stop = lines.stop
        is_open = lines.stays_open if is_open else lines.opens
        if is_open and stop - start > LONGEST:
            raise RunError(
                f"{where}: a quote is open for more than {LONGEST:,} bytes after byte {start:,}",
                help="close it; without --cluster it costs the record alone",
                kind="input",
            )
        if not is_open and stop > start:
            yield CsvPart(path, where, tuple(names), separator, start, stop)
            start = stop
    if is_open:
        rest = CsvPart(path, where, tuple(names), separator, start, stop).content()
        yield from csv_blocks(rest, names, separator, is_last=True)[0]


def lines_in(path: str, where: str, separator: str, start: int, stop: int) -> Lines:
    """The lines that begin between two places of a file, of which the first begins one."""
    with _opened(path, where) as file:
        size = os.fstat(file.fileno()).st_size
        first = _line_start(file, start, size)
        last = _line_start(file, stop, size)
        file.seek(first)
        content = file.read(max(0, last - first))
    opens, stays_open = (rows_of(content, separator, inside)[1] for inside in (False, True))
    return Lines(first, max(first, last), opens, stays_open)


def _line_start(file: BinaryIO, place: int, size: int) -> int:
    """Where the first line begins from a place on."""
    if place >= size:
        return size
    file.seek(place - 1)
    file.readline()
    return file.tell()


def _opened(path: str, where: str) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise broken(where, error) from None
