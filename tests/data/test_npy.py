"""NPY and NPZ files -> values."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autodiff_cli.data.npy import read_npy, read_npz
from autodiff_cli.errors import UsageError

REAL = "save array.real, or one field of it, or array.astype(float)"
CORRUPT = ": the NPY data is cut short or corrupt"


def _npy(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def _npz(**arrays):
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def _same(value, want):
    assert type(value) is type(want)
    np.testing.assert_array_equal(value, want, strict=isinstance(want, np.ndarray))


@pytest.mark.parametrize(
    ("array", "want"),
    [
        (np.array([1.5, 2.5]), np.array([1.5, 2.5])),
        (np.array([1, 2], np.int8), np.array([1.0, 2.0])),
        (np.array([2**63], np.uint64), np.array([2.0**63])),
        (np.array([1.5], np.float16), np.array([1.5])),
        (np.array([1.5], np.longdouble), np.array([1.5])),
        (np.array([1.5], ">f8"), np.array([1.5])),
        (np.array([1.5], np.float32), np.array([1.5], np.float32)),
        (np.array([1.5], ">f4"), np.array([1.5], np.float32)),
        (np.array([[True], [False]]), np.array([[True], [False]])),
        (np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 2.0], [3.0, 4.0]])),
        (np.zeros((0, 3)), np.zeros((0, 3))),
        (np.array(3), 3.0),
        (np.array(1.5, np.float32), 1.5),
        (np.array(True), True),
    ],
)
def test_npy(array, want):
    value = read_npy(_npy(array), "d.npy")
    _same(value, want)
    if isinstance(value, np.ndarray):
        assert value.dtype.isnative


@pytest.mark.parametrize(
    ("content", "what", "help"),
    [
        (
            _npy(np.array([1, "a", None], dtype=object)),
            ": got an array of Python objects, want numbers or booleans",
            "unpickling could run code, so it is never done; save array.astype(float) instead",
        ),
        (
            _npy(np.array([1j])),
            ": got an array of type complex128, want real numbers or booleans",
            REAL,
        ),
        (
            _npy(np.array(["abc"])),
            ": got an array of type <U3, want real numbers or booleans",
            REAL,
        ),
        (
            _npy(np.zeros(2, [("a", float), ("b", int)])),
            ": got an array of type [('a', '<f8'), ('b', '<i8')], want real numbers or booleans",
            REAL,
        ),
        (
            _npy(np.zeros(2, "M8[s]")),
            ": got an array of type datetime64[s], want real numbers or booleans",
            REAL,
        ),
        (_npy(np.ones(9))[:-1], CORRUPT, "write it again with numpy.save"),
        (_npy(np.ones(9))[:20], CORRUPT, "write it again with numpy.save"),
        (_npy(np.ones(9))[:6], CORRUPT, "write it again with numpy.save"),
        (_npy(np.ones(9)).replace(b"(9,)", b"(9, "), CORRUPT, "write it again with numpy.save"),
        (
            _npy(np.ones(10**6)).replace(b"(1000000,)", b"(10**15,) "),
            CORRUPT,
            "write it again with numpy.save",
        ),
        (
            b"PK\x03\x04",
            ": not an NPY file, its first bytes are others",
            "write it again with numpy.save",
        ),
    ],
)
def test_npy_refusal(content, what, help):
    with pytest.raises(UsageError) as caught:
        read_npy(content, "input X: d.npy")
    assert (caught.value.what, caught.value.help) == (f"input X: d.npy{what}", help)


def test_npz():
    only = _npz(**{"dy/dx": np.array([1.0])})
    _same(read_npz(only, None, "d.npz"), np.array([1.0]))
    _same(read_npz(only, "dy/dx", "d.npz"), np.array([1.0]))
    both = _npz(x=np.array(1), y=np.array([True]))
    _same(read_npz(both, "x", "d.npz"), 1.0)
    _same(read_npz(both, "y", "d.npz"), np.array([True]))


def _damaged():
    content = _npz(x=np.ones(99))
    return content[:400] + b"?" + content[401:]


def _with_method(method):
    """An NPZ whose members name a way of compression that does not exist."""
    content = bytearray(_npz(x=np.ones(9)))
    for header, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        content[content.index(header) + offset] = method
    return bytes(content)


def _foreign():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("x.txt", "1")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "key", "what", "help"),
    [
        (
            _npz(x=1, y=2),
            None,
            " holds 2 arrays, want the key of one",
            "put :KEY after the file's name; its keys are: x, y",
        ),
        (
            _npz(weight=1),
            "wieght",
            ' has no key "wieght"',
            "did you mean `weight`?; its keys are: weight",
        ),
        (_npz(), None, " holds no arrays", "write it again with numpy.savez"),
        (_foreign(), None, " holds no arrays", "write it again with numpy.savez"),
        (
            b"not a zip",
            None,
            ": not an NPZ file, or one that is cut short",
            "write it again with numpy.savez",
        ),
        (
            _npz(x=1)[:-9],
            None,
            ": not an NPZ file, or one that is cut short",
            "write it again with numpy.savez",
        ),
        (
            _damaged(),
            "x",
            ', key "x": the NPZ data is cut short, corrupt or encrypted',
            "write it again with numpy.savez",
        ),
        (
            _with_method(99),
            None,
            ', key "x": the NPZ data is cut short, corrupt or encrypted',
            "write it again with numpy.savez",
        ),
        (
            _npz(x=np.array([None])),
            None,
            ', key "x": got an array of Python objects, want numbers or booleans',
            "unpickling could run code, so it is never done; save array.astype(float) instead",
        ),
    ],
)
def test_npz_refusal(content, key, what, help):
    with pytest.raises(UsageError) as caught:
        read_npz(content, key, "input X: d.npz")
    assert (caught.value.what, caught.value.help) == (f"input X: d.npz{what}", help)


ARRAYS = hnp.arrays(
    st.sampled_from([np.float64, np.float32, np.bool_]), hnp.array_shapes(min_side=0)
)


@given(ARRAYS, st.booleans())
def test_an_array_survives_the_round_trip(array, zipped):
    value = read_npz(_npz(x=array), "x", "d") if zipped else read_npy(_npy(array), "d")
    _same(value, array)


# Only the header and the zip's directory say what to read: damage within them is the worst.
@given(
    st.sampled_from([(_npy(np.ones((2, 3))), read_npy), (_npz(x=np.ones(3)), None)]),
    st.lists(st.tuples(st.integers(6, 500), st.integers(0, 255)), min_size=1, max_size=5),
)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_file_is_a_value_or_a_usage_error(sample, damage):
    content, reader = bytearray(sample[0]), sample[1]
    for place, byte in damage:
        content[place % len(content)] = byte
    try:
        value = reader(bytes(content), "d") if reader else read_npz(bytes(content), None, "d")
    except UsageError as error:
        assert error.what.startswith("d")
        assert error.help
    else:
        assert isinstance(value, float | bool | np.ndarray)
