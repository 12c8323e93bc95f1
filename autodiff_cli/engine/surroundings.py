"""What the evaluations of one run share besides their arguments: how much, and at random what.

None of it belongs to the process: every run has its own, and two threads' do not meet.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np

if TYPE_CHECKING:
    from collections.abc import Sequence

    Seed = int | Sequence[int] | None


class Surroundings:
    """Of one run.

    Attributes:
        largest: how many bytes one array may take.
        randomness: where its random numbers come from.
        abandoned: what it computes is of no use any more, and its nodes are others' by now.
        sweeping: the nodes of the sweeps that are going on, which hold adjoints.
    """

    __slots__ = ("abandoned", "largest", "randomness", "sweeping")

    def __init__(self, seed: Seed = None, largest: float = float("inf")) -> None:
        self.abandoned = False
        self.sweeping: list[Any] = []
        self.largest = largest
        self.randomness = Randomness(seed)


class Randomness:
    """A generator of random numbers, made at the first draw: until then NumPy is not loaded.

    `seed` starts it; None is entropy.
    """

    __slots__ = ("_generator", "_kept", "_seed")

    def __init__(self, seed: Seed = None) -> None:
        self._seed = seed
        self._generator: Any = None
        self._kept: Any = None

    def draw(self, method: str, *args: Any) -> Any:
        """What NumPy's generator gives when `method` of it is called."""
        if self._generator is None:
            self._generator = np.random.default_rng(self._seed)
        if self._kept is None:
            self._kept = self._generator.bit_generator.state
        return getattr(self._generator, method)(*args)

    def keep(self) -> None:
        """Marks the place in the sequence to which `restore` goes back."""
        self._kept = None

    def restore(self) -> None:
        """Goes back to where `keep` was called: the same numbers come again."""
        if self._kept is not None:
            # Another one, as a thread that was given up may hold on to the one before.
            self._generator = np.random.default_rng(0)
            self._generator.bit_generator.state = self._kept
            self._kept = None


CURRENT: ContextVar[Surroundings] = ContextVar("surroundings", default=Surroundings())  # noqa: B039
"""Those of the run that goes on in this thread; outside of any, no limit and no seed."""
