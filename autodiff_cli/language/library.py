"""Functions that are built in and written in the language itself: `autodiff_cli/library`.

Where a program reads the name of one, the function's own tree is put there, at the program's
place: from then on it is a function like any other, which reads no variable around it.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from autodiff_cli.errors import ProgramError
from autodiff_cli.language import syntax
from autodiff_cli.language.grammar import PACKAGE
from autodiff_cli.language.parser import parse
from autodiff_cli.language.source import Placed, Source
from autodiff_cli.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.language.source import Span

FILE = os.path.join(PACKAGE, "library", "densities.ad")


@record
class Written:
    """A function of the library.

    Attributes:
        doc: what it gives, one line.
        example: an expression that shows it.
        text: the function itself.
    """

    name: str
    parameters: tuple[str, ...]
    doc: str
    domain: str
    example: str
    text: str

    @property
    def signature(self) -> str:
        return f"{self.name}({', '.join(self.parameters)})"


def _functions() -> dict[str, Written]:
    """Those of the file, in which an empty line ends each."""
    with open(FILE, encoding="utf-8") as file:
        _, *blocks = file.read().split("\n\n")
    found = {}
    for block in blocks:
        comment, _, function = block.partition("\nfn ")
        doc, *lines = comment.removeprefix("# ").split("\n# ")
        said = dict([line.split(": ", 1) for line in lines])
        name, _, rest = function.partition("(")
        parameters = rest.partition(")")[0]
        found[name] = Written(
            name,
            tuple(parameters.split(", ")),
            doc,
            said.get("domain", ""),
            said.get("example", ""),
            f"fn {function}",
        )
    return found


FUNCTIONS = _functions()
LIBRARY = {name: each for name, each in FUNCTIONS.items() if not name.startswith("_")}
"""Those that programs call by name."""


def expanded(program: syntax.Program, bound: Callable[[Any], set[str]]) -> syntax.Program:
    """The program with each name of the library that it reads replaced by the function.

    Args:
        bound: the names that the program, or a function of it, binds: they go before.

    Raises:
        ProgramError: a function is called with what it does not take.
    """
    sources = {statement.span.source for statement in program.body.statements}
    if not any(name in source.text for source in sources for name in LIBRARY):
        return program
    result: syntax.Program = _Expansion(bound).of(program, frozenset())
    return result


class _Expansion:
    def __init__(self, bound: Callable[[Any], set[str]]) -> None:
        self._bound = bound

    def of(self, node: Any, hidden: frozenset[str]) -> Any:  # recurses: PYTHON_FRAMES at most
        kind = type(node)
        if kind in (syntax.Function, syntax.Program):
            hidden |= self._bound(node)
        if kind is syntax.Name:
            return function(node.name, node.span) if _is_read(node, hidden) else node
        if kind is syntax.Call and _is_read(node.function, hidden):
            _check(LIBRARY[node.function.name], node)
            called = function(node.function.name, node.span)
            return replace(node, function=called, arguments=self._parts(node.arguments, hidden))
        if not hasattr(node, "span"):
            return node
        changes = {}
        for name in kind.__annotations__:
            part = getattr(node, name)
            new = self._parts(part, hidden) if type(part) is tuple else self.of(part, hidden)
            if new is not part:
                changes[name] = new
        return replace(node, **changes) if changes else node

    def _parts(self, parts: tuple[Any, ...], hidden: frozenset[str]) -> tuple[Any, ...]:
        made = tuple([self.of(part, hidden) for part in parts])
        return made if any(a is not b for a, b in zip(made, parts, strict=True)) else parts


def _is_read(node: Any, hidden: frozenset[str]) -> bool:
    return type(node) is syntax.Name and node.name in LIBRARY and node.name not in hidden


def _check(written: Written, call: syntax.Call) -> None:
    """Refuses a call that can never succeed."""
    keyword = next((argument for argument in call.arguments if argument.keyword), None)
    want, got = len(written.parameters), len(call.arguments)
    if keyword is None and want == got:
        return
    plural = "" if want == 1 else "s"
    raise ProgramError(
        f"`{written.name}` takes {want} argument{plural}, got {got}"
        if keyword is None
        else f"got the keyword `{keyword.keyword}` for `{written.name}`",
        call.span if keyword is None else keyword.span,
        help=f"its signature is {written.signature}"
        if keyword is None
        else f"pass its arguments in order, without names: {written.signature}",
        kind="arguments",
    )


@cache
def _tree(name: str) -> syntax.Function:
    (definition,) = parse(Source(f"<{name}>", FUNCTIONS[name].text)).body.statements
    assert isinstance(definition, syntax.FunctionDefinition)
    return definition.function


def function(name: str, span: Span) -> syntax.Function:
    """A function of the library, with those that it calls in it, all of it at `span`."""
    tree: syntax.Function = _placed(_tree(name), span)
    return replace(tree, closed=True)


def _placed(node: Any, span: Span) -> Any:  # recurses: a function of the library
    if type(node) is tuple:
        return tuple([_placed(part, span) for part in node])
    if not hasattr(node, "span"):
        return node
    if type(node) is syntax.Name and node.name in FUNCTIONS:
        return function(node.name, span)
    kind = type(node)
    return kind(
        *[
            Placed(span, getattr(node, name))
            if type_ == "Span"
            else _placed(getattr(node, name), span)
            for name, type_ in kind.__annotations__.items()
        ]
    )
