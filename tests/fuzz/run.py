"""Random cases without end, of one kind or of all: finds what nobody thought of.

    python -m tests.fuzz.run [KIND ...] [--count N | --seconds S] [--seed N]

prints its seed, with which it does the same again, and how many cases of each kind held. What
fails is made small, shown, and filed in `tests/fuzz/found`, where the tests run it from then on.
"""

from __future__ import annotations

import json
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz import commands, inputs, programs, sessions

if TYPE_CHECKING:
    from collections.abc import Callable

FOUND = Path(__file__).parent / "found"


class Kind(NamedTuple):
    """Cases, which are JSON, and what holds of each: `check` raises where it does not."""

    cases: st.SearchStrategy[Any]
    check: Callable[[Any], None]


KINDS = {
    "programs": Kind(programs.programs(), programs.check),
    "texts": Kind(commands.texts(), commands.check),
    "edges": Kind(commands.edges(), commands.check),
    "inputs": Kind(inputs.inputs(), inputs.check),
    "sessions": Kind(sessions.sessions(), sessions.check),
}


def run(name: str, count: int, number: int) -> int:
    """Checks so many cases; how many held.

    Raises:
        AssertionError, or what else a case has raised: the smallest one that was found.
    """
    kind, held, last = KINDS[name], 0, None

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(kind.cases)
    def check(case: Any) -> None:
        nonlocal held, last
        last = case
        kind.check(case)
        held += 1

    try:
        check()
    except BaseException as error:
        error.add_note(f"{name}: {json.dumps(last, ensure_ascii=False)}")
        if isinstance(error, Exception):
            error.add_note(f"filed as {file(name, last)}")
        raise
    return held


def file(name: str, case: Any) -> str:
    text = json.dumps({"kind": name, "case": case}, ensure_ascii=True, indent=1) + "\n"
    path = FOUND / f"{name}_{sha256(text.encode()).hexdigest()[:8]}.json"
    path.write_text(text, encoding="utf-8")
    return path.name


@click.command()
@click.argument("kinds", nargs=-1, type=click.Choice(list(KINDS)))
@click.option("--count", type=int, default=1000, help="Cases of each kind.")
@click.option("--seconds", type=float, help="Goes on for so long instead, --count at a time.")
@click.option("--seed", "number", type=int, default=lambda: time.time_ns() % 2**32)
def main(kinds: tuple[str, ...], count: int, seconds: float | None, number: int) -> None:
    click.echo(f"--seed {number}")
    end = time.monotonic() + (seconds or 0)
    totals = dict.fromkeys(kinds or KINDS, 0)
    while True:
        for name in totals:
            totals[name] += run(name, count, number)
            click.echo(f"{name}: {totals[name]:,} held")
        number += 1
        if time.monotonic() >= end:
            break


if __name__ == "__main__":
    main()
