"""What a text that is no program is told: the mistake, its place, and the remedy."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff_cli.errors import AdiffError, ProgramError
from autodiff_cli.interpreter.program import load
from autodiff_cli.language import syntax_errors
from autodiff_cli.language.mistakes import GROUPS
from autodiff_cli.language.source import Source
from grammar.tables import grammar_text

GRAMMAR = grammar_text()
TERMINALS = sorted(set(re.findall(r"^(_?[A-Z]+)[.\d]*:", GRAMMAR, re.MULTILINE)))
KEYWORDS = sorted(set(re.findall(r'"([a-z]{2,})"', GRAMMAR)))

MISTAKES = [
    # (program, what the underline covers, in the heading, in the help)
    ("½ * x", "½", "got the fraction `½`, want a number", "write `1/2`"),
    ("y = ∂x", "∂", "unknown character `∂`", "`grad(y, x)`"),
    # multiplication that is not written
    ("2x", "x", "got `x` after `2`, want an operator", "`2*x`"),
    ("y = 3 sin(x)", "sin", "want an operator", "`3*sin(x)`"),
    ("sin(x) cos(x)", "cos", "want an operator or a new line", "`sin(x)*cos(x)`"),
    ("(x + 1)y", "y", "want an operator", "`(x + 1)*y`"),
    ("2(x + 1)", "2(x + 1)", "got `(x + 1)` after `2`, want an operator", "`2*(x + 1)`"),
    ("x y", "y", "want an operator or a new line", "`x*y`"),
    ("if 2x > 3 { 1 }", "x", "got `x` after `2`", "`2*x`"),
    ("f(2x)", "x", "got `x` after `2`, want an operator", "`2*x`"),
    ("2e", "e", "got `e` after `2`", "`2e3`"),
    ("1 000", "000", "got `000` after `1`", "`1_000`"),
    ("1.2.3", "1.2.3", "want a number", "one decimal point"),
    ("0xff", "0xff", "want a decimal number", "decimal"),
    ("x[1 2]", "2", "want an operator or `,`", "put a `,`"),
    # `=`
    ("if x = 3 { 1 }", "=", "got `=` in a condition, want `==`", "`x == 3`"),
    ("while x[0] = 3 { 1 }", "=", "got `=` in a condition, want `==`", "`x[0] == 3`"),
    ("y = (x = 3)", "=", "got `=` in an expression, want `==`", "`x == 3`"),
    ("assert x = 3", "=", "got `=` in an expression, want `==`", "`x == 3`"),
    ("x + 1 = 3", "x + 1", "cannot assign to `x + 1`", "`x + 1 == 3`"),
    ("3 = x", "3", "cannot assign to `3`", "`==`"),
    ("f(x) = x^2", "f(x)", "cannot assign to `f(x)`", "`fn f(x) { … }`"),
    ("a = b = 3", "=", "got a second `=`", "two statements"),
    ("x := 3", ":=", "unknown operator `:=`", "`=`"),
    ("x === 3", "===", "unknown operator `===`", "`==`"),
    ("y = x += 1", "+=", "got `+=`, want an operator", "statement of its own"),
    ("x\n= 3", "=", "got `=`, want a statement", ""),
    ("fn f(x=1) { x }", "=", "got `=`, want `,` or `)`", "no default"),
    # brackets
    ("fn f(x) {\n  x + 1\n", "{", "`{` is never closed", "`}`"),
    ("y = sin(x\nz = y + 1", "(", "`(` is never closed", "`)`"),
    ("if x { y = sin(x\n z = 1\n}", "(", "`(` is never closed", "`)`"),
    ("[1, [2, 3]", "[", "`[` is never closed", "`]`"),
    ("(1 + [2, 3)", ")", "got `)`, want `]`", "close `[`"),
    ("x + 1)", ")", "`)` closes nothing", "leave it out"),
    ("x = 3\n}", "}", "`}` closes nothing", "leave it out"),
    ("[1, 2\n3]", "3", "want an operator, `,` or `]`", "put a `,`"),
    # an operand that is missing
    ("1 +", "", "got the end of the program after `+`, want an expression", ""),
    ("x =", "", "got the end of the program after `=`, want an expression", ""),
    ("1 + * 2", "*", "got `*` after `+`, want an expression", ""),
    ("sin(,)", ",", "got `,`, want an expression or `)`", ""),
    ("while\n", "", "got the end of the line after `while`, want an expression", ""),
    # two statements on one line
    ("x = 2 y = 3", "y", "want a new line or `;`", "`;`"),
    ("x = 2 while x > 0 { x -= 1 }", "while", "want a new line or `;`", "`;`"),
    ("fn f(x) { x } f(3)", "f", "want a new line or `;`", "`;`"),
    # keywords
    ("while = 3", "while", "`while` is a keyword", "`while_`"),
    ("in = 3", "in", "`in` is a keyword", "`in_`"),
    ("x = in + 1", "in", "got the keyword `in`, want an expression", "`in_`"),
    ("fn print(x) { x }", "print", "got the keyword `print`, want a name", "`print_`"),
    ("x = return 3", "return", "got the keyword `return`", "begins a statement"),
    ("else { 3 }", "else", "`else` belongs to no `if`", "follows the `}`"),
    # characters
    ("a && b", "&&", "unknown operator `&&`", "`and`"),
    ("a || b", "||", "unknown operator `||`", "`or`"),
    ("!a", "!", "unknown operator `!`", "`not`"),
    ("n!", "!", "unknown operator `!`", "`prod(range(1, n + 1))`"),
    ("|x| + 1", "|x|", "got `|x|`", "`abs(x)`"),
    ("print('text')", "'text'", "want a string in double quotes", '`"text"`'),
    ("print(“text”)", "“text”", "want a string in double quotes", '`"text"`'),
    ('print("text)', '"text)', "the string is not closed", '`"`'),
    ("x'", "'", "got `'`, want an operator", "`x.T`"),
    ("x × y", "×", "unknown character `×` (U+00D7, multiplication sign)", "`*`"),
    ("x · y", "·", "unknown character `·`", "`*`"),
    ("x − y", "−", "unknown character `−` (U+2212, minus sign)", "`-`"),
    ("x² + 1", "²", "got the superscript `²`", "`x^2`"),
    ("(x + 1)⁻¹²", "⁻¹²", "got the superscript `⁻¹²`", "`^-12`"),
    ("a ≥ b", "≥", "unknown character `≥`", "`>=`"),
    ("f（x)", "（", "unknown character `（`", "`(`"),
    ("x\u00a0+ 1", "\u00a0", "unknown character U+00A0, no-break space", "plain space"),
    ("x\u200b + 1", "\u200b", "unknown character U+200B, zero width space", "leave it out"),
    ("x \x1b y", "\x1b", "unknown character U+001B", "leave it out"),
    ("$x + 1", "$x", "got the shell's variable `$x`", 'x="$x"'),
    ("x > 0 ? 1 : 2", "?", "got `?`", "`if x > 0 { 1 } else { 2 }`"),
    # the manners of other languages
    ("if x > 0:\n  y = 1", ":", "got `:`, want `{`", "`if x > 0 { … }`"),
    ("if x > 0\n{ y }", "", "got the end of the line, want `{`", "on the line of `if`"),
    ("if x > 3 then y", "then", "unknown word `then`", "`if c { … }`"),
    ("while (x) y = 3", "y", "got `y`, want `{`", "`while (x) { … }`"),
    ("def f(x): x", "def", "unknown word `def`", "`fn f(x) { … }`"),
    ("map(lambda x: x, a)", "lambda", "unknown word `lambda`", "`fn(x) { … }`"),
    ("import numpy as np", "import", "unknown word `import`", "every function is built in"),
    ("let x = 3", "let", "unknown word `let`", "no declaration"),
    ("if a { 1 } else if b { 2 }", "else if", "got `else if`, want `elif`", "`elif`"),
    ("if a { 1 } elseif b { 2 }", "elseif", "unknown word `elseif`", "`elif`"),
    ("fn f(x) = x^2", "=", "got `=`, want `{`", "`fn f(x) { x^2 }`"),
    ("x -> x^2", "->", "unknown operator `->`", "`fn(x) { … }`"),
    ("x++\ny = 2", "++", "unknown operator `++`", "`x += 1`"),
    ("n = 3; n--; n", "--", "unknown operator `--`", "`n -= 1`"),
    ("for i in 1:10 { i }", ":", "got `:`, want `{`", "`range(1, 11)`"),
    ("for i in 1:2:n { i }", ":", "got `:`, want `{`", "`range(1, n + 1, 2)`"),
    ("for i = 1:10", "=", "got `=`, want `in`", "`for i in range(n) { … }`"),
    ("for (i = 0; i < 3) {}", "(", "got `(` after `for`, want a name", "range"),
    ("y = 2*a if c else b", "if", "got `if` after `a`", "`if c { 2*a } else { b }`"),
    ("x in y", "in", "got `in`, want an operator", "`any(a == x)`"),
    ("x = 3 // the value", "value", "want an operator", "a comment begins with `#`"),
    ("// the value", "//", "got `//`, want a statement", "a comment begins with `#`"),
    ("[1, 2; 3, 4]", ";", "got `;`, want `,` or `]`", "`[[1, 2], [3, 4]]`"),
    ("(1, 2)", ",", "got `,`, want `)`", "`[` and `]`"),
    ("1, 2", "", "want `,` or `=`", "`[a, b]`"),
    ('print "text"', '"text"', 'got `"text"` after `print`, want `(`', '`print("text")`'),
    ("y = None", "None", "unknown name `None`", "`nan`"),
    ("if True { x }", "True", "unknown name `True`", "`true`"),
    ("np.sin(x)", "np.sin", "unknown attribute `.sin`", "`sin(…)`"),
    ("x = 'text", "'", "got `'`, want a string in double quotes", "on one line"),
    ("x ? 1", "?", "got `?`, want an operator", "`if c { a } else { b }`"),
    ("y = 3 if x > 0", "if", "got `if` after `3`", "`if x > 0 { … }`"),
    ("derivative { 3 }", "derivative", "belongs to no function with a name", "follows the `}`"),
    ("x { 3 }", "{", "got `{` after `x`, want an operator or a new line", "a block follows"),
    ("y = {1, 2}", "{", "got `{`", "an array stands between"),
    ("if { 3 }", "{", "got `{` after `if`", "write the condition"),
    ("y = x[1:2:3:4]", ":", "got `:`", "`start:stop:step`"),
    ("y = 1:4", ":", "got `:`", "`range(1, 4)`"),
    ("y = 2 * not x", "not", "got `not` after `*`", "`(not …)`"),
    ('assert x "message"', '"message"', "want an operator, `,` or", "put a `,` before the message"),
    # all else
    ("fn f(x, 2) { x }", "2", "got `2`, want a name or `)`", ""),
    ("fn f x { x }", "x", "got `x`, want `(`", ""),
    ("input 3", "3", "got `3` after `input`, want a name", ""),
    ("break 3", "3", "got `3` after `break`, want the end of the line", ""),
    ("x.", "", "got the end of the program, want a name", ""),
    ("x = 3,, 4", ",", "got `,`, want an expression", ""),
]


def refused(text: str) -> ProgramError:
    with pytest.raises(ProgramError) as caught:
        load(Source("p.ad", text))
    return caught.value


@pytest.mark.parametrize(("program", "underlined", "heading", "remedy"), MISTAKES)
def test_mistake(program: str, underlined: str, heading: str, remedy: str) -> None:
    error = refused(program)
    assert error.where is not None
    assert error.where.text == underlined
    assert heading in error.what
    assert remedy in error.help
    assert bool(remedy) or not error.help


def test_every_row_has_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    said = syntax_errors._said

    def noted(tests: str, texts: list[str], place: syntax_errors.Place) -> ProgramError | None:
        error = said(tests, texts, place)
        if error is not None:
            found.add(tests)
        return error

    monkeypatch.setattr(syntax_errors, "_said", noted)
    for program, *_ in MISTAKES:
        refused(program)
    rows = [row.args[0] for row in syntax_errors._rows()]
    assert [tests for tests in rows if tests not in found] == []


def test_keywords_are_those_of_the_grammar() -> None:
    assert {word.upper() for word in KEYWORDS} == GROUPS["KEYWORDS"]


@pytest.mark.parametrize("program", [row[0] for row in MISTAKES])
def test_message_keeps_the_form(program: str) -> None:
    """One line, lower case, and no word of the parser's."""
    error = refused(program)
    for text in (error.what, error.label, error.help):
        assert "\n" not in text
        assert not re.search(rf"\b({'|'.join(TERMINALS)}|RPAR|LPAR|[LR]SQB|[LR]BRACE)\b", text)
        assert "$END" not in text
    assert not error.what[0].isupper()
    assert not error.what.endswith(".")


@pytest.mark.parametrize(
    ("program", "line", "column"),
    [
        ("x = 1 +", 1, 8),
        ("x = 1 +   # more to come\n\n", 1, 8),
        ("x = 1\nif x > 0   # what then\n\ny = 2", 2, 9),
        ("y = [1,\n     2 +\n", 1, 5),
    ],
)
def test_end_of_line_is_where_its_text_ends(program: str, line: int, column: int) -> None:
    where = refused(program).where
    assert where is not None
    assert (where.line, where.column) == (line, column)


def test_opener_is_named_where_another_is_closed() -> None:
    error = refused("y = [1, 2,\n  (3 + 4]")
    assert error.notes == ["`(` was opened at p.ad:2:3"]


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_keyword_is_no_name(keyword: str) -> None:
    for program in (f"{keyword} = 3", f"fn {keyword}(x) {{ x }}", f"input {keyword}"):
        error = refused(program)
        assert f"`{keyword}`" in error.what
        assert error.where is not None
        assert keyword in error.where.text


@pytest.mark.parametrize("program", ["let = 3; let + 1", "do = then + 1", "from", "mod(is) + 1"])
def test_foreign_word_is_a_name_where_one_fits(program: str) -> None:
    load(Source("p.ad", f"fn mod(x) {{ x }}\n{program}"))


# ── nothing gets through ──────────────────────────────────────────────────────────────

SIGNS = re.findall(
    r"\S+",
    "+ - * / // % @ ^ ** = == != <= >= < > += -= **= ( ) [ ] { } , ; : . ++ -> => := & ' \" ² "
    "$x ? # \\ × ( [ { ) ] }",
)
SPACES = [" ", "\t", "\n", "\r\n", "\u00a0"]
WORDS = ["x", "f", "T", "shape", "grad", "sin", "def", "lambda", "then", "do", "None", "σ"]
VALUES = ["0", "2", "1.5", ".5", "1e-3", "1_0", '"text"', "'text'"]
PIECES = [*SIGNS, *SPACES, *WORDS, *VALUES, *KEYWORDS]


def loads_or_explains(text: str) -> None:
    where = None
    try:
        load(Source("p.ad", text))
    except AdiffError as error:
        where = error.where
    if where is not None:
        assert 0 <= where.start <= where.end <= len(text)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    loads_or_explains(text)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14), st.sampled_from(("", " ")))
def test_any_tokens(pieces: list[str], between: str) -> None:
    loads_or_explains(between.join(pieces))


PROGRAM = """\
input w = [0.5, -1], X
fn f(r, d) { if abs(r) <= d { 0.5 * r^2 } elif r > 0 { d } else { d * (r - 0.5 * d) } }
total = 0
for i in range(len(w)) { total += f(X[i, ::-1] @ w.T, 1.0); if total > 9 { break } }
while total > 10 { total = total / 2 }
a, b = total, map(fn(x) { x }, w)
assert not a != b[0] and true, "never"
print("total", a)
a
"""


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, len(PROGRAM)),
    st.integers(0, 12),
    st.sampled_from(["", *PIECES]),
)
def test_any_slip_of_the_pen(at: int, length: int, put: str) -> None:
    """A program that is right but for one place."""
    loads_or_explains(PROGRAM[:at] + put + PROGRAM[at + length :])
