"""Which format a stream is in, and its reader."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from autodiff_cli.data.files import similar_file
from autodiff_cli.data.streams.broken import BROKEN, Unpacked, first_line
from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BY_ENDING = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".ipc": "arrow",
    ".feather": "arrow",
    ".parquet": "parquet",
    ".pq": "parquet",
}
NAMES = {
    "csv": "a CSV",
    "tsv": "a TSV",
    "jsonl": "JSON lines",
    "arrow": "an Arrow stream",
    "parquet": "a Parquet file",
}
FORMATS = tuple(NAMES)
SEPARATORS = {"csv": ",", "tsv": "\t"}
STDIN = "-"


def format_of(path: str, asked: str | None, option: str) -> str:
    """The format that is asked for, or that of a file's ending; CSV on a standard stream.

    Raises:
        UsageError: no format has that ending.
    """
    if asked is not None:
        return asked
    name = path.lower().removesuffix(".gz")
    ending = os.path.splitext(name)[1]
    if path == STDIN or path.startswith("/dev/"):
        return "csv"
    if ending not in BY_ENDING:
        raise UsageError(
            f"{path}: got the ending {ending!r}, want one of {' '.join(BY_ENDING)}",
            help=f"{option} says which format it is: {', '.join(FORMATS)}",
        )
    return BY_ENDING[ending]


@contextmanager
def opened(path: str) -> Iterator[tuple[BinaryIO, str]]:
    """A file, or standard input, with what messages call it.

    Raises:
        UsageError: it cannot be read.
    """
    if path == STDIN:
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError(
                "<stdin>: there is nothing to read",
                help="pipe data into the command, or name a file after the program",
            )
        # Not `sys.stdin`, which Python closes while a thread may still be reading it.
        try:
            number = sys.stdin.fileno()
        except OSError:  # a stream within Python
            yield sys.stdin.buffer, "<stdin>"
            return
        with open(number, "rb", closefd=False) as piped:
            yield piped, "<stdin>"
        return
    try:
        stream: Any = Unpacked(path) if path.endswith(".gz") else open(path, "rb")  # noqa: SIM115
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        missing = isinstance(error, FileNotFoundError)
        raise UsageError(f"{path}: {reason}", help=similar_file(path) if missing else "") from None
    with stream:
        yield stream, path


def how_far(paths: Sequence[str], number: int, stream: BinaryIO) -> float | None:
    """How much of some files is read, from 0 to 1; None where nobody knows how much there is.

    Args:
        stream: the file of that number, those before it being done.
    """
    try:
        sizes = [os.path.getsize(path) for path in paths]
        place = os.lseek(stream.fileno(), 0, os.SEEK_CUR)
    except OSError:
        return None
    return (sum(sizes[:number]) + place) / max(sum(sizes), 1)


def reader(stream: BinaryIO, where: str, form: str, at_once: bool) -> Any:
    """What reads a stream: it has the `header` of its columns, and `blocks`.

    Raises:
        UsageError: it is not what it should be.
    """
    try:
        return _reader(stream, where, form, at_once)
    except BROKEN as error:
        what = NAMES[form]
        raise UsageError(
            f"{where}: not {what}, or cut off: {first_line(error)}",
            help="--from says which format it is",
        ) from None


def _reader(stream: BinaryIO, where: str, form: str, at_once: bool) -> Any:
    if form in SEPARATORS:
        from autodiff_cli.data.streams.csv_blocks import CsvReader

        return CsvReader(stream, where, SEPARATORS[form])
    if form == "jsonl":
        from autodiff_cli.data.streams.json_records import JsonReader

        return JsonReader(stream, where, at_once)
    from autodiff_cli.data.streams import arrow_batches

    kind = arrow_batches.ArrowReader if form == "arrow" else arrow_batches.ParquetReader
    return kind(stream)
