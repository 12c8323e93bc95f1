"""A program's outputs as equations: where they are 0, and how that moves with all else."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.derivatives import jacobian
from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.numerics.solving import find_root, found_between
from autodiff_cli.engine.primitive import plain, shape_of
from autodiff_cli.errors import AdiffError, Finding, UsageError
from autodiff_cli.explain.evaluation import Question, evaluate
from autodiff_cli.interpreter.machine import Machine, Settings
from autodiff_cli.interpreter.run import floating_inputs, run_in
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodiff_cli.engine.numerics.solving import Found
    from autodiff_cli.interpreter.program import Program

Bracket = tuple[float, float]


@record
class Root:
    """Where a search ended.

    Attributes:
        at: the unknowns, by name.
        value: the equations there, by output.
        derivatives: of each unknown, by each name: in the shape of the one, then of the other;
            empty where the equations' Jacobian is singular.
        residual_norm: of all equations together.
    """

    at: dict[str, Any]
    value: dict[str, Any]
    residual_norm: float
    derivatives: dict[str, dict[str, Any]]
    converged: bool
    evaluations: int
    findings: list[Finding]


class Equations:
    """The outputs of a program by its unknowns, all else as it is given.

    Args:
        unknowns: what to solve for; None for what is given on the command line, `started`.

    Raises:
        UsageError: there are not as many equations as unknowns.
        RunError: as a run of the program.
    """

    def __init__(
        self,
        program: Program,
        inputs: Mapping[str, Any],
        started: Sequence[str],
        unknowns: Sequence[str] | None,
        of: Sequence[str] | None,
        settings: Settings,
    ) -> None:
        self.program = program
        self.settings = settings
        self.of = of
        self.inputs = dict(inputs)
        values, outputs = self._run(floating_inputs(program.resolved, inputs), jacobian_too=False)
        self.known = values
        """The value of every floating input."""
        count = sum(int(np.size(output)) for output in outputs.values())
        self.unknowns = self._unknowns(unknowns, started, count)
        self.shapes = {name: shape_of(values[name]) for name in self.unknowns}
        numbers = sum(int(np.size(values[name])) for name in self.unknowns)
        if numbers != count:
            raise self._not_square(count, numbers)

    def _unknowns(
        self, unknowns: Sequence[str] | None, started: Sequence[str], count: int
    ) -> list[str]:
        if unknowns is None:
            return [name for name in started if name in self.known] or list(self.known)
        for name in unknowns:
            if name not in self.known:
                raise UsageError(
                    f"--for {name}: the program has no such input to solve for",
                    help=f"its inputs are: {', '.join(self.known) or 'none'}",
                    kind="unknown",
                )
        return list(unknowns)

    def _not_square(self, count: int, numbers: int) -> UsageError:
        equations = f"{count} equation{'s' * (count != 1)}"
        unknowns = f"{numbers} unknown number{'s' * (numbers != 1)}"
        names = ", ".join(self.unknowns) or "none"
        few = numbers < count
        return UsageError(
            f"got {equations} and {unknowns} ({names}), want as many of one as of the other",
            help="`adiff fit` takes more equations than unknowns"
            if few
            else "--for x says what to solve for, the rest stays as it is; "
            "--of f,g takes several equations",
            kind="unknown",
        )

    # ── solving ───────────────────────────────────────────────────────────────────────

    def solve(self, wrt: Sequence[str] | None, bracket: Bracket | None = None) -> Root:
        """The root, and its derivative by each of `wrt`; by every other input where it is None.

        Raises:
            UsageError: the bracket holds no change of sign.
            RunError: as a run of the program; the equations are not finite at the start.
        """
        names = list(self.unknowns)
        start = np.concatenate([np.reshape(self.known[name], -1) for name in names]).astype(float)
        if bracket is not None:
            found = self._between(*bracket)
        else:
            self._require_finite(start)
            found = find_root(self._at, start)
        at = self._shaped(found.x)
        others = [name for name in self.known if name not in names] if wrt is None else list(wrt)
        findings: list[Finding] = []
        derivatives: dict[str, dict[str, Any]] = {}
        if found.converged:
            derivatives = self._derivatives(at, found, others, findings)
        else:
            findings.append(_not_converged(found, at))
        _, outputs = self._run([], at, jacobian_too=False)
        return Root(
            at, outputs, found.size, derivatives, found.converged, found.evaluations, findings
        )

    def _shaped(self, x: Any) -> dict[str, Any]:
        at, start = {}, 0
        for name, shape in self.shapes.items():
            size = math.prod(shape)
            at[name] = plain(x[start : start + size].reshape(shape))
            start += size
        return at

    def _at(self, x: Any) -> tuple[Any, Any]:
        blocks, outputs = self._run(self.unknowns, self._shaped(x))
        values = np.concatenate([np.reshape(value, -1) for value in outputs.values()])
        return values.astype(float), self._matrix(blocks, self.unknowns)

    def _matrix(self, blocks: Mapping[str, Any], names: Sequence[str]) -> Any:
        """The Jacobian: a row for each equation, a column for each number of the names."""
        return np.concatenate([blocks[name] for name in names], axis=1)

    def _run(
        self,
        wrt: Sequence[str],
        point: Mapping[str, Any] | None = None,
        jacobian_too: bool = True,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """By name the Jacobian's columns, or without it the values; and the outputs."""
        machine = Machine(self.settings)
        with machine.open():
            inputs = {**self.inputs, **(point or {})}
            outcome = run_in(machine, self.program, inputs, list(wrt), self.of, logged=False)
            targets = {name: node for name, node in outcome.targets.items() if node is not None}
            outputs = {name: value_of(output) for name, output in outcome.outputs.items()}
            if not jacobian_too:
                return {name: node.value for name, node in targets.items()}, outputs
            rows: dict[str, list[Any]] = {name: [] for name in targets}
            for output in outcome.outputs.values():
                shape = shape_of(value_of(output))
                blocks, _ = jacobian(output, list(targets.values()), shape)
                for name, block in zip(targets, blocks, strict=True):
                    size = int(np.size(targets[name].value))
                    rows[name].append(np.reshape(block, (math.prod(shape), size)))
        return {name: np.concatenate(parts) for name, parts in rows.items()}, outputs

    def _require_finite(self, start: Any) -> None:
        values, _ = self._at(start)
        if np.isfinite(values).all():
            return
        question = Question("gradient", cotangent="ones")
        found = evaluate(self.program, self.inputs, None, self.of, self.settings, question)
        findings = [finding for one in found for finding in one.findings]
        error = AdiffError("the equations are not finite at the start", help="begin elsewhere")
        if findings:
            error = AdiffError.of(findings[0])
            error.what = f"the equations are not finite at the start: {findings[0].what}"
        error.kind = "non-finite"
        raise error

    def _between(self, low: float, high: float) -> Found:
        if sum(map(math.prod, self.shapes.values())) != 1:
            raise UsageError(
                "--bracket is for one unknown number", help="leave it out", kind="bracket"
            )
        ends = []
        for end in (low, high):
            value, _ = self._at(np.array([end]))
            ends.append(float(value[0]))
        if not ends[0] * ends[1] <= 0:
            (name,) = self.shapes
            raise UsageError(
                f"--bracket {name}={low:g}..{high:g}: the equation has the same sign at both ends, "
                f"{ends[0]:.6g} and {ends[1]:.6g}",
                help="want ends between which it changes its sign",
                kind="bracket",
            )
        return found_between(self._at, low, high)

    def _derivatives(
        self,
        at: Mapping[str, Any],
        found: Found,
        others: Sequence[str],
        findings: list[Finding],
    ) -> dict[str, dict[str, Any]]:
        """-(∂F/∂x)⁻¹ ∂F/∂θ, by the implicit function theorem, at the cost of one solve."""
        if not others:
            return {name: {} for name in self.unknowns}
        blocks, _ = self._run(others, at)
        try:
            moves = 0.0 - np.linalg.solve(found.jacobian, self._matrix(blocks, others))
        except np.linalg.LinAlgError:
            findings.append(
                Finding(
                    "the root has no derivative: the equations' Jacobian is singular there",
                    help="it is not simple: the equations do not tell it from points beside it",
                    kind="singular",
                )
            )
            return {}
        tables: dict[str, dict[str, Any]] = {}
        row = 0
        sizes = {name: blocks[name].shape[1] for name in others}
        for name, shape in self.shapes.items():
            rows, column, tables[name] = moves[row : row + math.prod(shape)], 0, {}
            for other, size in sizes.items():
                inner = shape_of(self.known[other]) if other in self.known else self._shape(other)
                part = rows[:, column : column + size].reshape((*shape, *inner))
                tables[name][other] = plain(part)
                column += size
            row += math.prod(shape)
        return tables

    def _shape(self, name: str) -> tuple[int, ...]:
        values, _ = self._run([name], jacobian_too=False)
        return shape_of(values[name])


def _not_converged(found: Found, at: Mapping[str, Any]) -> Finding:
    where = ", ".join(
        f"{name} = {np.array2string(np.asarray(x), precision=6)}" for name, x in at.items()
    )
    return Finding(
        f"not converged: the best point is {where}, with a residual of {found.size:.3g}",
        help="begin elsewhere, or give --bracket x=LOW..HIGH; is there a root?",
        kind="not-converged",
    )
