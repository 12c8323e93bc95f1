"""NumPy's own files -> values: NPY (one array) and NPZ (a zip of them, by key)."""

from __future__ import annotations

import io
import math
from struct import error as StructError  # noqa: N812
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

from autodiff_cli.data.numerals import is_rounded
from autodiff_cli.data.reading import read_whole
from autodiff_cli.data.remarks import EXACT_UP_TO, remark_rounded
from autodiff_cli.data.values import Value, kept_names, quoted, unknown_name
from autodiff_cli.engine.memory import reserve
from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection
    from zipfile import ZipFile

    from numpy.typing import NDArray

NPY_MAGIC = b"\x93NUMPY"

CORRUPT = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    RecursionError,
    SyntaxError,
    TokenError,
    TypeError,
    ValueError,
    StructError,
)
"""What a corrupt header or directory trips in NumPy and in `zipfile`, which read on as if it were
none."""

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
    except CORRUPT as error:
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
    archive, keys = _opened(content, where)
    if key is None:
        if len(keys) > 1:
            raise UsageError(
                f"{where} holds {len(keys)} arrays, want the key of one",
                help=f"put :KEY after the file's name; its keys are: {', '.join(keys)}",
            )
        key = keys[0]
    elif key not in keys:
        raise unknown_name(where, "key", key, keys)
    return _member(archive, key, f"{where}, key {quoted(key)}")


def npz_arrays(content: bytes, source: str, wanted: Collection[str] | None) -> dict[str, Value]:
    """The arrays of an NPZ file by key: those that are wanted, or all where that is None."""
    archive, keys = _opened(content, source)
    kept = kept_names(keys, source, "key", wanted)
    return {key: _member(archive, key, f"{source}, key {quoted(key)}") for key in kept}


def _opened(content: bytes, where: str) -> tuple[ZipFile, list[str]]:
    """The archive, and the keys of the arrays in it, of which there are some."""
    import zipfile

    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except _broken():
        raise UsageError(
            f"{where}: not an NPZ file, or one that is cut short", help=f"{_SAVE}z"
        ) from None
    keys = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    if not keys:
        raise UsageError(f"{where} holds no arrays", help=f"{_SAVE}z")
    return archive, keys


def _broken() -> tuple[type[Exception], ...]:
    """What an archive raises that is corrupt.

    A member packed in a way that fails (bzip2's is an OSError), or encrypted, or packed in a way
    that is not known, which are RuntimeErrors.
    """
    from lzma import LZMAError
    from zipfile import BadZipFile
    from zlib import error as ZlibError  # noqa: N812

    return (*CORRUPT, BadZipFile, ZlibError, LZMAError, OSError, RuntimeError)


def _member(archive: ZipFile, key: str, where: str) -> Value:
    try:
        with archive.open(f"{key}.npy") as packed:
            reserve(archive.getinfo(f"{key}.npy").file_size, where)
            member = read_whole(packed, where)
    except _broken():
        raise UsageError(
            f"{where}: the NPZ data is cut short, corrupt or encrypted", help=f"{_SAVE}z"
        ) from None
    return read_npy(member, where)


def _claimed(content: bytes) -> int:
    """The bytes that the header of an NPY says there are; raises what is `CORRUPT`."""
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
    if kind in "iu":
        _tell_of_rounded(array, where)
    if kind == "b":
        return array if array.ndim else bool(array)
    if not array.ndim:
        return float(array)
    is_single_precision = kind == "f" and array.dtype.itemsize == 4
    return array.astype(np.float32 if is_single_precision else np.float64, copy=False)


def _tell_of_rounded(integers: NDArray[Any], where: str) -> None:
    large = integers[(integers > EXACT_UP_TO) | (integers < -EXACT_UP_TO)].ravel()
    rounded = [value for value in large.tolist() if is_rounded(str(value))] if large.size else []
    if rounded:
        remark_rounded(where, str(rounded[0]), len(rounded))
