"""Fits: many rows beside SciPy with a Jacobian by hand, and a small one as a whole process."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from measure import Row, against, interleaved
from scipy.optimize import least_squares

from autodiff_cli.api.fits import fit
from autodiff_cli.commands.examples import data_files
from autodiff_cli.interpreter.machine import Settings
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source
from autodiff_cli.solve.binding import Terms
from autodiff_cli.solve.fitting import Choices

ROWS = 100_000
ROUNDS, PROCESSES = 7, 15
STARTS = {"a": 1.0, "b": 1.0, "c": 1.0, "d": 2.0}


def rows() -> list[Row]:
    return [_many_rows(), _process()]


def _many_rows() -> Row:
    t = np.linspace(0, 10, ROWS)
    noise = 0.01 * np.random.default_rng(0).normal(size=ROWS)
    y = 2 * np.exp(-0.5 * t) + np.exp(-3 * t) + noise
    program = load(Source("<-e>", "y = a*exp(-b*t) + c*exp(-d*t)"))

    def ours() -> object:
        columns = {"t": t, "y": y}
        return fit(program, columns, {}, STARTS, Terms(), Choices(), Settings()).at

    def residuals(p: np.ndarray) -> np.ndarray:
        return p[0] * np.exp(-p[1] * t) + p[2] * np.exp(-p[3] * t) - y

    def jacobian(p: np.ndarray) -> np.ndarray:
        first, second = np.exp(-p[1] * t), np.exp(-p[3] * t)
        return np.stack([first, -p[0] * t * first, second, -p[2] * t * second], axis=1)

    def theirs() -> object:
        return least_squares(residuals, list(STARTS.values()), jac=jacobian).x

    np.testing.assert_allclose(ours(), theirs(), rtol=1e-6)
    seconds = interleaved({"ours": ours, "theirs": theirs}, ROUNDS)
    what = f"4 parameters, {ROWS:,} rows"
    return against(what, seconds["ours"], "least_squares, by hand", seconds["theirs"], 1.5)


def _process() -> Row:
    script = Path(sysconfig.get_path("scripts")) / "adiff"
    model = "y = a / (1 + exp(b - c*t))"
    command = [sys.executable, str(script), "fit", "-e", model, str(data_files()["pasture.csv"])]
    subjects = {
        "adiff fit": [*command, "a=70", "b=2", "c=0.1"],
        "import scipy.optimize": [sys.executable, "-c", "import scipy.optimize"],
    }
    with TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        run = partial(subprocess.run, env=environment, stdout=subprocess.DEVNULL, check=True)
        seconds = interleaved({n: partial(run, w) for n, w in subjects.items()}, PROCESSES)
    peer = seconds["import scipy.optimize"]
    return against("adiff fit, 9 rows", seconds["adiff fit"], "import scipy.optimize", peer, 1.8)
