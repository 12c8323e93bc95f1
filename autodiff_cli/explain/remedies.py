"""What to do about an origin: what to write instead, or where a primitive is at its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff_cli.explain import words
from autodiff_cli.explain.rewriting import LONGEST, rewritten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.engine.graph import Node
    from autodiff_cli.explain.origins import Origin


def advice(origin: Origin, above: Sequence[Node] = ()) -> tuple[list[str], str]:
    """What to tell of an origin besides where it is: notes, and what to do about it.

    Args:
        above: operations on the way to where it was followed from, that may be written otherwise.
    """
    notes = words.sources_text(origin)
    way, bottom = [*above, *origin.trail], origin
    while bottom.sources:
        bottom = bottom.sources[0][1]
        way += bottom.trail
    for node in way:
        text = rewritten(node, bottom.node, at_pole=bottom.kind == "outside")
        if text:
            now = words.expression(node)
            return notes, f"write {text}" + (f" for {now}" if 0 < len(now) <= LONGEST else "")
    more, remedy = words.remedy(origin)
    return [*notes, *more], remedy
