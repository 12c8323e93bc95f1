"""Columns -> the bytes of a stream, a batch at a time."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from autodiff_cli.data.streams.formats import SEPARATORS
from autodiff_cli.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Array = np.ndarray[Any, Any]

ROW_GROUP = 2**25
"""Bytes of the batches that make one row group of a Parquet file."""
_SPECIAL = '[",\r\n\t]'


def csv_bytes(columns: Mapping[str, Any], separator: str) -> Any:
    """Rows without their header, as bytes or a buffer of them.

    Text is as it stands, floats have the digits that read back.
    """
    table = pa.table([_cells(column) for column in columns.values()], names=[*map(str, columns)])
    options = {"include_header": False, "delimiter": separator}
    out = pa.BufferOutputStream()
    try:
        pa.csv.write_csv(table, out, pa.csv.WriteOptions(quoting_style="none", **options))
    except pa.ArrowInvalid:
        # A text holds a separator, a quote or a newline.
        rows = pc.binary_join_element_wise(
            *[_quoted(column) for column in table.columns],
            separator,
            null_handling="replace",
            null_replacement="",
        )
        return "".join([f"{row}\n" for row in rows.to_pylist()]).encode()
    return out.getvalue()


def csv_header(names: Sequence[str], separator: str) -> bytes:
    quoted = [name.replace('"', '""') for name in names]
    cells = [f'"{q}"' if re.search(_SPECIAL, q) else q for q in quoted]
    return (separator.join(cells) + "\n").encode()


def _cells(column: Any) -> Any:
    """A column in a type that a CSV can hold: lists are written as JSON."""
    array = as_arrow(column)
    kind = array.type
    if pa.types.is_dictionary(kind):
        return array.cast(kind.value_type)
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        values = [None if one is None else _legal(one) for one in array.to_pylist()]
        texts = [
            one if one is None or isinstance(one, str) else json.dumps(one, default=str)
            for one in values
        ]
        return pa.array(texts, pa.string())
    return array


def _quoted(column: Any) -> Any:
    text = column.cast(pa.string())
    wrapped = pc.binary_join_element_wise('"', pc.replace_substring(text, '"', '""'), '"', "")
    return pc.if_else(pc.match_substring_regex(text, _SPECIAL), wrapped, text)


def json_bytes(objects: Sequence[dict[str, Any]], columns: Mapping[str, Any]) -> bytes:
    """A line for each record: what it had, then the new columns, arrays nested."""
    lists = {name: _plain(column) for name, column in columns.items()}
    lines = []
    for place, one in enumerate(objects):
        line = _legal(one) | {name: values[place] for name, values in lists.items()}
        lines.append(json.dumps(line, ensure_ascii=False, default=str))
    return "".join([f"{line}\n" for line in lines]).encode(errors="backslashreplace")


def _plain(column: Any) -> list[Any]:
    if not isinstance(column, np.ndarray):
        values = column if isinstance(column, list) else column.to_pylist()
        return [_legal(value) for value in values]
    values = column.tolist()
    if column.dtype.kind != "f" or np.isfinite(column).all():
        return list(values)
    return [_legal(value) for value in values]


def _legal(value: Any) -> Any:  # recurses: an array's axes
    """A value in which what JSON has no number for is a string."""
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, dict):
        return {key: _legal(one) for key, one in value.items()}
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return [_legal(one) for one in value] if isinstance(value, list) else value


def as_arrow(column: Any) -> Any:
    """A column of numbers, or of arrays as lists, each in the next."""
    if not isinstance(column, np.ndarray):
        return column
    array = numbers(np.ascontiguousarray(column).reshape(-1))
    for size in column.shape[:0:-1]:
        array = pa.FixedSizeListArray.from_arrays(array, size)
    return array


def numbers(values: Array) -> Any:
    """An array of one axis for Arrow. `pa.array` would load pandas first, where it is installed."""
    if values.dtype == bool:
        packed = np.packbits(values, bitorder="little")
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(packed)])
    kind = {"f8": pa.float64(), "f4": pa.float32(), "i8": pa.int64()}[values.dtype.str[1:]]
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def _is_floating(table: Any, name: str) -> bool:
    kind = table.schema.field(name).type
    while pa.types.is_nested(kind) and kind.num_fields:
        kind = kind.field(0).type
    return bool(pa.types.is_floating(kind))


class Sink:
    """Where a stream is written: the header comes with its first batch.

    Args:
        names: of the columns of a CSV.
    """

    def __init__(self, stream: BinaryIO, form: str) -> None:
        self._stream = stream
        self._form = form
        self._writer: Any = None
        self._schema: Any = None
        self._waiting: list[Any] = []
        self.begun = False

    def begin(self, names: Sequence[str]) -> None:
        self.begun = True
        if self._form in SEPARATORS:
            self._stream.write(csv_header(names, SEPARATORS[self._form]))

    def write(self, batch: Any) -> None:
        """A batch of bytes, a buffer of them, or a table.

        Raises:
            RunError: a table's columns have not the types of those before.
        """
        if not isinstance(batch, pa.Table):
            self._stream.write(batch)
            return
        batch = self._as_before(batch)
        if self._writer is None:
            if self._form == "arrow":
                self._writer = pa.ipc.new_stream(self._stream, batch.schema)
            else:
                # Floats rarely repeat: a dictionary of them costs more than all else.
                repeating = [name for name in batch.schema.names if not _is_floating(batch, name)]
                self._writer = pa.parquet.ParquetWriter(
                    self._stream, batch.schema, use_dictionary=repeating or False
                )
        if self._form == "arrow":
            self._writer.write_table(batch)
            return
        self._waiting.append(batch)
        if sum(one.nbytes for one in self._waiting) >= ROW_GROUP:
            self._write_group()

    def _as_before(self, table: Any) -> Any:
        """A table in the types of the first one, where its values go into them."""
        self._schema = self._schema or table.schema
        if table.schema.equals(self._schema):
            return table
        try:
            return table.cast(self._schema)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError):
            pairs = zip(table.schema, self._schema, strict=True)
            new, old = next(pair for pair in pairs if pair[0].type != pair[1].type)
            raise RunError(
                f"column `{old.name}` has the type {new.type} in some records, and {old.type} in "
                "the first",
                help="a table has one type for each column: --to jsonl has not",
                kind="shape",
            ) from None

    def _write_group(self) -> None:
        if self._waiting:
            table, self._waiting = pa.concat_tables(self._waiting), []
            self._writer.write_table(table)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._write_group()
            self._writer.close()
        self._stream.flush()
