"""What a person at a terminal sees: the table, its colours, help, the progress bar."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from autodiff_cli.commands.examples import programs
from autodiff_cli.commands.trace import FORMATS as TRACES
from autodiff_cli.controls import STEERS
from tests.commands.shell import process, terminal
from tests.golden import agree, command_line

HERE = Path(__file__).parent
TABLES = sorted((HERE / "tables").glob("*.expected"))
FOREVER = 'print("begun [x, y]"); while true { y = x }; y'


def left(text: str) -> str:
    """What is left on a terminal when a bar of progress, which a slow machine shows, is gone."""
    return text.rpartition("\x1b[2K")[2]


@pytest.mark.parametrize("golden", TABLES, ids=lambda path: path.stem)
def test_table_on_a_terminal_of_80_columns(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = programs()[golden.stem]
    monkeypatch.chdir(program.parent)
    done = terminal("eval", *command_line(program), env={"NO_COLOR": "1"})
    out = left(done.out)
    if os.environ.get("ADIFF_REGENERATE") == "1":
        golden.write_text(out, encoding="utf-8")
    assert done.status == 0
    assert agree(out, golden.read_text(encoding="utf-8")), done.out
    assert all(len(line) <= 80 for line in out.splitlines())


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_table_keeps_to_the_width(columns: int) -> None:
    words = ("-e", "sum(σ_of_a_long_name^2)", "σ_of_a_long_name=linspace(0, 1, 500)")
    done = terminal("eval", *words, columns=columns, env={"NO_COLOR": "1"})
    assert max(map(len, left(done.out).splitlines())) <= columns
    assert "..." in done.out


def test_each_stream_has_its_own_colour() -> None:
    words = ("eval", "-e", "1 / x", "x=0", "--format", "table")
    both = terminal(*words)
    assert "\x1b[1;33mwarning" in both.out
    assert "\x1b[36mx" in both.out
    results = terminal(*words, streams=["stdin", "stdout"])
    assert "\x1b[" in results.out
    assert results.err.startswith("warning: ")
    assert "\x1b[" not in results.err
    errors = terminal(*words, streams=["stdin", "stderr"])
    assert errors.err.startswith("name ")
    assert "\x1b[" not in errors.err
    assert "\x1b[1;33mwarning" in errors.out


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_terminal_without_colour(env: dict[str, str]) -> None:
    done = terminal("eval", "-e", "1 / x", "x=0", env=env)
    assert "\x1b" not in left(done.out)
    assert "warning" in done.out
    assert "\x1b" not in terminal("eval", "--bogus", env=env).out


def test_npz_is_not_for_a_terminal() -> None:
    done = terminal("eval", "-e", "x", "x=1", "--format", "npz", env={"NO_COLOR": "1"})
    assert (done.status, "npz is not for a terminal" in done.out) == (2, True)


@pytest.mark.parametrize("words", [("-",), ("-", "x=3"), ("x=3", "-")])
def test_dash_with_a_terminal_behind_it_prints_help(words: tuple[str, ...]) -> None:
    done = terminal("eval", *words)
    assert done.status == 0
    assert done.out.startswith("Examples:\n")


def test_input_from_a_terminal_does_not_hang() -> None:
    done = terminal("eval", "-e", "x", "x=@-")
    assert (done.status, "nothing to read" in done.out) == (2, True)


def test_bare_adiff_prints_help_examples_first() -> None:
    done = terminal()
    assert done.status == 0
    assert done.out.startswith("Examples:\n  adiff eval ")
    assert len(done.out.splitlines()) <= 24


def test_progress_bar_after_a_second() -> None:
    done = terminal("eval", "-e", FOREVER, "x=1", "--timeout", "2")
    assert done.status == 1
    before, bar, after = done.out.partition("evaluating <-e>")
    assert before.startswith("begun [x, y]\n")
    assert re.search(r"0:00:0[12]", bar + after)
    # The bar is gone, and the error stands alone.
    last = after.rsplit("\x1b[2K", 1)[1]
    assert last.endswith("a larger --timeout allows more\n")


def test_no_progress_bar_before_a_second_or_without_a_terminal() -> None:
    assert "evaluating" not in terminal("eval", "-e", "x", "x=1").out
    words = ("eval", "-e", FOREVER, "x=1", "--timeout", "1.5")
    piped = terminal(*words, streams=["stdin", "stdout"])
    assert "evaluating" not in piped.out + piped.err


def test_print_stands_above_the_bar() -> None:
    program = 'i = 0\nwhile true { i = i + 1\nif i % 2000 == 0 { print("[i, 1]", i) } }\nx'
    done = terminal("eval", "-e", program, "x=1", "--timeout", "2", env={"NO_COLOR": "1"})
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\r", done.out).split("\n")
    printed = [line for line in lines if re.search(r"\[i, 1\] \d", line)]
    assert len(printed) >= 3, done.out
    for line in printed:
        assert re.fullmatch(r"(.*\r)?\[i, 1\] \d+", line), line


# ── what steers a terminal ────────────────────────────────────────────────────────────

STEERING = "\x1b[31m\x1b]0;title\x07\x7f\x9b5m\u202e\u2066"
HOSTILE = f"""
a = x * [1, # {STEERING}
  2][0]
print("{STEERING}")
# {STEERING}
fn f(b) {{ b * [2, # {STEERING}
  3][0] }}
for i in [1, # {STEERING}
  2] {{ a = a + f(x) }}
a
"""
EVERY_VIEW = [
    ("eval", "x=2"),
    ("eval", "x=2", "--json"),
    ("eval", "x=nothing"),
    *(("trace", "x=2", "--unfold", "--format", form) for form in TRACES),
    ("why", "x=2"),
    ("why", "x=2", "--json"),
    ("check", "x=2", "--json"),
    ("check", "x=2", "--claim", f"x = 7 # {STEERING}"),
    ("eval", "x=2", "--of", STEERING),
    ("eval", f"x=@{STEERING}.csv"),
    ("eval", "x=2", "--inputs", f"{STEERING}.json"),
    ("eval", "x=2", "-o", f"{STEERING}/out"),
    ("eval", "x=2", f"--{STEERING}"),
]


def without_bar(text: str) -> str:
    """What was sent to a terminal, without the bar of progress that a slow machine shows."""
    bars = r"(\x1b\[\d?K|\x1b\[1?A|\x1b\[\?25[lh]|\x1b\[[\d;]*m|\r)"
    return re.sub(bars, "", text) if "\x1b[?25l" in text else text


@pytest.mark.parametrize("words", EVERY_VIEW, ids=ascii)
def test_nothing_steers_a_terminal(words: tuple[str, ...], tmp_path: Path) -> None:
    program = tmp_path / f"{STEERING.replace('/', '')}.ad"
    program.write_text(HOSTILE, encoding="utf-8")
    command, *rest = words
    done = terminal(command, str(program), *rest, "--color", "never", env={"PAGER": "cat"})
    assert not STEERS.findall(without_bar(done.out)), ascii(done.out)


def test_what_is_printed_is_kept_in_a_pipe() -> None:
    program = f'print("{STEERING}"); x'
    assert f"{STEERING}\n" in process("eval", "-e", program, "x=1").err
    assert "title" in terminal("eval", "-e", program, "x=1", streams=["stdout"]).err


def test_json_escapes_what_steers_in_a_pipe_too(tmp_path: Path) -> None:
    program = tmp_path / "p.ad"
    program.write_text(HOSTILE, encoding="utf-8")
    for command in ("trace", "why", "eval"):
        done = process(command, str(program), "x=2", "--json", env={"LC_ALL": "C"})
        assert not STEERS.findall(done.out)
    assert not STEERS.findall(process("eval", str(program), f"x=@{STEERING}", "--json").err)
    (shown,) = process("trace", str(program), "x=2", "--json").objects
    assert shown["source"]["text"] == HOSTILE


@pytest.mark.parametrize("entry", ['print("{}")', 's = "{}"', "# {}", ":{}", "x = @{}", ":load {}"])
def test_nothing_steers_from_the_prompt(entry: str) -> None:
    done = terminal(
        "repl",
        "--color",
        "never",
        streams=["stdout", "stderr"],
        stdin=f"{entry.format(STEERING)}\n:vars\n:undo\n",
    )
    assert not STEERS.findall(done.out), ascii(done.out)
