"""The mistakes that are made in programs, in rows: how each is known, what is said, the remedy.

A row is a line of tests, or several of which one has to hold, and set in below it what is wrong,
a label after `^` if there is one, and what to do. With what to do alone, the error says what was
got and what the grammar takes. The first row that holds has the word: the more a mistake says of
itself, the earlier.

Tests are of a place's attributes and `FACTS`: `touches`, `after=NAME|NUMBER` (one of these, or of a
group of `GROUPS`), each with a `!` for its contrary. A regular expression after `~` has to match
from where the underline begins, and is what is underlined; else that is the token that does not
fit, or after `under`, the one `before` it, `both`, or the `expression` that ends before it. In the
texts `$it` is what is underlined, `$instead` what `INSTEAD` has for that; the other pieces are
groups of the expression, attributes and facts.
"""

from __future__ import annotations

WORDS = {
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

PAIRS = {
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

INSTEAD = {
    **WORDS,
    **PAIRS,
    **dict.fromkeys("×·⋅∙∗✕⨯", "to multiply, write `*`"),
    **dict.fromkeys("÷∕⁄", "to divide, write `/`"),
    **dict.fromkeys("−–—‐‑", "to subtract, write `-`"),
    **dict.fromkeys(("&", "&&", "∧"), "write `and`"),
    **dict.fromkeys("|∨", "write `or`; an absolute value is `abs(x)`"),
    "||": "write `or`",
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
"""What to write in place of a word or a sign that is none here."""

OPERANDS = {"NAME", "NUMBER", "STRING", "TRUE", "FALSE"}
STATEMENTS = {"INPUT", "WHILE", "FOR", "BREAK", "CONTINUE", "RETURN", "ASSERT", "PRINT", "FN", "IF"}
GROUPS: dict[str, set[str]] = {
    "WORDS": set(WORDS),
    "PAIRS": set(PAIRS),
    "KEYWORDS": STATEMENTS
    | {"IN", "ELSE", "ELIF", "DERIVATIVE", "AND", "OR", "NOT", "TRUE", "FALSE"},
    "STATEMENTS": STATEMENTS,
    "OPERATORS": {"PLUS", "MINUS", "TIMES", "AT", "POWER", "COMPARE", "AND", "OR"},
    "OPERANDS": OPERANDS,
    "ENDS": OPERANDS | {"RPAR", "RSQB"},
    "LINE_ENDS": {"$END", "_NEWLINE"},
}
"""What the tests of `ROWS` call several kinds of tokens, or texts of tokens."""

ROWS = r"""
# characters that begin no token

kind= ~ [¼-¾⅐-⅞]
    got the fraction $it, want a number
    write `$fraction`, in parentheses within a product
kind= ~ [∂∇]
    unknown character $character
    a derivative is `grad(y, x)`, or what --wrt x asks for
kind= ~ ".*\S|"
    the string is not closed
    end it with `"` on the same line
kind= touches ~ '
    got $it, want an operator
    the transpose of `$name` is `$name.T`
kind= ~ '(?P<inner>[^']*)'|[“”„‟«»‘’‚‛‹›](?P<quoted>[^“”„‟«»‘’‚‛‹›"]*)[“”„‟«»‘’‚‛‹›"]
    got $it, want a string in double quotes
    write `"$inner$quoted"`
kind= ~ ['“”„‟«»‘’‚‛‹›]
    got $character, want a string in double quotes
    a string stands between two `"` on one line
kind= ~ \?(?=(?P<then>[^#:]*):(?P<otherwise>[^#]*))
    got `?`, want an operator
    a choice is `if $expression { $then } else { $otherwise }`
kind= ~ \?
    got `?`, want an operator
    a choice is `if c { a } else { b }`
kind= ~ \$\{?(?P<inner>\w+)\}?
    got the shell's variable $it, want a name
    write `$inner`, and give its value after the program: $inner="$$$inner"
kind= ~ [⁰¹²³⁴-⁹⁺⁻]+
    got the superscript $it, want an operator
    write `$base^$plain`
kind= !after=ENDS ~ \|(?P<inner>[^|]+)\|
    got $it, want an expression
    an absolute value is `abs($inner)`
kind= touches ~ !(?!\s*[\w(])
    unknown operator `!`
    a factorial is `prod(range(1, $before + 1))`
kind= ~ &&|\|\||[&|!~]
    unknown operator $it
    $instead
kind=
    unknown character $character
    $instead

# brackets, and the manners of other languages

text=)|]|} !opened
    $it closes nothing
    ^ no `$opener` is open here
    leave it out, or write `$opener` where it belongs
kind=IF after=ELSE under=both
    got `else if`, want `elif`
    write `elif`, or `{` after `else`
kind=IF after=ENDS same_line ~ if(?=\s*(?P<condition>[^\s#][^#]*?) else (?P<otherwise>[^#]*))
    got `if` after `$before`, want an operator or a new line
    a choice is `if $condition { $expression } else { $otherwise }`
kind=IF after=ENDS same_line ~ if(?=(?P<rest>[^#]*))
    got `if` after `$before`, want an operator or a new line
    `if` comes first: `if $rest { … }`
kind=IN after=ENDS
    got `in`, want an operator
    whether an array `a` holds `x` is `any(a == x)`
before=WORDS same_line kind=OPERANDS|COLON|LBRACE under=before
text=WORDS kind=NAME after=ENDS|RBRACE
    unknown word $it
    $instead
pair=PAIRS under=both
    unknown operator $it
    $instead
~ :=|/\*|=>|->|=<|<>
    unknown operator $it
    $instead
text=// !after=ENDS
    got `//`, want a statement
    a comment begins with `#`
slashes kind=OPERANDS after=ENDS same_line
    `//` divides; a comment begins with `#`

# `=` and `+=` where nothing is assigned

kind=UPDATE after=ENDS
    got $it, want an operator
    `$name $text …` is a statement of its own, for one name
misassigns head !block=FN
    got `=` in a condition, want `==`
    $compare
misassigns !head accepts=IN
    got `=`, want `in`
    to count, write `for $before in range(n) { … }`
misassigns !head inside=( !accepts=OPERATORS
    got `=`, want `,` or `)`
    a parameter has no default: every call gives a value
misassigns !head inside=(|[
misassigns !head so_far=ASSERT|RETURN
    got `=` in an expression, want `==`
    $compare
misassigns !head so_far=EQUAL
    got a second `=`, want one in a statement
    $compare; to assign twice, write two statements
misassigns !head under=expression
    cannot assign to `$expression`
    ^ want a name or `name[index]`
    $compare

# keywords used as names, and out of place

kind=EQUAL after=KEYWORDS under=before
    $it is a keyword, and cannot be assigned to
    take another name, such as `${before}_`
kind=KEYWORDS ~ [a-z]+(?=\s*=(?!=))
    $it is a keyword, and cannot be assigned to
    take another name, such as `${text}_`
kind=ELSE|ELIF
    $it belongs to no `if`
    $it follows the `}` of an `if`$still_open
kind=DERIVATIVE
    $it belongs to no function with a name
    $it follows the `}` of a function with a name$still_open
kind=STATEMENTS accepts=NAME
    got the keyword $it, want $operand
    $it begins a statement; a variable needs another name, such as `${text}_`
kind=KEYWORDS !kind=AND|OR|NOT accepts=NAME
    got the keyword $it, want $operand
    a variable needs another name, such as `${text}_`

# what stands in place of the `{` of a block

wants_block block=FOR kind=COLON counted
    got `:`, want `{`
    to count, write `$counted`
wants_block kind=_NEWLINE brace_follows
    got $got, want `{`
    the `{` stands on the line of `$head`
wants_block
    got $got, want `{`
    a block stands between braces: `$signature { $body }`

# two operands with no operator between them, or two statements on one line

in_a_row kind=LBRACE
    got `{` after `$before`, want an operator or a new line
    a block follows `if`, `while`, `for` or `fn`
in_a_row accepts=_NEWLINE kind=STATEMENTS
in_a_row accepts=_NEWLINE after=RBRACE
in_a_row accepts=_NEWLINE kind=NAME assigns
    got $got after `$before`, want a new line or `;`
    ^ a second statement begins here
    begin a new line, or write `;` between the two
multiplies touches under=both ~ 0[xXoObB](?a:\w)+
    got $it, want a decimal number
    there are decimal numbers only
multiplies touches after=NUMBER kind=NUMBER under=both
    got $it, want a number
    a number has one decimal point
multiplies touches text=e|E
    got $got after `$before`, want an operator
    to multiply, write `$product`; a power of ten has digits: `${before}e3`
multiplies !touches accepts=COMMA inside=(|[
    got $got after `$before`, want an operator or `,`
    to multiply, write `$product`; to keep the two apart, put a `,` between them
multiplies digits
    got $got after `$before`, want an operator
    one number has `_` between its digits: `${before}_$text`
multiplies !touches accepts=_NEWLINE !after=NUMBER
    got $got after `$before`, want an operator or a new line
    to multiply, write `$product`; to have two statements, put a `;` between them
multiplies
    got $got after `$before`, want an operator
    to multiply, write `$product`

# all else: what to do where the token, or the one before, tells what was meant

kind=SEMICOLON inside=[
    a row of a matrix is an array: `[[1, 2], [3, 4]]`
kind=COMMA inside=( after=ENDS
    an array stands between `[` and `]`
kind=LBRACE after=IF|ELIF|WHILE
    write the condition before the `{`
kind=LBRACE
    a block follows `if`, `while`, `for` or `fn`; an array stands between `[` and `]`
kind=COLON inside=[ after=ENDS
    a slice is `start:stop:step`
kind=COLON
    a `:` stands in a slice only, as in `x[1:3]`; to count, write `range(1, 4)`
kind=NOT !after=ENDS
    put it into parentheses: `(not …)`
kind=LPAR after=FOR
    write `for i in range(n) { … }`
kind=STRING so_far=ASSERT
    put a `,` before the message
after=PRINT
    write `print($printed)`
kind=LINE_ENDS accepts=EQUAL accepts=COMMA
    several values in one are an array: `[a, b]`
kind=OPERANDS accepts=COMMA inside=(|[
    put a `,` before it
"""
