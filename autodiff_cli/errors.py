"""What users are told: errors, raised anywhere, and findings; rendered in `report.diagnostics`.

A message keeps to one form: lower case, what was got and what was wanted; the remedy
goes into `help`. Whoever raises an error names what it knows; a caller that knows more
(the interpreter knows the span, the engine does not) completes it on the way up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from autodiff_cli.language.source import Span


class Message:
    """Something to tell the user.

    Args:
        what: the heading, one line: what is wrong, what was got and what was wanted.
        where: the span of the source that it is about, where there is one.
        label: a few words set beside the underline.
        notes: further facts, one line each.
        help: what to do about it.
        kind: the machine-readable name, where it differs from the class's own.
    """

    kind = "message"
    level = "error"
    """The word that a person reads first."""

    def __init__(
        self,
        what: str,
        where: Span | None = None,
        *,
        label: str = "",
        notes: Iterable[str] = (),
        help: str = "",
        kind: str | None = None,
    ) -> None:
        self.what = what
        self.where = where
        self.label = label
        self.notes = list(notes)
        self.help = help
        self.calls: list[tuple[str, Span]] = []
        """The `.ad` functions that were running, innermost first, each with its call's span."""
        if kind is not None:
            self.kind = kind


class AdiffError(Message, Exception):
    """Something that the user can put right."""

    kind = "error"
    status = 1
    keeps_output = False
    """What was written before it is a result, though not all of it."""

    def __str__(self) -> str:
        return self.what

    @classmethod
    def of(cls, message: Message, kind: str | None = None) -> Self:
        """What a message says, as an error of this class."""
        return cls(
            message.what,
            message.where,
            label=message.label,
            notes=message.notes,
            help=message.help,
            kind=kind,
        )


class UsageError(AdiffError):
    """The command line is wrong: an option, a file, an input missing or unknown."""

    kind = "usage"
    status = 2


class ProgramError(AdiffError):
    """The program text is wrong: syntax, or a name that means nothing. Found before it runs."""

    kind = "syntax"
    status = 3


class RunError(AdiffError):
    """The program failed while it ran. `kind` is one of the subclasses'."""

    kind = "run"


class ShapeError(RunError):
    """Shapes that do not go together, an axis or an index that is not there."""

    kind = "shape"


class TypeMismatch(RunError):  # noqa: N818
    """A value of the wrong kind: a function where a number is wanted, a float for an integer."""

    kind = "type"


class DomainError(RunError):
    """A value outside what an operation can take."""

    kind = "domain"


class LimitError(RunError):
    """A limit of the command line was reached: steps, nodes, depth, memory, time."""

    kind = "limit"


class TimeOver(BaseException):
    """The end of the time, on its way out: nothing that handles errors catches it.

    Attributes:
        error: what the user is told.
    """

    def __init__(self, error: LimitError) -> None:
        super().__init__(error.what)
        self.error = error


class AssertFailed(RunError):  # noqa: N818
    """An `assert` of the program did not hold."""

    kind = "assert"


class NonFiniteError(AdiffError):
    """A value or a derivative is nan or inf, and `--strict` was asked for."""

    kind = "non-finite"
    status = 4


class InterruptError(AdiffError):
    """Ctrl-C, or a SIGINT."""

    kind = "interrupted"
    status = 130


class Finding(Message):
    """Something to tell of a run that did not fail."""

    kind = "finding"
    level = "warning"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean "…"?` for the closest of `known`, or nothing where none is close."""
    from difflib import get_close_matches

    known = list(known)
    # Of a short name, two letters that were exchanged are all the likeness that there is.
    close = [candidate for candidate in known if _exchanged(name, candidate)][:1]
    close = close or get_close_matches(name, known, n=1, cutoff=0.7)
    if not close:
        close = [candidate for candidate in known if candidate.lower() == name.lower()][:1]
    return f"did you mean `{close[0]}`?" if close else ""


def _exchanged(one: str, other: str) -> bool:
    """Whether two names differ by two neighbouring letters that changed places."""
    if len(one) != len(other):
        return False
    apart = [i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
    return len(apart) == 2 and apart[1] == apart[0] + 1 and sorted(one) == sorted(other)
