"""The cache of machine code, compilers that fail, and what stops a run from outside."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import threading

import pytest

from autodiff_cli.api.program import Program
from autodiff_cli.compiler import lowering, native
from autodiff_cli.errors import LimitError, TimeOver, UsageError
from autodiff_cli.interpreter.machine import Limits, Settings
from autodiff_cli.language.source import Source

TEXT = "for i in range(50) { x = x + 0.01*sin(x) }; x"
PROGRAM = "input x\n" + TEXT


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    if native.compiler() is None:
        pytest.skip("there is no C compiler")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "adiff" / "native"


def run(text=PROGRAM, engine="native", **settings):
    f = Program(Source("p.ad", text), settings=Settings(**settings), engine=engine)
    return f.evaluate({"x": 0.5})[0]


def kept(cache):
    return sorted(cache.glob("*.so"))


def test_what_is_compiled_is_kept_for_its_user(cache):
    want = run(engine="graph")
    assert run().engine.startswith("native")
    (file,) = kept(cache)
    assert cache.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o700
    before = file.stat().st_mtime_ns
    again = run()
    assert (again.value, again.gradient) == (want.value, want.gradient)
    assert file.stat().st_mtime_ns == before
    assert list(cache.iterdir()) == [file]


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(file.read_bytes()[:1000]),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes().replace(b"\x00\x01", b"\x01\x00")),
        lambda file: file.chmod(0o777),
        lambda file: file.unlink(),
        lambda file: (file.unlink(), file.mkdir()),
        lambda file: (file.unlink(), file.symlink_to("/dev/null")),
    ],
    ids=["cut", "empty", "changed", "writable", "deleted", "folder", "link"],
)
def test_a_damaged_cache_is_not_trusted(cache, damage):
    want = run()
    (file,) = kept(cache)
    damage(file)
    got = run()
    assert (got.value, got.gradient) == (want.value, want.gradient)


def test_a_cache_that_others_can_write_is_not_used(cache):
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    assert run().engine.startswith("native")
    assert not kept(cache)


def test_a_cache_that_cannot_be_made_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert run().engine.startswith("native")


def test_a_cache_at_no_certain_place_is_the_usual_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert run().engine.startswith("native")
    assert not (tmp_path / "relative").exists()
    assert kept(tmp_path / "home" / ".cache" / "adiff" / "native")


def fake(tmp_path, script):
    path = tmp_path / "compiler"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return str(path)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo broken >&2; exit 1", "the C compiler failed: broken"),
        ("echo nothing made", "the C compiler failed"),
        ('while [ "$1" != -o ]; do shift; done; echo text > "$2"', "cannot be loaded"),
        ("sleep 60", "the C compiler took more than 0.5 seconds"),
    ],
)
def test_a_compiler_that_fails_is_said_and_done_without(tmp_path, monkeypatch, script, why):
    monkeypatch.setenv("CC", fake(tmp_path, script))
    monkeypatch.setattr(native, "SLOWEST", 0.5)
    found = run()
    assert found.engine.startswith("python: not native, because ")
    assert why in found.engine


def test_a_compiler_that_prints_is_not_heard(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("CC", fake(tmp_path, 'echo noise; echo noise >&2; exec cc "$@"'))
    if shutil.which("cc") is None:
        pytest.skip("cc is not installed")
    assert run().engine == "native, by cc"
    assert capfd.readouterr() == ("", "")


def test_what_another_processor_or_version_has_left_is_made_again(cache):
    """Whole, and under the right name, but nothing that can be loaded."""
    want = run()
    (file,) = kept(cache)
    for data in (b"\x7fELF of another processor", b""):
        file.write_bytes(data + hashlib.sha256(data).digest())
        file.chmod(0o700)
        got = run()
        assert (got.engine, got.value, got.gradient) == (want.engine, want.value, want.gradient)
        assert len(file.read_bytes()) > 1000


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give away")
@pytest.mark.parametrize("whose", ["file", "folder"])
def test_what_another_user_has_left_is_not_taken(cache, whose):
    want = run()
    (file,) = kept(cache)
    code = b"what must not be loaded"
    file.write_bytes(code + hashlib.sha256(code).digest())
    os.chown(file if whose == "file" else cache, 12345, 12345)
    got = run()
    assert (got.engine, got.value) == (want.engine, want.value)
    if whose == "folder":
        assert file.read_bytes().startswith(code)


def test_a_cache_that_is_full_is_done_without(cache, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(native.os, "replace", full)
    assert run().engine.startswith("native")
    assert not list(cache.iterdir())


def test_what_to_install_is_said(monkeypatch):
    monkeypatch.setattr(native, "compiler", lambda: None)
    with pytest.raises(UsageError, match="there is no C compiler") as raised:
        run()
    assert "pip install 'autodiff-cli[native]'" in raised.value.help
    assert run(engine="auto").engine == "graph"


def test_a_tape_keeps_to_the_memory_that_is_allowed():
    text = "input x\nfor i in range(100000) { x = x + 1e-9*x*x }; x"
    want = "--max-memory allows"
    for engine in ("graph", "python", "native"):
        with pytest.raises(LimitError, match=want):
            run(text, engine, limits=Limits(memory=1e6))


FOREVER = "input x\nwhile x > 0 { x = x + sin(x)^2 }; x"
CALLS = "input x\nfn f(n) { if n < 2 { x } else { f(n - 1) + f(n - 2) } }; f(90)"
UNBOUNDED = Limits(steps=10**12, nodes=10**12, memory=1e15)


@pytest.mark.parametrize("engine", ["python", "native"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), TimeOver(LimitError("over"))])
@pytest.mark.parametrize("text", [FOREVER, CALLS])
def test_what_runs_is_stopped_from_outside(engine, error, text):
    running = True

    def stop(*_):
        if running:
            raise error

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.2, 1)  # as time limits do
    try:
        with pytest.raises(type(error)):
            run(text, engine, limits=UNBOUNDED)
        running = False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("engine", ["python", "native"])
def test_a_recursion_takes_no_more_of_the_stack_than_there_is(engine):
    """What does not fit is the interpreter's, whose calls take none."""
    text = "input x\nfn f(n) { if n < 1 { x } else { sin(f(n - 1)) + x } }; f(9990)"
    found = {}

    def on_a_thread():
        found[engine] = run(text, engine)

    want = run(text, engine)
    before = threading.stack_size(2**18)
    try:
        thread = threading.Thread(target=on_a_thread)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert want.engine.startswith(engine)
    assert found[engine].engine.startswith("python" if engine == "python" else "graph")
    assert (found[engine].value, found[engine].gradient) == (want.value, want.gradient)


def test_a_program_of_many_lines_is_the_interpreters(monkeypatch):
    """It would take longer to compile than to run."""
    monkeypatch.setattr(lowering, "MOST_OPERATIONS", 200)
    found = run("input x\n" + "x = 0.999*x + 1\n" * 101 + "x", "python")
    assert found.engine == "graph: not compiled, because it has more than 200 operations"
    assert found.nodes == 2 * 101 + 1
