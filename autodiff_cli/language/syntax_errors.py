"""What to say of a text that is not a program: the mistake, its place, and the remedy.

Each function of `MISTAKES` knows one kind of mistake, and gives an error or None. The
first that knows the mistake has the word; where none does, `_unexpected` says what was
got and what the grammar takes there.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autodiff_cli.errors import ProgramError
from autodiff_cli.language.automaton import Token
from autodiff_cli.language.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from autodiff_cli.language.automaton import Stuck

CLOSER_OF = {"(": ")", "[": "]", "{": "}"}
OPENER_OF = {closer: opener for opener, closer in CLOSER_OF.items()}
BRACKETS = re.compile(r'"(?:[^"\\\n]|\\.)*"|#[^\n]*|[()\[\]{}]')
"""Brackets, and what may hold brackets that are none."""

STATEMENTS = frozenset(
    ("INPUT", "WHILE", "FOR", "BREAK", "CONTINUE", "RETURN", "ASSERT", "PRINT", "FN", "IF")
)
"""What a statement begins with, where it is no name."""
HEADS = frozenset(("IF", "ELIF", "ELSE", "WHILE", "FOR", "FN", "DERIVATIVE"))
"""What a block follows."""
FOLLOWERS = {"ELSE": "an `if`", "ELIF": "an `if`", "DERIVATIVE": "a function with a name"}
"""What goes on with a statement, and with which."""
WORD_OPERATORS = frozenset(("AND", "OR", "NOT"))
OPERATORS = frozenset(("PLUS", "MINUS", "TIMES", "AT", "POWER", "COMPARE", "AND", "OR"))
OPERANDS = frozenset(("NAME", "NUMBER", "STRING", "TRUE", "FALSE"))
OPERAND_ENDS = OPERANDS | {"RPAR", "RSQB"}
BOUNDARIES = frozenset(
    ("EQUAL", "UPDATE", "COMMA", "RETURN", "ASSERT", "SEMICOLON", "_NEWLINE", "IN")
) | {"IF", "ELIF", "WHILE"}
"""What an expression begins after, besides an opening bracket."""
LINE_ENDS = frozenset(("$END", "_NEWLINE"))

LONGEST_QUOTE = 40

FOREIGN_WORDS = {
    **dict.fromkeys(("def", "function", "func"), "a function is `fn f(x) { … }`"),
    "lambda": "an anonymous function is `fn(x) { … }`",
    **dict.fromkeys(
        ("let", "var", "const", "local", "global"), "a variable needs no declaration: `x = 3`"
    ),
    **dict.fromkeys(("import", "from"), "there are no modules: every function is built in"),
    **dict.fromkeys(("elseif", "elsif"), "write `elif`"),
    "unless": "write `if not`",
    "until": "write `while not`",
    "then": "a block stands between braces: `if c { … }`",
    "do": "a block stands between braces: `while c { … }`",
    "is": "to compare, write `==`",
    "mod": "the remainder is `a % b`",
    "div": "the whole quotient is `a // b`",
    **dict.fromkeys(("end", "endif", "fi", "done"), "a block ends with `}`"),
}
"""Words of other languages. Here they are names like any other, until two names meet."""

OTHER_OPERATORS = {
    ":=": "to assign, write `=`",
    "/*": "a comment begins with `#`",
    "=>": "at least is `>=`; an anonymous function is `fn(x) { … }`",
    "->": "an anonymous function is `fn(x) { … }`",
    "=<": "at most is `<=`",
    "<>": "unequal is `!=`",
    "===": "equal is `==`",
    "!==": "unequal is `!=`",
}
"""Operators of other languages that are two tokens here."""

OTHER_CHARACTERS = {
    **dict.fromkeys("×·⋅∙∗✕⨯", "to multiply, write `*`"),
    **dict.fromkeys("÷∕⁄", "to divide, write `/`"),
    **dict.fromkeys("−–—‐‑", "to subtract, write `-`"),
    **dict.fromkeys("&∧", "write `and`"),
    **dict.fromkeys("|∨", "write `or`; an absolute value is `abs(x)`"),
    **dict.fromkeys("!~¬", "write `not`"),
    "←": "to assign, write `=`",
    "≤": "write `<=`",
    "≥": "write `>=`",
    "≠": "write `!=`",
    "∞": "write `inf`",
    "√": "write `sqrt(…)`",
    "∑": "write `sum(…)`",
    "\\": "a `\\` continues a line, as the very last character of it",
    "`": "put no quotes around names and expressions",
}
"""Characters that begin no token, and what to write instead."""

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
CURLY = "“”„‟«»‘’‚‛‹›"


@dataclass(slots=True)
class Place:
    """Where the parser had to stop, and what it knew there.

    Attributes:
        kind: of the token that does not fit; empty where a character begins no token.
        text: that token or character; empty at the end of a line or of the program.
        start, end: its offsets; a line's end is where the text before it ends.
        previous: the token before.
        opened: the brackets that are open, outermost first.
        stack: tokens, and nodes already made of tokens, that are not yet a whole.
        accepts: the kinds of tokens that would have fitted.
    """

    source: Source
    kind: str
    text: str
    start: int
    end: int
    previous: Token | None
    opened: list[Token]
    stack: list[Any]
    accepts: set[str]

    def error(
        self, what: str, *, start: int | None = None, label: str = "", help: str = ""
    ) -> ProgramError:
        """An error about this place, or about all from `start` to here."""
        first = self.start if start is None else start
        return ProgramError(what, Span(self.source, first, self.end), label=label, help=help)

    @property
    def got(self) -> str:
        if self.kind == "$END":
            return "the end of the program"
        return "the end of the line" if self.kind == "_NEWLINE" else _quoted(self.text)

    @property
    def after(self) -> str:
        """The kind of the token before."""
        return "" if self.previous is None else self.previous.type

    @property
    def before(self) -> str:
        """The text of the token before."""
        return "" if self.previous is None else str(self.previous)

    @property
    def before_start(self) -> int:
        return 0 if self.previous is None else self.previous.start_pos

    @property
    def before_end(self) -> int:
        return 0 if self.previous is None else self.previous.end_pos

    @property
    def touches(self) -> bool:
        """Whether no white space parts an operand from what comes after it."""
        return self.after in OPERAND_ENDS and self.before_end == self.start

    @property
    def same_line(self) -> bool:
        """Whether the token before stands on the same line."""
        return "\n" not in self.source.text[self.before_end : self.start]

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

    def expression(self) -> str:
        """The expression that ends before this place, or `…` where it is long."""
        return _short(self.source.text[self.expression_start() : self.before_end])


def explain(
    stuck: Stuck, source: Source, previous: Token | None, opened: list[Token]
) -> ProgramError:
    """The error to raise for a text at which the parser had to stop.

    Args:
        stuck: where and why it stopped.
        previous: the last token that it took.
        opened: the brackets that were open, outermost first.
    """
    place = _place(stuck, source, previous, opened)
    for mistake in MISTAKES:
        found = mistake(place)
        if found is not None:
            return found
    return _unexpected(place)


def _place(stuck: Stuck, source: Source, previous: Token | None, opened: list[Token]) -> Place:
    token = stuck.token
    if token is None:
        start = stuck.start
        kind, text, end = "", source.text[start], start + 1
    elif token.type in LINE_ENDS:
        start = end = 0 if previous is None else previous.end_pos
        kind, text = token.type, ""
    else:
        kind, text, start, end = token.type, str(token), token.start_pos, token.end_pos
    stack = list(stuck.stack)
    return Place(source, kind, text, start, end, previous, list(opened), stack, stuck.accepted)


# ── characters that begin no token ────────────────────────────────────────────────────


def _character(place: Place) -> ProgramError | None:
    if place.kind:
        return None
    char, line = place.text, place.line
    if char in "\"'" or char in CURLY:
        return _quotation(place)
    if char == "?":
        then, colon, otherwise = place.rest.partition(":")
        return place.error(
            "got `?`, want an operator",
            help=_choice(place.expression(), then, otherwise) if colon else _choice("c", "a", "b"),
        )
    variable = re.match(r"\$\{?(\w+)\}?", line)
    if variable:
        place.end += variable.end() - 1
        name = variable[1]
        return place.error(
            f"got the shell's variable `{variable[0]}`, want a name",
            help=f'write `{name}`, and give its value after the program: {name}="${name}"',
        )
    power = re.match(r"[⁰¹²³⁴-⁹⁺⁻]+", line)
    if power:
        place.end += power.end() - 1
        operand = place.before if place.touches and place.after in ("NAME", "NUMBER") else ""
        return place.error(
            f"got the superscript `{power[0]}`, want an operator",
            help=f"write `{operand}^{power[0].translate(SUPERSCRIPTS)}`",
        )
    between = re.match(r"\|([^|]+)\|", line)
    if between and place.after not in OPERAND_ENDS:
        place.end += between.end() - 1
        return place.error(
            f"got {_quoted(between[0])}, want an expression",
            help=f"an absolute value is `abs({_short(between[1])})`",
        )
    if char == "!" and place.touches and not re.match(r"!\s*[\w(]", line):
        return place.error(
            "unknown operator `!`", help=f"a factorial is `prod(range(1, {place.before} + 1))`"
        )
    if char in "&|!~":
        operator = char * 2 if char in "&|" and line.startswith(char * 2) else char
        place.end += len(operator) - 1
        remedy = "write `or`" if operator == "||" else OTHER_CHARACTERS[char]
        return place.error(f"unknown operator `{operator}`", help=remedy)
    plain = unicodedata.normalize("NFKC", char)
    remedy = OTHER_CHARACTERS.get(char, "")
    if not remedy and plain != char and plain.isascii():
        remedy = f"write `{plain}`" if plain.strip() else "put a plain space in its place"
    if not remedy and not char.isprintable():
        remedy = "leave it out"
    return place.error(f"unknown character {_character_name(char)}", help=remedy)


def _quotation(place: Place) -> ProgramError:
    char, line = place.text, place.line
    if char == '"':
        place.end += len(line.rstrip()) - 1
        return place.error("the string is not closed", help='end it with `"` on the same line')
    if char == "'" and place.touches:
        operand = place.before if place.after == "NAME" else "x"
        return place.error(
            "got `'`, want an operator", help=f"the transpose of `{operand}` is `{operand}.T`"
        )
    closers = "'" if char == "'" else CURLY + '"'
    string = re.match(f".([^{closers}]*)[{closers}]", line)
    if string is None:
        return place.error(
            f"got {_character_name(char)}, want a string in double quotes",
            help='a string stands between two `"` on one line',
        )
    place.end += string.end() - 1
    return place.error(
        f"got {_quoted(string[0])}, want a string in double quotes",
        help=f'write `"{_short(string[1])}"`',
    )


def _character_name(char: str) -> str:
    """A character, and in words what it is where its looks may not say so."""
    if char.isascii() and char.isprintable():
        return f"`{char}`"
    name = f"U+{ord(char):04X}"
    known = unicodedata.name(char, "").lower()
    if known:
        name += f", {known}"
    return f"`{char}` ({name})" if char.isprintable() else name


# ── brackets ──────────────────────────────────────────────────────────────────────────


def _unclosed(place: Place) -> ProgramError | None:
    """A bracket that nothing closes; what does not fit is only where that shows."""
    if not place.opened:
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


def _closer(place: Place) -> ProgramError | None:
    """A closing bracket that closes nothing, or another kind than is open."""
    if place.text not in OPENER_OF:
        return None
    opener = OPENER_OF[place.text]
    if not place.opened:
        return place.error(
            f"`{place.text}` closes nothing",
            label=f"no `{opener}` is open here",
            help=f"leave it out, or write `{opener}` where it belongs",
        )
    wanted = CLOSER_OF[place.inside]
    if wanted != place.text:
        line, column = place.source.position(place.opened[-1].start_pos)
        found = place.error(
            f"got `{place.text}`, want `{wanted}`",
            help=f"close `{place.inside}` with `{wanted}` before this",
        )
        found.notes.append(f"`{place.inside}` was opened at {place.source.name}:{line}:{column}")
        return found
    return None


# ── the manners of other languages ────────────────────────────────────────────────────


def _foreign(place: Place) -> ProgramError | None:
    """A word, or an order of words, that is right in another language."""
    if place.kind == "IF" and place.after == "ELSE":
        return place.error(
            "got `else if`, want `elif`",
            start=place.before_start,
            help="write `elif`, or `{` after `else`",
        )
    if place.kind == "IF" and place.after in OPERAND_ENDS and place.same_line:
        condition, word, otherwise = place.rest.partition(" else ")
        return place.error(
            f"got `if` after `{place.before}`, want an operator or a new line",
            help=_choice(condition, place.expression(), otherwise)
            if word
            else f"`if` comes first: `if {_short(place.rest)} {{ … }}`",
        )
    if place.kind == "IN" and place.after in OPERAND_ENDS:
        return place.error(
            "got `in`, want an operator", help="whether an array `a` holds `x` is `any(a == x)`"
        )
    if (
        place.before in FOREIGN_WORDS
        and place.same_line
        and place.kind in (*OPERANDS, "COLON", "LBRACE")
    ):
        place.start, place.end = place.before_start, place.before_end
        return place.error(f"unknown word `{place.before}`", help=FOREIGN_WORDS[place.before])
    if (
        place.kind == "NAME"
        and place.text in FOREIGN_WORDS
        and place.after in OPERAND_ENDS | {"RBRACE"}
    ):
        return place.error(f"unknown word `{place.text}`", help=FOREIGN_WORDS[place.text])
    return None


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


def _other_operator(place: Place) -> ProgramError | None:
    pair = f"{place.before}{place.text}"
    if pair in OTHER_OPERATORS and place.before_end == place.start:
        return place.error(
            f"unknown operator `{pair}`", start=place.before_start, help=OTHER_OPERATORS[pair]
        )
    pair = place.source.text[place.start : place.start + 2]
    if pair in OTHER_OPERATORS:
        place.end = place.start + 2
        return place.error(f"unknown operator `{pair}`", help=OTHER_OPERATORS[pair])
    return None


def _comment(place: Place) -> ProgramError | None:
    """`//`, which begins a comment elsewhere."""
    slashes = [token for token in place.statement if token == "//"]
    if place.text == "//" and place.after not in OPERAND_ENDS:
        return place.error("got `//`, want a statement", help="a comment begins with `#`")
    if slashes and place.kind in OPERANDS and place.after in OPERAND_ENDS and place.same_line:
        found = _unexpected(place)
        found.help = "`//` divides; a comment begins with `#`"
        return found
    return None


# ── `=`, keywords and blocks ──────────────────────────────────────────────────────────


def _equals(place: Place) -> ProgramError | None:
    """`=` and `+=` where nothing is assigned."""
    if place.kind == "UPDATE" and place.after in OPERAND_ENDS:
        name = place.before if place.after == "NAME" else "x"
        return place.error(
            f"got `{place.text}`, want an operator",
            help=f"`{name} {place.text} …` is a statement of its own, for one name",
        )
    if place.kind != "EQUAL" or place.after not in OPERAND_ENDS or "WHILE" in place.accepts:
        return None
    left = place.expression()
    right = re.match(r"[\w.]+", place.rest)
    compare = f"to compare, write `{left} == {right[0] if right else '…'}`"
    if place.head is not None:
        if place.head.type == "FN":
            return None
        return place.error("got `=` in a condition, want `==`", help=compare)
    if "IN" in place.accepts:
        return place.error(
            "got `=`, want `in`", help=f"to count, write `for {place.before} in range(n) {{ … }}`"
        )
    if place.inside == "(" and place.accepts == {"COMMA", "RPAR"}:
        return place.error(
            "got `=`, want `,` or `)`", help="a parameter has no default: every call gives a value"
        )
    words = {token.type for token in place.statement}
    if place.inside in ("(", "[") or words & {"ASSERT", "RETURN"}:
        return place.error("got `=` in an expression, want `==`", help=compare)
    if "EQUAL" in words:
        return place.error(
            "got a second `=`, want one in a statement",
            help=f"{compare}; to assign twice, write two statements",
        )
    return ProgramError(
        f"cannot assign to `{left}`",
        Span(place.source, place.expression_start(), place.before_end),
        label="want a name or `name[index]`",
        help=compare,
    )


def _keyword(place: Place) -> ProgramError | None:
    """A keyword that is used as a name, or `else` without an `if`."""
    if place.kind == "EQUAL" and _is_keyword(place.after, place.before):
        place.start, place.end = place.before_start, place.before_end
        return _taken(place, place.before)
    if not _is_keyword(place.kind, place.text):
        return None
    if re.match(r"=(?!=)", place.rest) and place.kind not in place.accepts:
        return _taken(place, place.text)
    if place.kind in FOLLOWERS:
        return place.error(
            f"`{place.text}` belongs to no {FOLLOWERS[place.kind].partition(' ')[2]}",
            help=f"`{place.text}` follows the `}}` of {FOLLOWERS[place.kind]}"
            + ("; a `{` is still open here" if place.inside == "{" else ""),
        )
    if place.kind in WORD_OPERATORS or "NAME" not in place.accepts:
        return None
    want = "an expression" if "NUMBER" in place.accepts else "a name"
    remedy = f"a variable needs another name, such as `{place.text}_`"
    if place.kind in STATEMENTS:
        remedy = f"`{place.text}` begins a statement; {remedy}"
    return place.error(f"got the keyword `{place.text}`, want {want}", help=remedy)


def _taken(place: Place, word: str) -> ProgramError:
    return place.error(
        f"`{word}` is a keyword, and cannot be assigned to",
        help=f"take another name, such as `{word}_`",
    )


def _block(place: Place) -> ProgramError | None:
    """What stands in place of the `{` of a block."""
    head = place.head
    if head is None or (place.touches and place.after == "NUMBER" and place.kind == "NAME"):
        return None
    start = place.source.text[head.start_pos : place.before_end]
    if head.type == "FOR" and place.kind == "COLON":
        counted = _counted(place)
        if counted:
            return place.error("got `:`, want `{`", help=f"to count, write `{counted}`")
    body = "…"
    if head.type == "FN" and place.kind in ("EQUAL", "COLON") and start.startswith("fn "):
        body = _short(place.rest) or "…"
    help = f"a block stands between braces: `{_short(start)} {{ {body} }}`"
    if place.kind == "_NEWLINE" and place.source.text[place.end :].lstrip().startswith("{"):
        help = f"the `{{` stands on the line of `{head}`"
    return place.error(f"got {place.got}, want `{{`", help=help)


def _counted(place: Place) -> str:
    """`range` in place of `1:10` or `1:2:10` in a `for`; empty where it is no such thing."""
    bounds = re.match(r"([^\s:{]+)\s*(?::\s*([^\s:{]+))?\s*(\{|\Z)", place.rest)
    if not bounds or not (bounds[3] or place.after == "NUMBER"):
        return ""
    last, step = (bounds[2], f", {bounds[1]}") if bounds[2] else (bounds[1], "")
    stop = str(int(last) + 1) if last.isascii() and last.isdigit() else f"{last} + 1"
    return f"range({place.expression()}, {stop}{step})"


# ── two operands in a row ─────────────────────────────────────────────────────────────


def _in_a_row(place: Place) -> ProgramError | None:
    """Two operands with no operator between them, or two statements on one line."""
    follows = place.after in OPERAND_ENDS and place.accepts & OPERATORS
    ends_block = place.after == "RBRACE" and "_NEWLINE" in place.accepts
    if not (follows or ends_block) or not place.same_line:
        return None
    if place.kind == "LBRACE":
        return place.error(
            f"got `{{` after `{place.before}`, want an operator or a new line",
            help="a block follows `if`, `while`, `for` or `fn`",
        )
    assigns = re.match(r"(\[.*\]\s*)?([-+*/%@^]|//|\*\*)?=(?!=)", place.rest)
    if "_NEWLINE" in place.accepts and (
        place.kind in STATEMENTS or place.after == "RBRACE" or (assigns and place.kind == "NAME")
    ):
        return place.error(
            f"got {place.got} after `{place.before}`, want a new line or `;`",
            label="a second statement begins here",
            help="begin a new line, or write `;` between the two",
        )
    if place.kind not in OPERANDS or "STRING" in (place.kind, place.after):
        return None
    if place.touches and place.after == "NUMBER":
        if place.before == "0" and re.fullmatch(r"[xXoObB]\w+", place.text):
            return place.error(
                f"got `0{place.text}`, want a decimal number",
                start=place.before_start,
                help="there are decimal numbers only",
            )
        if place.kind == "NUMBER":
            return place.error(
                f"got `{place.before}{place.text}`, want a number",
                start=place.before_start,
                help="a number has one decimal point",
            )
    left = re.search(
        r"[\w.]*[(\[][^()\[\]\n]*[)\]]\Z|[\w.]+\Z", place.source.text[: place.before_end]
    )
    right = re.match(r"[\w.]+(\([^()\n]*\))?", place.line)
    product = f"{_short(left[0]) if left else '…'}*{_short(right[0]) if right else '…'}"
    want, remedy = "an operator", f"to multiply, write `{product}`"
    if place.touches and place.text in ("e", "E"):
        remedy += f"; a power of ten has digits: `{place.before}e3`"
    elif not place.touches and "COMMA" in place.accepts and place.inside in ("(", "["):
        want += " or `,`"
        remedy += "; to keep the two apart, put a `,` between them"
    elif place.before.isdigit() and place.text.isdigit():
        remedy = f"one number has `_` between its digits: `{place.before}_{place.text}`"
    elif "_NEWLINE" in place.accepts and place.after != "NUMBER" and not place.touches:
        want += " or a new line"
        remedy += "; to have two statements, put a `;` between them"
    return place.error(f"got {place.got} after `{place.before}`, want {want}", help=remedy)


# ── all else ──────────────────────────────────────────────────────────────────────────


def _unexpected(place: Place) -> ProgramError:
    """What was got, and what the grammar takes there."""
    is_operand_missing = place.after in OPERATORS | {"EQUAL", "UPDATE"} and place.kind != "LBRACE"
    is_named = is_operand_missing or _is_keyword(place.after, place.before)
    after = f" after `{place.before}`" if is_named else ""
    return place.error(
        f"got {place.got}{after}, want {_any_of(_wanted(place.accepts))}",
        label="an operand is missing" if is_operand_missing and place.kind != "NOT" else "",
        help=_remedy(place),
    )


def _remedy(place: Place) -> str:
    """What to do where the token, or the one before, tells what was meant."""
    follows = place.after in OPERAND_ENDS
    match place.kind:
        case "SEMICOLON" if place.inside == "[":
            return "a row of a matrix is an array: `[[1, 2], [3, 4]]`"
        case "COMMA" if place.inside == "(" and follows:
            return "an array stands between `[` and `]`"
        case "LBRACE" if place.after in ("IF", "ELIF", "WHILE"):
            return "write the condition before the `{`"
        case "LBRACE":
            return (
                "a block follows `if`, `while`, `for` or `fn`; an array stands between `[` and `]`"
            )
        case "COLON" if place.inside == "[" and follows:
            return "a slice is `start:stop:step`"
        case "COLON":
            return "a `:` stands in a slice only, as in `x[1:3]`; to count, write `range(1, 4)`"
        case "NOT" if not follows:
            return "put it into parentheses: `(not …)`"
        case "LPAR" if place.after == "FOR":
            return "write `for i in range(n) { … }`"
        case "STRING" if any(token.type == "ASSERT" for token in place.statement):
            return "put a `,` before the message"
    if place.after == "PRINT":
        return f"write `print({_short(place.line.partition('#')[0])})`"
    if place.kind in LINE_ENDS and {"EQUAL", "COMMA"} <= place.accepts:
        return "several values in one are an array: `[a, b]`"
    if place.kind in OPERANDS and "COMMA" in place.accepts and place.inside in ("(", "["):
        return "put a `,` before it"
    return ""


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


def _any_of(words: list[str]) -> str:
    return " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def _choice(condition: str, then: str, otherwise: str) -> str:
    parts = [_short(_balanced(part)) or "…" for part in (condition, then, otherwise)]
    return "a choice is `if {} {{ {} }} else {{ {} }}`".format(*parts)


def _is_keyword(kind: str, text: str) -> bool:
    """Whether a token is a word of the grammar: Lark calls its kind by the word."""
    return kind == text.upper() and kind != "NAME" and text.isalpha()


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


MISTAKES: Iterable[Callable[[Place], ProgramError | None]] = (
    _character,
    _unclosed,
    _closer,
    _foreign,
    _increment,
    _other_operator,
    _comment,
    _equals,
    _keyword,
    _block,
    _in_a_row,
)
"""In this order: the more a mistake says of itself, the earlier."""
