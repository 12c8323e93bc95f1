"""Arrow streams and Parquet files in batches."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
import pyarrow.parquet

from autodiff_cli.data.streams.records import Records
from autodiff_cli.errors import RunError, UsageError
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 65_536
"""Of a batch that a Parquet file is read in."""
FILE_MAGIC = b"ARROW1"


@record
class ArrowBlock:
    """A table that has been read."""

    table: pa.Table

    def read(self) -> Records:
        return Records(self.table, self.table.num_rows)


class ArrowReader:
    """The batches of an IPC stream, or of an IPC file (Feather)."""

    def __init__(self, stream: BinaryIO, where: str) -> None:
        self._where = where
        try:
            head = stream.peek(len(FILE_MAGIC)) if hasattr(stream, "peek") else b""
            if head.startswith(FILE_MAGIC):
                self._file = pa.ipc.open_file(pa.BufferReader(stream.read()))
                self._batches = map(self._file.get_batch, range(self._file.num_record_batches))
                schema = self._file.schema
            else:
                reader = pa.ipc.open_stream(stream)
                self._batches = iter(reader)
                schema = reader.schema
        except (pa.ArrowInvalid, OSError) as error:
            raise _unreadable(where, "an Arrow stream", error) from None
        self.names = list(schema.names)

    def blocks(self) -> Iterator[ArrowBlock]:
        try:
            for batch in self._batches:
                yield ArrowBlock(pa.Table.from_batches([batch]))
        except (pa.ArrowInvalid, OSError) as error:
            raise _broken(self._where, error) from None


class ParquetReader:
    """The batches of a Parquet file; one that comes through a pipe is read whole."""

    def __init__(self, stream: BinaryIO, where: str) -> None:
        self._where = where
        try:
            seekable = stream if stream.seekable() else io.BytesIO(stream.read())
            self._file = pa.parquet.ParquetFile(seekable)
        except (pa.ArrowInvalid, OSError) as error:
            raise _unreadable(where, "a Parquet file", error) from None
        self.names = list(self._file.schema_arrow.names)

    def blocks(self) -> Iterator[ArrowBlock]:
        try:
            for batch in self._file.iter_batches(ROWS):
                yield ArrowBlock(pa.Table.from_batches([batch]))
        except (pa.ArrowInvalid, OSError) as error:
            raise _broken(self._where, error) from None


def _first_line(error: BaseException) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text[:1].lower() + text[1:200]


def _unreadable(where: str, what: str, error: BaseException) -> UsageError:
    return UsageError(
        f"{where}: not {what}, or cut off: {_first_line(error)}",
        help="--from says which format it is",
    )


def _broken(where: str, error: BaseException) -> RunError:
    return RunError(
        f"{where} is damaged, or cut off: {_first_line(error)}",
        help="the records before that are written",
        kind="input",
    )
