"""Traces of the programs that ship, in the formats that are read, and their golden files.

After a change that is meant,

    ADIFF_REGENERATE=1 pytest tests/report/trace

writes the files in `golden/` anew; read the difference before it is committed.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from autodiff_cli.commands.examples import programs
from autodiff_cli.explain.evaluation import Question
from autodiff_cli.explain.tracing import trace
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source
from autodiff_cli.report.trace.brief import Style
from autodiff_cli.report.trace.view import Choice, View
from tests.golden import Invocation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Writer = Callable[[View, Style], Iterator[str]]

GOLDEN = Path(__file__).parent / "golden"
PROGRAMS = programs()
COLUMNS = 80
NUMBER = re.compile(r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)")
PRINTED_TOLERANCE = 1e-5
"""Relative: of six digits, the last may be rounded either way."""
NOISE = 1e-12
"""What cancels is noise below this, and differs between platforms."""


def views(name: str) -> list[View]:
    """The traces of a program at the point of its first line."""
    asked = Invocation.of_program(PROGRAMS[name])
    question = asked.question if asked.question.kind == "gradient" else Question(cotangent="ones")
    traces = trace(asked.program, asked.inputs, asked.wrt, asked.of, asked.settings, question)
    return [View(each, Choice()) for each in traces]


def view_of(
    text: str, wrt: Sequence[str] = ("x",), choice: Choice | None = None, **inputs: Any
) -> View:
    (traced,) = trace(load(Source("t.ad", text)), inputs, list(wrt))
    return View(traced, choice or Choice())


def check_golden(name: str, suffix: str, write: Writer, columns: int | None = COLUMNS) -> None:
    """What a format writes of an example is what is recorded, and fits so many columns."""
    text = "\n".join("".join(write(view, Style())) for view in views(name))
    golden = GOLDEN / f"{name}.{suffix}"
    if os.environ.get("ADIFF_REGENERATE") == "1":
        golden.write_text(text, encoding="utf-8")
    want = golden.read_text(encoding="utf-8")
    assert agree(text, want), f"got\n{text}\nwant ({golden.name})\n{want}"
    if columns is not None:
        assert [line for line in text.splitlines() if cell_len(line) > columns] == []


def agree(got: str, want: str) -> bool:
    """Whether two texts are equal but for the last digits, and the columns after them."""
    got_parts, want_parts = NUMBER.split(got), NUMBER.split(want)
    return len(got_parts) == len(want_parts) and all(map(_agrees, got_parts, want_parts))


def _agrees(got: str, want: str) -> bool:
    if got.split() == want.split():
        return True
    if not (NUMBER.fullmatch(got) and NUMBER.fullmatch(want)) or "." not in got + want:
        return False
    return math.isclose(float(got), float(want), rel_tol=PRINTED_TOLERANCE, abs_tol=NOISE)


def orphans(suffix: str) -> list[str]:
    """Golden files without a program."""
    return [file.name for file in GOLDEN.glob(f"*.{suffix}") if file.stem not in PROGRAMS]
