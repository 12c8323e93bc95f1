"""`adiff map`: a value and a gradient for each record of a stream."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from autodiff_cli.commands.derivatives import read_question
from autodiff_cli.commands.help import ExamplesFirst
from autodiff_cli.commands.inputs import FILE, INPUT, read_inputs, read_source, split_names
from autodiff_cli.commands.limits import run_settings, time_limit
from autodiff_cli.commands.running import (
    color_option,
    engine_option,
    expressions_option,
    limit_options,
    number_options,
    question_options,
    quiet_option,
    strict_option,
)
from autodiff_cli.commands.screen import is_terminal
from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import BinaryIO

    from autodiff_cli.batch.mapping import Plan
    from autodiff_cli.batch.stream import Stream
    from autodiff_cli.language.source import Source

FORMATS = ("csv", "tsv", "jsonl", "arrow", "parquet")
"""Those of `data.streams.formats`, which is not loaded for --help."""

EXAMPLES = (
    "printf 't\\n0.5\\n2\\n' | adiff map -e 'a * exp(-b*t)' a=3 b=1 --wrt a,b",
    "echo '{\"x\": 3} {\"x\": 4}' | adiff map -e 'x^2' --line-buffered",
    "printf 'u,v\\n1,2\\n' | adiff map -e 'x @ w' w='[1, 3]' --bind x=u,v --sum",
)


@click.command("map", cls=ExamplesFirst, examples=EXAMPLES)
@click.argument("words", nargs=-1, type=FILE, metavar="[FILE] [DATA]... [NAME=VALUE]...")
@expressions_option
@click.option(
    "--inputs",
    "inputs_file",
    type=FILE,
    metavar="FILE",
    help="Inputs that all records share, by name; NAME=VALUE goes before it.",
)
@question_options
@click.option(
    "--bind",
    multiple=True,
    metavar="NAME=COLUMNS",
    help="The columns of an input: x=c, or x=c1,c2,c3 or x='c*' for a vector.",
)
@click.option("--jacobian", is_flag=True, help="Every output element by every input's.")
@click.option("--hessian", is_flag=True, help="Second derivatives, for every pair.")
@click.option("--jvp", multiple=True, metavar="NAME=EXPR", help="Along a direction.")
@click.option(
    "--at-kink",
    type=click.Choice(("subgradient", "nan", "error")),
    default="subgradient",
    help="What a derivative is where there is none.",
)
@click.option(
    "--from", "source_form", type=click.Choice(FORMATS), help="Of DATA.  [by its name, else csv]"
)
@click.option("--to", "form", type=click.Choice(FORMATS), help="Of the output.  [by -o, else csv]")
@click.option("-o", "--output", type=FILE, metavar="FILE", help="Write there, when all is done.")
@click.option("--only-new", is_flag=True, help="Leave the columns of DATA out.")
@click.option("--sum", "sums", is_flag=True, help="One record: the total of all.")
@click.option("--mean", is_flag=True, help="One record: the mean of all.")
@click.option("--group-by", metavar="COLUMN", help="One record for each of its values.")
@click.option(
    "--on-error",
    type=click.Choice(("stop", "skip", "emit")),
    default="stop",
    help="At a bad record: stop after those before it, leave it out, or write it with its error.",
)
@click.option("--batch", type=click.IntRange(min=1), metavar="N", help="Records at once.  [16384]")
@click.option("--workers", type=click.IntRange(min=1), default=1, metavar="N", help="Processes.")
@click.option("--cluster", metavar="ADDRESS", help="The scheduler of a Dask cluster to run it on.")
@click.option("--line-buffered", is_flag=True, help="Answer each JSON record at once.")
@number_options
@strict_option
@limit_options
@engine_option
@color_option
@click.option("-v", "--verbose", is_flag=True, help="Say how it was computed.")
@quiet_option
def command(words: tuple[str, ...], expressions: tuple[str, ...], **options: Any) -> int:
    """Evaluate a program for each record of DATA, or of standard input.

    A record that cannot be read or evaluated is told on standard error, with its number and its
    column, and makes the exit status 1 (4 under --strict): also where --on-error goes on after it.
    """
    from autodiff_cli.commands.progress import progress

    source, data, given = _read_words(words, expressions)
    with (
        time_limit(options["timeout"]),
        progress(f"mapping {', '.join(data)}", options["color"]) as say,
    ):
        plan = _plan(source, given, options, say)
        with _output(options["output"]) as file:
            stream = _run(plan, file, data, options, say)
    _tell(stream, options, say)
    return stream.status


def _read_words(
    words: Sequence[str], expressions: Sequence[str]
) -> tuple[Source, list[str], list[str]]:
    """The program, the names of the files of data, and the inputs that all records share."""
    files = [word for word in words if not INPUT.fullmatch(word)]
    given = [word for word in words if INPUT.fullmatch(word)]
    program = [] if expressions else files[:1]
    data = files if expressions else files[1:]
    source, _ = read_source(program, expressions)
    if program == ["-"] and (not data or "-" in data):
        raise UsageError(
            "standard input is the program already", help="name the files of data after it"
        )
    return source, data or ["-"], given


def _plan(source: Source, given: Sequence[str], options: Mapping[str, Any], say: Any) -> Plan:
    from autodiff_cli.api.engines import Engines
    from autodiff_cli.batch.mapping import RECORDS, Plan
    from autodiff_cli.data.streams.formats import format_of

    settings = run_settings(options, say)
    shared = read_inputs(given, options["inputs_file"], False, settings)
    question = read_question(options, False, settings)
    reduce = "sum" if options["sums"] else "mean" if options["mean"] else ""
    if options["sums"] and options["mean"]:
        raise UsageError("got --sum and --mean, want one of them")
    if options["group_by"] and not reduce:
        raise UsageError("--group-by: of what?", help="add --sum or --mean")
    if reduce and question.kind != "gradient":
        raise UsageError(
            f"--{reduce} adds up values and gradients, got --{question.kind}",
            help=f"leave out --{question.kind}, or add the columns up afterwards",
        )
    if options["line_buffered"] and {options["source_form"], options["form"]} - {"jsonl", None}:
        raise UsageError("--line-buffered is for JSON lines", help="add --from jsonl --to jsonl")
    if options["line_buffered"] and (options["workers"] > 1 or options["cluster"]):
        raise UsageError(
            "--line-buffered answers each record before it reads the next, by itself",
            help="leave out --workers and --cluster",
        )
    if options["workers"] > 1 and options["cluster"]:
        raise UsageError("got --workers and --cluster, want one of them")
    form = "jsonl" if options["line_buffered"] else options["form"]
    return Plan(
        source,
        split_names(options["wrt"]),
        split_names(options["of"]),
        settings,
        question,
        shared,
        _bindings(options["bind"]),
        format_of(options["output"] or "-", form, "--to"),
        options["only_new"],
        options["on_error"],
        options["batch"] or RECORDS,
        options["strict"],
        reduce,
        options["group_by"] or "",
        partial(Engines, engine=options["engine"]),
    )


def _bindings(words: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        match = INPUT.fullmatch(word)
        if match is None:
            raise UsageError(
                f"--bind: got {word!r}, want NAME=COLUMNS", help="as in --bind x=c1,c2,c3"
            )
        found[match[1]] = match[2].strip()
    return found


@contextmanager
def _output(path: str | None) -> Iterator[BinaryIO]:
    if path is not None:
        from autodiff_cli.data.output import written_whole

        with written_whole(path) as file:
            yield file
    elif sys.stdout is None:
        raise UsageError(
            "standard output is closed", help="name a file with -o FILE", kind="output"
        )
    else:
        try:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            # With --workers, which must outlive a worker, a closed pipe is no signal.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(0) from None


def _run(
    plan: Plan, file: BinaryIO, data: Sequence[str], options: Mapping[str, Any], say: Any
) -> Stream:
    from autodiff_cli.batch.stream import Stream
    from autodiff_cli.commands.progress import show_progress
    from autodiff_cli.data.streams.writers import Sink

    if plan.form in ("arrow", "parquet") and options["output"] is None and is_terminal(sys.stdout):
        raise UsageError(f"{plan.form} is not for a terminal", help="add -o FILE, or pipe it on")
    sink = Sink(file, plan.form)

    def watch(records: int, done: float | None) -> None:
        show_progress(f"mapping {', '.join(data)}: {records:,} records", done)

    stream = Stream(plan, sink, say, watch)
    at_once = options["line_buffered"]
    source_form = "jsonl" if at_once else options["source_form"]
    try:
        stream.run(data, source_form, at_once, options["workers"], options["cluster"])
    finally:
        sink.close()
    return stream


def _tell(stream: Stream, options: Mapping[str, Any], say: Any) -> None:
    from autodiff_cli.commands.warnings import show_findings

    if not options["quiet"]:
        show_findings(stream.findings(), options["color"])
    if stream.closing():
        say(stream.closing())
    if options["verbose"] and stream.records:
        say(stream.ways.text(stream.plan.batch))
