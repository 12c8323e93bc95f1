"""The limits of a run: each stops it, and says where."""

from __future__ import annotations

import pytest

from tests.commands.shell import adiff, process

LOOP = "y = x\nwhile true {\n  y = y * x\n}\ny"
RECURSION = "fn f(a) {\n  1 + f(a)\n}\nf(x)"

LIMITS = {
    "steps": (LOOP, ["--max-steps", "100"], "more than 100 steps", 2),
    "steps of for": ("for i in range(10^9) { y = x }\ny", ["--max-steps", "9"], "9 steps", 1),
    "steps of calls": ("fn f(a) { a }\ny = x\ny = f(f(f(y)))", ["--max-steps", "2"], "2 steps", 3),
    "steps of map": ("\nsum(map(fn(a) { a }, [x, x, x]))", ["--max-steps", "2"], "2 steps", 2),
    "nodes": (LOOP, ["--max-nodes", "100"], "more than 100 nodes", 3),
    "nodes of one line": ("y = x\ny = x*x*x*x", ["--max-nodes", "2"], "more than 2 nodes", 2),
    "depth": (RECURSION, ["--max-depth", "100"], "nested more than 100 deep", 2),
    "depth by default": (RECURSION, [], "nested more than 10,000 deep", 2),
    "memory of an array": ("\ny = zeros(10^6)\nx", ["--max-memory", "1M"], "--max-memory", 2),
    "memory of the graph": (LOOP, ["--max-memory", "1M"], "--max-memory allows 1 MiB", 2),
    "memory by default": ("\nsum(zeros(10^12)) + x", [], "--max-memory allows 4 GiB", 2),
    "time": (LOOP, ["--timeout", "1"], "--timeout: 1 seconds are over", 2),
}


@pytest.mark.parametrize("name", LIMITS)
def test_limit_stops_and_says_where(name: str) -> None:
    program, options, words, line = LIMITS[name]
    done = adiff("eval", "-e", program, "x=1", "--json", *options)
    assert (done.status, done.out) == (1, "")
    assert done.error["kind"] == "limit"
    assert words in done.error["message"]
    assert line <= done.error["line"] <= line + 1
    assert done.error["help"]


def test_limits_hold_for_the_value_of_an_input() -> None:
    words = ("eval", "-e", "sum(x)", "x=zeros(10^5)", "--json")
    assert adiff(*words).status == 0
    done = adiff(*words, "--max-memory", "500K")
    assert (done.status, done.error["kind"], done.error["file"]) == (1, "limit", "x=")


def test_at_the_limit_a_run_goes_on() -> None:
    program = "y = x\nfor i in range(100) { y = y + x }\ny"
    words = ("eval", "-e", program, "x=1", "--max-steps", "100", "--max-nodes", "101")
    assert adiff(*words).quantities == {"result": "101.0", "dresult/dx": "101.0"}


def test_deeper_recursion_by_request() -> None:
    program = "fn f(n) { if n == 0 { x } else { f(n - 1) + 1 } }\nf(50000)"
    done = process("eval", "-e", program, "x=1", "--max-depth", "60000")
    assert done.quantities == {"result": "50001.0", "dresult/dx": "1.0"}


@pytest.mark.parametrize("seconds", ["0.001", "0.01", "0.03", "0.05", "0.1"])
def test_time_may_run_out_anywhere(seconds: str) -> None:
    """While the parser is made, while NumPy is loaded: never a traceback."""
    program = "y = randn(3)\n" + LOOP
    done = process("eval", "-e", program, "x=1", "--timeout", seconds, "--json")
    assert (done.status, done.out, done.error["kind"]) == (1, "", "limit")


STATUSES = {
    0: ("eval", "-e", "x", "x=1"),
    1: ("eval", "-e", "[1, 2] + [1, 2, 3]"),
    2: ("eval", "-e", "x"),
    3: ("eval", "-e", "x +", "x=1"),
    4: ("eval", "-e", "1 / x", "x=0", "--strict"),
}


@pytest.mark.parametrize("status", STATUSES)
def test_exit_status(status: int) -> None:
    done = process(*STATUSES[status])
    assert done.status == status
    assert bool(done.out) == (status == 0)
    assert done.err.startswith("" if status == 0 else "error: ")
