"""What every command does that runs a program: its options, how it runs, how results leave it."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from autodiff_cli.commands.derivatives import read_question
from autodiff_cli.commands.inputs import FILE, read_inputs, read_source, split_names
from autodiff_cli.commands.limits import held, run_settings, seconds, size
from autodiff_cli.commands.screen import COLOR, deliver, is_terminal, show_text, wants_color
from autodiff_cli.errors import UsageError
from autodiff_cli.records import record
from autodiff_cli.report.endings import BY_ENDING, PICTURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from autodiff_cli.api.program import Program
    from autodiff_cli.errors import Finding
    from autodiff_cli.explain.evaluation import Evaluation, Question
    from autodiff_cli.language.source import Source

    Command: TypeAlias = Callable[..., Any]

PLAIN = ("", ".txt", ".tsv", ".log")
"""Endings of files of lines."""

# ── options ───────────────────────────────────────────────────────────────────────────


def _all(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def add(function: Command) -> Command:
        for option in reversed(options):
            function = option(function)
        return function

    return add


of_option = click.option(
    "--of",
    multiple=True,
    metavar="NAMES",
    help="What to give out.  [the last statement's value]",
)
question_options = _all(
    click.option(
        "--wrt",
        multiple=True,
        metavar="NAMES",
        help="What to differentiate by; '' for nothing.  [every input]",
    ),
    of_option,
)
"""`--wrt` and `--of`."""

expressions_option = click.option(
    "-e", "expressions", multiple=True, metavar="TEXT", help="The program; several are its lines."
)
"""`-e`."""

source_options = _all(
    click.argument("words", nargs=-1, type=FILE, metavar="[FILE | -] [NAME=VALUE]..."),
    expressions_option,
    click.option(
        "--inputs",
        "inputs_file",
        type=FILE,
        metavar="FILE",
        help="Inputs by name from a JSON object, a table or an NPZ; NAME=VALUE goes before it.",
    ),
)
"""The program, and its inputs."""
program_options = _all(source_options, question_options)
"""Those, and what it is asked for."""

_cotangent = click.option(
    "--cotangent",
    metavar="EXPR",
    help="Weigh the output's elements by these: `ones`, or an array.",
)
_at_kink = click.option(
    "--at-kink",
    type=click.Choice(("subgradient", "nan", "error")),
    default="subgradient",
    help="What a derivative is where there is none.",
)
gradient_options = _all(_cotangent, _at_kink)
derivative_options = _all(
    _cotangent,
    click.option("--jacobian", is_flag=True, help="Every output element by every input's."),
    click.option("--hessian", is_flag=True, help="Second derivatives, for every pair."),
    click.option(
        "--jvp", multiple=True, metavar="NAME=EXPR", help="The derivative along a direction."
    ),
    click.option(
        "--hvp", multiple=True, metavar="NAME=EXPR", help="The Hessian times a direction."
    ),
    click.option(
        "--order",
        type=click.IntRange(min=1),
        metavar="N",
        help="The first N derivatives along one number.",
    ),
    _at_kink,
)
"""Those of a gradient, and those that ask for something else."""


def format_options(formats: Sequence[str], auto: str) -> Callable[[Command], Command]:
    """`--format`, with these besides `auto`, `--json`, `-o`, `--digits` and `--color`.

    `auto` says in words what that stands for.
    """
    return _all(
        click.option(
            "--format",
            "form",
            type=click.Choice(("auto", *formats)),
            default="auto",
            help=f"auto: {auto}",
        ),
        click.option("--json", "as_json", is_flag=True, help="Short for --format json."),
        click.option(
            "-o", "--output", type=FILE, metavar="FILE", help="Write there, whole or not at all."
        ),
        digits_option,
        color_option,
    )


digits_option = click.option(
    "--digits",
    type=click.IntRange(1, 17),
    metavar="N",
    help="Significant digits.  [all that it takes]",
)
color_option = click.option(
    "--color", type=click.Choice(COLOR), default="auto", help="Colour on terminals, or as told."
)
seed_option = click.option(
    "--seed", type=click.IntRange(min=0), metavar="N", help="Start random numbers here."
)
number_options = _all(
    click.option(
        "--dtype",
        type=click.Choice(("float64", "float32")),
        default="float64",
        help="The precision of floats.",
    ),
    seed_option,
)
_count = click.IntRange(min=1)
limit_options = _all(
    *(
        click.option(name, type=kind, metavar=metavar, help=text)
        for name, kind, metavar, text in (
            ("--max-steps", _count, "N", "Loop iterations and calls, together.  [10 million]"),
            ("--max-nodes", _count, "N", "Nodes recorded.  [10 million]"),
            ("--max-depth", _count, "N", "Calls inside calls.  [10 thousand]"),
            ("--max-memory", size, "SIZE", "Bytes to take, of whatever kind: 500M, 4G.  [4G]"),
            ("--timeout", seconds, "SECONDS", "Time for all, reading and writing too.  [none]"),
        )
    )
)
"""Their defaults are those of `interpreter.machine.Limits`."""
strict_option = click.option(
    "--strict", is_flag=True, help="A nan or inf is an error, of status 4."
)
engine_option = click.option(
    "--engine",
    type=click.Choice(("auto", "graph", "python", "native")),
    default="auto",
    help="What runs it; auto compiles what is long. The answers are the same.",
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No warnings.")


def _by_ending(output: str, formats: Sequence[str]) -> str:
    ending = os.path.splitext(output)[1].lower()
    form = BY_ENDING.get(ending, "plain")
    if form in formats and (ending in BY_ENDING or ending in PLAIN):
        return form
    known = [each for each, form in BY_ENDING.items() if form in formats]
    raise UsageError(
        f"-o {output}: no format has the ending {ending}",
        help=f"there are {', '.join([*known, '.txt'])}; --format says it for any name"
        + ("; `adiff trace` draws graphs" if form in PICTURES and "svg" not in formats else ""),
        kind="output",
    )


# ── a call ────────────────────────────────────────────────────────────────────────────


@record
class Job:
    """A program that is ready to run, with its inputs and the derivatives that are asked for."""

    program: Program
    inputs: dict[str, Any]
    question: Question
    remarks: Sequence[Finding]
    """What there is to tell of the inputs and is not told yet."""


@record
class Call:
    """One call of a command, with its options."""

    context: click.Context
    words: Sequence[str]
    expressions: Sequence[str]
    options: dict[str, Any]

    def form(self, formats: Sequence[str]) -> str:
        """The format that is asked for, or the one of `formats` that `auto` stands for.

        That is the one of the ending of -o, else a table on a terminal, else plain.

        Raises:
            UsageError: two of them are asked for, or an ending of none of them.
        """
        form, output = str(self.options["form"]), self.options["output"]
        if self.options["as_json"]:
            if form not in ("auto", "json"):
                raise UsageError(
                    f"got --json and --format {form}, want one of them",
                    help="--json is short for --format json",
                )
            return "json"
        if form != "auto":
            return form
        if output is not None:
            form = _by_ending(output, formats)
        elif is_terminal(sys.stdout):
            form = "table"
        return form if form in formats else "plain"

    @contextmanager
    def opened(self, doing: str) -> Iterator[Job]:
        """Reads the program and its inputs; progress is shown while it is open.

        Raises:
            UsageError, ProgramError: as the command line or the program is wrong.
        """
        options = self.options
        source, input_words = read_source(self.words, self.expressions)
        from_stdin = source.name == "<stdin>"
        with self.working(f"{doing} {source.name}") as (say, remarks):
            program = prepared(source, options, say)
            settings = program.settings
            file, wanted = options["inputs_file"], program.inputs
            inputs = read_inputs(input_words, file, from_stdin, settings, wanted)
            question = read_question(options, from_stdin, settings)
            yield Job(program, inputs, question, remarks)

    @contextmanager
    def working(self, what: str) -> Iterator[tuple[Callable[[str], None], Sequence[Finding]]]:
        """Progress is shown while it is open.

        Gives what a program prints with, and the list of what there is to tell of the inputs,
        which stays empty where it is shown.
        """
        from autodiff_cli.commands.progress import progress

        with (
            self._remarks() as remarks,
            progress(what, self.options["color"]) as say,
        ):
            yield say, remarks if self._wants_json else ()

    @contextmanager
    def _remarks(self) -> Iterator[list[Finding]]:
        """Shows what readers of inputs tell, whatever comes of the run; JSON has a place for it."""
        from autodiff_cli.commands.warnings import show_findings
        from autodiff_cli.data.remarks import collected

        with collected() as remarks:
            try:
                yield remarks
            finally:
                if not self.options.get("quiet") and not self._wants_json:
                    show_findings(remarks, self.options["color"])

    @property
    def _wants_json(self) -> bool:
        return bool(self.options["as_json"]) or self.options["form"] == "json"

    def tell_of_nothing(self, program: Program, found: Sequence[Evaluation]) -> None:
        """Says by what to differentiate where nobody has, and there is no input to do so by."""
        from autodiff_cli.explain.asking import asks_by_itself, by_what

        resolved = program.prepared.resolved
        if self.options["quiet"] or self.options["wrt"] or any(each.at for each in found):
            return
        if (what := by_what(resolved)) and not asks_by_itself(resolved):
            show_text(f"nothing is differentiated by, as there is no input: add {what}\n")

    @property
    def color(self) -> bool:
        """Whether the results are in colour."""
        return self.options["output"] is None and wants_color(sys.stdout, self.options["color"])

    def tell(self, findings: Sequence[Finding], form: str) -> None:
        """Shows what there is to tell; JSON has a place for it."""
        from autodiff_cli.commands.warnings import show_findings

        if form != "json" and not self.options["quiet"]:
            show_findings(findings, self.options["color"])

    def deliver(self, content: str | bytes) -> None:
        """Writes results to where they are to go."""
        if isinstance(content, str):
            # A file's name that is no UTF-8 may stand in a warning.
            content = content.encode(errors="backslashreplace")
        deliver([content], self.options["output"])


def prepared(
    source: Source, options: Mapping[str, Any], on_print: Callable[[str], None]
) -> Program:
    """The program of a text, as the options say."""
    from autodiff_cli.api.program import Program

    of = split_names(options["of"])
    if of == []:
        raise UsageError("--of: got no name", help="leave it out for the last statement's value")
    settings = run_settings(options, on_print)
    strict = bool(options.get("strict"))
    engine = options.get("engine", "auto")
    return Program(source, split_names(options.get("wrt", ())), of, settings, strict, engine)


def takes_call(function: Callable[[Call], None]) -> Command:
    """What click calls of a function that is to have a `Call`.

    Where the program is to come from a terminal it shows help: that is better than to hang.
    """

    @click.pass_context
    @wraps(function)
    def command(
        context: click.Context,
        /,
        words: tuple[str, ...],
        expressions: tuple[str, ...],
        **options: Any,
    ) -> None:
        if "-" in words and is_terminal(sys.stdin):
            click.echo(context.get_help())
        elif options.get("interactive"):  # the limits are those of each statement
            function(Call(context, words, expressions, options))
        else:
            with held(options):
                function(Call(context, words, expressions, options))

    return command
