"""`adiff repl`: a prompt, and what it has from the other commands."""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from autodiff_cli.commands.ending import ENDING
from autodiff_cli.commands.help import ExamplesFirst
from autodiff_cli.commands.inputs import INPUT, read_inputs, read_source
from autodiff_cli.commands.limits import held, run_settings
from autodiff_cli.commands.running import (
    Call,
    color_option,
    digits_option,
    limit_options,
    number_options,
    source_options,
)
from autodiff_cli.commands.screen import (
    is_terminal,
    show_error,
    show_printed,
    show_text,
    wants_color,
)
from autodiff_cli.errors import AdiffError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from autodiff_cli.errors import Finding
    from autodiff_cli.repl.loop import Loop
    from autodiff_cli.repl.state import State

EXAMPLES = (
    "adiff repl -e 'y = x^2 * sin(x)' x=3",
    "echo 'x = 3; x^2' | adiff repl",
    "adiff examples newton > newton.ad && adiff repl newton.ad a=2",
)


@click.command("repl", cls=ExamplesFirst, examples=EXAMPLES)
@source_options
@digits_option
@color_option
@number_options
@limit_options
@click.pass_context
def command(
    context: click.Context, /, words: tuple[str, ...], expressions: tuple[str, ...], **options: Any
) -> None:
    """Explore: a prompt that keeps what you enter, and differentiates by every name in it.

    From a pipe the lines run as they come, each result on a line, and the exit status is that of
    the last error. Limits hold for each statement. The history is in $ADIFF_HISTORY, or else in
    the XDG state folder.
    """
    context.exit(_open(words, expressions, options, shows=True))


def after(
    show: Callable[[], None],
    call: Call,
) -> int:
    """Runs a program as another command, which `show` is, and goes on with it at a prompt.

    Raises:
        UsageError: the program is what a prompt would read.
    """
    options = call.options
    if "-" in call.words:
        raise UsageError("got - and -i, and standard input is one of them", help="name a file")
    if options["seed"] is None:
        # What is shown and what the prompt goes on with have the same random numbers.
        options["seed"] = int.from_bytes(os.urandom(4), "big")
    status = 0
    try:
        with held(options):
            show()
    except AdiffError as error:
        show_error(error, sys.argv[1:])
        status = error.status
    return _open(call.words, call.expressions, options, shows=False) or status


def _open(
    words: Sequence[str],
    expressions: Sequence[str],
    options: Mapping[str, Any],
    shows: bool,
) -> int:
    """Runs a program, if there is one, and goes on at a prompt; gives the exit status.

    Args:
        shows: what the program gives is to be shown; else it has been.
    """
    from autodiff_cli.repl.loop import Loop
    from autodiff_cli.repl.state import State
    from autodiff_cli.repl.worker import Worker

    on_screen = is_terminal(sys.stdin) and is_terminal(sys.stdout)
    settings = run_settings(options, show_printed)
    state = State(settings, Worker())
    state.digits = options["digits"]
    ENDING.hears = True
    colors = (wants_color(sys.stdout, options["color"]), wants_color(sys.stderr, options["color"]))
    loop = Loop(state, _Tools(options, settings.limits), on_screen, colors)
    if words or expressions:
        _begin(loop, words, expressions, options, shows)
    if on_screen:
        from autodiff_cli.repl.prompt import interact

        interact(loop)
        return 0
    if sys.stdin is not None:
        loop.run_lines(sys.stdin)
    return loop.status


def _begin(
    loop: Loop,
    words: Sequence[str],
    expressions: Sequence[str],
    options: Mapping[str, Any],
    shows: bool,
) -> None:
    """Runs the program of the command line, with its inputs, in the session."""
    text, inputs = "", list(words)
    with _remarks(options, shows), loop.tools.limited():
        if expressions or any(not INPUT.fullmatch(word) for word in words):
            source, inputs = read_source(words, expressions)
            text = source.text
        wanted = _inputs_of(text, options)
        settings = loop.state.session.settings
        given = read_inputs(inputs, options["inputs_file"], False, settings, wanted)
    loop.begin(text, given, shows)


def _require_result(output: str, state: State) -> None:
    from autodiff_cli.repl.state import LAST

    if output == LAST and LAST not in state.session:
        raise UsageError(
            "there is no result yet", help="enter an expression first, or name one after this"
        )


OPTION = re.compile(r"(a larger )?(--[a-z-]+)( allows more| sets a limit)?")


def _inputs_of(text: str, options: Mapping[str, Any]) -> Collection[str] | None:
    """The inputs of the program that a session begins with; None where there is none to ask."""
    if not text or options["inputs_file"] is None:
        return None
    from autodiff_cli.interpreter.program import load
    from autodiff_cli.language.source import Source

    try:
        return load(Source("<repl>", text)).resolved.inputs
    except AdiffError:
        return None  # told when it is run


@contextmanager
def _remarks(options: Mapping[str, Any], shows: bool = True) -> Iterator[None]:
    """Shows what readers of inputs tell while it is open."""
    from autodiff_cli.commands.warnings import show_findings
    from autodiff_cli.data.remarks import collected

    with collected() as remarks:
        yield
    if shows and not options.get("quiet"):
        show_findings(remarks, options["color"])


class _Tools:
    """`repl.tools.Tools`."""

    def __init__(self, options: Mapping[str, Any], limits: Any) -> None:
        self._options = options
        self._limits = limits

    def derivatives(self, kind: str, state: State, words: str) -> None:
        from autodiff_cli.commands.derivatives import read_question
        from autodiff_cli.repl.commands import asked_for

        # By its name, as `eval` knows this module.
        evaluation = import_module("autodiff_cli.commands.eval")
        options = self._parsed(evaluation.command, kind, state, words)
        call = Call(click.Context(evaluation.command), (), (), options)
        output, by = asked_for(" ".join(options.pop("words")))
        if kind != "gradient":
            options[kind] = True
        _require_result(output, state)
        form = evaluation.format_of(call)
        question = read_question(options, False, state.session.settings)
        found = state.evaluate(output, by or list(question.tangents) or None, question)
        self._warn(found.findings, options)
        call.deliver(evaluation.written([found], form, call))

    def _warn(self, findings: Sequence[Finding], options: Mapping[str, Any]) -> None:
        from autodiff_cli.commands.warnings import EXPLAINED, show_findings

        if options["quiet"]:
            return
        show_findings(findings, options["color"])
        if any(finding.kind in EXPLAINED for finding in findings):
            show_text("`:why` tells more\n")

    def command(self, name: str, state: State, words: str) -> None:
        from tempfile import TemporaryDirectory

        from autodiff_cli.repl.commands import asked_for

        tool = import_module(f"autodiff_cli.commands.{name}").command
        options = self._parsed(tool, name, state, words)
        output, by = asked_for(" ".join(options["words"]))
        _require_result(output, state)
        made = state.program({*_names_in(output), *by})
        is_name = output in state.session
        options["expressions"] = (made.text if is_name else f"{made.text}{output}",)
        options["of"] = (output,) if is_name else ()
        options["wrt"] = tuple(by or state.made_of(output))
        options["seed"] = state.session.settings.seed
        for each, most in self._options.items():
            if each == "timeout" or each.startswith("max_") or each == "dtype":
                options[each] = most
        with TemporaryDirectory() as folder:
            options["words"] = _as_files(made.inputs, folder)
            _invoke(tool, options)

    def _parsed(self, tool: click.Command, name: str, state: State, words: str) -> dict[str, Any]:
        """The options of a command of the prompt, which are those of the command line."""
        import shlex

        try:
            split = shlex.split(words)
        except ValueError:
            split = words.split()
        with _clicks():
            context = tool.make_context(f":{name}", split, ignore_unknown_options=True)
        options = dict(context.params)
        if options.get("digits") is None:
            options["digits"] = state.digits
        if options.get("form") == "auto" and not options.get("output") and state.form != "auto":
            kinds = next(p.type for p in tool.params if p.name == "form")
            if state.form in getattr(kinds, "choices", ()):
                options["form"] = state.form
        options["color"] = self._options["color"]
        return options

    def functions(self, name: str | None) -> None:
        from autodiff_cli.commands import functions

        _invoke(functions.command, {"name": name})

    def value(self, name: str, text: str) -> Any:
        from autodiff_cli.commands.inputs import read_value
        from autodiff_cli.interpreter.machine import Settings

        with _remarks(self._options):
            return read_value(name, text, False, Settings(self._limits))

    def program(self, path: str) -> str:
        from autodiff_cli.data.files import read_program

        return read_program(os.path.expanduser(path))

    def write(self, path: str, text: str) -> None:
        from autodiff_cli.data.output import write_whole

        write_whole(path, text.encode())

    @contextmanager
    def limited(self) -> Iterator[None]:
        with held(self._options):
            yield

    def error(self, error: BaseException) -> AdiffError:
        from autodiff_cli.commands.main import as_adiff_error

        failure = as_adiff_error(error)
        if failure.kind == "limit":
            # Options are for where a session begins; a prompt takes none.
            failure.help = OPTION.sub(r"start with `adiff repl \2 …`", failure.help)
        return failure

    def say(self, text: str) -> None:
        show_text(text)


def _names_in(text: str) -> set[str]:
    from autodiff_cli.language.parser import pieces

    return {text[start:end] for kind, start, end in pieces(text) if kind == "NAME"}


def _as_files(inputs: Mapping[str, Any], folder: str) -> tuple[str, ...]:
    """Inputs as the words of a command line; arrays are in files."""
    from autodiff_cli.api.transcript import literal
    from autodiff_cli.data.output import npz_bytes, write_whole
    from autodiff_cli.engine.primitive import shape_of

    words = []
    for name, value in inputs.items():
        if shape_of(value):
            path = os.path.join(folder, "inputs.npz")
            write_whole(path, npz_bytes({n: v for n, v in inputs.items() if shape_of(v)}))
            words.append(f"{name}=@{path}:{name}")
        else:
            words.append(f"{name}={literal(value)}")
    return tuple(words)


def _invoke(tool: click.Command, options: dict[str, Any]) -> None:
    with _clicks(), click.Context(tool) as context:
        context.params = options
        tool.invoke(context)


@contextmanager
def _clicks() -> Iterator[None]:
    """Help and a status end no more than the command that was asked for."""
    with suppress(click.exceptions.Exit):
        yield
