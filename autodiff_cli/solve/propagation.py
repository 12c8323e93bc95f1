"""Propagation of uncertainty, as the Guide to the Expression of Uncertainty in Measurement has it.

First order: u²(y) = cᵀ Σ c, of the gradient c and the inputs' covariance Σ. Second order adds
½ tr(HΣHΣ) + cᵀ Σ ∇tr(HΣ) (for independent inputs the terms of its note 5.1.2), and shifts the
value by ½ tr(HΣ): both for normal inputs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.derivatives import jacobian, recorded_gradient
from autodiff_cli.engine.graph import Node, value_of
from autodiff_cli.engine.lazy import np, special
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.sweeps import ones_of
from autodiff_cli.errors import AdiffError, Finding, UsageError
from autodiff_cli.interpreter.machine import Machine, Settings
from autodiff_cli.interpreter.run import run, run_in
from autodiff_cli.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodiff_cli.interpreter.program import Program

ENOUGH = 0.05
"""The first order is enough where the second changes the uncertainty by no more than this share,
and the value by no more than this share of the uncertainty."""
MOST_FOR_SECOND = 50
"""Inputs, up to which the second order is looked at unasked."""
SPOT_CHECKS = 5
ALIKE = 1e-9


@record
class Uncertain:
    """What is known of the inputs.

    Attributes:
        names: of those that are uncertain, in order.
        covariance: theirs.
        dof: the degrees of freedom of each; inf where it is known exactly.
    """

    names: list[str]
    covariance: Any
    dof: list[float]

    @property
    def each(self) -> Any:
        """The standard uncertainties."""
        return np.sqrt(np.diag(self.covariance))


@record
class Share:
    """What an input contributes: ∂y/∂x, its uncertainty, and its share of the variance of y."""

    sensitivity: float
    uncertainty: float
    share: float


@record
class Samples:
    """What Monte Carlo found: of so many samples the mean, the standard deviation, an interval."""

    count: int
    mean: float
    standard_deviation: float
    interval: tuple[float, float]
    non_finite: int


@record
class Propagated:
    """One output.

    Attributes:
        value: of second order with its shift.
        degrees_of_freedom: effective ones, by Welch and Satterthwaite; inf where there is no
            limit, nan where inputs are correlated and the formula does not hold.
        correlation: with each output, by name.
    """

    output: str
    value: float
    uncertainty: float
    order: int
    coverage_factor: float
    confidence: float
    degrees_of_freedom: float
    budget: dict[str, Share]
    correlation: dict[str, float]
    samples: Samples | None
    findings: list[Finding]

    @property
    def expanded(self) -> float:
        return self.coverage_factor * self.uncertainty


def covariance_of(
    uncertainties: Mapping[str, float],
    correlations: Mapping[tuple[str, str], float],
    given: Mapping[str, Mapping[str, float]],
    dof: Mapping[str, float],
) -> Uncertain:
    """The inputs' covariance, from standard uncertainties with correlations, and a matrix.

    Raises:
        UsageError: an input is given twice, or has no uncertainty; or no inputs have such a
            covariance.
    """
    names = list(dict.fromkeys([*uncertainties, *given]))
    twice = next((name for name in uncertainties if name in given), None)
    if twice is not None:
        raise UsageError(
            f"input `{twice}` has its uncertainty twice: with its value, and in the covariance",
            help="leave out one",
            kind="uncertainty",
        )
    if not names:
        raise UsageError(
            "no input has an uncertainty",
            help="write it with the value: a=1.20±0.05, or a='1.20(5)'; or give --cov FILE",
            kind="uncertainty",
        )
    for name in [*(n for pair in correlations for n in pair), *dof]:
        if name not in names:
            raise UsageError(
                f"input `{name}` has no uncertainty",
                help=f"write it with the value: {name}=1.20±0.05",
                kind="uncertainty",
            )
    place = {name: i for i, name in enumerate(names)}
    covariance = np.zeros((len(names), len(names)))
    for name, uncertainty in uncertainties.items():
        covariance[place[name], place[name]] = uncertainty**2
    for name, row in given.items():
        for other, entry in row.items():
            covariance[place[name], place[other]] = entry
    each = np.sqrt(np.abs(np.diag(covariance)))
    for (a, b), r in correlations.items():
        i, j = place[a], place[b]
        covariance[i, j] = covariance[j, i] = r * each[i] * each[j]
    _require_positive(names, covariance)
    return Uncertain(names, covariance, [dof.get(name, math.inf) for name in names])


def _require_positive(names: Sequence[str], covariance: Any) -> None:
    each = np.sqrt(np.abs(np.diag(covariance)))
    scale = np.where(each > 0, each, 1.0)
    correlation = covariance / scale / scale[:, None]
    if not np.allclose(correlation, correlation.T, atol=1e-12):
        i, j = divmod(int(np.argmax(abs(correlation - correlation.T))), len(names))
        raise UsageError(
            f"the covariance is not symmetric: of {names[i]} and {names[j]} it is "
            f"{covariance[i, j]:g}, of {names[j]} and {names[i]} {covariance[j, i]:g}",
            kind="uncertainty",
        )
    values, vectors = np.linalg.eigh(correlation)
    if values[0] < -1e-9:
        parts = " ".join(
            f"{x:+.2g} {name}" for x, name in zip(vectors[:, 0], names, strict=True) if abs(x) > 0.1
        )
        raise UsageError(
            "the covariance is not positive: no quantities have such correlations",
            notes=[f"in units of their uncertainties, {parts} would have a variance below 0"],
            help="every correlation is between -1 and 1, and they have to go together",
            kind="uncertainty",
        )


def propagate(
    program: Program,
    inputs: Mapping[str, Any],
    uncertain: Uncertain,
    of: Sequence[str] | None,
    settings: Settings,
    order: int | None = None,
    samples: int = 0,
    confidence: float = 0.95,
    coverage_factor: float | None = None,
) -> list[Propagated]:
    """Each output's uncertainty; an array's, of each of its elements.

    Args:
        order: 1 or 2; 1 where nobody says, and then it is told where that is not enough.
        samples: of Monte Carlo; none where 0.
        coverage_factor: that of Student's distribution where it is None.

    Raises:
        UsageError, RunError: as a run of the program.
    """
    for name in uncertain.names:
        if shape_of(inputs.get(name, 0.0)):
            raise UsageError(
                f"input `{name}` is an array, want a number that is uncertain",
                help="give each of its numbers a name: [a, b]",
                kind="uncertainty",
            )
    machine = Machine(settings)
    with machine.open():
        outcome = run_in(machine, program, inputs, uncertain.names, of, logged=False)
        targets = [outcome.targets[name] for name in uncertain.names]
        with machine.graph.recording():
            outputs = dict(_elements(outcome.outputs))
        rows = [_gradient(output, targets) for output in outputs.values()]
        looks = order == 2 or (order is None and len(targets) <= MOST_FOR_SECOND)
        second = [
            _second_order(machine, output, targets, row, uncertain.covariance) if looks else None
            for output, row in zip(outputs.values(), rows, strict=True)
        ]
    drawn = _sampled(program, inputs, uncertain, of, settings, list(outputs), samples)
    slopes = np.array(rows).reshape(len(outputs), len(targets))
    together = slopes @ uncertain.covariance @ slopes.T
    found = []
    for i, (name, output) in enumerate(outputs.items()):
        variance, value, findings = float(together[i, i]), float(value_of(output)), []
        first = math.sqrt(max(variance, 0.0))
        used = 1
        fuller_still = second[i]
        if fuller_still is not None:
            shift, more = fuller_still
            fuller = math.sqrt(max(variance + more, 0.0))
            if order == 2:
                used, value, first = 2, value + shift, fuller
            elif abs(fuller - first) > ENOUGH * first or abs(shift) > ENOUGH * first:
                findings.append(_not_enough(name, first, fuller, shift))
        dof = _effective(slopes[i], uncertain, math.sqrt(max(variance, 0.0)))
        if math.isnan(dof):
            findings.append(_no_dof(name))
        size = np.sqrt(np.maximum(np.diag(together), 0.0))
        with np.errstate(all="ignore"):
            correlation = together[i] / size / size[i]
        found.append(
            Propagated(
                name,
                value,
                first,
                used,
                coverage_factor or _student(confidence, dof),
                confidence,
                dof,
                _budget(slopes[i], uncertain, variance),
                dict(zip(outputs, map(float, correlation), strict=True)),
                None if drawn is None else _summary(drawn[name], confidence),
                findings,
            )
        )
    return found


def _elements(outputs: Mapping[str, Any]) -> Any:
    for name, output in outputs.items():
        shape = shape_of(value_of(output))
        if not shape:
            yield name, output
            continue
        for index in np.ndindex(shape):
            label = f"{name}[{', '.join(map(str, index))}]"
            yield label, TABLE["index"](output, index)


def _gradient(output: Any, targets: Sequence[Any]) -> Any:
    blocks, _ = jacobian(output, targets, shape_of(value_of(output)))
    return [float(np.reshape(block, ())) for block in blocks]


def _second_order(
    machine: Machine, output: Any, targets: Sequence[Any], row: Any, covariance: Any
) -> tuple[float, float]:
    """How far the second order shifts the value, and what it adds to the variance."""
    if not isinstance(output, Node):
        return 0.0, 0.0
    graph, count = machine.graph, len(targets)
    slopes = recorded_gradient(graph, output, ones_of(output), targets)
    hessian, curved = np.zeros((count, count)), 0.0
    for i, slope in enumerate(slopes):
        if not isinstance(slope, Node):
            continue
        seconds = recorded_gradient(graph, slope, ones_of(slope), targets)
        with graph.recording():
            for j, second in enumerate(seconds):
                hessian[i, j] = value_of(second)
                if covariance[i, j]:
                    curved = curved + second * float(covariance[i, j])
    thirds = np.zeros(count)
    if isinstance(curved, Node):
        thirds = np.array(
            [float(value_of(t)) for t in recorded_gradient(graph, curved, ones_of(curved), targets)]
        )
    moved = hessian @ covariance
    more = 0.5 * np.trace(moved @ moved) + np.asarray(row) @ covariance @ thirds
    return 0.5 * float(np.trace(moved)), float(more)


def _budget(slopes: Any, uncertain: Uncertain, variance: float) -> dict[str, Share]:
    parts = slopes * (uncertain.covariance @ slopes)
    return {
        name: Share(float(c), float(u), float(part / variance) if variance else 0.0)
        for name, c, u, part in zip(uncertain.names, slopes, uncertain.each, parts, strict=True)
    }


def _effective(slopes: Any, uncertain: Uncertain, total: float) -> float:
    """Effective degrees of freedom, by Welch and Satterthwaite."""
    below = 0.0
    for i, (slope, dof) in enumerate(zip(slopes, uncertain.dof, strict=True)):
        row = uncertain.covariance[i]
        if math.isfinite(dof) and slope:
            if np.count_nonzero(row) > bool(row[i]):
                return math.nan
            below += (slope**2 * row[i]) ** 2 / dof
    return total**4 / below if below else math.inf


def _student(confidence: float, dof: float) -> float:
    """The factor of an interval; degrees of freedom are cut to whole ones, as the Guide does."""
    above = 0.5 + confidence / 2
    if not math.isfinite(dof):
        return float(special.ndtri(above))
    return float(special.stdtrit(max(math.floor(dof + 1e-9), 1), above))


def _not_enough(name: str, first: float, fuller: float, shift: float) -> Finding:
    said = f"its uncertainty from {first:.3g} to {fuller:.3g}"
    if abs(shift) > ENOUGH * first:
        said += f", and its value by {shift:.3g}"
    return Finding(
        f"the first order is not enough for `{name}`: the second changes {said}",
        help="--order 2 has it; --samples 100000 asks no order",
        kind="order",
    )


def _no_dof(name: str) -> Finding:
    return Finding(
        f"`{name}` has no effective degrees of freedom: inputs that have some are correlated",
        notes=["the coverage factor is that of a normal distribution"],
        help="--coverage-factor sets another",
        kind="degrees-of-freedom",
    )


# ── Monte Carlo ───────────────────────────────────────────────────────────────────────


def _sampled(
    program: Program,
    inputs: Mapping[str, Any],
    uncertain: Uncertain,
    of: Sequence[str] | None,
    settings: Settings,
    labels: Sequence[str],
    count: int,
) -> dict[str, Any] | None:
    """Of each output its values at inputs that were drawn."""
    if not count:
        return None
    rng = np.random.default_rng(settings.seed)
    values, vectors = np.linalg.eigh(uncertain.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    moves = rng.standard_normal((count, len(values))) @ root.T
    for i, dof in enumerate(uncertain.dof):
        if math.isfinite(dof) and np.count_nonzero(uncertain.covariance[i]) == 1:
            # What few observations tell of is distributed as Student's t: the Guide's supplement.
            moves[:, i] = rng.standard_t(dof, count) * uncertain.each[i]
    columns = {
        name: float(_at(program, inputs, name, settings)) + moves[:, i]
        for i, name in enumerate(uncertain.names)
    }
    quiet = replace(settings, on_print=lambda text: None)

    def at(point: Mapping[str, Any]) -> dict[str, Any]:
        outcome = run(program, {**inputs, **point}, [], of, quiet)
        return {name: value_of(output) for name, output in outcome.outputs.items()}

    def row(i: int) -> list[float]:
        found = at({name: float(column[i]) for name, column in columns.items()})
        return [float(x) for _, x in _elements(found)]

    at_once = _at_once(at, columns, labels)
    if at_once is not None:
        checks = range(0, count, max(count // SPOT_CHECKS, 1))
        if all(
            np.allclose([at_once[n][i] for n in labels], row(i), rtol=ALIKE, equal_nan=True)
            for i in checks
        ):
            return at_once
    rows = np.array([row(i) for i in range(count)])
    return dict(zip(labels, rows.T, strict=True))


def _at(program: Program, inputs: Mapping[str, Any], name: str, settings: Settings) -> Any:
    """The value of an input, which may be its default."""
    if name in inputs:
        return inputs[name]
    return value_of(run(program, inputs, [], [name], settings).outputs[name])


def _at_once(at: Any, columns: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any] | None:
    """All samples in one run, where the program takes numbers or arrays alike; else None."""
    try:
        found: dict[str, Any] = at(columns)
    except AdiffError:
        return None
    count = len(next(iter(columns.values())))
    if list(found) != list(labels) or any(shape_of(x) != (count,) for x in found.values()):
        return None
    return found


def _summary(values: Any, confidence: float) -> Samples:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Samples(len(values), math.nan, math.nan, (math.nan, math.nan), len(values))
    ends = np.quantile(finite, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return Samples(
        len(values),
        float(finite.mean()),
        float(finite.std(ddof=1)) if finite.size > 1 else 0.0,
        (float(ends[0]), float(ends[1])),
        len(values) - finite.size,
    )
