"""Some hundred random files, with a fixed seed."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.inputs import check, inputs

SEED = 20261126


def run(count: int, number: int) -> None:
    """Checks so many cases, the same for the same number.

    Raises:
        AssertionError, or what else a case has raised: the smallest one that was found.
    """

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs())
    def holds(case: dict[str, Any]) -> None:
        check(case)

    holds()


def test_random_files() -> None:
    run(200, SEED)
