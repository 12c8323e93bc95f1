"""Runs adiff as a user does, and holds every JSON that it prints to the published schemas."""

from __future__ import annotations

import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass
from fcntl import ioctl
from functools import cache
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import jsonschema_rs

import autodiff_cli
from autodiff_cli.commands.main import main

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMAS = Path(autodiff_cli.__file__).parent / "report" / "schemas"
RESULTS = {path.stem for path in SCHEMAS.glob("*.json")} - {"error"}
ADIFF = [sys.executable, "-m", "autodiff_cli"]
SECONDS = 60
"""After which a process that hangs is stopped."""

UNSET = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PYTHONIOENCODING", "PYTHONUTF8")


@dataclass(frozen=True)
class Done:
    """A command line that has ended: its exit status, and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The JSON objects on standard output, a line each."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def quantities(self) -> dict[str, str]:
        """The lines of the plain format."""
        return dict(line.split("\t") for line in self.out.splitlines())

    @property
    def error(self) -> dict[str, Any]:
        """The one JSON object on standard error."""
        (line,) = self.err.splitlines()
        return json.loads(line)


def check(done: Done) -> Done:
    """What holds of every command line: nobody sees Python, and JSON is as published."""
    assert "Traceback" not in done.err, done.err
    assert "internal error" not in done.err, done.err
    for text, schemas in (
        (done.out, RESULTS),
        (done.err, ("error",)),
    ):
        for line in text.splitlines():
            if line.startswith('{"schema"'):
                instance = json.loads(line)
                schema = instance["schema"].removeprefix("adiff.").partition("/")[0]
                assert schema in schemas, schema
                validate(instance, schema)
    return done


def validate(instance: Any, schema: str) -> None:
    _validator(schema).validate(instance)


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    text = (SCHEMAS / f"{schema}.json").read_text(encoding="utf-8")
    return jsonschema_rs.Draft202012Validator(json.loads(text))


def adiff(*arguments: str, stdin: str | bytes = "") -> Done:
    """Runs a command line inside this process, which is fast."""
    content = stdin.encode() if isinstance(stdin, str) else stdin
    streams = [TextIOWrapper(BytesIO(content), "utf-8") for content in (content, b"", b"")]
    patches = dict(zip(("stdin", "stdout", "stderr"), streams, strict=True))
    on_broken_pipe = signal.getsignal(signal.SIGPIPE)
    try:
        with mock.patch.multiple(sys, argv=["adiff", *arguments], **patches):
            main()
    except SystemExit as end:
        status = end.code
    finally:
        signal.signal(signal.SIGPIPE, on_broken_pipe)
    assert isinstance(status, int)
    out, err = (stream.buffer.getvalue().decode() for stream in streams[1:])
    return check(Done(status, out, err))


def process(
    *arguments: str,
    stdin: str | bytes = "",
    shell: str = "",
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
) -> Done:
    """Runs a command line in a process of its own.

    `shell` is what a shell does with it: `"$@" | head -1`.
    """
    words = [*ADIFF, *arguments]
    done = subprocess.run(
        ["bash", "-c", shell, "bash", *words] if shell else words,
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        env=environment(env),
        cwd=cwd,
        timeout=SECONDS,
    )
    return check(Done(done.returncode, done.stdout.decode(), done.stderr.decode()))


def environment(changes: dict[str, str] | None = None) -> dict[str, str]:
    """This process's, without what decides on colours, widths and encodings."""
    kept = {name: value for name, value in os.environ.items() if name not in UNSET}
    return {**kept, "TERM": "xterm-256color", **(changes or {})}


def terminal(
    *arguments: str,
    columns: int = 80,
    env: dict[str, str] | None = None,
    streams: Sequence[str] = ("stdin", "stdout", "stderr"),
    stdin: str = "",
) -> Done:
    """Runs a command line whose `streams` are a terminal, the others pipes.

    `stdin` is what a pipe has for it.

    What the terminal was sent is `out`, with plain line ends; what the pipes were, `err`.
    """
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    ends = {name: theirs if name in streams else subprocess.PIPE for name in ALL_STREAMS}
    running = subprocess.Popen([*ADIFF, *arguments], env=environment(env), **ends)
    os.close(theirs)
    if running.stdin is not None:
        running.stdin.write(stdin.encode())
        running.stdin.close()
        running.stdin = None
    sent = b""
    try:
        while block := _read(ours):
            sent += block
        piped = b"".join(part for part in running.communicate(timeout=SECONDS) if part)
    finally:
        running.kill()
        os.close(ours)
    text = sent.decode().replace("\r\n", "\n")
    return check(Done(running.returncode, text, piped.decode()))


ALL_STREAMS = ("stdin", "stdout", "stderr")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that nobody has it open any more
        return b""
