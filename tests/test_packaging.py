"""The packages hold what adiff needs, and it works from each of them and from a bare checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import autodiff_cli
from autodiff_cli.commands.examples import programs
from tests.documents import ROOT

WHERE_IT_IS = """
import os, sys
from autodiff_cli.language import grammar
opened = []
sys.addaudithook(lambda event, about: opened.append(about[0]) if event == "open" else None)
grammar.load_tables()
print(os.path.realpath(grammar.__file__))
print(os.path.realpath(opened[0]))
"""
"""Prints which module of the package is found, and which tables that reads."""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A sdist, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("packages")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    [wheel], [sdist] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


def wheel_names(packages: dict[str, Path]) -> set[str]:
    with zipfile.ZipFile(packages["wheel"]) as archive:
        return set(archive.namelist())


def files_below(folder: str) -> set[str]:
    """The files of a folder of the project, but for caches and what else is hidden."""
    paths = (path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file())
    return {
        path.as_posix()
        for path in paths
        if not any(part == "__pycache__" or part.startswith(".") for part in path.parts)
    }


def test_the_wheel_holds_the_whole_package(packages: dict[str, Path]) -> None:
    names = wheel_names(packages)
    assert files_below("autodiff_cli") <= names
    assert "autodiff_cli/language/tables.json" in names
    assert "autodiff_cli/py.typed" in names
    outside = {name for name in names if not name.startswith("autodiff_cli/")}
    assert all(".dist-info/" in name for name in outside)


@pytest.mark.parametrize("ending", [".ad", ".csv", ".json"])
def test_the_wheel_holds_examples_with_their_data(packages: dict[str, Path], ending: str) -> None:
    assert any(
        name.startswith("autodiff_cli/examples/") and name.endswith(ending)
        for name in wheel_names(packages)
    )


def test_the_wheel_holds_the_schemas(packages: dict[str, Path]) -> None:
    schemas = [name for name in wheel_names(packages) if "/schemas/" in name]
    assert {Path(name).name for name in schemas} >= {"result.json", "error.json"}


def test_the_sdist_holds_what_the_tests_need(packages: dict[str, Path]) -> None:
    with tarfile.open(packages["sdist"]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    documents = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", ".ci/run", ".gitignore"]
    assert {*documents, *files_below("tests"), *files_below("grammar")} <= names


def unpacked(packages: dict[str, Path], layout: str, folder: Path) -> tuple[Path, Path]:
    """Where a layout keeps the package, and a folder in which Python finds that one first."""
    if layout == "wheel":
        with zipfile.ZipFile(packages["wheel"]) as archive:
            archive.extractall(folder)
        return folder, folder
    if layout == "sdist":
        with tarfile.open(packages["sdist"]) as archive:
            archive.extractall(folder, filter="data")
        [top] = folder.iterdir()
        return top, top
    if layout == "checkout":
        return ROOT, ROOT
    return Path(autodiff_cli.__file__).parents[1], folder


@pytest.mark.parametrize("layout", ["wheel", "sdist", "checkout", "as installed"])
def test_it_works_from(layout: str, packages: dict[str, Path], tmp_path: Path) -> None:
    home, folder = unpacked(packages, layout, tmp_path)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}

    def python(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=environment,
            check=True,
            capture_output=True,
            encoding="utf-8",
        ).stdout

    module, tables = map(Path, python("-c", WHERE_IT_IS).splitlines())
    assert module == home.resolve() / "autodiff_cli" / "language" / "grammar.py"
    assert tables == module.with_name("tables.json")
    assert python("-m", "autodiff_cli", "eval", "-e", "x^2", "x=3", "--json").startswith("{")
    assert [line.split()[0] for line in python("-m", "autodiff_cli", "examples").splitlines()] == [
        *programs()
    ]
    assert autodiff_cli.__version__ in python("-m", "autodiff_cli", "--version")


def test_the_version_and_the_console_script_are_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "autodiff_cli/version.py"
    assert project["project"]["scripts"] == {"adiff": "autodiff_cli.__main__:start"}
