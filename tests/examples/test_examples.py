"""The programs that ship: they print what they should, and their derivatives are right.

`tests/golden.py` says how, and how the golden files beside this one are written anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from autodiff_cli.commands.examples import data_files, programs
from autodiff_cli.commands.main import cli
from tests.golden import check_derivatives, check_printed, orphans

HERE = Path(__file__).parent
PROGRAMS = programs()
TERMINAL_COLUMNS = 80


@pytest.mark.parametrize("name", PROGRAMS)
def test_prints_what_it_should(name: str) -> None:
    check_printed(PROGRAMS[name], HERE)


@pytest.mark.parametrize("name", PROGRAMS)
def test_derivatives_agree_with_central_differences(name: str) -> None:
    check_derivatives(PROGRAMS[name])


def test_no_golden_file_is_left_over() -> None:
    assert orphans(HERE, list(PROGRAMS.values())) == []


def test_list_has_a_line_for_each_that_fits_a_terminal() -> None:
    lines = CliRunner().invoke(cli, ["examples"]).stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(PROGRAMS)
    for line in lines:
        name, _, summary = line.partition("  ")
        assert summary.strip(), name
        assert len(line) <= TERMINAL_COLUMNS, line


def test_data_names_its_source_and_licence() -> None:
    assert data_files()
    for path in data_files().values():
        licence = Path(f"{path}.license").read_text(encoding="utf-8")
        assert "Source: " in licence, path.name
        assert "Licence: " in licence, path.name
