"""Arrow streams and Parquet files in batches."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
import pyarrow.parquet

from autodiff_cli.data.streams.records import Header, Records
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

    def __init__(self, stream: BinaryIO) -> None:
        head = stream.peek(len(FILE_MAGIC)) if hasattr(stream, "peek") else b""
        if head.startswith(FILE_MAGIC):
            file = pa.ipc.open_file(pa.BufferReader(stream.read()))
            self._batches = map(file.get_batch, range(file.num_record_batches))
            schema = file.schema
        else:
            reader = pa.ipc.open_stream(stream)
            self._batches = iter(reader)
            schema = reader.schema
        self.header = Header(list(schema.names))

    def blocks(self) -> Iterator[ArrowBlock]:
        for batch in self._batches:
            yield ArrowBlock(pa.Table.from_batches([batch]))


class ParquetReader:
    """The batches of a Parquet file; one that comes through a pipe is read whole.

    Attributes:
        groups: how many groups of rows it has.
    """

    def __init__(self, stream: BinaryIO) -> None:
        seekable = stream if stream.seekable() else io.BytesIO(stream.read())
        self._file = pa.parquet.ParquetFile(seekable)
        self.groups = self._file.num_row_groups
        self.header = Header(list(self._file.schema_arrow.names))

    def blocks(self) -> Iterator[ArrowBlock]:
        for batch in self._file.iter_batches(ROWS):
            yield ArrowBlock(pa.Table.from_batches([batch]))
