"""A program, prepared once: read, resolved, checked and lowered.

It holds no values. Lowered code is kept by what it depends on; all that is of one run comes to
it through the frame, so that a program can run many times, in many threads.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.memory import in_words
from autodiff_cli.errors import LimitError, ProgramError, UsageError, did_you_mean
from autodiff_cli.interpreter.builtins import NAMES, check_calls
from autodiff_cli.interpreter.facts import Facts
from autodiff_cli.interpreter.machine import Limits
from autodiff_cli.interpreter.process import deep_recursion, no_garbage_collection
from autodiff_cli.interpreter.statements import StatementLowering
from autodiff_cli.language import syntax
from autodiff_cli.language.names import bound_in, resolve, walk
from autodiff_cli.language.parser import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.interpreter.expressions import Closure
    from autodiff_cli.language.names import Resolved, Scope
    from autodiff_cli.language.source import Source, Span

MOST_NAMES = 20
"""Of a program's names, that a message lists."""
BYTES_OF_A_CHARACTER = 700
"""What a long program takes, parsed and lowered, for each character of a dense text."""


@contextmanager
def nested(tree: syntax.Program) -> Iterator[None]:
    """While it is open, what recurses over a program may do so as deep as its text is nested.

    Raises:
        LimitError: that is deeper than Python can follow.
    """
    with deep_recursion():
        try:
            yield
        except RecursionError:
            raise LimitError(
                "the text is nested too deep",
                tree.body.statements[-1].span,
                help="give parts of it a name, a statement each",
            ) from None


class Program(Facts):
    """A text that is ready to run. Nothing about it changes, but for what it keeps."""

    def __init__(self, resolved: Resolved) -> None:
        super().__init__(resolved)
        self._prepared: dict[Any, Prepared] = {}

    def prepared(
        self,
        by: tuple[str, ...],
        unasked: bool,
        of: tuple[str, ...] | None,
        single: bool,
        logged: bool,
    ) -> Prepared:
        """The program as it runs, differentiated `by` names.

        Args:
            unasked: nobody named those: an input whose default is a boolean is none of them.

        Raises:
            UsageError, ProgramError: `by` or `of` names nothing.
        """
        key = by, unasked, of, single, logged
        prepared = self._prepared.get(key)
        if prepared is None:
            lowering = StatementLowering
            if logged:
                from autodiff_cli.interpreter.logged import LoggedLowering

                lowering = LoggedLowering
            prepared = self._prepared[key] = self.lowered(lowering, by, unasked, of, single)
        return prepared

    def lowered(
        self,
        lowering_class: type[StatementLowering],
        by: tuple[str, ...],
        unasked: bool,
        of: tuple[str, ...] | None,
        single: bool,
    ) -> Prepared:
        """As `prepared`, with closures that are made in another way."""
        outputs = [self._output(name, of is None) for name in self._wanted(of)]
        if not unasked:
            self._check_wrt(by)
        lowering = lowering_class(self, self.resolved.top, single)
        lowering.targets = frozenset(by)
        lowering.floats_only = unasked
        with nested(self.resolved.tree), no_garbage_collection():
            body = lowering.tail(self.resolved.tree.body)
        return Prepared(by, body, outputs, self.resolved.top.size)

    # ── what is asked of it ───────────────────────────────────────────────────────────

    def _wanted(self, of: Sequence[str] | None) -> Sequence[str]:
        resolved = self.resolved
        if of is None:
            if not resolved.results:
                last = resolved.tree.body.statements[-1]
                raise ProgramError(
                    "the program has no result: its last statement is no expression or assignment",
                    last.span,
                    help=_ending(last),
                    kind="result",
                )
            return resolved.results
        for name in of:
            if name not in resolved.top.slots and not (
                name == "result" == "".join(resolved.results)
            ):
                raise UsageError(
                    f"--of {name}: the program has no such name",
                    help=did_you_mean(name, resolved.top.slots) or self._names(),
                    kind="output",
                )
        return of

    def _output(self, name: str, unasked: bool) -> Output:
        """Where an output is; `unasked` where nobody named it, and it is the last statement's."""
        top, last = self.resolved.top, self.resolved.tree.body.statements[-1]
        is_last = unasked or "result" not in top.slots
        if name == "result" and is_last and isinstance(last, syntax.Evaluate):
            return Output(name, None, last.span)
        return Output(name, top.slots[name], top.bound_at[name])

    def _names(self) -> str:
        names = list(self.resolved.top.slots)
        if not names:
            return "no statement of it binds one"
        more = f", … ({len(names)} in all)" if len(names) > MOST_NAMES else ""
        return f"its names are: {', '.join(names[:MOST_NAMES])}{more}"

    def _check_wrt(self, wrt: Sequence[str]) -> None:
        top = self.resolved.top
        for name in wrt:
            if name not in top.slots:
                raise UsageError(
                    f"--wrt {name}: the program has no such name",
                    help=did_you_mean(name, top.slots) or self._names(),
                    kind="wrt",
                )
            span = top.bound_at[name]
            if any(
                isinstance(node, syntax.FunctionDefinition) and node.name.span is span
                for node in self.resolved.nodes[self.resolved.tree]
            ):
                raise UsageError(
                    f"--wrt {name}: got a function, want a number or an array",
                    span,
                    help="differentiate by what it is called with",
                    kind="wrt",
                )


class Output:
    """A name that a run gives out.

    Attributes:
        slot: where its value is; None where it is that of the program's last expression.
        span: where it is bound.
    """

    __slots__ = ("name", "slot", "span")

    def __init__(self, name: str, slot: int | None, span: Span) -> None:
        self.name = name
        self.slot = slot
        self.span = span


class Prepared:
    """A program lowered for some names to differentiate by.

    Attributes:
        size: of its frame.
    """

    __slots__ = ("body", "by", "outputs", "size")

    def __init__(
        self, by: tuple[str, ...], body: Closure, outputs: list[Output], size: int
    ) -> None:
        self.by = by
        self.body = body
        self.outputs = outputs
        self.size = size


def _ending(last: Any) -> str:
    """What to end a program with that has no result, whose last statement this is."""
    if isinstance(last, (syntax.While, syntax.For)):
        names = [name.name for name in bound_in(walk(last.body))]
        if names:
            name = names[-1]
            return f"end it with a line `{name}`, which the loop computes, or say --of {name}"
    return "end it with an expression, or name an output with --of NAME"


def load(source: Source, limits: Limits | None = None, session: Scope | None = None) -> Program:
    """The program of a source.

    Args:
        session: the variables of the statements before, where it goes on with a session.

    Raises:
        LimitError: so long a text may take more memory than there is to be used.
        ProgramError: syntax, a name that means nothing, or a call that can never succeed.
    """
    allowed = (limits or Limits()).memory
    needed = BYTES_OF_A_CHARACTER * len(source.text)
    if needed > allowed:
        raise LimitError(
            f"the program {source.name} has {len(source.text):,} characters, which may take "
            f"{in_words(needed)}, and --max-memory allows {in_words(allowed)}",
            help="read data from a file, NAME=@FILE, or give --max-memory a larger size",
        )
    with no_garbage_collection():
        tree = parse(source)
        with nested(tree):
            resolved = resolve(tree, NAMES, session)
        check_calls(resolved)
    return Program(resolved)
