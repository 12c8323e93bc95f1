"""Is this gradient right? The reverse sweep before its referees, component by component.

The forward sweep shares the rules, and tells whether the sweep is right; differences of the
program know nothing of either; a replay at 80 digits has the digits that differences lack.
How far two of them may be apart is measured, and not guessed: by the error that the
differences estimate of themselves, and by what rounding makes of the gradient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, Literal

from autodiff_cli.engine.differences import difference
from autodiff_cli.engine.graph import Node, below, value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.errors import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autodiff_cli.check.subject import Subject, Swept

Verdict = Literal["ok", "mismatch", "kink", "non-finite", "unsure"]

FAILED = frozenset(("mismatch", "kink", "non-finite"))
"""Verdicts with which a check has not been passed."""

ALLOWED = 10.0
"""How many times what is achievable two derivatives may be apart."""
UNSURE = 1e-2
"""A referee whose error, relative to the gradient, is larger cannot tell right from wrong."""
NEAR = 1e-4
"""A kink so near, relative to the point's size, is worth a word though the derivative holds."""
NEARER = 32
"""How many times nearer a jump is looked at again."""
MOST_COMPONENTS = 200
"""Of a larger array so many components are checked, and a direction through all of it."""
PRECISE_OPERATIONS = 100_000
"""How many operations at 80 digits are worth their time: a second or two."""
RUNS_OF_A_PRECISE_DERIVATIVE = 4


@dataclass(frozen=True, slots=True)
class Comparison:
    """What another says that a derivative is.

    Attributes:
        achievable: how far apart the two may be for reasons that are nobody's fault.
        error: how far they are, in units of that.
    """

    value: float
    achievable: float
    error: float


def compare(got: float, value: float, achievable: float) -> Comparison:
    gap = 0.0 if got == value else abs(got - value)
    if gap == 0.0:
        return Comparison(value, achievable, 0.0)
    if achievable > 0 and math.isfinite(gap):
        return Comparison(value, achievable, gap / achievable)
    return Comparison(value, achievable, math.inf)


def differs(got: float, other: Comparison, tolerance: float) -> bool:
    """Whether a derivative is wrong by a comparison. A relative `tolerance` passes in any case."""
    gap = abs(got - other.value)
    return other.error > ALLOWED and gap > tolerance * max(abs(got), abs(other.value))


@dataclass(slots=True)
class Component:
    """One number of a gradient, or its part along one direction.

    Attributes:
        name: what is differentiated by.
        index: the place in it, empty for a number; None for a direction through all of it.
        referees: `forward`, `differences` and, where it is to be had, `precise`.
        slopes: on the left and on the right, where those are two.
    """

    name: str
    index: tuple[int, ...] | None
    gradient: float
    verdict: Verdict
    referees: dict[str, Comparison]
    slopes: tuple[float, float] | None = None

    @property
    def decisive(self) -> str | None:
        """The referee to show: the one that contradicts most, else the one that can tell most."""
        if self.verdict == "mismatch":
            return max(self.referees, key=lambda name: self.referees[name].error)
        independent = [name for name in ("precise", "differences") if name in self.referees]
        return min(independent, key=lambda name: self.referees[name].achievable, default=None)


@dataclass(slots=True)
class Check:
    """The gradient of one output, checked at a point.

    Attributes:
        left_out: of names with many components, how many were checked only all together.
    """

    output: str
    value: Any
    components: list[Component] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def check(subject: Subject, output: str, swept: Swept, tolerance: float) -> Check:
    """Compares every component of a gradient with its referees."""
    node = subject.outcome.outputs[output]
    done = Check(output, value_of(node), findings=list(swept.findings))
    operations = _operations(node)
    budget = PRECISE_OPERATIONS // (RUNS_OF_A_PRECISE_DERIVATIVE * max(operations, 1))
    for name, gradient in swept.gradient.items():
        examined = list(_directions(gradient))
        places = sum(index is not None for index, _ in examined)
        if places < prod(shape_of(gradient)):
            done.left_out[name] = prod(shape_of(gradient)) - places
        for index, direction in examined:
            component, findings = _examine(
                subject, output, swept, name, index, direction, tolerance, budget > 0
            )
            budget -= 1
            done.components.append(component)
            done.findings.extend(findings)
        if any(c.verdict == "mismatch" for c in done.components if c.name == name):
            done.findings.extend(subject.wrong_rules(output, name))
    done.findings = _once_a_place(done.findings)
    return done


def _operations(node: Any) -> int:
    if not isinstance(node, Node):
        return 0
    return sum(max(1, prod(shape_of(n.value))) for n in below(node))


def _directions(gradient: Any) -> Iterator[tuple[tuple[int, ...] | None, Any]]:
    """The unit directions of a name, all or the more telling ones, and then one through all."""
    shape = shape_of(gradient)
    if not shape:
        yield (), 1.0
        return
    places = list(np.ndindex(shape))
    rng = np.random.default_rng(0)
    if len(places) > MOST_COMPONENTS:
        yield None, rng.choice((-1.0, 1.0), shape) * rng.uniform(0.5, 1.0, shape)
        by_size = np.argsort(-np.abs(np.nan_to_num(gradient, nan=np.inf)), axis=None, kind="stable")
        half = MOST_COMPONENTS // 2
        chosen = [*by_size[:half], *rng.choice(by_size[half:], half, replace=False)]
        places = [places[i] for i in sorted(chosen)]
    for place in places:
        unit = np.zeros(shape)
        unit[place] = 1.0
        yield place, unit


def _examine(
    subject: Subject,
    output: str,
    swept: Swept,
    name: str,
    index: tuple[int, ...] | None,
    direction: Any,
    tolerance: float,
    precisely: bool,
) -> tuple[Component, list[Finding]]:
    gradient = float(np.sum(np.where(direction == 0, 0.0, swept.gradient[name] * direction)))
    noise = float(np.sum(np.where(direction == 0, 0.0, swept.noise[name] * np.abs(direction))))
    at = subject.targets[name].value
    # A direction through all starts at 0, and its unit is the size of what it goes through.
    scale = float(np.max(np.abs(at), initial=0.0)) or 1.0 if index is None else 1.0
    start = 0.0 if index is None else float(np.asarray(at)[index])

    def moved(to: float) -> float:
        return subject.value(output, name, (to - start) * scale * direction)

    def edges(step: float) -> list[Finding]:
        return subject.between(output, name, scale * direction, step)

    found = difference(moved, start, swept.value_noise, gradient * scale)
    size = max(abs(gradient * scale), abs(found.central.value))
    clear = found.settled and found.central.error <= max(UNSURE * size, found.negligible)
    referees: dict[str, Comparison] = {}
    forward = subject.forward(output, name, direction)
    if not math.isnan(forward):  # a path that is dead backwards may be inf - inf forwards
        referees["forward"] = compare(gradient, forward, noise)
    # Steps that leap over whole periods have slopes, and no two the same: they tell of nothing.
    sloped = math.isfinite(found.central.value)
    leaps = sloped and not (found.settled or found.tapers)
    if sloped and not leaps:
        slope = found.central
        referees["differences"] = compare(
            gradient, slope.value / scale, slope.error / scale + noise
        )
    settled = clear
    if precisely:
        exact = subject.precise(output, name, direction)
        if exact is not None:
            referees["precise"] = compare(gradient, exact.value, exact.error + noise)
            enough = max(UNSURE * max(abs(gradient), abs(exact.value)), found.negligible / scale)
            clear = clear or exact.error <= enough

    findings: list[Finding] = []
    at_edge = not found.smooth or (swept.at_kink and found.one_sided)
    if not (settled and found.smooth):
        findings = edges(found.finest)
        at_edge = at_edge or ((swept.at_kink or bool(findings)) and not found.tapers)
    if sloped and not found.settled and (ends := _jump(moved, start, found.finest)):
        at_edge, findings = True, findings or [_steps(output, name, ends)]
    if found.smooth and not findings and 0 < found.before <= NEAR * max(abs(start), 1.0):
        findings = edges(found.before)
    component = Component(name, index, gradient, "non-finite", referees)
    if math.isfinite(swept.value):
        component.verdict = _verdict(component, at_edge, clear, tolerance)
    best = component.referees.get("precise")
    size = max(abs(gradient), 0.0 if best is None else abs(best.value))
    if component.verdict == "ok" and noise > max(UNSURE * size, found.negligible / scale):
        component.verdict = "unsure"
        findings.append(_rounded_away(component, output, noise, best))
    elif component.verdict == "unsure" and leaps and best is None:
        findings.append(_nothing_to_compare(component, output))
    if component.verdict == "kink":
        left, right = found.sides
        component.slopes = (left / scale, right / scale)
    return component, findings


def _verdict(component: Component, at_edge: bool, clear: bool, tolerance: float) -> Verdict:
    if not math.isfinite(component.gradient):
        return "non-finite"
    if at_edge:
        return "kink"
    if any(differs(component.gradient, one, tolerance) for one in component.referees.values()):
        return "mismatch"
    return "ok" if clear else "unsure"


def _rounded_away(
    component: Component, output: str, noise: float, best: Comparison | None
) -> Finding:
    what = f"d{output}/d{component.name}"
    truth = "" if best is None else f", and it is {best.value!r}"
    return Finding(
        f"rounding leaves nothing of {what}: it may be off by {noise:.1g}{truth}",
        help="write what cancels in another form, as expm1(x) for exp(x) - 1",
        kind="rounding",
    )


def _jump(moved: Callable[[float], float], at: float, step: float) -> tuple[float, float] | None:
    """The values on both sides, where they stay apart however near to a point they are taken."""
    left, right = moved(at - step), moved(at + step)
    nearer = moved(at + step / NEARER) - moved(at - step / NEARER)
    gap = right - left
    if math.isfinite(gap) and gap and abs(nearer - gap) <= UNSURE * abs(gap):
        return left, right
    return None


def _steps(output: str, name: str, ends: tuple[float, float]) -> Finding:
    left, right = ends
    return Finding(
        f"`{output}` steps from {left!r} to {right!r} here: it has no derivative by `{name}`",
        help="a check beside this point tells more: move it a little",
        kind="kink",
    )


def _nothing_to_compare(component: Component, output: str) -> Finding:
    return Finding(
        f"d{output}/d{component.name} cannot be judged: the function has another slope for every "
        "step that floats can take here",
        help="a point nearer to 0 has floats nearer to it",
        kind="unjudged",
    )


def _once_a_place(findings: list[Finding]) -> list[Finding]:
    """The first of those that say one kind of thing about one place."""
    seen: dict[Any, Finding] = {}
    for finding in findings:
        where = finding.where
        place = (where.source, where.start, where.end) if where else finding.what
        seen.setdefault((finding.kind, place), finding)
    return list(seen.values())
