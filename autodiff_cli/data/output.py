"""Values -> files: each written whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import re
import shlex
import signal
import stat
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from autodiff_cli.errors import AdiffError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DESCRIPTOR = re.compile(r"/dev/(?:(?P<stdout>stdout)|(?P<stderr>stderr)|fd/(?P<number>\d{1,9}))")

_TEMPORARIES: set[str] = set()
"""Files that are being written, to be moved to their places."""

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_whole(path: str, content: bytes) -> None:
    """Writes a file in one step: whoever looks sees the old content or the new, whole.

    A file that exists keeps its mode, and a symbolic link stays one. `/dev/stdout`, a named
    pipe or a device cannot be replaced and is written as it is; where its reader has gone, as
    in `| head -1`, the rest is dropped in silence.

    Raises:
        UsageError: where nothing can be written there. What was there before is still there.
    """
    try:
        descriptor = _DESCRIPTOR.fullmatch(path)
        if descriptor:
            _write_descriptor(descriptor, content)
            return
        mode = _mode(path)
        if stat.S_ISDIR(mode or 0) or not os.path.basename(path):
            raise IsADirectoryError(errno.EISDIR, "is a directory")
        if mode is None or stat.S_ISREG(mode):
            with _replacing(os.path.realpath(path), mode) as file:
                file.write(content)
        else:
            with suppress(BrokenPipeError), open(path, "wb", buffering=0) as raw:
                _write_all(raw, content)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        raise _refusal(path, error) from None


@contextmanager
def written_whole(path: str) -> Iterator[BinaryIO]:
    """A file that is written bit by bit and is there when all of it is, else as it was before.

    Where an error ends it that keeps what was written, that is there too.

    Raises:
        UsageError: as `write_whole`.
    """
    try:
        descriptor = _DESCRIPTOR.fullmatch(path)
        if descriptor:
            with open(_number(descriptor), "wb", closefd=False) as file:
                yield file
            return
        mode = _mode(path)
        if stat.S_ISDIR(mode or 0) or not os.path.basename(path):
            raise IsADirectoryError(errno.EISDIR, "is a directory")
        if mode is not None and not stat.S_ISREG(mode):
            with open(path, "wb") as file:
                yield file
            return
        with _replacing(os.path.realpath(path), mode) as file:
            yield file
    except (OSError, ValueError) as error:
        raise _refusal(path, error) from None


def npz_bytes(arrays: Mapping[str, Any]) -> bytes:
    """An NPZ file with these arrays; `numpy.load` finds each under its key, `dy/dx` too."""
    import zipfile

    import numpy as np

    # What numpy.savez does, save that its own parameters' names (`file`) are keys like others
    # and that the same arrays give the same bytes: no member carries the time of day.
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        for key, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
            members.writestr(zipfile.ZipInfo(f"{key}.npy"), member.getvalue())
    return archive.getvalue()


def _mode(path: str) -> int | None:
    """The kind and mode of what is at `path`, links followed; None where there is nothing."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


@contextmanager
def _replacing(target: str, mode: int | None) -> Iterator[BinaryIO]:
    """A new file beside `target`, which is moved there at the end."""
    if mode is not None and not os.access(target, os.W_OK):
        # The move would not ask: it needs a permission on the folder only.
        raise PermissionError(errno.EACCES, "permission denied")
    # In the same folder, as a move between file systems is no single step. The name has a
    # fixed length, as the target's own may be as long as names can be.
    temporary = os.path.join(os.path.dirname(target), f".adiff-{os.urandom(8).hex()}.tmp")
    with _kept_track_of(temporary):
        kept: AdiffError | None = None
        with open(temporary, "xb") as file:
            if mode is not None:  # before the content is in it, which may be private
                os.chmod(temporary, stat.S_IMODE(mode))
            try:
                yield file
            except AdiffError as error:
                if not error.keeps_output:
                    raise
                kept = error
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    if kept is not None:
        raise kept


@contextmanager
def _kept_track_of(temporary: str) -> Iterator[None]:
    """Leaves no temporary file behind: after an error, Ctrl-C, or a signal that ends us."""
    _TEMPORARIES.add(temporary)
    before = {}
    with suppress(ValueError):  # signals are the main thread's
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, _end_by)
    try:
        yield
    except BaseException:
        remove_temporaries()
        raise
    finally:
        _TEMPORARIES.discard(temporary)
        for number, handler in before.items():
            signal.signal(number, handler)


def remove_temporaries() -> None:
    """Removes what is being written, as the process is about to end."""
    for temporary in list(_TEMPORARIES):
        with suppress(OSError):
            os.unlink(temporary)


def _end_by(number: int, _: object) -> None:
    """Ends the process by a signal, as it would have without us."""
    remove_temporaries()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _write_descriptor(name: re.Match[str], content: bytes) -> None:
    """Writes to a stream that is open already.

    Opening `/dev/stdout` anew would cut off the file that the shell opened with `>>`.
    """
    with suppress(BrokenPipeError), open(_number(name), "wb", buffering=0, closefd=False) as file:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()  # what was printed before stands before
        _write_all(file, content)


def _number(name: re.Match[str]) -> int:
    return 1 if name["stdout"] else 2 if name["stderr"] else int(name["number"])


def _write_all(file: io.FileIO, content: bytes) -> None:
    """Writes on until a pipe or a terminal has taken everything."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]


def _refusal(path: str, error: OSError | ValueError) -> UsageError:
    """What to tell whoever asked for `path`."""
    code = error.errno if isinstance(error, OSError) else None
    folder = os.path.dirname(path) or "."
    if code == errno.EISDIR:
        reason, remedy = "is a folder, want a file", "add a file's name to it"
    elif code in (errno.ENOENT, errno.ENOTDIR):
        reason, remedy = "no such folder", f"make it first: mkdir -p {shlex.quote(folder)}"
    elif code in (errno.EACCES, errno.EPERM):
        reason = "no permission to write it"
        remedy = "choose a file and a folder that you may write to"
    elif code in _DISK_FULL:
        reason, remedy = "no space left on the disk", "make room, or choose another disk"
    else:
        text = (isinstance(error, OSError) and error.strerror) or str(error)
        reason, remedy = f"cannot be written: {text.lower()}", "choose another file"
    return UsageError(f"output {path}: {reason}", help=remedy)
