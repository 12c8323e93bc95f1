"""Which way records were evaluated, for who asks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from autodiff_cli.data.values import counted


@dataclass
class Ways:
    """How many records went which way, and why not a faster one.

    Attributes:
        compiled: by code of each kind, in words: `in machine code (native, by cc)`.
        together: as arrays.
        alone: one by one.
        why_alone, why_not_compiled: in words; "" where there is nothing to say.
    """

    compiled: Counter[str] = field(default_factory=Counter)
    together: int = 0
    alone: int = 0
    why_alone: str = ""
    why_not_compiled: str = ""

    def add(self, other: Ways) -> None:
        self.compiled += other.compiled
        self.together += other.together
        self.alone += other.alone
        self.why_alone = self.why_alone or other.why_alone
        self.why_not_compiled = self.why_not_compiled or other.why_not_compiled

    def text(self, batch: int) -> str:
        """In words: `3 records, 16,384 at a time as arrays`."""
        why = f": {self.why_alone}" if self.why_alone else ""
        kinds = [
            *((count, how) for how, count in self.compiled.items()),
            (self.together, "as arrays"),
            (self.alone, f"one by one{why}"),
        ]
        total = counted(self.compiled.total() + self.together + self.alone, "record")
        taken = [(count, how) for count, how in kinds if count]
        if taken == [(self.together, "as arrays")]:
            text = f"{total}, {batch:,} at a time as arrays"
        elif len(taken) == 1:
            text = f"{total}, {taken[0][1]}"
        else:
            text = f"{total}: " + "; ".join(f"{count:,} {how}" for count, how in taken)
        if self.why_not_compiled and not any("machine code" in how for how in self.compiled):
            text += f"; not in machine code: {self.why_not_compiled}"
        return text
