"""What to say of a text that is not a program: the mistake, its place, and the remedy.

Most mistakes are rows of `mistakes`; those that take a look at more than one place are functions
here, and have the word before. Where none knows the mistake, the error says what was got, and
what the grammar takes there.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import partial
from string import Template
from typing import TYPE_CHECKING, Any

from autodiff_cli.errors import ProgramError
from autodiff_cli.language.automaton import Token, make_token
from autodiff_cli.language.mistakes import GROUPS, INSTEAD, ROWS
from autodiff_cli.language.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autodiff_cli.language.automaton import Stuck

CLOSER_OF = {"(": ")", "[": "]", "{": "}"}
OPENER_OF = {closer: opener for opener, closer in CLOSER_OF.items()}
BRACKETS = re.compile(r'"(?:[^"\\\n]|\\.)*"|#[^\n]*|[()\[\]{}]')
"""Brackets, and what may hold brackets that are none."""
HEADS = frozenset(("IF", "ELIF", "ELSE", "WHILE", "FOR", "FN", "DERIVATIVE"))
"""What a block follows."""
BOUNDARIES = frozenset(
    ("EQUAL", "UPDATE", "COMMA", "RETURN", "ASSERT", "SEMICOLON", "_NEWLINE", "IN")
) | {"IF", "ELIF", "WHILE"}
"""What an expression begins after, besides an opening bracket."""
OPERATORS, OPERAND_ENDS = GROUPS["OPERATORS"], GROUPS["ENDS"]
CHOICE = {"condition", "then", "otherwise"}
"""Pieces that a bracket may end which was opened before them."""
LONGEST_QUOTE = 40
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")


@dataclass(slots=True)
class Place:
    """Where the parser had to stop, and what it knew there.

    Attributes:
        kind: of the token that does not fit; empty where a character begins no token.
        text: that token or character; empty at the end of a line or of the program.
        start, end: its offsets; a line's end is where the text before it ends.
        previous: the token before; an empty one where there is none.
        opened: the brackets that are open, outermost first.
        stack: tokens, and nodes already made of tokens, that are not yet a whole.
        accepts: the kinds of tokens that would have fitted.
    """

    source: Source
    kind: str
    text: str
    start: int
    end: int
    previous: Token
    opened: list[Token]
    stack: list[Any]
    accepts: set[str]

    @property
    def after(self) -> str:
        """The kind of the token before."""
        return self.previous.type

    @property
    def before(self) -> str:
        """The text of the token before."""
        return str(self.previous)

    @property
    def touches(self) -> bool:
        """Whether no white space parts an operand from what comes after it."""
        return self.after in OPERAND_ENDS and self.previous.end_pos == self.start

    @property
    def same_line(self) -> bool:
        """Whether the token before stands on the same line."""
        return "\n" not in self.source.text[self.previous.end_pos : self.start]

    @property
    def line(self) -> str:
        """The line from here on."""
        return _line(self.source.text, self.start)

    @property
    def rest(self) -> str:
        """The line after the token that does not fit, without a comment."""
        return _line(self.source.text, self.end).partition("#")[0].strip()

    @property
    def inside(self) -> str:
        """The innermost bracket that is open."""
        return str(self.opened[-1]) if self.opened else ""

    @property
    def statement(self) -> list[Token]:
        """The tokens of the statement here that are not yet part of a node."""
        tokens: list[Token] = []
        for item in self.stack:
            if isinstance(item, Token):
                tokens = [] if item.type == "LBRACE" else [*tokens, item]
        return tokens

    @property
    def head(self) -> Token | None:
        """The word whose block is wanted here."""
        if "LBRACE" not in self.accepts:
            return None
        return next((token for token in reversed(self.statement) if token.type in HEADS), None)

    @property
    def signature(self) -> str:
        """The text from that word on."""
        start = self.start if self.head is None else self.head.start_pos
        return _short(self.source.text[start : self.previous.end_pos])

    @property
    def expression_start(self) -> int:
        """Where the expression begins that ends before this place."""
        start, depth = self.start, 0
        for item in reversed(self.stack):
            if isinstance(item, Token):
                if depth == 0 and (item.type in BOUNDARIES or item in CLOSER_OF):
                    break
                depth += (item in OPENER_OF) - (item in CLOSER_OF)
                start = item.start_pos
            elif hasattr(item, "span"):
                start = item.span.start
            elif depth == 0:
                break
        return start

    @property
    def expression(self) -> str:
        """The expression that ends before this place, or `…` where it is long."""
        return _short(self.source.text[self.expression_start : self.previous.end_pos]) or "…"

    @property
    def in_a_row(self) -> bool:
        """Whether an operator could stand here, or a new line after a block."""
        follows = self.after in OPERAND_ENDS and bool(self.accepts & OPERATORS)
        ends_block = self.after == "RBRACE" and "_NEWLINE" in self.accepts
        return self.same_line and (follows or ends_block)

    @property
    def wants_operand(self) -> bool:
        return self.after in OPERATORS | {"EQUAL", "UPDATE"} and self.kind != "LBRACE"


def syntax_error(
    stuck: Stuck, source: Source, previous: Token | None, opened: list[Token]
) -> ProgramError:
    """The error to raise for a text at which the parser had to stop.

    Args:
        stuck: where and why it stopped.
        previous: the last token that it took.
        opened: the brackets that were open, outermost first.
    """
    previous = previous or make_token("", "", 0)
    token = stuck.token
    if token is None:
        token = make_token("", source.text[stuck.start], stuck.start)
    elif token.type in ("$END", "_NEWLINE"):
        token = make_token(token.type, "", previous.end_pos)
    start, end = token.start_pos, token.end_pos
    place = Place(
        source, token.type, str(token), start, end, previous, opened, stuck.stack, stuck.accepted
    )
    for mistake in (_unclosed, _other_closer, _increment, *_rows()):
        found = mistake(place)
        if found is not None:
            return found
    raise AssertionError("the last row has no tests")


# ── the rows ──────────────────────────────────────────────────────────────────────────


def _rows() -> Iterator[Callable[[Place], ProgramError | None]]:
    for tests, texts in re.findall(r"((?:^[^\s#].*\n)+)((?:    .*\n)+)", ROWS, re.MULTILINE):
        lines = [text.strip() for text in texts.splitlines()]
        for one in tests.splitlines():
            yield partial(_said, one, lines)
    yield partial(_said, "", [""])


def _said(tests: str, texts: list[str], place: Place) -> ProgramError | None:
    """The error of a row, where its tests hold."""
    words, _, pattern = f" {tests}".partition(" ~ ")
    text, previous, start, end = place.source.text, place.previous, place.start, place.end
    for word in words.split():
        match word:
            case "under=before":
                start, end = previous.start_pos, previous.end_pos
            case "under=both":
                start = previous.start_pos
            case "under=expression":
                start, end = place.expression_start, previous.end_pos
            case _ if not _holds(word, place):
                return None
    groups: dict[str, str | None] = {}
    if pattern:
        match = re.match(pattern, _line(text, start))
        if match is None:
            return None
        end, groups = start + match.end(), match.groupdict()
    pieces = _Pieces(place, text[start:end], groups)
    if len(texts) == 1:
        texts = ["$unexpected", "$missing", *texts]
    what, *label, help = [Template(text).substitute(pieces) for text in texts]
    return ProgramError(
        what,
        Span(place.source, start, end),
        label="".join(label).removeprefix("^ "),
        help=help,
    )


def _holds(test: str, place: Place) -> bool:
    name, sign, values = test.partition("=")
    found: Any = _fact(place, name.removeprefix("!"))
    if sign:
        found = found if isinstance(found, set) else {found}
        found = any(found & GROUPS.get(value, {value}) for value in values.split("|"))
    return bool(found) != test.startswith("!")


def _fact(place: Place, name: str) -> Any:
    return FACTS[name](place) if name in FACTS else getattr(place, name)


class _Pieces(dict[str, str]):
    """What stands for the names in the texts of a row."""

    def __init__(self, place: Place, it: str, groups: dict[str, str | None]) -> None:
        super().__init__({name: _short(text or "") for name, text in groups.items()})
        self._place, self._it = place, it
        for name in CHOICE.intersection(groups):
            self[name] = _short(_balanced(groups[name] or "")) or "…"

    def __missing__(self, name: str) -> str:
        match name:
            case "it":
                return _quoted(self._it)
            case "instead":
                return _instead(self._it)
            case "fraction":
                return unicodedata.normalize("NFKC", self._it).replace("⁄", "/")
            case "plain":
                return self._it.translate(SUPERSCRIPTS)
        return str(_fact(self._place, name))


def _instead(text: str) -> str:
    """What to write in place of a word or a sign that is none here."""
    plain = unicodedata.normalize("NFKC", text)
    if text not in INSTEAD and plain != text and plain.isascii():
        return f"write `{plain}`" if plain.strip() else "put a plain space in its place"
    return INSTEAD.get(text, "" if text.isprintable() else "leave it out")


# ── what takes a look at more than one place ──────────────────────────────────────────


def _unclosed(place: Place) -> ProgramError | None:
    """A bracket that nothing closes; what does not fit is only where that shows."""
    if not place.opened or not place.kind:
        return None
    opener = place.opened[-1]
    if place.kind != "$END":
        text = place.source.text
        on_one_line = "\n" not in text[opener.end_pos : place.start]
        if (
            opener == "{"
            or place.text in OPENER_OF
            or on_one_line
            or _is_closed(text, opener.start_pos)
        ):
            return None
    where = " where its block ends" if opener == "{" else ""
    return ProgramError(
        f"`{opener}` is never closed",
        Span(place.source, opener.start_pos, opener.end_pos),
        label="opened here",
        help=f"write `{CLOSER_OF[opener]}`{where}",
    )


def _is_closed(text: str, opener: int) -> bool:
    """Whether the bracket at an offset is closed further on, and by its own kind."""
    opened: list[str] = []
    for match in BRACKETS.finditer(text, opener):
        if match[0] in CLOSER_OF:
            opened.append(match[0])
        elif match[0] in OPENER_OF:
            if opened.pop() != OPENER_OF[match[0]]:
                return False
            if not opened:
                return True
    return False


def _other_closer(place: Place) -> ProgramError | None:
    """A closing bracket of another kind than is open."""
    if place.text not in OPENER_OF or not place.opened or CLOSER_OF[place.inside] == place.text:
        return None
    wanted, opener = CLOSER_OF[place.inside], place.opened[-1]
    line, column = place.source.position(opener.start_pos)
    return ProgramError(
        f"got `{place.text}`, want `{wanted}`",
        Span(place.source, place.start, place.end),
        notes=[f"`{opener}` was opened at {place.source.name}:{line}:{column}"],
        help=f"close `{opener}` with `{wanted}` before this",
    )


def _increment(place: Place) -> ProgramError | None:
    """`x++`, whose second sign would take an operand from the next line."""
    text = place.source.text
    for first, second in zip(place.statement, place.statement[1:], strict=False):
        if (
            first == second
            and first.type in ("PLUS", "MINUS")
            and first.end_pos == second.start_pos
            and re.match(r"\s*($|[;}#])", _line(text, second.end_pos))
        ):
            name = re.search(r"[^\W\d]\w*\Z", text[: first.start_pos])
            return ProgramError(
                f"unknown operator `{first}{second}`",
                Span(place.source, first.start_pos, second.end_pos),
                help=f"write `{name[0] if name else 'x'} {first}= 1`",
            )
    return None


# ── facts ─────────────────────────────────────────────────────────────────────────────


def _got(place: Place) -> str:
    ends = {"$END": "the end of the program", "_NEWLINE": "the end of the line"}
    return ends.get(place.kind) or _quoted(place.text)


def _unexpected(place: Place) -> str:
    """What was got, and what the grammar takes."""
    named = place.wants_operand or place.after in GROUPS["KEYWORDS"]
    after = f" after `{place.before}`" if named else ""
    words = _wanted(place.accepts)
    wanted = " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)
    return f"got {_got(place)}{after}, want {wanted}"


def _wanted(accepts: set[str]) -> list[str]:
    """What the grammar takes, in a reader's words."""
    words = []
    if "NUMBER" in accepts:
        words.append("a statement" if "WHILE" in accepts else "an expression")
    elif "NAME" in accepts:
        words.append("a name")
    if accepts & OPERATORS and "NUMBER" not in accepts:
        words.append("an operator")
    elif "LPAR" in accepts and "NUMBER" not in accepts and "EQUAL" not in accepts:
        words.append("`(`")
    for kind, text in (("IN", "in"), ("LBRACE", "{"), ("COMMA", ","), ("RPAR", ")"), ("RSQB", "]")):
        if kind in accepts:
            words.append(f"`{text}`")
    if "EQUAL" in accepts and not accepts & OPERATORS:
        words.append("`=`")
    if "RBRACE" in accepts:
        words.append("`}`")
    if "_NEWLINE" in accepts and "WHILE" not in accepts:
        words.append("the end of the line")
    return words


def _character(place: Place) -> str:
    """A character, and in words what it is where its looks may not say so."""
    char = place.text
    if char.isascii() and char.isprintable():
        return f"`{char}`"
    name = f"U+{ord(char):04X}"
    known = unicodedata.name(char, "").lower()
    if known:
        name += f", {known}"
    return f"`{char}` ({name})" if char.isprintable() else name


def _compare(place: Place) -> str:
    right = re.match(r"[\w.]+", place.rest)
    return f"to compare, write `{place.expression} == {right[0] if right else '…'}`"


def _counted(place: Place) -> str:
    """`range` in place of `1:10` or `1:2:10` in a `for`; empty where it is no such thing."""
    bounds = re.match(r"([^\s:{]+)\s*(?::\s*([^\s:{]+))?\s*(\{|\Z)", place.rest)
    if not bounds or not (bounds[3] or place.after == "NUMBER"):
        return ""
    last, step = (bounds[2], f", {bounds[1]}") if bounds[2] else (bounds[1], "")
    stop = str(int(last) + 1) if last.isascii() and last.isdigit() else f"{last} + 1"
    return f"range({place.expression}, {stop}{step})"


def _body(place: Place) -> str:
    """Of a block: what `=` or `:` gives a function."""
    is_given = place.kind in ("EQUAL", "COLON") and place.signature.startswith("fn ")
    return (is_given and _short(place.rest)) or "…"


def _product(place: Place) -> str:
    before = place.source.text[: place.previous.end_pos]
    left = re.search(r"[\w.]*[(\[][^()\[\]\n]*[)\]]\Z|[\w.]+\Z", before)
    right = re.match(r"[\w.]+(\([^()\n]*\))?", place.line)
    return f"{_short(left[0]) if left else '…'}*{_short(right[0]) if right else '…'}"


FACTS: dict[str, Callable[[Place], Any]] = {
    "got": _got,
    "unexpected": _unexpected,
    "missing": lambda p: "an operand is missing" * (p.wants_operand and p.kind != "NOT"),
    "operand": lambda p: "an expression" if "NUMBER" in p.accepts else "a name",
    "character": _character,
    "name": lambda p: p.before if p.after == "NAME" else "x",
    "base": lambda p: p.before if p.touches and p.after in ("NAME", "NUMBER") else "",
    "pair": lambda p: p.source.text[p.previous.start_pos : p.end],
    "digits": lambda p: p.before.isdigit() and p.text.isdigit(),
    "opener": lambda p: OPENER_OF[p.text],
    "still_open": lambda p: "; a `{` is still open here" * (p.inside == "{"),
    "so_far": lambda p: {token.type for token in p.statement},
    "slashes": lambda p: "//" in p.statement,
    "assigns": lambda p: re.match(r"(\[.*\]\s*)?([-+*/%@^]|//|\*\*)?=(?!=)", p.rest),
    "misassigns": lambda p: (
        p.kind == "EQUAL" and p.after in OPERAND_ENDS and "WHILE" not in p.accepts
    ),
    "compare": _compare,
    "block": lambda p: p.head and p.head.type,
    "wants_block": lambda p: (
        p.head and not (p.touches and p.after == "NUMBER" and p.kind == "NAME")
    ),
    "counted": _counted,
    "brace_follows": lambda p: p.source.text[p.end :].lstrip().startswith("{"),
    "body": _body,
    "multiplies": lambda p: (
        p.in_a_row and p.kind in GROUPS["OPERANDS"] and "STRING" not in (p.kind, p.after)
    ),
    "product": _product,
    "printed": lambda p: _short(p.line.partition("#")[0]),
}
"""What the rows ask of a place, or say of it, besides its attributes."""


# ── texts ─────────────────────────────────────────────────────────────────────────────


def _quoted(text: str) -> str:
    if len(text) > LONGEST_QUOTE:
        text = f"{text[: LONGEST_QUOTE - 1]}…"
    return f"`{text}`"


def _balanced(text: str) -> str:
    """A text up to the first bracket that closes what was opened before it."""
    depth = 0
    for match in BRACKETS.finditer(text):
        depth += (match[0] in CLOSER_OF) - (match[0] in OPENER_OF)
        if depth < 0:
            return text[: match.start()]
    return text


def _short(text: str) -> str:
    """A piece of the program to repeat in a remedy; `…` where it is long or has lines."""
    text = text.strip()
    return "…" if len(text) > LONGEST_QUOTE or "\n" in text else text


def _line(text: str, start: int) -> str:
    end = text.find("\n", start)
    return text[start : len(text) if end < 0 else end]
