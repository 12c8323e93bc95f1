"""Values -> files: whole or not at all."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autodiff_cli.data import output
from autodiff_cli.data.output import npz_bytes, write_whole
from autodiff_cli.errors import UsageError

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _refused(path, content=b"new"):
    with pytest.raises(UsageError) as caught:
        write_whole(path, content)
    return caught.value.what, caught.value.help


def _mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


# --- files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"a\r\n\0\xff", bytes(10**6)])
@pytest.mark.parametrize("old", [None, b"old and longer"])
def test_a_file_is_written(content, old):
    if old is not None:
        Path("y.json").write_bytes(old)
    write_whole("y.json", content)
    assert Path("y.json").read_bytes() == content
    assert os.listdir() == ["y.json"]


def test_a_name_as_long_as_names_can_be():
    write_whole("y" * 255, b"new")
    assert os.listdir() == ["y" * 255]


@posix_only
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_honours_umask(umask, mode):
    before = os.umask(umask)
    try:
        write_whole("y.json", b"new")
    finally:
        os.umask(before)
    assert _mode("y.json") == mode


@posix_only
@pytest.mark.parametrize("mode", [0o600, 0o755, 0o666])
def test_an_old_file_keeps_its_mode(mode):
    Path("y.json").touch()
    os.chmod("y.json", mode)
    write_whole("y.json", b"new")
    assert _mode("y.json") == mode


@posix_only
@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_a_link(exists):
    Path("folder").mkdir()
    if exists:
        Path("folder/y.json").write_bytes(b"old")
    os.symlink("folder/y.json", "link")
    write_whole("link", b"new")
    assert os.readlink("link") == "folder/y.json"
    assert Path("folder/y.json").read_bytes() == b"new"
    assert os.listdir("folder") == ["y.json"]


# --- what cannot be replaced -----------------------------------------------------------------


@posix_only
def test_a_named_pipe_is_written_as_it_is():
    os.mkfifo("pipe")
    content = os.urandom(10**6)  # more than a pipe holds at once
    writer = threading.Thread(target=write_whole, args=("pipe", content))
    writer.start()
    assert Path("pipe").read_bytes() == content
    writer.join()
    assert stat.S_ISFIFO(os.stat("pipe").st_mode)


@posix_only
def test_a_named_pipe_whose_reader_has_gone():
    os.mkfifo("pipe")
    writer = threading.Thread(target=write_whole, args=("pipe", bytes(10**6)))
    writer.start()
    with open("pipe", "rb", buffering=0) as pipe:
        assert pipe.read(1) == b"\0"
    writer.join(timeout=60)
    assert not writer.is_alive()


def _run(code, **streams):
    project = Path(output.__file__).parents[2]
    code = f"from autodiff_cli.data.output import write_whole; {code}"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(project)},
        check=True,
        **streams,
    )


@posix_only
@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1"])
def test_standard_output_is_continued(path):
    with open("log", "wb") as log:
        log.write(b"before\n")
        log.flush()
        _run(f"print('printed'); write_whole('{path}', b'new\\n'); print('after')", stdout=log)
    assert Path("log").read_text() == "before\nprinted\nnew\nafter\n"


@posix_only
def test_standard_error_is_continued():
    assert _run("write_whole('/dev/stderr', b'new')", stderr=subprocess.PIPE).stderr == b"new"


@posix_only
def test_standard_output_whose_reader_has_gone():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = _run("write_whole('/dev/stdout', b'new')", stdout=gone, stderr=subprocess.PIPE)
    assert done.stderr == b""


# --- refusals --------------------------------------------------------------------------------


def test_a_folder():
    Path("folder").mkdir()
    for path in ("folder", "folder/", "gone/", ""):
        assert _refused(path) == (
            f"output {path}: is a folder, want a file",
            "add a file's name to it",
        )
    assert os.listdir() == ["folder"]


def test_a_folder_that_is_not_there():
    assert _refused("no such/y.json") == (
        "output no such/y.json: no such folder",
        "make it first: mkdir -p 'no such'",
    )
    Path("file").touch()
    assert _refused("file/y.json")[0] == "output file/y.json: no such folder"


@posix_only
def test_a_file_that_may_not_be_written(monkeypatch):
    # Root may write anything, so the answer of the system is played.
    Path("y.json").write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert _refused("y.json") == (
        "output y.json: no permission to write it",
        "choose a file and a folder that you may write to",
    )
    assert Path("y.json").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("raised", "what", "help"),
    [
        (
            PermissionError(13, "Permission denied"),
            "output y.json: no permission to write it",
            "choose a file and a folder that you may write to",
        ),
        (
            OSError(28, "No space left on device"),
            "output y.json: no space left on the disk",
            "make room, or choose another disk",
        ),
        (
            OSError(30, "Read-only file system"),
            "output y.json: cannot be written: read-only file system",
            "choose another file",
        ),
    ],
)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_half_way_leaves_what_was_there(monkeypatch, step, raised, what, help):
    def fail(*_):
        raise raised

    Path("y.json").write_bytes(b"old")
    monkeypatch.setattr(os, step, fail)
    assert _refused("y.json") == (what, help)
    assert Path("y.json").read_bytes() == b"old"
    assert os.listdir() == ["y.json"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_interrupt_leaves_nothing_behind(monkeypatch, step):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole("y.json", b"new")
    assert os.listdir() == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_device():
    assert _refused("/dev/full")[0] == "output /dev/full: no space left on the disk"


@posix_only
def test_a_path_that_no_system_takes():
    assert _refused("a\0b")[0].startswith("output a\0b: cannot be written: ")
    os.symlink("loop", "loop")
    assert _refused("loop")[0].startswith("output loop: cannot be written: too many levels")
    assert (
        _refused("/dev/fd/999")[0] == "output /dev/fd/999: cannot be written: bad file descriptor"
    )


# --- NPZ -------------------------------------------------------------------------------------


def test_npz_keys_of_every_kind():
    arrays = {"y": 28.0, "dy/dx": np.ones((2, 3)), "file": True, "allow_pickle": 1, "σ.npy": [1, 2]}
    loaded = np.load(io.BytesIO(npz_bytes(arrays)), allow_pickle=False)
    assert loaded.files == list(arrays)
    for key, array in arrays.items():
        np.testing.assert_array_equal(loaded[key], np.asarray(array), strict=True)


def test_npz_is_the_same_each_time(monkeypatch):
    first = npz_bytes({"x": np.ones(3)})
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert npz_bytes({"x": np.ones(3)}) == first


@given(
    st.dictionaries(
        st.sampled_from(["y", "dy/dx", "d2y/dx2", "μ"]),
        hnp.arrays(st.sampled_from([np.float64, np.float32, bool]), hnp.array_shapes(min_dims=0)),
    )
)
def test_npz_round_trip(arrays):
    loaded = np.load(io.BytesIO(npz_bytes(arrays)), allow_pickle=False)
    assert loaded.files == list(arrays)
    for key, array in arrays.items():
        np.testing.assert_array_equal(loaded[key], array, strict=True)
