"""`name=@file` and `--inputs FILE`: finds the file, reads it, and calls the reader for it."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from autodiff_cli.data.json_text import read_json, read_json_inputs
from autodiff_cli.data.npy import NPY_MAGIC, npz_arrays, read_npy, read_npz
from autodiff_cli.data.reading import read_whole
from autodiff_cli.data.tables import (
    HEADER,
    csv_table,
    read_csv,
    read_numbers,
    read_tsv,
    text_table,
    tsv_table,
)
from autodiff_cli.data.values import Value, kept_names, quoted
from autodiff_cli.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from autodiff_cli.data.columns import Table

__all__ = [
    "Value",
    "read_file_value",
    "read_inputs_file",
    "read_program",
    "read_table",
    "read_text",
]

_STANDARD_INPUT = "-"

_PACKED = ".gz"
_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGIC = b"PK\x03\x04"

_Any = TypeVar("_Any")

_LONE_JSON = {"true", "false", '"nan"', '"inf"', '"-inf"'}
"""JSON scalars that do not read the same as plain text does."""


def read_file_value(spec: str, name: str) -> Value:
    """The value that `name=@spec` gives.

    Args:
        spec: a file's path or `-` (standard input), where it fits with a `:column` of a table,
            several `:a,b,c` of them, or the `:key` of an NPZ or of a JSON object.
        name: the input's name, for messages; may be empty.

    Raises:
        UsageError: where the file, or what is in it, is not to be had as a value.
    """
    path, part = _split(spec)
    source = _source(path)
    where = f"input {name}: {source}" if name else source
    reader = _by_ending(_READERS, path, where) or _read_unnamed
    return reader(_content(path, where), part, where)


def read_inputs_file(spec: str, wanted: Collection[str] | None = None) -> dict[str, Value]:
    """The values in a file, by the names of the inputs; `-` is standard input.

    They are the keys of a JSON object, the arrays of an NPZ, or the columns of a table.

    Args:
        spec: a file's path or `-`; a table's may have `:header` or `:no-header` after it.
        wanted: the names that are asked for; of all others, and in their order, the file's own
            names are remarked on, and nothing else of them is read. None asks for all.

    Raises:
        UsageError: the file is not to be had, or gives nothing a name.
    """
    path, part = _split(spec)
    source = _source(path)
    ending = _ending(path)
    content = _content(path, source)
    if part is not None and part not in HEADER:
        _refuse_part(part, source)
    if ending == ".npz" or (ending not in _READERS and content.startswith(_ZIP_MAGIC)):
        return npz_arrays(content, source, wanted)
    if ending == ".npy" or content.startswith(NPY_MAGIC):
        raise UsageError(
            f"{source}: an NPY file holds one array, which has no name",
            help=f"write NAME=@{path}",
        )
    text = _text(content, source)
    table = _TABLES.get(ending)
    if table is None and ending not in (".json", ".jsonl") and text.lstrip()[:1] not in ("{", "["):
        table = text_table
    if table is None:
        _refuse_part(part, source)
        return read_json_inputs(text, source, wanted)
    header = None if part is None else HEADER[part]
    return _columns(table(text, source, header), path, wanted)


def read_table(spec: str) -> Table:
    """A file of text, or standard input, as the columns that it has.

    Args:
        spec: a file's path or `-`; with `:header` or `:no-header` after it, it is said whether
            the first row holds the columns' names.

    Raises:
        UsageError: it is not to be had, or holds no row.
    """
    path, part = _split(spec)
    source = _source(path)
    if part is not None and part not in HEADER:
        _refuse_part(part, source)
    table = _by_ending(_TABLES, path, source) or text_table
    header = None if part is None else HEADER[part]
    return table(_text(_content(path, source), source), source, header)


def header_of(spec: str) -> list[str]:
    """The names of the columns where `spec` is a whole table, and its first row holds them.

    It has been read as a value: nothing is wrong with it.
    """
    path, part = _split(spec)
    ending = _ending(path)
    is_table = path == _STANDARD_INPUT or (ending in _TABLES and os.path.isfile(path))
    if part is not None or not is_table:
        return []
    content = _content(path, path)
    if content.startswith((NPY_MAGIC, _ZIP_MAGIC)) or content.lstrip()[:1] in (b"[", b"{"):
        return []
    table = _TABLES.get(ending, text_table)(_text(content, path), path, None)
    return table.names if table.has_header else []


def _columns(table: Table, path: str, wanted: Collection[str] | None) -> dict[str, Value]:
    if not table.names:
        raise UsageError(
            f"{table.where} has no header, want a name for each column",
            help=f"begin the file with a row of names, or write NAME=@{path}:#1 for a column",
        )
    names = [name for name in table.names if name]
    kept = kept_names(names, table.where, "column", wanted)
    picked = [table.pick(name)[0][0] for name in kept]
    if not picked:
        return {}
    array = table.numbers(picked)
    return {name: array[:, index].copy() for index, name in enumerate(kept)}


def read_text(path: str) -> str:
    """The text of a file, or of standard input; it is not blank."""
    source = _source(path)
    return _text(_content(path, source), source)


def read_program(path: str) -> str:
    """The text of a program file, or of standard input; may be empty."""
    source = _source(path)
    content = _standard_input(source) if path == _STANDARD_INPUT else _file(path, source)
    return _text(content, source) if content.strip() else ""


def _split(spec: str) -> tuple[str, str | None]:
    """A path and what is asked for within it.

    Both may hold colons: of all places to cut, the one with the longest path that exists is
    taken, else the last one after an ending that is known, else none (`C:\\data.csv`).
    """
    if spec == _STANDARD_INPUT or spec.startswith(f"{_STANDARD_INPUT}:"):
        return _STANDARD_INPUT, spec[2:] if len(spec) > 1 else None
    cuts: list[tuple[str, str | None]] = [(spec, None)]
    cuts += [(spec[:i], spec[i + 1 :]) for i in reversed(range(1, len(spec))) if spec[i] == ":"]
    existing = (cut for cut in cuts if os.path.exists(cut[0]))
    known = (cut for cut in cuts if _ending(cut[0]) in _READERS)
    return next(existing, None) or next(known, cuts[0])


def _ending(path: str) -> str:
    """The ending that says what is in a file, whether it is packed or not."""
    stem, ending = os.path.splitext(path.lower())
    return os.path.splitext(stem)[1] if ending == _PACKED else ending


def _by_ending(readers: dict[str, _Any], path: str, where: str) -> _Any | None:
    """The one for a path's ending; None for standard input, or a pipe such as `<(…)`."""
    reader = readers.get(_ending(path))
    if reader is None and path != _STANDARD_INPUT and os.path.isfile(path):
        raise UsageError(
            f"{where}: unknown ending {quoted(_ending(path))}",
            help=f"endings that work: {', '.join(readers)}, each also packed as {_PACKED}; "
            "or pipe it into the command",
        )
    return reader


def _source(path: str) -> str:
    return "standard input" if path == _STANDARD_INPUT else path


def _content(path: str, where: str) -> bytes:
    """All bytes of a file or of standard input."""
    content = _standard_input(where) if path == _STANDARD_INPUT else _file(path, where)
    if content.startswith(_GZIP_MAGIC):
        content = _unpacked(content, where)
    if not content:
        raise UsageError(f"{where}: the file is empty", help="put at least one number into it")
    return content


def _unpacked(content: bytes, where: str) -> bytes:
    import gzip
    import zlib

    try:
        return read_whole(gzip.GzipFile(fileobj=io.BytesIO(content)), where)
    except (OSError, EOFError, zlib.error):
        raise UsageError(
            f"{where}: the gzip data is cut short or corrupt", help="pack it again with gzip"
        ) from None


def _file(path: str, where: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return read_whole(file, where)
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{where}: no such file", help=similar_file(path)) from None
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        if os.path.isdir(path):
            raise UsageError(
                f"{where}: is a folder, want a file", help="name a file in it"
            ) from None
        if isinstance(error, PermissionError):
            raise UsageError(
                f"{where}: no permission to read it", help="change its permissions: chmod u+r"
            ) from None
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise UsageError(
            f"{where}: cannot be read: {reason.lower()}", help="check the path"
        ) from None


def _standard_input(where: str) -> bytes:
    """All of it; several inputs may each take their part of the same."""
    global _taken
    if _taken is not None and _taken[0] is sys.stdin:
        return _taken[1]
    # `sys.stdin` is None where the shell closed it, and has no buffer where it was replaced.
    stream = getattr(sys.stdin, "buffer", None)
    try:
        # On a terminal, reading would look like a hang.
        content = b"" if stream is None or stream.isatty() else read_whole(stream, where)
    except (OSError, ValueError):  # ValueError: the stream was closed
        content = b""
    if not content:
        raise UsageError(
            f"{where}: there is nothing to read",
            help="pipe data into the command",
        )
    _taken = (sys.stdin, bytes(content))
    return _taken[1]


_taken: tuple[object, bytes] | None = None
"""The stream that was read to its end, and what it held."""


def similar_file(path: str) -> str:
    """`did you mean "…"?` with a file of the same folder, or else where paths start from."""
    folder, missing = os.path.split(path)
    try:
        hint = did_you_mean(missing, os.listdir(folder or "."))
    except (OSError, ValueError):
        hint = ""
    return hint or "check the path; it starts from the folder that the command runs in"


def _text(content: bytes, where: str) -> str:
    """UTF-8 bytes as a text without the byte order mark; blank is an error."""
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{where}: not UTF-8, byte 0x{content[error.start]:02x} at offset {error.start}",
            help="save it as UTF-8 text",
        ) from None
    if not text.strip():
        raise UsageError(f"{where}: only blank lines", help="put at least one number into it")
    return text


def _refuse_part(part: str | None, where: str) -> None:
    if part is not None:
        raise UsageError(
            f"{where}: got {quoted(':' + part)} after it, want none",
            help="only a table has columns, and only an NPZ or a JSON object has keys",
        )


def _read_json(content: bytes, part: str | None, where: str) -> Value:
    return read_json(_text(content, where), part, where)


def _read_npy(content: bytes, part: str | None, where: str) -> Value:
    _refuse_part(part, where)
    return read_npy(content, where)


def _read_csv(content: bytes, part: str | None, where: str) -> Value:
    return read_csv(_text(content, where), part, where)


def _read_tsv(content: bytes, part: str | None, where: str) -> Value:
    return read_tsv(_text(content, where), part, where)


def _read_txt(content: bytes, part: str | None, where: str) -> Value:
    return read_numbers(_text(content, where), part, where)


def _read_unnamed(content: bytes, part: str | None, where: str) -> Value:
    """Reads what has no ending to go by: tells NPY, NPZ, JSON and text apart."""
    if content.startswith(NPY_MAGIC):
        return _read_npy(content, part, where)
    if content.startswith(_ZIP_MAGIC):
        return read_npz(content, part, where)
    bare = _text(content, where).strip()
    if bare[0] in "[{" or bare in _LONE_JSON:
        return _read_json(content, part, where)
    return _read_txt(content, part, where)


_Reader: TypeAlias = "Callable[[bytes, str | None, str], Value]"

_READERS: dict[str, _Reader] = {
    ".json": _read_json,
    ".npy": _read_npy,
    ".npz": read_npz,
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".txt": _read_txt,
    ".dat": _read_txt,
}

_TABLES: dict[str, Callable[[str, str, bool | None], Table]] = {
    ".csv": csv_table,
    ".tsv": tsv_table,
    ".txt": text_table,
    ".dat": text_table,
}
