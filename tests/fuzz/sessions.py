"""Random sessions of the prompt, with Ctrl-C at random moments: nothing is lost, nothing half done.

Where a statement is stopped, the session is as if it had not been entered, or as if it had run to
its end; and what follows gives what it gives in a session in which that was so from the start.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from autodiff_cli.api.session import Session
from autodiff_cli.errors import AdiffError
from autodiff_cli.interpreter.machine import Limits, Settings

if TYPE_CHECKING:
    from types import FrameType

NAMES = ("a", "b", "c")


@st.composite
def sessions(draw: st.DrawFn) -> dict[str, Any]:
    """Statements, each with the number of lines of ours after which it is stopped, or 0."""
    name = st.sampled_from(NAMES)
    operand = st.sampled_from(
        [*NAMES, "0.5", "sin(a)", "exp(b / 9)", "(a * c)", "f(c)", "u[1]", "sum(u)", "_", "rand()"]
    )
    lines = ["a = 0.7", "b = 1.3", "c = 2", "u = [a, b, 3]", "fn f(t) { t * a + b }"]
    for _ in range(draw(st.integers(1, 8))):
        one, other, target = draw(operand), draw(operand), draw(name)
        lines.append(
            draw(
                st.sampled_from(
                    [
                        f"{target} = {one} * {other} + 0.1",
                        f"{target} += {one}",
                        f"for i in range(3) {{ {target} = 0.3 * {one} + 0.2 * {target} }}",
                        f"if a > b {{ {target} = {one} }} else {{ {target} = {other} - 0.4 }}",
                        f"fn f(t) {{ t * {target} }}",
                        f"{one} - {other}",
                        f"{target} = grad({target} * {one}, {target}) + {other}",
                        f"{target}, c = {one}, {other}",
                        f"backward({target} * a)",
                        f"{target} = {target}.grad + {one}",
                        f"zero_grad({target})",
                        f"u[0] = {one}",
                        f"u = [{one}, {other}, 1]; {target} = u[2] * {one}",
                        f"{target} = 1; {one} + nonsense",
                        "input d = 2",
                        f"print({one})",
                        "1 / 0",
                        f"assert {one} > {other}",
                        "while true { a = a + 1 }",
                        "fn g(n) { g(n + 1) }; g(0)",
                    ]
                )
            )
        )
    stops = [draw(st.just(0) | st.integers(1, 400)) for _ in lines]
    return {"lines": lines, "stops": stops}


class Stopped(BaseException):
    """As Ctrl-C is."""


def entered(session: Session, line: str, stop: int = 0) -> str:
    """What became of a line: `stopped`, the kind of an error, or nothing."""
    left = stop

    def count(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if "autodiff_cli" not in frame.f_code.co_filename:
            return None
        left -= event == "line"
        if left == 0:
            sys.settrace(None)
            raise Stopped
        return count

    before = sys.gettrace()
    try:
        if stop:
            sys.settrace(count)
        session.run(line)
    except AdiffError as error:
        return type(error).__name__
    except Stopped:
        return "stopped"
    finally:
        sys.settrace(before)
    return ""


PROBES = (*NAMES, "u", "_", "f(2.5)", "a.grad", "b.grad", "c.grad", "u.grad", "rand()")


def state(session: Session) -> list[str]:
    """What every name is worth, and the gradients by some."""
    seen = []
    for probe in PROBES:
        error = entered(session, probe)
        seen.append(f"{probe}: {error or session.reply.values}")
    try:
        seen.append(repr(session.evaluate("a * b + c + sum(u)", list(NAMES)).gradient))
    except AdiffError as error:
        seen.append(str(error))
    return seen


def after(lines: list[str]) -> list[str]:
    session = new()
    for line in lines:
        entered(session, line)
    return state(session)


def new() -> Session:
    limits = Limits(steps=3000, nodes=20_000, depth=100)
    return Session(Settings(seed=1, limits=limits, on_print=lambda text: None), last="_")


def check(case: dict[str, Any]) -> None:
    session, kept = new(), []
    for line, stop in zip(case["lines"], case["stops"], strict=True):
        if entered(session, line, stop) != "stopped":
            kept.append(line)
            continue
        got, undone, done = state(session), after(kept), after([*kept, line])
        assert got in (undone, done), (line, got, undone, done)
        if got != undone:
            kept.append(line)
        kept.extend(PROBES)
