"""NumPy is loaded late, and is quiet inside of a run only, however late it is."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from autodiff_cli.engine.lazy import quiet_numpy

LATE = """
import warnings
from autodiff_cli.engine.lazy import np, quiet_numpy
warnings.simplefilter("error")
with quiet_numpy():
    with quiet_numpy():
        with quiet_numpy():
            np.ones(1) / 0
        np.ones(1) / 0
    np.ones(1) / 0
try:
    np.ones(1) / 0
except RuntimeWarning:
    print("loud again")
"""


def test_numpy_is_quiet_though_it_comes_late() -> None:
    run = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("loud again\n", "")


@pytest.mark.filterwarnings("error")
def test_numpy_is_quiet_where_it_is_there() -> None:
    one = np.ones(1)
    with quiet_numpy():
        with quiet_numpy():
            one / 0
        one / 0
    with pytest.raises(RuntimeWarning):
        one / 0
