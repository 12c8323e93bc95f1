"""`adiff repl` with lines from a pipe: no banner, no prompt, each result on a line."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.commands.shell import ADIFF, Done, adiff, process, validate

if TYPE_CHECKING:
    from pathlib import Path

CHAPTER = """
x = arange(4)
x.grad
y = 2*dot(x, x)
backward(y)
x.grad
x.grad == 4*x
zero_grad(x)
backward(sum(x))
x.grad
zero_grad(x)
y = x * x
backward(sum(y))
x.grad
zero_grad(x)
u = detach(x*x)
z = u * x
backward(sum(z))
x.grad == u
fn f(a) {
    b = a * 2
    while norm(b) < 1000 { b = b * 2 }
    if sum(b) > 0 { c = b }
    else { c = 100 * b }
    c
}
a = randn()
d = f(a)
backward(d)
a.grad == d / a
"""


def piped(text: str, *words: str) -> Done:
    return adiff("repl", *words, stdin=text)


def results(text: str, *words: str) -> list[str]:
    done = piped(text, *words)
    assert done.status == 0, done.err
    return [line.partition("\t")[2] for line in done.out.splitlines()]


def test_the_chapter_on_automatic_differentiation() -> None:
    done = piped(CHAPTER, "--seed", "1")
    assert done.status == 0
    assert done.err.startswith("x.grad: none yet.")
    values = [line.partition("\t")[2] for line in done.out.splitlines()]
    assert values[:8] == [
        "[0.0, 1.0, 2.0, 3.0]",
        "28.0",
        "[0.0, 4.0, 8.0, 12.0]",
        "[true, true, true, true]",
        "[1.0, 1.0, 1.0, 1.0]",
        "[0.0, 1.0, 4.0, 9.0]",
        "[0.0, 2.0, 4.0, 6.0]",
        "[0.0, 1.0, 4.0, 9.0]",
    ]
    assert values[9] == "[true, true, true, true]"
    assert values[-1] == "true"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("x = 3\nx^2\n", ["3.0", "9.0"]),
        ("x = 3; y = x^2", ["9.0"]),
        ("x = 3\ny = x^2\ngrad(y, x)", ["3.0", "9.0", "6.0"]),
        ("i = 2\n[5, 6, 7][i]\nzeros(i)\nfor k in range(i) { t = k }\nt", None),
        ("2 + 3\n_ * 2\n_ + _", ["5", "10.0", "20.0"]),
        ("x = 3\nx\n_^2\n:grad _ x", ["3.0", "3.0", "9.0", "9.0", "6.0"]),
        ("fn f(t) {\n  t^2\n}\nf(3)", ["9.0"]),
        ("if 1 > 2 { 1 }\nelse { 2 }\n3", ["2", "3"]),
        ("if 1 > 2 { 1 }\n\n# a comment\nelif true { 5 }\n3", ["5", "3"]),
        ("fn f(t) { t }\nderivative (t, y, g) { 7 * g }\nx = 1\n:grad f(x) x", None),
        ("a = [1,\n 2,\n 3]\nsum(a)", ["[1.0, 2.0, 3.0]", "6.0"]),
        ("a = 1 +\n  2", ["3.0"]),
        ("a = 1 + \\\n  2", ["3.0"]),
        ("# nothing\n\n   \nx = 1 # one", ["1.0"]),
        ("x = 1\nquit\nx = 2", ["1.0"]),
        ("quit = 1\nquit\n:quit\n5", ["1.0", "1.0"]),
        ("adiff> x = 3\nadiff> x^2", None),
    ],
)
def test_lines_run_as_they_come(text: str, want: list[str] | None) -> None:
    done = piped(text)
    if want is not None:
        assert done.status == 0
        assert [line.partition("\t")[2] for line in done.out.splitlines()] == want
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("x = 3", 0),
        ("assert false\nx = 3", 1),
        ("x = nowhere\n", 3),
        ("1 +* 2\n:nope", 2),
        (":nope\n1 +* 2", 3),
        ("x = (1", 3),
        (":set y=3", 2),
        (":load nowhere.ad", 2),
    ],
)
def test_the_status_is_that_of_the_last_error(text: str, status: int) -> None:
    assert piped(text).status == status


def test_an_error_leaves_the_session_as_it_was() -> None:
    text = "x = 3; r = rand()\nx = 4; y = rand(); backward(x); assert false\nx\ny\nrand()"
    done = piped(text, "--seed", "1")
    want = piped("r = rand()\nrand()", "--seed", "1").out.splitlines()[-1]
    assert done.status == 3
    assert "unknown name `y`" in done.err
    assert done.out.splitlines()[1:] == ["x\t3.0", want]


def test_a_program_and_its_inputs(tmp_path: Path) -> None:
    path = tmp_path / "p.ad"
    path.write_text("input X\ninput w = 2\ny = sum(X) * w\n")
    text = ":grad y w\n:grad y X\nw\n:set w=3\n:set X=[1, 1]"
    done = piped(text, str(path), "X=[1, 2]")
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines() == [
        "y\t6.0",
        "y\t6.0",
        "dy/dw\t3.0",
        "y\t6.0",
        "dy/dX\t[2.0, 2.0]",
        "w\t2.0",
        "w\t3.0",
        "y\t9.0",
        "X\t[1.0, 1.0]",
        "y\t6.0",
    ]
    assert piped("x + y", "x=3", "y=@nowhere.csv").status == 2
    assert results("x^2", "x=3") == ["3.0", "9.0"]


def test_eval_stays() -> None:
    done = adiff("eval", "-e", "y = x^2 * rand()", "x=3", "-i", stdin=":grad y\nx\n")
    lines = done.out.splitlines()
    assert done.status == 0
    assert lines[:2] == lines[2:4]
    assert lines[4] == "x\t3.0"
    done = adiff("eval", "-e", "assert x < 0; y = x^2", "x=3", "-i", stdin="1 + 1")
    assert (done.out, "does not hold" in done.err) == ("result\t2\n", True)


def test_limits_are_for_each_statement() -> None:
    loop = "i = 0; while i < 50 { i = i + 1 }\n"
    assert piped(loop * 3, "--max-steps", "60").status == 0
    done = piped(f"x = 1\nwhile true {{ x = x + 1 }}\nx\n{loop}", "--max-steps", "60")
    assert "more than 60 steps" in done.err
    assert done.out == "x\t1.0\nx\t1.0\n"
    done = process("repl", "--timeout", "1", stdin="x = 1\nwhile true { x = x + 1 }\nx\n")
    assert "1 seconds are over" in done.err
    assert done.out == "x\t1.0\nx\t1.0\n"


def test_formats_and_digits() -> None:
    done = piped("x = 3\n:format json\ny = x / 7\ny < 1\n:grad y\n:format csv\ny\n:digits 3\ny")
    first, truth, asked = (json.loads(line) for line in done.out.splitlines()[1:4])
    for each in (first, truth, asked):
        validate(each, "result")
    assert first == asked
    assert first["gradient"] == {"x": 1 / 7}
    assert truth["value"] is True
    assert done.out.splitlines()[-3:] == [
        "quantity,index,value",
        "y,,0.429",
        "dy/dx,,0.143",
    ]
    assert piped(":format bogus").status == piped(":digits 0").status == 2


def test_commands_are_those_of_the_command_line(tmp_path: Path) -> None:
    program = ("-e", "x = 3", "-e", "y = x^2 * sin(x)")
    entered = "x = 3\ny = x^2 * sin(x)\n:reset\nx = 3\nother = 7\ny = x^2 * sin(x)\n"
    for name in ("trace", "why", "check"):
        alone = adiff(name, *program, "--of", "y", "--wrt", "x", "--seed", "0")
        done = piped(f"{entered}:{name} y x\n", "--seed", "0")
        assert done.out.split("\n", 5)[-1].partition("\n")[2] == alone.out.partition("\n")[2], name
    for form, start in (("svg", "<svg"), ("html", "<!doctype html>")):
        path = tmp_path / f"g.{form}"
        assert piped(f"{entered}:{form} {path} y").status == 0
        assert path.read_text().startswith(start)
    assert "digraph" in piped(f"{entered}:trace y --format dot").out
    assert "dy/dx\t-8.06" in piped(f"{entered}:grad y --at-kink nan --digits 3").out
    assert "d2y/dx2" in piped(f"{entered}:hessian y").out
    assert "\t[[6.0, 0.0], [0.0, 12.0]]" in piped("v = [1, 2]\n:jacobian 3*v^2 v").out


@pytest.mark.parametrize(
    ("text", "shows"),
    [
        (":grd y", "did you mean `:grad`?"),
        (":vers", "did you mean `:vars`?"),
        (":zzz", "`:help` lists them all"),
        (":g", "did you mean `:grad`?"),
        (":trace", "there is no result yet"),
        (":set x", "want NAME=VALUE"),
        ("rate = 1\n:set rat=2", "did you mean `rate`?"),
        (":undo", "nothing to undo"),
        (":save nothing.ad", "nothing to save"),
        (":auto maybe", "want on or off"),
        ("fn f(t) { t }\n:grad f", "want a number or an array"),
        (":grad 1 +* 2", "error:"),
        (":svg", "got no file"),
        (":svg g.png", "got the ending .png, want .svg"),
        (":html g.svg", "got the ending .svg, want .html or .htm"),
        (":doc nothing", "no built-in function `nothing`"),
        (":trace y --bogus-option", "error:"),
        ("f(2)", "unknown function `f`"),
    ],
)
def test_mistakes_are_answered(text: str, shows: str) -> None:
    done = piped(text)
    assert done.status != 0
    assert shows in done.err


def test_help() -> None:
    listed = piped("help\n").out
    for name in ("grad", "undo", "save", "preview"):
        assert f":{name}" in listed
    assert piped(":help grad").out.startswith(":grad [Y] [X…]")
    assert piped("?tanh").out == piped("tanh?").out == piped(":doc tanh").out
    assert piped(":doc tanh").out == adiff("functions", "tanh").out
    assert piped(":functions").out == adiff("functions").out


def test_redefinition_is_told_once() -> None:
    done = piped("x = 3\ny = x^2\nx = 4\nz = x * 2\nx = 5\ny = 1\ny = 2\n")
    assert done.err == (
        "`y` still holds what the `x` before gave; `:set x=…` runs again what depends\non it\n"
    )
    done = piped("x = 3\ny = x^2\nx = x + 1; y = x\nw = 2\nw = w + 1\n")
    assert done.err == ""


def test_set_runs_again_what_depends_on_it() -> None:
    text = "x = 3\nn = 2\ny = x^n\nz = y * rand()\nw = rand()\n:set x=5\n:set n=3\ny\nw\n"
    text += ":undo\n" * 4 + "y"
    lines = piped(text, "--seed", "3").out.splitlines()
    w = lines[4].partition("\t")[2]
    assert lines[5:7] == ["x\t5.0", "y\t25.0"]
    assert lines[7].startswith("z\t")
    assert lines[8:10] == ["n\t3.0", "y\t125.0"]
    assert lines[-3:-1] == ["y\t125.0", f"w\t{w}"]
    assert lines[-1] == "y\t9.0"
    text = "x = 1\nfor i in range(3) { x = x * 2 }\ny = x + 1\n:set x=10\n:set i=1"
    assert piped(text).out.splitlines()[2:] == ["x\t10.0", "y\t11.0", "i\t1.0"]


def test_undo_goes_back_to_the_beginning() -> None:
    texts = ["x = 3", "y = x^2", "x = 5", "r = rand()", "v = [1, 2]", "v[0] = r"]
    text = "\n".join(texts) + "\n:vars" + "\n:undo\n:vars" * len(texts) + "\n:undo"
    done = piped(text, "--seed", "1")
    assert done.status == 2
    undone = [line for line in done.err.splitlines() if line.startswith("undone")]
    assert undone == [f"undone: {each}" for each in reversed(texts)]
    for count in range(len(texts) + 1):
        alone = piped("\n".join(texts[:count]) + "\n:vars", "--seed", "1").out.splitlines()
        names = [line for line in alone if "\t" not in line]
        assert all(line in done.out for line in names)


def test_saved_it_gives_the_same(tmp_path: Path) -> None:
    path = tmp_path / "saved.ad"
    entered = "x = 3\ny = x^2\nx = 5\nfn f(t) { t * x }\nz = f(y) * rand()\nx^2 + z"
    done = piped(f"{entered}\n:grad z x\n:save {path}\n", "--seed", "9")
    words = path.read_text().splitlines()[0].removeprefix("# adiff eval saved.ad").split()
    assert words == ["--seed", "9"]
    saved = adiff("eval", str(path), *words, "--of", "z", "--wrt", "x")
    assert done.out.splitlines()[-2:] == saved.out.splitlines()
    assert adiff("eval", str(path), *words, "--wrt", "x").status == 0
    again = piped(f":load {path}", *words)
    assert again.out.splitlines() == [done.out.splitlines()[-3]]
    text = f"y = sum(X) * w\nw = w + y\n:grad w X\n:save {path}"
    done = piped(text, "X=[[1, 2], [3, nan]]", "w=2")
    saved = adiff("eval", str(path), "--of", "w", "--wrt", "X", "-q")
    assert done.out.splitlines()[-2:] == saved.out.splitlines()


def test_memory_does_not_keep_what_is_gone() -> None:
    text = "x = 1\n" + "y = x^2; x = y / y\n" * 300 + ":memory\n"
    line = next(line for line in piped(text).out.splitlines() if line.startswith("nodes"))
    assert int(line.split()[-1]) < 10


def test_an_interrupt_ends_it() -> None:
    done = process(
        "repl", shell='timeout -s INT 2 "$@"', stdin="x = 1\nwhile true { x = x + 1 }\nx"
    )
    assert done.out == "x\t1.0\n"


def test_each_line_is_answered_before_the_next_comes() -> None:
    with subprocess.Popen(
        [*ADIFF, "repl"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        for text, answer in (
            ("x = 3", "x\t3.0"),
            ("x^2", "result\t9.0"),
            (":grad x^2", "x^2\t9.0"),
        ):
            running.stdin.write(f"{text}\n")
            running.stdin.flush()
            assert running.stdout.readline() == f"{answer}\n"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("x = 3\ny = x^2\nx = 4\n:set x=5", ["x\t5.0", "y\t25.0"]),
        ("x = 3\ny = x^2\nx = 4\n:set x=x*2", ["x\t8.0", "y\t64.0"]),
        ("x = 3\n:set x=x + 1", ["x\t4.0"]),
        ("x = 3\nx = x + 1; z = 2\n:set x=7", ["x\t7.0"]),
    ],
)
def test_what_is_made_of_a_name_follows_it(text: str, want: list[str]) -> None:
    assert piped(text).out.splitlines()[-len(want) :] == want


def test_an_expression_that_is_no_number_is_an_error_at_its_place() -> None:
    done = piped("x = 3\n:hessian [x, x]")
    assert "want a single number" in done.err
    assert "--> <expression>:1:1" in done.err


def test_nan_by_itself_is_told() -> None:
    assert piped("inf - inf\n:grad nan").out.splitlines()[-1] == "nan\tnan"


def test_a_saved_program_has_the_inputs_that_it_was_loaded_with(tmp_path: Path) -> None:
    program, saved = tmp_path / "line.ad", tmp_path / "saved.ad"
    program.write_text("input x, y  # given\ninput a = 1, b = 0\nsum((a * x + b - y)^2)\n")
    done = piped(f":load {program} x='[0, 1]' y='[1, 3]' a=2\n:save {saved}")
    assert done.status == 0, done.err
    again = adiff("eval", str(saved))
    assert (again.status, again.out.splitlines()[0]) == (0, "result\t2.0")


def test_a_program_that_is_loaded_has_its_own_inputs(tmp_path: Path) -> None:
    program = tmp_path / "line.ad"
    program.write_text("input x\ninput b = 0\nx + b\n")
    assert "input `x` has no value" in piped(f"x = 3\n:load {program}").err
    assert results(f"x = 3; b = 7\n:load {program} x=1")[-1] == "1.0"
