"""However deep a program calls, and its text is nested: a limit, and never the end of the C stack.

Every way on which a program gets back into itself is taken on a thread whose stack is so small
that one call through C on that way would overrun it.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from autodiff_cli.engine.graph import value_of
from autodiff_cli.errors import LimitError
from autodiff_cli.interpreter import process
from autodiff_cli.interpreter.machine import Limits, Settings
from autodiff_cli.interpreter.program import load
from autodiff_cli.interpreter.run import run
from autodiff_cli.language import syntax
from autodiff_cli.language.names import children, walk
from autodiff_cli.language.parser import parse
from autodiff_cli.language.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

STACK = 96 * 1024
"""Bytes. The smallest call through C takes some 400."""
CALLS = 400
NESTED = 250

WAYS = {
    "a sign": "-(E)",
    "not": "if not (E) { 0 } else { 1 }",
    "an operator": "1 * (E)",
    "a power": "(E)^1",
    "a comparison": "if (E) < 0 { 1 } else { 0 }",
    "a chain of comparisons": "if 0 <= (E) < 9 { 0 } else { 1 }",
    "and": "if true and (E) { 1 } else { 0 }",
    "or": "if false or (E) { 1 } else { 0 }",
    "an array": "[E, 1][0]",
    "an index": "[0, 1][E]",
    "a slice": "sum([0, 1][0:(E)+1])",
    "an attribute": "sum([E].T)",
    "a built-in function": "sin(E)",
    "one of two": "max(E, 0)",
    "one of several": "maximum(E, 0)",
    "a keyword": "sum([E], axis=0)",
    "a reduction": "sum([E, 0])",
    "a function": "fn g(t) { t }; g(E)",
    "an argument": "fn g(s, t) { t }; g(0, E)",
    "an anonymous function": "(fn() { E })()",
    "detach": "detach(E)",
    "a condition": "if (E) > 0 { 1 } else { 0 }",
    "a branch": "if 1 > 0 { E } else { 1 }",
    "elif": "if 1 < 0 { 1 } elif 2 > 1 { E } else { 1 }",
    "else": "if 1 < 0 { 1 } else { E }",
    "a statement": "E; 0",
    "an assignment": "a = E; a",
    "two assignments": "a, b = E, 1; a",
    "an update": "a = 0; a += E; a",
    "an element": "a = [0, 0]; a[0] = E; a[0]",
    "an element that is updated": "a = [0, 0]; a[0] += E; a[0]",
    "the index of an element": "a = [0, 0]; a[E] = 0; a[0]",
    "while": "while (E) > 0 { break }; 0",
    "the body of while": "i = 0; while i < 1 { i += 1; r = E }; r",
    "for": "for i in [E] { a = i }; a",
    "range": "for i in range((E) + 1) { a = i }; a",
    "the body of for": "for i in range(1) { r = E }; r",
    "return": "return E",
    "return of two": "fn g(t) { return t, 1 }; a, b = g(E); a",
    "assert": "assert (E) <= 0; 0",
    "the message of assert": "assert true, E; E",
    "print": "print(E); 0",
    "print of an if": "print(if true { E } else { 0 }); 0",
    "a function with a rule": "fn g(t) { E } derivative (t, y, d) { d }; g(0)",
    "map": "sum(map(fn(t) { E }, [0]))",
    "fold": "fold(fn(s, t) { E }, 0, [0])",
    "sum_over": "sum_over(1, fn(t) { E })",
    "grad": "z = 0; grad(z * detach(E), z)",
    "jacobian": "z = 0; jacobian(z * detach(E), z)",
    "hessian": "z = 0; hessian(z^2 * detach(E), z)",
    "backward": "z = 0; backward(z + detach(E)); 0 * z.grad",
}
"""Bodies of functions that have a value, 0, where the expression E has that."""

RULES = {
    "backward, in a rule": "backward(g(z)); z.grad",
    "grad, in a rule": "grad(g(z), z)",
    "jacobian, in a rule": "jacobian(g(z), z)",
    "jacobian of an array, in a rule": "jacobian([g(z)], z)[0]",
    "hessian, in a rule": "hessian(g(z), z)",
}
"""Bodies that run the rule of g."""


def recursive(body: str) -> str:
    body = body.replace("E", "f(n - 1)")
    return f"fn f(n) {{ if n <= 0 {{ return 0 * x }}; {body} }}; f({CALLS}) + x"


def recursive_rule(body: str) -> str:
    return (
        f"fn f(n) {{ if n <= 0 {{ return 0 }}; z = 1; "
        f"fn g(t) {{ t }} derivative (t, y, d) {{ f(n - 1) }}; {body} }}; f({CALLS}) + x"
    )


def nested(body: str) -> str:
    """The body in the body, where it is one expression; else as that of a function."""
    inner = body if ";" not in body and "return" not in body else f"(fn() {{ {body} }})()"
    before, *between, after = inner.split("E")
    text = before * NESTED + "(0 * x)" + after * NESTED
    return text + " + x" if not between else "x"


PROGRAMS = {
    **{f"{name}, called": recursive(body) for name, body in WAYS.items()},
    **{f"{name}, called": recursive_rule(body) for name, body in RULES.items()},
    **{f"{name}, nested": nested(body) for name, body in WAYS.items()},
}

IN_A_SMALL_THREAD = """
import sys, threading
import numpy  # which is not small itself
from tests.interpreter.test_depth import PROGRAMS, STACK, run_all
threading.stack_size(STACK)
thread = threading.Thread(target=run_all, args=(sys.argv[1] == "logged",))
thread.start()
thread.join()
"""


def programs(logged: bool) -> dict[str, str]:
    """What is read for a run that is logged goes the way of any other, and further."""
    return {name: text for name, text in PROGRAMS.items() if logged or "nested" not in name}


def run_all(logged: bool) -> None:
    """Says of every program first its name, and then what it gives."""
    for name, text in programs(logged).items():
        print(name, end=": ", flush=True)
        outcome = run(load(Source("<test>", text)), {"x": 1.0}, logged=logged)
        print(value_of(outcome.outputs["result"]), flush=True)


@pytest.mark.parametrize("how", ["plain", "logged"])
def test_no_way_back_into_a_program_takes_c_stack(how: str) -> None:
    wanted = [f"{name}: 1.0" for name in programs(how == "logged")]
    done = subprocess.run(
        [sys.executable, "-c", IN_A_SMALL_THREAD, how], capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert not done.returncode, (lines[-1:], done.stderr[-500:])
    assert lines == wanted, done.stderr[-500:]


def test_every_kind_of_node_is_on_some_way() -> None:
    """A way for each part of each kind that can hold the expression that recurs."""
    seen = {
        (type(node).__name__, field)
        for text in PROGRAMS.values()
        for node in walk_all(parse(Source("<test>", text)))
        for field in fields_of(node)
    }
    everything = {
        (kind.__name__, field)
        for kind in vars(syntax).values()
        if isinstance(kind, type) and kind.__module__ == syntax.__name__
        for field, type_ in kind.__annotations__.items()
        if type_ not in syntax.PLAIN
    }
    # An input stands outside of functions; two of a slice's three ends are as the first.
    elsewhere = {("Input", "items"), ("InputItem", "name"), ("InputItem", "default")}
    assert everything - seen - elsewhere <= {("Slice", "step")}


def walk_all(tree: syntax.Program) -> Iterator[object]:
    pending: list[object] = [tree]
    while pending:
        for node in walk(pending.pop()):
            yield node
            if isinstance(node, syntax.Function):
                pending.extend(children(node))


def fields_of(node: object) -> list[str]:
    return [
        name
        for name, type_ in type(node).__annotations__.items()
        if type_ not in syntax.PLAIN and getattr(node, name) not in (None, ())
    ]


def test_values_in_values_are_printed_however_deep() -> None:
    printed: list[str] = []
    settings = Settings(on_print=printed.append)
    text = "t = 1, 2\nfor i in range(50000) { t = t, i }\nprint(t)\nx"
    run(load(Source("<test>", text)), {"x": 1.0}, settings=settings)
    assert printed == [", ".join(["1", "2", *map(str, range(50_000))])]


def test_values_that_double_are_refused() -> None:
    text = "t = 1, 2\nfor i in range(60) { t = t, t }\nprint(t)\nx"
    with pytest.raises(LimitError, match="what is printed would take"):
        run(load(Source("<test>", text)), {"x": 1.0}, settings=Settings(Limits(memory=1e6)))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("fn f(n) { f(n + 1) }\nf(x)", 1),
        ("fn f(n) {\n  print(f(n + 1))\n}\nf(x)", 2),
        ("\n" + "-" * 20_000 + "x", 2),
        ("y = x\n" + "if true { " * 9000 + "y" + " } else { 0 }" * 9000, 2),
    ],
)
def test_where_python_follows_no_further_is_a_limit(
    text: str, line: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "PYTHON_FRAMES", 5000)
    with pytest.raises(LimitError) as raised:
        run(load(Source("<test>", text)), {"x": 1.0}, settings=Settings(Limits(depth=10**9)))
    assert raised.value.where is not None
    assert raised.value.where.line == line


def test_functions_that_hold_each_other_are_let_go() -> None:
    text = (
        "f = fn(t) { t }\nfn make(g) { fn(t) { g; t } }\nfor i in range(50000) { f = make(f) }\nx"
    )
    assert value_of(run(load(Source("<test>", text)), {"x": 1.0}).outputs["result"]) == 1.0
