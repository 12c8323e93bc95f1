"""The prompt as a person sees it, through a pseudo-terminal."""

from __future__ import annotations

import os
import re
import signal
import stat
from typing import TYPE_CHECKING

import pytest

from autodiff_cli.repl.commands import COMMANDS
from autodiff_cli.repl.entry import CONTINUED
from tests.commands.shell import adiff
from tests.documents import ROOT, agrees, blocks
from tests.repl.terminal import (
    CTRL_C,
    CTRL_R,
    DOWN,
    ENTER,
    ESCAPE,
    PROMPT,
    RIGHT,
    TAB,
    UP,
    Terminal,
)
from tests.repl.test_piped import CHAPTER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.documents import Block

PASTE = "\x1b[200~{}\x1b[201~"
COLOR = re.compile(rb"\x1b\[[0-9;]*[34][0-9][0-9;]*m")
FOREVER = "while true { x = x + 1 }"


def history(folder: Path) -> str:
    return (folder / "adiff" / "history").read_text()


# ── what is entered, and shown ────────────────────────────────────────────────────────


def test_the_chapter_on_automatic_differentiation(tmp_path: Path) -> None:
    before, _, after = CHAPTER.partition("fn f(a)")
    with Terminal(tmp_path, "repl", "--seed", "1", rows=100) as t:
        shown = {line: t.enter(line) for line in before.strip().splitlines()}
        assert shown["x = arange(4)"] == ["x = [0., 1., 2., 3.]"]
        assert shown["y = 2*dot(x, x)"] == ["y = 28.0", "  dy/dx = [0, 4, 8, 12]"]
        assert shown["x.grad == u"] == ["_ = [ true,  true,  true,  true]"]
        assert "x.grad: none yet." in t.text
        assert shown["u = detach(x*x)"] == ["u = [0., 1., 4., 9.]"]
        body, _, rest = after.partition("\n}\n")
        t.type(f"fn f(a){body}\n}}".replace("\n", ENTER).replace("    ", ""))
        t.type(ENTER)
        t.wait_for_prompt()
        for line in rest.strip().splitlines():
            last = t.enter(line)
        assert last == ["_ = true"]


def test_a_block_is_one_entry(tmp_path: Path) -> None:
    with Terminal(tmp_path) as t:
        t.type(f"fn f(t) {{{ENTER}")
        t.wait_for("  ...>")
        t.type(f"y = t^2{ENTER}y * 3{ENTER}}}")
        t.wait(lambda: t.line == "  ...> }", "the end of the block, below its head")
        assert t.lines[-3:] == ["  ...>     y = t^2", "  ...>     y * 3", "  ...> }"]
        t.enter("", "")
        assert t.enter("f(2)")[0] == "_ = 12.0"
        t.type(UP + UP)
        t.wait(lambda: t.line == "  ...> }", "the block again")
        assert t.lines[-4] == f"{PROMPT}fn f(t) {{"
        # It is edited whole: from its last line up to the one before.
        t.type(UP + "\x05" + "0")
        t.wait_for("y * 30")
        t.type(DOWN + ENTER)
        t.wait_for_prompt()
        assert t.enter("f(2)")[0] == "_ = 120.0"
        assert "+fn f(t) {\n+    y = t^2\n+    y * 3\n+}\n\n" in history(tmp_path)


def test_a_program_is_pasted(tmp_path: Path) -> None:
    program = (
        "# begun\nx = 3\nfn f(t) {\n\tif t > 0 { t^2 }\n\telse { -t }\n}\n\n# at last\ny = f(x)\n"
    )
    with Terminal(tmp_path) as t:
        t.type(PASTE.format(program))
        t.wait_for("y = f(x)")
        t.enter("", "y = 9.0", "dy/dx = 6")
        assert history(tmp_path).count("\n\n") == 1


def test_a_transcript_is_pasted(tmp_path: Path) -> None:
    transcript = (
        "adiff> x = 3\nx = 3.0\nadiff> fn f(t) {\n  ...>     t^2\n  ...> }\n"
        "adiff> y = f(x)\ny = 9.0\n  dy/dx = 6\nadiff> :grad y x\nname   value\nadiff> y + 1\n"
    )
    with Terminal(tmp_path) as t:
        t.type(PASTE.format(transcript))
        t.wait_for("y + 1")
        assert "dy/dx" not in t.text
        t.enter("", "x = 3.0", "y = 9.0", "dy/d…", "_ = 10.0")


def test_an_error_in_the_middle_of_a_block_leaves_all_as_it_was(tmp_path: Path) -> None:
    with Terminal(tmp_path) as t:
        t.enter("x = 3; y = x^2")
        t.type(PASTE.format("x = 4\nbackward(x^2)\nw = [1, 2] + [1, 2, 3]\nz = 1\n"))
        t.enter("", "error: `+` got shapes (2,) and (3,)", "w = [1, 2] + [1, 2, 3]")
        assert t.enter("x") == ["x = 3.0"]
        t.enter("x.grad", "x.grad: none yet")
        t.enter("z", "unknown name `z`")


def test_gradients_at_a_glance(tmp_path: Path) -> None:
    with Terminal(tmp_path) as t:
        t.enter("x = 2; w = 5")
        assert t.enter("x * w^2") == ["_ = 50.0", "  d/dx = 25   d/dw = 20"]
        assert t.enter("y = x^3") == ["y = 8.0", "  dy/dx = 12"]
        assert t.enter("3 > x") == ["_ = true"]
        assert t.enter("v = [1, 2] * x")[1] == "  by x: `:jacobian v`, or a sum of it"
        long = t.enter("s = x; for i in range(3000) { s = s * 1.0001 }; s")
        assert long[1] == "  made by more than 1,000 operations: `:grad _` differentiates it"
        t.enter(":auto off")
        assert t.enter("x * w") == ["_ = 10.0"]


def test_undo_and_set(tmp_path: Path) -> None:
    with Terminal(tmp_path) as t:
        t.enter("x = 3")
        t.enter("y = x^2")
        assert t.enter(":set x=5") == ["x = 5.0", "y = 25.0"]
        t.enter("x = 7", "`y` still holds what the `x` before gave")
        t.enter(":undo", "undone: x = 7")
        assert t.enter("y * x")[0] == "_ = 125.0"
        t.enter(":undo")
        t.enter(":undo")
        assert t.enter("y") == ["y = 9.0", "  dy/dx = 6"]


def test_saved_it_evaluates_to_the_same(tmp_path: Path) -> None:
    with Terminal(tmp_path) as t:
        t.enter("x = 3")
        t.enter("y = x^2")
        t.enter("x = 5")
        t.enter("z = x * y")
        t.enter(":save s.ad", "saved: adiff eval s.ad")
    done = adiff("eval", str(tmp_path / "s.ad"), "--wrt", "x,y")
    assert done.quantities == {"z": "45.0", "dz/dx": "9.0", "dz/dy": "5.0"}


def test_bare_words_and_unknown_commands(tmp_path: Path) -> None:
    with Terminal(tmp_path) as t:
        t.enter("help", ":quit", "Y is a name")
        t.enter("?sin", "∂y/∂x = cos(x)")
        t.enter(":grda y", "did you mean `:grad`?")
        t.type(f"exit{ENTER}")
        assert t.end() == 0
    with Terminal(tmp_path) as t:
        assert t.leave() == 0


@pytest.mark.parametrize(
    "block",
    [b for document in ("README.md", "grammar/README.md") for b in blocks(document, "transcript")],
    ids=str,
)
def test_the_documents_show_what_a_screen_shows(block: Block, tmp_path: Path) -> None:
    with Terminal(tmp_path, rows=80) as t:
        for line in block.text.splitlines():
            if line.startswith(PROMPT):
                t.enter(line.removeprefix(PROMPT))
        shown = "\n".join(line for line in t.lines[1:-1] if not line.startswith("warning"))
        assert agrees(f"{shown}\n", block.text), t.text


def test_the_reference_has_every_command() -> None:
    text = (ROOT / "grammar/README.md").read_text(encoding="utf-8")
    for name, command in COMMANDS.items():
        head = f":{name} {command.arguments}".rstrip().replace("|", "\\|")
        assert f"| `{head}` | {command.doc} |\n" in text


# ── keys ──────────────────────────────────────────────────────────────────────────────


def test_completion(tmp_path: Path) -> None:
    (tmp_path / "points.ad").write_text("p = 1\n")
    with Terminal(tmp_path) as t:
        t.enter("speed = 3")
        t.type(f"sp{TAB}")
        t.wait_for("speed", "3.0")
        t.type(f"{ENTER} * lo{TAB}")
        t.wait_for("log1p(x)", "log(1 + x)")
        t.type(f"{CTRL_C}tan{TAB}")
        t.wait_for("tanh(x)")
        t.type(f"{CTRL_C}:sa{TAB}")
        t.wait_for(":save")
        t.type(f"{CTRL_C}:load poi{TAB}")
        t.wait_for("points.ad")
        t.enter("", "p = 1.0")
        t.type(f"whi{TAB}")
        t.wait_for("while")


def test_history_is_searched(tmp_path: Path) -> None:
    with Terminal(tmp_path) as t:
        for text in ("alpha = 1", "beta = 2", "alpha * 3", "beta * 4"):
            t.enter(text)
        t.type(f"alpha{UP}")
        t.wait(lambda: t.line == f"{PROMPT}alpha * 3", "the last entry that begins so")
        t.type(UP)
        t.wait(lambda: t.line == f"{PROMPT}alpha = 1", "the one before it")
        t.type(f"{CTRL_C}{CTRL_R}a * 3")
        t.wait_for("I-search backward: a * 3")
        t.wait(lambda: t.lines.count(f"{PROMPT}alpha * 3") == 2, "what was found")
        t.type(ENTER)
        t.wait_for("alpha * 3")
        t.type(f"{CTRL_C}bet")
        t.wait(lambda: t.line == f"{PROMPT}beta * 4", "a suggestion")
        t.type(RIGHT)
        t.enter("", "_ = 8.0")


def test_history_is_shared_by_sessions(tmp_path: Path) -> None:
    with Terminal(tmp_path) as one, Terminal(tmp_path) as other:
        one.enter("a = 1")
        other.enter("b = 2")
        one.enter("c = 3")
    assert history(tmp_path) == "+a = 1\n\n+b = 2\n\n+c = 3\n\n"
    assert stat.S_IMODE((tmp_path / "adiff" / "history").stat().st_mode) == 0o600
    with Terminal(tmp_path) as t:
        t.type(UP + UP)
        t.wait(lambda: t.line == f"{PROMPT}b = 2", "the other session's entry")


@pytest.mark.parametrize("kind", ["none", "folder", "pipe", "device", "unwritable", "endless"])
def test_history_that_cannot_be_kept(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "history"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "unwritable":
        path = tmp_path / "points.ad" / "history"
        (tmp_path / "points.ad").write_text("")
    elif kind == "endless":
        with path.open("wb") as file:
            file.truncate(8 << 30)
            file.seek(0, os.SEEK_END)
            file.write(b"\n\n+kept = 1\n\n")
    chosen = {"none": "", "device": "/dev/zero"}.get(kind, str(path))
    with Terminal(tmp_path, env={"ADIFF_HISTORY": chosen}) as t:
        if kind == "endless":
            t.type(UP)
            t.wait_for("kept = 1")
            t.type(CTRL_C)
        assert t.enter("x = 1") == ["x = 1.0"]
        t.type(UP)
        t.wait(lambda: t.line == f"{PROMPT}x = 1", "the history of this session")
    assert not (tmp_path / "adiff").exists()


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    home = {"HOME": "/proc/1", "XDG_STATE_HOME": ""}
    with Terminal(tmp_path, env=home) as t:
        assert t.enter("x = 1") == ["x = 1.0"]
        assert t.leave() == 0


def test_vi_keys(tmp_path: Path) -> None:
    (tmp_path / ".inputrc").write_text("set editing-mode vi\n")
    with Terminal(tmp_path) as t:
        t.type(f"x = 15{ESCAPE}")
        t.type("hr4")
        t.wait(lambda: t.line == f"{PROMPT}x = 45", "a replaced digit")
        t.type(ENTER)
        t.wait_for("x = 45.0")
        t.wait_for_prompt()
        t.enter(":keys emacs")
        assert t.enter("x") == ["x = 45.0"]


def editor(folder: Path, script: str) -> dict[str, str]:
    path = folder / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return {"EDITOR": str(path), "VISUAL": ""}


def test_the_last_statement_is_edited(tmp_path: Path) -> None:
    with Terminal(tmp_path, env=editor(tmp_path, 'sed -i "s/3/7/" "$1"')) as t:
        t.enter("x = 3")
        t.enter(":edit", "x = 7.0")
        t.enter(":edit", "nothing was changed")


def test_the_whole_session_is_edited(tmp_path: Path) -> None:
    with Terminal(tmp_path, env=editor(tmp_path, 'sed -i "s/x = 3/x = 7/" "$1"')) as t:
        t.enter("x = 3")
        t.enter("y = x^2")
        t.enter(":edit all")
        assert t.enter("y")[0] == "y = 49.0"
        t.enter(":undo")
        t.enter(":undo")
        assert t.enter("y")[0] == "y = 9.0"
    with Terminal(tmp_path, env=editor(tmp_path, 'echo "y = (" > "$1"')) as t:
        t.enter("x = 3")
        t.enter(":edit all", "error:", "what you wrote is in")
        assert t.enter("x") == ["x = 3.0"]
    with Terminal(tmp_path, env={"EDITOR": "/nowhere/ed", "VISUAL": ""}) as t:
        t.enter("x = 3")
        t.enter(":edit", "cannot be started")


# ── the preview ───────────────────────────────────────────────────────────────────────


def test_the_preview(tmp_path: Path) -> None:
    with Terminal(tmp_path) as t:
        t.enter("x = 3; A = randn([40, 40])")
        t.enter("fn noisy(t) { print(t); t }; fn any_() { rand() }")
        t.type("x^2 * 2")
        t.wait_for("= 18.0   d/dx = 12")
        # As soon as the text is no expression, or has an effect, it is gone.
        for keys, gone in (("+", True), ("1", False), ("+noisy(1)", True)):
            t.type(keys)
            t.wait(lambda gone=gone: ("d/dx = 12" not in t.text) is gone, f"{keys}: {gone}")
        for text in (
            "y = x^2",
            "backward(x)",
            "rand()",
            "any_()",
            "print(x)",
            "inv(A)",
            "nope + x",
        ):
            t.type(f"{CTRL_C}{text}")
            t.wait(lambda text=text: t.line == f"{PROMPT}{text}", text)
            assert not any(line.startswith("= ") for line in t.lines), text
        t.type(CTRL_C)
        assert t.enter("x") == ["x = 3.0"]
        t.enter(":preview off")
        t.type("x^2 * 3")
        t.wait(lambda: t.line.endswith("x^2 * 3"), "what is typed")
        assert "= 27" not in t.text
        t.type(CTRL_C)
        t.enter(":vars")
        assert b"\x07" not in t.sent


@pytest.mark.parametrize("text", ["sum(linspace(0, x, 5))", "erfinv(sum(rand(2)) / 4) * x"])
def test_what_is_stopped_while_numpy_loads_can_be_done_later(text: str, tmp_path: Path) -> None:
    with Terminal(tmp_path) as t:
        t.enter("x = 1")
        t.type(text)
        t.wait(lambda: t.line == f"{PROMPT}{text}", text)
        t.type(f"{ENTER}{CTRL_C}")
        t.wait(lambda: "_ = " in t.text or "interrupted" in t.text, "an end")
        t.wait_for_prompt()
        assert t.enter(text)[0].startswith("_ = ")


# ── nothing kills it ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        FOREVER,
        "i = 0; while true { i = i + 1; print(i) }",
        "while true { r = rand(10) }",
        "x = 4; B = svdvals(A)",
        "x = 4; backward(x * sum(inv(A) @ inv(A * x) @ inv(A) @ inv(A * x)))",
        "fn f(t) { f(t + 1) }; f(x)",
    ],
)
def test_ctrl_c_stops_what_runs(text: str, tmp_path: Path) -> None:
    with Terminal(tmp_path, "repl", "--max-depth", "1000000000") as t:
        t.enter("x = 3; A = rand([2500, 2500]); r = rand()")
        t.type(f'print("begun"); {text}{ENTER}')
        t.wait_for_output("begun")
        t.type(CTRL_C)
        t.wait_for("interrupted: the session is as it was before")
        t.wait_for_prompt()
        assert t.enter("x") == ["x = 3.0"]
        assert t.enter("y = x^2 * sum(A) / sum(A)")[0].startswith("y = 9")
        t.enter("x.grad", "none yet")
        assert t.leave() == 0


def test_what_was_left_behind_changes_nothing(tmp_path: Path) -> None:
    draws = []
    for interrupted in (False, True):
        with Terminal(tmp_path, "repl", "--seed", "5") as t:
            t.enter("A = rand([2000, 2000]); x = 2; y = x * sum(A)")
            if interrupted:
                t.type(f'print("begun"); backward(y * sum(svdvals(A * x))); z = rand(){ENTER}')
                t.wait_for_output("begun")
                t.type(CTRL_C)
                t.wait_for("interrupted")
                t.wait_for_prompt()
            draws.append((t.enter("rand()"), t.enter("y"), t.enter(":grad y x")))
    assert draws[0] == draws[1]


def test_ctrl_c_at_the_prompt_clears_the_line(tmp_path: Path) -> None:
    with Terminal(tmp_path) as t:
        t.type("x = 3 +")
        t.wait_for("x = 3 +")
        t.type(CTRL_C)
        t.wait_for_prompt()
        t.type(f"fn f(t) {{{ENTER}")
        t.wait_for("...>")
        t.type(CTRL_C)
        t.wait_for_prompt()
        assert t.enter("1 + 1") == ["_ = 2"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda s: s.name)
@pytest.mark.parametrize("running", [False, True], ids=["at the prompt", "running"])
def test_signals_end_it_with_the_terminal_as_it_was(
    number: signal.Signals, running: bool, tmp_path: Path
) -> None:
    with Terminal(tmp_path) as t:
        t.enter("x = 3")
        if running:
            t.type(f'print("begun"); {FOREVER}{ENTER}')
            t.wait_for_output("begun")
        else:
            t.type("x^2")
            t.wait_for("= 9.0")
        t.process.kill(number)
        assert t.end() == 128 + number
        assert "Traceback" not in t.text
        # The last that it did with bracketed paste was to end it.
        assert t.sent.rfind(b"\x1b[?2004l") > t.sent.rfind(b"\x1b[?2004h")
    assert "+x = 3\n" in history(tmp_path)


def test_limits(tmp_path: Path) -> None:
    with Terminal(tmp_path, "repl", "--timeout", "1", "--max-nodes", "10000") as t:
        t.enter("x = 3; A = rand([2500, 2500])")
        t.enter("while true { rand() }", "1 seconds are over")
        t.enter("B = svdvals(A)", "seconds are over")
        t.enter(FOREVER, "more than 10,000 nodes")
        assert t.enter("x") == ["x = 3.0"]


def test_a_dumb_terminal(tmp_path: Path) -> None:
    with Terminal(tmp_path, env={"TERM": "dumb"}) as t:
        t.type(f"x = 3{ENTER}fn f(t) {{{ENTER}t * x{ENTER}}}{ENTER}f(2){ENTER}")
        t.wait_for("x = 3.0", "_ = 6.0")
        assert t.sent.count(CONTINUED.encode()) >= 2
        t.type(f"{FOREVER}{ENTER}")
        t.wait_for(FOREVER)
        t.type(CTRL_C)
        t.wait_for("interrupted")
        t.wait_for_prompt()
        assert t.enter("x") == ["x = 3.0"]
        assert b"\x1b" not in t.sent
        assert t.leave() == 0


def test_no_color(tmp_path: Path) -> None:
    for env, colored in (({}, True), ({"NO_COLOR": "1"}, False)):
        with Terminal(tmp_path, env=env) as t:
            t.enter("x = 3")
            t.enter("y = sin(x) + 1  # text")
            t.enter("2x", "want an operator")
            assert bool(COLOR.search(t.sent)) is colored


@pytest.mark.parametrize("columns", [20, 40])
def test_a_narrow_screen(columns: int, tmp_path: Path) -> None:
    with Terminal(tmp_path, columns=columns, rows=60) as t:
        t.enter("x = linspace(0, 1, 7)")
        t.enter("y = sum(x^2)", "y = ")
        t.type(f"so{TAB}")
        t.wait_for("softmax")
        t.type(CTRL_C)
        t.wait_for_prompt()
        t.enter(":vars")
        t.enter(":help")
        t.enter(":grad y")
        assert t.leave() == 0
        assert "Traceback" not in t.text


def test_a_resize_while_it_draws(tmp_path: Path) -> None:
    with Terminal(tmp_path) as t:
        t.enter("x = 3")
        t.type("x^2 * sin(x) + ")
        for columns in (30, 21, 100, 60):
            t.screen.resize(24, columns)
            t.process.setwinsize(24, columns)
            t.type("x + ")
        t.type(f"1{ENTER}")
        t.wait(lambda: any(line.startswith("_ = 14.27") for line in t.lines), "the result")
        t.wait_for_prompt()
