"""What a call of a program gives."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from autodiff_cli.errors import NonFiniteError
from autodiff_cli.report.result import is_non_finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.errors import Finding
    from autodiff_cli.explain.evaluation import Evaluation, Kind


class AdiffWarning(UserWarning):
    """What there is to tell of a run, where only numbers are given back."""


class Result:
    """One output: its value, its derivatives, and what there is to tell of them.

    Which derivatives there are is as was asked; the others raise an `AttributeError`.
    """

    __slots__ = ("evaluation",)

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation

    @property
    def output(self) -> str:
        """What the program calls it."""
        return self.evaluation.output

    @property
    def value(self) -> Any:
        """A number, or an array."""
        return self.evaluation.value

    @property
    def at(self) -> dict[str, Any]:
        """The value of each name that was differentiated by."""
        return self.evaluation.at

    @property
    def gradient(self) -> dict[str, Any]:
        """By name, in that name's shape."""
        found: dict[str, Any] = self._found("gradient")
        return found

    @property
    def jacobian(self) -> dict[str, Any]:
        """By name; shape: the output's, then the name's."""
        found: dict[str, Any] = self._found("jacobian")
        return found

    @property
    def hessian(self) -> dict[str, dict[str, Any]]:
        """By name and name; shape: the first's, then the second's."""
        found: dict[str, dict[str, Any]] = self._found("hessian")
        return found

    @property
    def jvp(self) -> Any:
        """In the output's shape."""
        return self._found("jvp")

    @property
    def hvp(self) -> dict[str, Any]:
        """By name, in that name's shape."""
        found: dict[str, Any] = self._found("hvp")
        return found

    @property
    def derivatives(self) -> list[Any]:
        """The first, the second, and so on."""
        found: list[Any] = self._found("derivatives")
        return found

    @property
    def warnings(self) -> list[Finding]:
        """As the commands tell them, with `kind`, `what`, `where`, `label`, `notes` and `help`."""
        return self.evaluation.findings

    def _found(self, kind: Kind) -> Any:
        if self.evaluation.kind != kind:
            raise AttributeError(
                f"this result has a {self.evaluation.kind}, and no {kind}: call `.{kind}(…)`"
            )
        return self.evaluation.found

    def warn(self) -> None:
        """Hands what there is to tell to Python's `warnings`."""
        from autodiff_cli.report.diagnostics import as_text

        for finding in self.warnings:
            warnings.warn(as_text(finding).removeprefix("warning: "), AdiffWarning, stacklevel=3)

    def __repr__(self) -> str:
        from autodiff_cli.report.result import as_plain

        return as_plain([self.evaluation], None).rstrip("\n").replace("\t", " = ")

    def _repr_html_(self) -> str:
        from autodiff_cli.api.notebook import html_of_result

        return html_of_result(self.evaluation)


def refuse_non_finite(evaluations: Sequence[Evaluation]) -> None:
    """Raises a `NonFiniteError` for the first nan or inf among values and derivatives."""
    for evaluation in evaluations:
        if is_non_finite(evaluation):
            finding = next(f for f in evaluation.findings if f.kind == "non-finite")
            raise NonFiniteError.of(finding)
