"""Which engine runs a program: the interpreter, or code that is compiled once a run is long.

The interpreter is the reference. What compiled code cannot hold, and whatever there is to tell,
is the interpreter's; so the choice shows in nothing but the time.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Literal

from autodiff_cli.errors import LimitError, UsageError
from autodiff_cli.explain.evaluation import (
    Evaluation,
    Question,
    answer,
    asked,
    evaluate,
    names_for,
)
from autodiff_cli.interpreter.builtins import RANDOM
from autodiff_cli.interpreter.machine import Machine
from autodiff_cli.interpreter.run import check_inputs, floating_inputs, run_in
from autodiff_cli.language import syntax
from autodiff_cli.language.names import BuiltIn
from autodiff_cli.records import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from autodiff_cli.compiler.engine import Ask, Compiled
    from autodiff_cli.compiler.native import Compiler, Native
    from autodiff_cli.compiler.rows import NativeRows, PythonRows
    from autodiff_cli.interpreter.machine import Settings
    from autodiff_cli.interpreter.program import Program

    Code = Compiled | Native
    Key = tuple[Ask, tuple[str, ...], bool, tuple[str, ...] | None, tuple[Any, ...]]

Engine = Literal["auto", "graph", "python", "native"]

FEW_STEPS = 1_000
"""Loop turns and calls that `auto` lets the interpreter take before it compiles."""
MANY_NODES = 10_000
"""Recorded in all calls of a program together, from which `auto` compiles it."""
ELEMENTS_OF_A_NODE = 10_000
"""Elements of the inputs that cost as much as a node."""
MANY_TURNS = 300_000
"""Taken by Python source in all calls together, from which a C compiler is worth its time."""


class Once:
    """Where `print` goes while a program is run again: what was written is not written twice."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._written = 0

    def from_start(self) -> Callable[[str], None]:
        """For a run that begins at the beginning."""
        seen = 0

        def say(text: str) -> None:
            nonlocal seen
            seen += 1
            if seen > self._written:
                self._written = seen
                self._write(text)

        return say


class Engines:
    """Runs one program, by what is worth it.

    What is compiled is kept for the kinds of inputs that it is for.

    Attributes:
        choice: what is to run it, as the user says.
    """

    def __init__(self, program: Program, engine: Engine) -> None:
        self.choice = engine
        self._program = program
        self._compiled: dict[tuple[str, Key], Code | str] = {}
        self._makers: list[Compiler | None] = []
        self._nodes = 0
        self._turns = 0

    def evaluate(
        self,
        inputs: Mapping[str, Any],
        wrt: Sequence[str] | None,
        of: Sequence[str] | None,
        settings: Settings,
        question: Question | None,
    ) -> list[Evaluation]:
        """As `explain.evaluation.evaluate`, by the engine that is chosen."""
        question = question or Question()
        wrt = names_for(question, wrt)
        why = self._why_not(settings, question)
        if why or self.choice == "graph":
            return self._interpreted(inputs, wrt, of, settings, question, why)
        check_inputs(self._program.resolved, inputs)
        once = Once(settings.on_print)
        if self.choice == "auto" and self._nodes < MANY_NODES:
            probing = replace(settings, on_print=once.from_start())
            found = self._short(inputs, wrt, of, probing, question)
            if found is not None:
                self._nodes += found[0].nodes + _elements(inputs) // ELEMENTS_OF_A_NODE
                return found
        key = self._key(question, inputs, wrt, of)
        evaluations, why = self._compiled_run(key, inputs, settings, question, once)
        if evaluations is not None:
            return evaluations
        again = replace(settings, on_print=once.from_start())
        return self._interpreted(inputs, wrt, of, again, question, why)

    def _compiled_run(  # recurses: once more
        self,
        key: Key,
        inputs: Mapping[str, Any],
        settings: Settings,
        question: Question,
        once: Once,
    ) -> tuple[list[Evaluation] | None, str]:
        """What compiled code makes of it, or None and why it does not."""
        from autodiff_cli.api.compiled import Runs, answered
        from autodiff_cli.compiler.form import Flag, Long

        told = "there was something to tell"
        code, why = self._code(key, inputs)
        if code is None:
            return None, why
        may_be_native = not (code.is_native or code.is_of_arrays)
        short = may_be_native and self.choice == "auto" and self._maker() is not None
        most = MANY_TURNS if short and self._turns < MANY_TURNS else inf
        runs = Runs(code, inputs, settings.limits, once.from_start(), most)
        try:
            found = answered(runs, question)
        except Long:
            if most == inf or settings.limits.steps <= most:
                return None, told
            self._turns += MANY_TURNS
            return self._compiled_run(key, inputs, settings, question, once)
        except Flag:
            return None, told
        self._turns += runs.steps
        if not code.is_native and why:
            for evaluation in found:
                evaluation.engine += f": not native, because {why}"
        return found, ""

    def _code(self, key: Key, inputs: Mapping[str, Any]) -> tuple[Code | None, str]:
        """The program as code that runs, and why it is none, or no machine code."""
        why = ""
        if self.choice != "python":
            maker = self._maker()
            if maker is None:
                why = "there is no C compiler"
            else:
                kept = not (self.choice == "native" or maker.is_quick)
                only_kept = kept and self._turns < MANY_TURNS
                code = self._made("kept" if only_kept else "native", key, inputs)
                if not isinstance(code, str):
                    return code, ""
                why = code
        code = self._made("python", key, inputs)
        return (None, code) if isinstance(code, str) else (code, why)

    def rows(
        self,
        inputs: Mapping[str, Any],
        wrt: Sequence[str] | None,
        of: Sequence[str] | None,
        settings: Settings,
        question: Question,
        kind: Literal["kept rows", "rows", "python rows"],
    ) -> NativeRows | PythonRows | str:
        """Compiled code for many records, or why there is none.

        Args:
            inputs: of one of them, which all are like.
            kind: machine code that was made before, or that a C compiler makes; Python source.

        Raises:
            UsageError: an input is missing or unknown, or there has to be a compiler, and is none.
        """
        if question.kind == "jacobian":
            question = replace(question, kind="gradient")  # of one number it is the same
        why = self._why_not(settings, question)
        if question.kind != "gradient" or question.cotangent is not None:
            why = "more is asked than a gradient"
        if why or self.choice == "graph":
            return why
        check_inputs(self._program.resolved, inputs)
        if kind != "python rows" and self._maker() is None:
            return "there is no C compiler"
        made: NativeRows | PythonRows | str
        made = self._made(kind, self._key(question, inputs, wrt, of), inputs)
        return made

    def _made(self, kind: str, key: Key, inputs: Mapping[str, Any]) -> Any:
        """Code of a kind for some inputs, or why there is none; made once."""
        if (kind, key) not in self._compiled:
            from autodiff_cli.compiler.form import NotCompiled

            try:
                made = self._make(kind, key, inputs)
            except NotCompiled as error:
                line = "" if error.where is None else f", in line {error.where.line}"
                made = f"{error.what}{line}"
            self._compiled[kind, key] = made
        return self._compiled[kind, key]

    def _make(self, kind: str, key: Key, inputs: Mapping[str, Any]) -> Any:
        from autodiff_cli.compiler.engine import kinds_of

        ask, by, unasked, of, _ = key
        prepared = self._program.prepared(by, unasked, of, False, False)
        kinds = kinds_of(inputs)
        if kind == "python":
            from autodiff_cli.compiler.compiled import compiled

            return compiled(self._program, prepared, kinds, ask)
        from autodiff_cli.compiler.rows import NativeRows, PythonRows

        if kind == "python rows":
            return PythonRows(self._program, prepared, kinds, ask)
        from autodiff_cli.compiler.native import Native

        maker = self._maker()
        assert maker is not None
        of_kind = NativeRows if kind.endswith("rows") else Native
        return of_kind(self._program, prepared, kinds, maker, kind.startswith("kept"), ask)

    def _maker(self) -> Compiler | None:
        """The C compiler, which is looked for once."""
        if not self._makers:
            from autodiff_cli.compiler import native

            self._makers.append(native.compiler())
        if self._makers[0] is None and self.choice == "native":
            raise UsageError(
                "--engine native: there is no C compiler",
                help="install one that is called cc, or name one by CC=…, or "
                "pip install 'autodiff-cli[native]'",
            )
        return self._makers[0]

    def _key(
        self,
        question: Question,
        inputs: Mapping[str, Any],
        wrt: Sequence[str] | None,
        of: Sequence[str] | None,
    ) -> Key:
        """What code depends on."""
        from autodiff_cli.api.compiled import ask_of
        from autodiff_cli.compiler.engine import kinds_of

        ask = ask_of(question)
        assert ask is not None
        by = floating_inputs(self._program.resolved, inputs) if wrt is None else tuple(wrt)
        kinds = tuple(kinds_of(inputs).items())
        return ask, by, wrt is None, None if of is None else tuple(of), kinds

    def _why_not(self, settings: Settings, question: Question) -> str:
        """Why the interpreter is to run it, whatever the program is; empty where nothing is."""
        if question.kind == "derivatives":
            return "derivatives of a higher order are asked for"
        if settings.single:
            return "its floats are float32"
        return "it moves a name" if settings.moves else ""

    def _interpreted(
        self,
        inputs: Mapping[str, Any],
        wrt: Sequence[str] | None,
        of: Sequence[str] | None,
        settings: Settings,
        question: Question,
        why: str,
    ) -> list[Evaluation]:
        found = evaluate(self._program, inputs, wrt, of, settings, question)
        for evaluation in found:
            evaluation.engine = f"graph: not compiled, because {why}" if why else "graph"
        return found

    def _short(
        self,
        inputs: Mapping[str, Any],
        wrt: Sequence[str] | None,
        of: Sequence[str] | None,
        settings: Settings,
        question: Question,
    ) -> list[Evaluation] | None:
        """What the interpreter makes of it; None where it takes long."""
        limits = settings.limits
        if limits.steps <= FEW_STEPS or not self._may_be_long():
            return evaluate(self._program, inputs, wrt, of, settings, question)
        few = replace(settings, limits=replace(limits, steps=FEW_STEPS))
        machine = Machine(asked(few, question))
        try:
            with machine.open():
                outcome = run_in(machine, self._program, inputs, wrt, of, logged=False)
                return answer(outcome, question)
        except LimitError:  # of these few steps, or one that stops a whole run as well
            return None

    def _may_be_long(self) -> bool:
        """Whether a run may take many steps, and would come to the same if it ran again."""
        resolved = self._program.resolved
        loops = (syntax.While, syntax.For, syntax.Function)
        return any(
            isinstance(node, loops) for nodes in resolved.nodes.values() for node in nodes
        ) and not any(
            isinstance(bound, BuiltIn) and bound.name in RANDOM
            for bound in resolved.bindings.values()
        )


def _elements(inputs: Mapping[str, Any]) -> int:
    """How many numbers the inputs are."""
    return sum(getattr(value, "size", 1) for value in inputs.values())
