"""`name=@file` and `--inputs FILE`: finds the file, reads it, and calls the reader for it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from autodiff_cli.data.json_text import read_json, read_json_inputs
from autodiff_cli.data.npy import NPY_MAGIC, read_npy, read_npz
from autodiff_cli.data.reading import read_whole
from autodiff_cli.data.tables import looks_like_csv, read_csv, read_numbers
from autodiff_cli.data.values import Value, quoted
from autodiff_cli.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Value", "read_file_value", "read_inputs_json", "read_program", "read_text"]

_STANDARD_INPUT = "-"

_LONE_JSON = {"true", "false", '"nan"', '"inf"', '"-inf"'}
"""JSON scalars that do not read the same as plain text does."""


def read_file_value(spec: str, name: str) -> Value:
    """The value that `name=@spec` gives.

    Args:
        spec: a file's path or `-` (standard input), where it fits with a `:column` of a CSV,
            several `:a,b,c` of them, or the `:key` of an NPZ.
        name: the input's name, for messages; may be empty.

    Raises:
        UsageError: where the file, or what is in it, is not to be had as a value.
    """
    path, part = _split(spec)
    source = _source(path)
    where = f"input {name}: {source}" if name else source
    reader = _READERS.get(_ending(path))
    if reader is None:
        if path != _STANDARD_INPUT and os.path.isfile(path):
            raise UsageError(
                f"{where}: unknown ending {quoted(_ending(path))}",
                help=f"endings that work: {', '.join(_READERS)}; or pipe it into the command",
            )
        reader = _read_unnamed  # standard input, or a pipe such as the shell's <(…)
    return reader(_content(path, where), part, where)


def read_inputs_json(path: str) -> dict[str, Value]:
    """The values in a JSON object, by the names of the inputs; `-` is standard input."""
    return read_json_inputs(read_text(path), _source(path))


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
    return os.path.splitext(path)[1].lower()


def _source(path: str) -> str:
    return "standard input" if path == _STANDARD_INPUT else path


def _content(path: str, where: str) -> bytes:
    """All bytes of a file or of standard input."""
    if path == _STANDARD_INPUT:
        return _standard_input(where)
    content = _file(path, where)
    if not content:
        raise UsageError(f"{where}: the file is empty", help="put at least one number into it")
    return content


def _file(path: str, where: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return read_whole(file, where)
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{where}: no such file", help=_similar_file(path)) from None
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
            help="pipe data into the command, and take it with - once only",
        )
    return bytes(content)


def _similar_file(path: str) -> str:
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
            help="only a CSV has columns, and only an NPZ has keys, to choose from",
        )


def _read_json(content: bytes, part: str | None, where: str) -> Value:
    _refuse_part(part, where)
    return read_json(_text(content, where), where)


def _read_npy(content: bytes, part: str | None, where: str) -> Value:
    _refuse_part(part, where)
    return read_npy(content, where)


def _read_csv(content: bytes, part: str | None, where: str) -> Value:
    return read_csv(_text(content, where), part, where)


def _read_txt(content: bytes, part: str | None, where: str) -> Value:
    _refuse_part(part, where)
    return read_numbers(_text(content, where), where)


def _read_unnamed(content: bytes, part: str | None, where: str) -> Value:
    """Reads what has no ending to go by: tells NPY, JSON, CSV and plain numbers apart."""
    if content.startswith(NPY_MAGIC):
        return _read_npy(content, part, where)
    text = _text(content, where)
    bare = text.strip()
    if bare[0] in "[{" or bare in _LONE_JSON:
        return _read_json(content, part, where)
    if part is not None or looks_like_csv(text):
        return _read_csv(content, part, where)
    return _read_txt(content, part, where)


_READERS: dict[str, Callable[[bytes, str | None, str], Value]] = {
    ".json": _read_json,
    ".npy": _read_npy,
    ".npz": read_npz,
    ".csv": _read_csv,
    ".txt": _read_txt,
}
