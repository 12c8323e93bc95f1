"""An explanation of a gradient as text for a screen."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

from autodiff_cli.explain.paths import binary_order
from autodiff_cli.report.diagnostics import RESET, STYLES
from autodiff_cli.report.diagnostics import as_text as finding_text
from autodiff_cli.report.folding import segments
from autodiff_cli.report.numbers import number_text
from autodiff_cli.report.trace.brief import brief, extent
from autodiff_cli.report.why import Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.engine.graph import Node
    from autodiff_cli.explain.paths import Count, Flow, Path, Use
    from autodiff_cli.explain.reasons import Explanation
    from autodiff_cli.report.folding import Segment

DIGITS = 6
"""Of factors, unless told otherwise: they are many."""
WIDEST_CELL = 24
INDENT = 12
"""Columns before a path, in which its share stands."""
MOST_STEPS = 9
"""Of a way to a nan or a zero; a longer one is shown by its ends."""
MOST_USES = 5
SPELT = 1_000_000
"""A number of paths below this is written out."""
STANDS_OUT = 0.9
"""Paths that make up this share of a gradient explain it."""
CAUSES = {
    "flat": "it is flat",
    "no-derivative": "no derivative",
    "own-rule": "its rule gives 0",
    "factor": "a factor is 0",
    "not-chosen": "not chosen",
    "overwritten": "overwritten",
    "saturated": "flat here",
    "stationary": "0 at this point",
    "kink": "0 at a kink",
    "infinite": "0 at infinity",
    "underflow": "underflow",
    "elsewhere": "0 where the gradient is not",
    "cancelled": "contributions cancel",
}
"""Why a derivative ends, in a few words; `explain.zeros` says it in full."""
LEAST_SHARE = 5e-4
OPPOSED = 1.0 + 1e-9
"""Contributions of one sign are as large together as what they add up to."""


def as_text(
    explanations: Sequence[Explanation], width: int, color: bool, digits: int | None = None
) -> str:
    """A section for each derivative."""
    sections = [_section(each, width, color, digits) for each in explanations]
    return "\n".join("".join(f"{line}\n" for line in section) for section in sections)


def _section(
    explanation: Explanation, width: int, color: bool, digits: int | None
) -> Iterator[str]:
    words = Words(explanation)
    evaluation, name = explanation.evaluation, explanation.name
    gradient = brief(explanation.gradient, digits)
    for line in _wrapped(f"{explanation.label} = {gradient}", width, "", "  "):
        yield f"{STYLES['bold']}{line}{RESET}" if color else line
    at, value = brief(evaluation.at[name], digits), brief(evaluation.value, digits)
    yield from _wrapped(f"at {name} = {at}, where {evaluation.output} = {value}", width, "  ")
    if explanation.flow is not None:
        yield ""
        yield from _flow(explanation, explanation.flow, words, width, digits or DIGITS)
    for reason in explanation.reasons:
        yield ""
        yield from finding_text(reason, color).splitlines()
    if len(explanation.way) > 1:
        yield ""
        yield from _way(explanation, words, digits or DIGITS)
    hidden = len(explanation.ends) - len(explanation.reasons)
    if explanation.verdict == "zero" and hidden > 0:
        yield ""
        yield f"it also ends at {hidden:,} more place{'' if hidden == 1 else 's'}"
    for kink in explanation.kinks:
        yield ""
        yield from finding_text(kink, color).splitlines()


def _wrapped(text: str, width: int, indent: str, hanging: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, 20),
        initial_indent=indent,
        subsequent_indent=indent if hanging is None else hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _way(explanation: Explanation, words: Words, digits: int) -> Iterator[str]:
    """The steps from the name to where its gradient ends, with the numbers on them."""
    nodes = [node for node in explanation.way if node.primitive is None or node.span is not None]
    shown: list[Node | None] = [*nodes]
    if len(nodes) > MOST_STEPS:
        head = MOST_STEPS // 2
        shown = [*nodes[:head], None, *nodes[-head:]]
    rows = [("", "", "value", "adjoint")]
    for node in shown:
        if node is None:
            rows.append((f"… {len(nodes) - len(shown) + 1:,} more", "", "", ""))
            continue
        adjoint = explanation.adjoints.get(node, 0.0)
        rows.append(
            (
                words.step(node),
                words.line(node),
                _cell(node.value, digits),
                _cell(adjoint, digits),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    yield f"the way from `{explanation.name}` to there:"
    for row in rows:
        cells = [cell.ljust(size) for cell, size in zip(row, widths, strict=False) if size]
        yield f"  {'  '.join([*cells, row[3]])}".rstrip()


def _cell(value: Any, digits: int) -> str:
    """A value in a table: a long array by its shape and range."""
    text = brief(value, digits)
    if len(text) <= WIDEST_CELL:
        return text
    low, high = extent(value)
    shape = "×".join(map(str, value.shape))
    return f"({shape}) {number_text(low, digits)} … {number_text(high, digits)}"


def _flow(
    explanation: Explanation, flow: Flow, words: Words, width: int, digits: int
) -> Iterator[str]:
    name, output = explanation.name, explanation.evaluation.output
    yield from _wrapped(_headline(flow, name, output), width, "")
    for alike in _alike(flow.best):
        yield ""
        yield from _path(explanation, alike, words, width, digits)
    # Of a few paths, all are shown.
    hidden = flow.alive != len(flow.best)
    if hidden:
        yield ""
        yield from _wrapped(_remainder(flow), width, "")
    if abs(flow.rest) > 1.0 - STANDS_OUT:
        yield f"by the place where `{name}` is used:"
        shown = [use for use in flow.uses[:MOST_USES] if abs(use.share) >= LEAST_SHARE]
        for use in shown:
            yield _use(use, words)
        more = len(flow.uses) - len(shown)
        if more:
            yield f"{' ' * INDENT}… {more:,} more place{'' if more == 1 else 's'}"
    if flow.opposed > OPPOSED:
        yield ""
        yield from _wrapped(_opposition(flow), width, "")
    if flow.paths != flow.alive and explanation.ends:
        yield ""
        yield from _dead(explanation, words, width)


def _headline(flow: Flow, name: str, output: str) -> str:
    if flow.paths == 1:
        return f"one path leads from `{name}` to `{output}`"
    paths, alive = count_text(flow.paths), count_text(flow.alive)
    heading = f"{paths} paths lead from `{name}` to `{output}`"
    if flow.alive == flow.paths:
        return heading
    if alive == paths:
        return f"{heading}; some are worth nothing"
    return f"{heading}; {alive} of them {'is' if flow.alive == 1 else 'are'} worth something"


def _remainder(flow: Flow) -> str:
    shown, rest = len(flow.best), percent(flow.rest)
    largest = f"these {shown} are the largest" if shown > 1 else "this is the largest"
    if not flow.best:
        return "none of them stands out"
    if abs(flow.rest) < LEAST_SHARE:
        return "the others add up to next to nothing"
    if abs(flow.rest) <= 1.0 - STANDS_OUT:
        return f"{largest}; the others make up {rest}"
    if all(abs(path.share) < 1.0 - STANDS_OUT for path in flow.best):
        return f"{largest}, and none stands out: the others make up {rest}"
    return f"{largest}; all others together make up {rest}"


def _opposition(flow: Flow) -> str:
    if flow.opposed < 10.0:
        return "contributions of both signs: what is left of them is the gradient"
    return (
        "contributions of both signs nearly cancel: together they are at least "
        f"{flow.opposed:.2g} times as large as what is left of them"
    )


def _path(
    explanation: Explanation, alike: Sequence[Path], words: Words, width: int, digits: int
) -> Iterator[str]:
    path, times = alike[0], len(alike)
    parts = segments(path)
    stations = [explanation.name, *(_segment(part, words) for part in parts)]
    if times > 1:
        stations[-1] += f" ({times} alike)"
    share = percent(times * path.share)
    yield from _joined(stations, " → ", width, f"{share:>10}  ")
    contribution = brief(path.contribution, digits)
    factors = [_factor(part, digits) for part in parts]
    if None in factors:
        yield from _wrapped(f"gives {contribution}", width, " " * INDENT)
        return
    if explanation.seed != 1.0:
        factors.append(f"{brief(explanation.seed, digits)} (cotangent)")
    product = [factor for factor in factors if factor] or ["1"]
    if product != [contribution]:
        product[-1] += f" = {contribution}"
    yield from _joined(product, " × ", width, " " * INDENT)


def _alike(paths: Sequence[Path]) -> list[list[Path]]:
    """Paths through the same nodes together: they differ in which operand they come by."""
    groups: dict[tuple[Any, ...], list[Path]] = {}
    for path in paths:
        key = (*map(id, path.nodes), path.share)
        groups.setdefault(key, []).append(path)
    return list(groups.values())


def _joined(parts: Sequence[str], sign: str, width: int, indent: str) -> Iterator[str]:
    """Parts with a sign between them, in lines that break before a sign."""
    line = f"{indent}{parts[0]}"
    for part in parts[1:]:
        if len(line) + len(sign) + len(part) > width:
            yield line
            line = f"{' ' * INDENT}{sign.lstrip()}{part}"
        else:
            line += f"{sign}{part}"
    yield line


def _segment(part: Segment, words: Words) -> str:
    if not part.nodes:
        return f"… {part.rounds:,} more …"
    if part.rounds == 1:
        return words.label(part.nodes[0])
    inner = " → ".join(words.label(node) for node in part.nodes)
    return f"[{inner}] ×{part.rounds:,}"


def _factor(part: Segment, digits: int) -> str | None:
    """The factor of a segment; of several steps at once, in brackets."""
    if part.product is None:
        return None
    text = f"{part.product:.{digits}g}"
    if part.nodes and part.rounds == 1:
        return f"({text})" if part.product < 0 else text
    return f"[{text}]"


def _use(use: Use, words: Words) -> str:
    times = f"  ×{use.count:,}" if use.count > 1 else ""
    return f"{percent(use.share):>10}  {words.label(use.node)}{times}"


def _dead(explanation: Explanation, words: Words, width: int) -> Iterator[str]:
    """Where the paths end that are worth nothing."""
    places = []
    for end in explanation.ends[:MOST_USES]:
        times = f", {end.count:,} times" if end.count > 1 else ""
        places.append(f"{words.label(end.node)} ({CAUSES[end.cause]}{times})")
    more = len(explanation.ends) - MOST_USES
    if more > 0:
        places.append(f"{more:,} more places")
    yield from _wrapped(f"the others end at: {'; '.join(places)}", width, "")


def percent(share: float) -> str:
    """A share in percent, with as many digits as tell something."""
    value = 100.0 * share + 0.0
    if not abs(value) < 1e6:
        return f"{value:.2g} %"
    if abs(value) >= 1e3:
        return f"{value:,.0f} %"
    if value and abs(value) < 0.05:
        return f"{value:.1g} %"
    return f"{value:.1f}".removesuffix(".0") + " %"


def count_text(count: Count) -> str:
    """A number of paths: `1,024`, `2^1000`, `about 10^477`."""
    if isinstance(count, int):
        if count < SPELT:
            return f"{count:,}"
        if count.bit_count() == 1:
            return f"2^{count.bit_length() - 1}"
    return f"about 10^{round(binary_order(count) * math.log10(2.0))}"
