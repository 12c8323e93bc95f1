"""Text to syntax tree."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from autodiff_cli.errors import ProgramError
from autodiff_cli.language import syntax
from autodiff_cli.language.automaton import END, Automaton, Stuck, Token
from autodiff_cli.language.grammar import load_tables
from autodiff_cli.language.source import Source, Span
from autodiff_cli.records import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

OPENERS = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
CLOSERS = frozenset(OPENERS.values())
CONTINUES_AFTER = frozenset(
    ("PLUS", "MINUS", "TIMES", "AT", "POWER", "COMPARE", "AND", "OR", "NOT", "COMMA")
) | {"EQUAL", "UPDATE"}
"""A line that ends in one of these is not over."""

ESCAPE = re.compile(r"\\(.)")
ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}
"""What stands in a string after a `\\`, and what it means."""

JOINS = frozenset(("ELSE", "ELIF", "DERIVATIVE"))
"""A line that begins with one of these goes on with the one before."""


def parse(source: Source) -> syntax.Program:
    """The tree of a program.

    Raises:
        ProgramError: the text is not a program; the message says where and what is wanted.
    """
    newlines = Newlines()
    try:
        program: syntax.Program = _automaton().parse(
            source.text, newlines.process, TreeBuilder(source)
        )
    except Stuck as stuck:
        from autodiff_cli.language.syntax_errors import syntax_error

        raise syntax_error(stuck, source, newlines.previous, newlines.opened) from None
    if not program.body.statements:
        raise ProgramError(
            f"the program {source.name} is empty",
            help="write an expression, as in `adiff eval -e 'x^2' x=3`",
        )
    return program


def wants_more(text: str) -> bool:
    """Whether a text only begins a program: it is its end that does not fit."""
    if text.endswith("\\"):
        return True
    try:
        _automaton().parse(text, Newlines().process, TreeBuilder(Source("", text)))
    except Stuck as stuck:
        return stuck.token is not None and stuck.token.type == END
    except ProgramError:
        pass
    return False


def may_go_on(text: str) -> bool:
    """Whether the next line after a whole program can still belong to its last statement."""
    return any(wants_more(f"{text}\n{word}") for word in ("else", "derivative"))


def pieces(text: str) -> Iterator[tuple[str, int, int]]:
    """Every piece of a text, whether it is a program or not; see `Automaton.pieces`."""
    return _automaton().pieces(text)


def keywords() -> Mapping[str, str]:
    """The words of the language, each with its terminal."""
    return {word: name for word, name in _automaton().keywords.items() if word.isalpha()}


@cache
def _automaton() -> Automaton:
    return Automaton(load_tables(), TreeBuilder)


class Newlines:
    """Drops the newlines that end no statement (see the head of `adiff.lark`)."""

    def __init__(self) -> None:
        self.opened: list[Token] = []
        self.previous: Token | None = None

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        opened: list[Token] = []
        self.opened = opened
        self.previous = None
        pending: Token | None = None
        for token in stream:
            kind = token.type
            if kind == "_NEWLINE":
                previous: Token | None = self.previous
                inside = opened and opened[-1].type != "LBRACE"
                if not inside and (previous is None or previous.type not in CONTINUES_AFTER):
                    pending = pending or token
                continue
            if pending is not None:
                if kind not in JOINS:
                    yield pending
                pending = None
            if kind in OPENERS:
                opened.append(token)
            yield token
            # The parser has taken the token: only now is it the one before an error.
            self.previous = token
            if kind in CLOSERS and opened and OPENERS[opened[-1].type] == kind:
                opened.pop()
        if pending is not None:
            yield pending


class TreeBuilder:
    """Builds the tree while the text is parsed, bottom up, so that no depth of nesting recurses.

    Every callback gets all tokens of its rule, which is how spans take in brackets.
    """

    def __init__(self, source: Source) -> None:
        self.source = source

    def span(self, children: Sequence[Any]) -> Span:
        first, last = children[0], children[-1]
        start: Any = first.start_pos if isinstance(first, Token) else first.span.start
        end: Any = last.end_pos if isinstance(last, Token) else last.span.end
        return Span(self.source, start, end)

    # statements

    def program(self, children: list[Any]) -> syntax.Program:
        span = Span(self.source, 0, len(self.source.text))
        return syntax.Program(span, syntax.Block(span, _nodes(children)))

    def block(self, children: list[Any]) -> syntax.Block:
        return syntax.Block(self.span(children), _nodes(children))

    def input(self, children: list[Any]) -> syntax.Input:
        return syntax.Input(self.span(children), _nodes(children))

    def input_item(self, children: list[Any]) -> syntax.InputItem:
        default = children[2] if len(children) > 1 else None
        return syntax.InputItem(self.span(children), children[0], default)

    def targets(self, children: list[Any]) -> list[Any]:
        return [self.target(child) for child in _nodes(children)]

    def values(self, children: list[Any]) -> list[Any]:
        return list(_nodes(children))

    def target(self, child: Any) -> syntax.Name | syntax.Index:
        if isinstance(child, syntax.Name):
            return child
        if isinstance(child, syntax.Index) and isinstance(child.base, syntax.Name):
            return child
        text = child.span.text if "\n" not in child.span.text else "…"
        help = "to compare, write `==`"
        if isinstance(child, syntax.Call) and isinstance(child.function, syntax.Name):
            help = f"a function is `fn {text} {{ … }}`; {help}"
        raise ProgramError(
            f"cannot assign to `{text}`",
            child.span,
            label="want a name or `name[index]`",
            help=help,
        )

    def assign(self, children: list[Any]) -> syntax.Assign:
        targets, _, values = children
        span = self.span([targets[0], values[-1]])
        return syntax.Assign(span, tuple(targets), "", tuple(values))

    def update(self, children: list[Any]) -> syntax.Assign:
        target, operator, value = children
        operator = _operator(operator[:-1])
        return syntax.Assign(self.span(children), (self.target(target),), operator, (value,))

    def definition(self, children: list[Any]) -> syntax.FunctionDefinition:
        _, name, _, parameters, _, body, *rule = children
        function = syntax.Function(self.span(children[:6]), name.name, parameters, body)
        derivative = rule[0] if rule else None
        return syntax.FunctionDefinition(self.span(children), name, function, derivative)

    def derivative(self, children: list[Any]) -> syntax.Function:
        _, _, parameters, _, body = children
        return syntax.Function(self.span(children), "derivative", parameters, body)

    def evaluate(self, children: list[Any]) -> syntax.Evaluate:
        return syntax.Evaluate(children[0].span, children[0])

    def print(self, children: list[Any]) -> syntax.Print:
        return syntax.Print(self.span(children), _nodes(children))

    def function(self, children: list[Any]) -> syntax.Function:
        _, _, parameters, _, body = children
        return syntax.Function(self.span(children), "", parameters, body)

    def parameters(self, children: list[Any]) -> tuple[Any, ...]:
        return _nodes(children)

    def name(self, children: list[Token]) -> syntax.Name:
        return syntax.Name(self.span(children), str(children[0]))

    # expressions

    def binary(self, children: list[Any]) -> syntax.Binary:
        left, operator, right = children
        return syntax.Binary(
            self.span(children), _operator(operator), left, right, self.span([operator])
        )

    def unary(self, children: list[Any]) -> syntax.Unary:
        return syntax.Unary(self.span(children), str(children[0]), children[1])

    logical_not = unary

    def logical_and(self, children: list[Any]) -> syntax.Logical:
        return syntax.Logical(self.span(children), str(children[1]), children[0], children[2])

    logical_or = logical_and

    def comparison(self, children: list[Any]) -> syntax.Comparison:
        operators = tuple(str(operator) for operator in children[1::2])
        return syntax.Comparison(self.span(children), operators, tuple(children[::2]))

    def number(self, children: list[Token]) -> syntax.Number:
        text = children[0].replace("_", "")
        value: int | float
        if text.isdecimal() and len(text) < 20 and int(text) < 2**63:
            value = int(text)
        else:
            value = float(text)
        return syntax.Number(self.span(children), value)

    def true(self, children: list[Token]) -> syntax.Number:
        return syntax.Number(self.span(children), True)

    def false(self, children: list[Token]) -> syntax.Number:
        return syntax.Number(self.span(children), False)

    def string(self, children: list[Token]) -> syntax.String:
        token = children[0]
        for escape in ESCAPE.finditer(token, 1, len(token) - 1):
            if escape[1] not in ESCAPES:
                start = token.start_pos + escape.start()
                raise ProgramError(
                    f"unknown escape `{escape[0]}`",
                    Span(self.source, start, start + len(escape[0])),
                    help=f"a backslash itself is `\\\\`: write `\\{escape[0]}`; "
                    'there are \\n, \\t, \\" and \\\\',
                )
        return syntax.String(self.span(children), _unescape(token[1:-1]))

    def parenthesised(self, children: list[Any]) -> Any:
        return replace(children[1], span=self.span(children))

    def array(self, children: list[Any]) -> syntax.ArrayLiteral:
        return syntax.ArrayLiteral(self.span(children), _nodes(children))

    def call(self, children: list[Any]) -> syntax.Call:
        function, *arguments = _nodes(children)
        return syntax.Call(self.span(children), function, tuple(arguments))

    def positional(self, children: list[Any]) -> syntax.Argument:
        return syntax.Argument(self.span(children), "", children[0])

    def keyword(self, children: list[Any]) -> syntax.Argument:
        return syntax.Argument(self.span(children), str(children[0]), children[2])

    def index(self, children: list[Any]) -> syntax.Index:
        base, *subscripts = _nodes(children)
        return syntax.Index(self.span(children), base, tuple(subscripts))

    def slice(self, children: list[Any]) -> syntax.Slice:
        # [expression] ":" [expression] (":" [expression])?, where an absent one is None
        start, _, stop, *rest = children
        step = rest[1] if rest else None
        present = [child for child in children if child is not None]
        return syntax.Slice(self.span(present), start, stop, step)

    def attribute(self, children: list[Any]) -> syntax.Attribute:
        return syntax.Attribute(self.span(children), children[0], str(children[2]))

    def conditional(self, children: list[Any]) -> syntax.If:
        _, condition, then, *rest = children
        otherwise: syntax.Block | None = None
        if rest and isinstance(rest[-1], syntax.Block):
            *rest, _, otherwise = rest
        for branch in reversed(rest):
            span = self.span([branch, otherwise or branch])
            inner = replace(branch, span=span, otherwise=otherwise)
            otherwise = syntax.Block(span, (syntax.Evaluate(span, inner),))
        return syntax.If(self.span(children), condition, then, otherwise)

    def else_if(self, children: list[Any]) -> syntax.If:
        return syntax.If(self.span(children), children[1], children[2], None)

    def while_loop(self, children: list[Any]) -> syntax.While:
        return syntax.While(self.span(children), children[1], children[2])

    def for_loop(self, children: list[Any]) -> syntax.For:
        return syntax.For(self.span(children), children[1], children[3], children[4])

    def break_loop(self, children: list[Any]) -> syntax.Break:
        return syntax.Break(self.span(children))

    def continue_loop(self, children: list[Any]) -> syntax.Continue:
        return syntax.Continue(self.span(children))

    def return_values(self, children: list[Any]) -> syntax.Return:
        values = children[1] if len(children) > 1 else []
        return syntax.Return(self.span([children[0], *values]), tuple(values))

    def assertion(self, children: list[Any]) -> syntax.Assert:
        message = children[3] if len(children) > 2 else None
        return syntax.Assert(self.span(children), children[1], message)


def _nodes(children: list[Any]) -> tuple[Any, ...]:
    return tuple(child for child in children if not isinstance(child, Token))


def _operator(text: str) -> str:
    return "^" if text == "**" else str(text)


def _unescape(text: str) -> str:
    return ESCAPE.sub(lambda match: ESCAPES[match[1]], text)
