"""Digits right of the worst parameter, by problem and start, beside SciPy's `curve_fit`.

python -m tests.solve.digits
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy.optimize import curve_fit

from tests.solve.test_nist import ALL, PROBLEMS, digits, fitted, rounded


def by_scipy(problem: dict[str, Any], start: int) -> float:
    """Of `curve_fit` as it comes: differences for derivatives, and its own tolerances."""
    names = ", ".join(problem["parameters"])
    text = problem["model"].replace("^", "**")
    columns = {name: np.array(values) for name, values in problem["columns"].items()}
    known = {**vars(np), "atan": np.arctan, **columns}
    model = eval(f"lambda _, {names}: {text}", known)
    response = eval(problem.get("response", "y"), known)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            found, _ = curve_fit(model, response, response, problem["starts"][start])
        except RuntimeError:
            return 0.0
    return worst(found, problem)


def worst(found: Any, problem: dict[str, Any]) -> float:
    return min(digits(*pair) for pair in zip(found, problem["certified"], strict=True))


def main() -> None:
    print("| problem | start | adiff | to 11 digits | `curve_fit` |\n|---|---|---|---|---|")
    means = []
    for name, problem in PROBLEMS.items():
        for start in (0, 1):
            found = fitted(problem, start).at
            ours, theirs = worst(found, problem), by_scipy(problem, start)
            pairs = list(zip(found, problem["certified"], strict=True))
            same = sum(rounded(*pair) for pair in pairs)
            print(f"| {name} | {start + 1} | {ours:.1f} | {same} of {len(pairs)} | {theirs:.1f} |")
            means.append((ours, theirs))
    ours, theirs = np.mean(means, axis=0)
    least = min(one for one, _ in means)
    print(f"\nMeans {ours:.2f} and {theirs:.2f} of at most {ALL}; adiff's least is {least:.1f}.")


if __name__ == "__main__":
    main()
