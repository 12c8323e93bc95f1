"""NumPy's own files -> values: NPY (one array) and NPZ (a zip of them, by key)."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

from autodiff_cli.data.reading import read_whole
from autodiff_cli.data.values import Value, quoted, unknown_name
from autodiff_cli.engine.memory import reserve
from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

NPY_MAGIC = b"\x93NUMPY"

_SAVE = "write it again with numpy.save"


def read_npy(content: bytes, where: str) -> Value:
    """The array of an NPY file: floats, integers as floats, or booleans.

    Args:
        content: the whole file.
        where: what messages begin with, such as `input X: data.npy`.
    """
    if not content.startswith(NPY_MAGIC):
        raise UsageError(f"{where}: not an NPY file, its first bytes are others", help=_SAVE)
    import numpy as np

    try:
        if _claimed(content) > len(content):
            raise ValueError("a shape that no file of this length can hold")
        array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except _corrupt() as error:
        if "Object arrays" in str(error):
            raise UsageError(
                f"{where}: got an array of Python objects, want numbers or booleans",
                help="unpickling could run code, so it is never done; "
                "save array.astype(float) instead",
            ) from None
        raise UsageError(f"{where}: the NPY data is cut short or corrupt", help=_SAVE) from None
    return _value(array, where)


def read_npz(content: bytes, key: str | None, where: str) -> Value:
    """One array of an NPZ file; `key` may be left out where there is only one."""
    import zipfile

    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except _corrupt():
        raise UsageError(
            f"{where}: not an NPZ file, or one that is cut short", help=f"{_SAVE}z"
        ) from None
    keys = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    if not keys:
        raise UsageError(f"{where} holds no arrays", help=f"{_SAVE}z")
    if key is None:
        if len(keys) > 1:
            raise UsageError(
                f"{where} holds {len(keys)} arrays, want the key of one",
                help=f"put :KEY after the file's name; its keys are: {', '.join(keys)}",
            )
        key = keys[0]
    elif key not in keys:
        raise unknown_name(where, "key", key, keys)
    where = f"{where}, key {quoted(key)}"
    try:
        with archive.open(f"{key}.npy") as packed:
            reserve(archive.getinfo(f"{key}.npy").file_size, where)
            member = read_whole(packed, where)
    except _corrupt():
        raise UsageError(
            f"{where}: the NPZ data is cut short, corrupt or encrypted", help=f"{_SAVE}z"
        ) from None
    return read_npy(member, where)


def _corrupt() -> tuple[type[Exception], ...]:
    """What bytes that are none of NumPy's files trip, in its reader of headers and in `zipfile`.

    An encrypted member trips a RuntimeError, and so does an unknown method of compression.
    """
    import struct
    import tokenize
    import zipfile
    import zlib

    own = struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error
    python = AttributeError, EOFError, LookupError, OSError, RuntimeError, SyntaxError, TypeError
    return (*own, *python, ArithmeticError, ValueError)


def _claimed(content: bytes) -> int:
    """The bytes that the header of an NPY says there are; raises what is `_corrupt`."""
    import numpy as np

    form, file = np.lib.format, io.BytesIO(content)
    version = form.read_magic(file)
    read = form.read_array_header_1_0 if version == (1, 0) else form.read_array_header_2_0
    shape, _, dtype = read(file)
    return 0 if dtype.hasobject else math.prod(shape) * dtype.itemsize


def _value(array: NDArray[Any], where: str) -> Value:
    """An array in one of the types that an input can have: float64, float32 or bool."""
    import numpy as np

    kind = array.dtype.kind
    if kind not in "biuf":
        raise UsageError(
            f"{where}: got an array of type {array.dtype}, want real numbers or booleans",
            help="save array.real, or one field of it, or array.astype(float)",
        )
    if kind == "b":
        return array if array.ndim else bool(array)
    if not array.ndim:
        return float(array)
    is_single_precision = kind == "f" and array.dtype.itemsize == 4
    return array.astype(np.float32 if is_single_precision else np.float64, copy=False)
