"""What a command tells of a run that did not fail."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from autodiff_cli.commands.screen import show_text, wants_color

EXPLAINED = frozenset(("non-finite", "overflow", "lost-gradient", "no-dependence"))
"""Kinds of findings of which `adiff why` tells more."""

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.errors import Finding
    from autodiff_cli.explain.evaluation import Evaluation


def warn(evaluations: Sequence[Evaluation], color: str) -> None:
    """Writes what there is to tell of them to standard error."""
    findings = [finding for evaluation in evaluations for finding in evaluation.findings]
    show_findings(findings, color)
    if not EXPLAINED.isdisjoint(finding.kind for finding in findings):
        show_text(f"`{_why(evaluations)}` tells more\n")


def show_findings(findings: Sequence[Finding], color: str) -> None:
    if not findings:
        return
    from autodiff_cli.report import diagnostics

    for finding in findings:
        show_text(diagnostics.as_text(finding, wants_color(sys.stderr, color)))


def _why(evaluations: Sequence[Evaluation]) -> str:
    """The command that explains the derivatives that are not finite, or 0; … is as it was."""
    from autodiff_cli.explain.numbers import is_finite, is_zero

    names: dict[str, None] = {}
    for evaluation in evaluations:
        if evaluation.kind == "gradient":
            odd = [n for n, g in evaluation.gradient.items() if not is_finite(g) or is_zero(g)]
            names.update(dict.fromkeys(odd))
    return f"adiff why … --wrt {','.join(names)}" if names else "adiff why …"
