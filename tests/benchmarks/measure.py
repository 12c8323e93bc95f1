"""Times of things that are measured in turns, and the rows of the table made of them."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from importlib.util import find_spec
from random import Random
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(slots=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        what: what was measured.
        measured: the figure, with its unit.
        peer: what it is measured against, with the peer's own figure.
        ratio: adiff over peer, with its spread.
        target: what the ratio, or the figure, has to keep to; empty where nothing is asked.
        met: whether it does; None where nothing is asked.
    """

    what: str
    measured: str
    peer: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None


QUICK = 0.02
"""Seconds."""


def interleaved(
    subjects: Mapping[str, Callable[[], Any]], rounds: int, warm_up: bool = True
) -> dict[str, list[float]]:
    """Seconds of every subject in every round; each round runs all of them, in an order of its own.

    What else the machine does then falls on all of them alike. Of what is quick, the second of two
    calls in a row counts: the first pays for what the subject before has left in the caches.
    """
    shuffled = Random(0)
    if warm_up:
        for subject in subjects.values():
            subject()
    seconds: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name in shuffled.sample(list(subjects), len(subjects)):
            took = _once(subjects[name])
            seconds[name].append(_once(subjects[name]) if took < QUICK else took)
    return seconds


def _once(subject: Callable[[], Any]) -> float:
    start = perf_counter()
    subject()
    return perf_counter() - start


def against(
    what: str,
    subject: list[float],
    peer: str,
    peers: list[float],
    at_most: float | None = None,
    remark: str = "",
) -> Row:
    """The row of a subject and a peer that were measured in the same rounds.

    The ratio is the median of the rounds' ratios, its spread their middle half.
    """
    ratios = [mine / theirs for mine, theirs in zip(subject, peers, strict=True)]
    ratio = statistics.median(ratios)
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
    target = "" if at_most is None else f"≤ {at_most:.3g}"
    return Row(
        what=what,
        measured=duration(statistics.median(subject)),
        peer=f"{peer}: {duration(statistics.median(peers))}",
        ratio=f"{ratio:.3g} ({low:.3g} to {high:.3g})",
        target=f"{target} {remark}".strip(),
        met=None if at_most is None else ratio <= at_most,
    )


def duration(seconds: float) -> str:
    """`12.3 ms`."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def is_installed(package: str) -> bool:
    """Whether a peer is there; where it is not, a line says so."""
    if find_spec(package) is not None:
        return True
    print(f"  {package} is not installed: skipped")
    return False


def require_close(name: str, got: Any, want: Any) -> None:
    """Stops a comparison of things that do not compute the same."""
    import numpy as np

    if not np.allclose(got, want, rtol=1e-8, atol=1e-12):
        raise SystemExit(f"{name} computes {got}, adiff {want}: not the same function")
