"""What the code is not to do: swallow what it did not mean, or recurse as deep as data go."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest

from tests.test_imports import MODULES, OURS, PACKAGE, file_of

ENTRIES = ("batch/cluster.py", "commands/main.py", "repl/loop.py")
"""Where whatever was raised becomes a message; on a cluster, whatever a worker has raised."""

BOUND = re.compile(r"# recurses: \S+ \S+")
"""What a `def` says that comes back to itself: how deep."""


@pytest.mark.parametrize("module", MODULES)
def test_handlers_name_what_they_handle(module):
    assert not handlers_of_anything(ast.parse((PACKAGE / module).read_text("utf-8")), module)


def test_recursion_says_how_deep_it_goes():
    assert not unbounded({name: (PACKAGE / name).read_text("utf-8") for name in MODULES})


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        ("except:\n    pass", True),
        ("except Exception:\n    pass", True),
        ("except (ValueError, Exception) as e:\n    raise e", True),
        ("except BaseException:\n    pass", True),
        ("except BaseException:\n    clear()\n    raise", False),
        ("except ValueError:\n    pass", False),
    ],
)
def test_a_handler_of_anything_is_seen(body, seen):
    assert bool(handlers_of_anything(ast.parse(f"try:\n    f()\n{body}"), "a.py")) == seen


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("def f(x):\n    return f(x[1:])", ["a.py: f"]),
        ("def f(x):  # recurses: an array's axes\n    return f(x[1:])", []),
        ("def f(x):\n    return map(f, x)", ["a.py: f"]),
        ("def f(x):\n    return g(x)\ndef g(x):\n    return f(x)", ["a.py: f", "a.py: g"]),
        ("def f(x):\n    def g(y):\n        return g(y)\n    return g", ["a.py: f.g"]),
        ("class A:\n    def f(self):\n        self.f()", ["a.py: A.f"]),
        ("class A:\n    def f(self):\n        for one in self.all: one[0].f()", ["a.py: A.f"]),
        (
            "class A:\n    def f(self):\n        self.g()\nclass B(A):\n    def g(self):\n"
            "        self.f()",
            ["a.py: A.f", "a.py: B.g"],
        ),
        (
            "class A:\n    def f(self):\n        self.table[0](self)\n    table = {0: f}",
            ["a.py: A.f"],
        ),
        ("class A:\n    def f(self):\n        super().f()", []),
        ("def f(x):\n    return g(x)\ndef g(x):\n    return x", []),
        ("def f(f):\n    return f(1)", []),
    ],
)
def test_recursion_without_a_bound_is_seen(text, seen):
    assert unbounded({"a.py": text}) == seen


def handlers_of_anything(tree: ast.AST, module: str) -> list[int]:
    """Lines of handlers that take whatever comes, and neither raise it again nor keep it."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = {name.id for name in ast.walk(node.type or node) if isinstance(name, ast.Name)}
        goes_on = node.name or isinstance(node.body[-1], ast.Raise)
        anything = node.type is None or "Exception" in caught
        if module not in ENTRIES and (anything or ("BaseException" in caught and not goes_on)):
            found.append(node.lineno)
    return found


def unbounded(texts: dict[str, str]) -> list[str]:
    """The functions that come back to themselves by none that says how deep it goes.

    Whatever a function names, it is taken to call.
    """
    functions = Functions(texts)
    known = {one: functions.named_by(one) for one in functions.all if not functions.bounded(one)}
    known = {one: {other for other in named if other in known} for one, named in known.items()}
    return sorted(": ".join(one) for one in known if one in reached(one, known))


def reached(one: tuple[str, str], known: dict[tuple[str, str], set[tuple[str, str]]]) -> set[Any]:
    """What a function calls, and what that calls, and so on."""
    found: set[Any] = set()
    pending = [one]
    while pending:
        more = known[pending.pop()] - found
        found |= more
        pending += more
    return found


class Functions:
    """Every function of some files, a method by its class's name too, and what each may call."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.all: dict[tuple[str, str], ast.FunctionDef] = {}
        self._classes: dict[tuple[str, str], ast.ClassDef] = {}
        self._lines = {module: text.splitlines() for module, text in texts.items()}
        self._imported: dict[tuple[str, str], tuple[str | None, str]] = {}
        for module, text in texts.items():
            tree = ast.parse(text)
            self._find(module, "", tree)
            for node in ast.walk(tree):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    source = file_of(str(getattr(node, "module", "")))
                    for alias in node.names:
                        self._imported[module, alias.asname or alias.name] = source, alias.name

    def _find(self, module: str, within: str, tree: ast.AST) -> None:
        for node in ast.iter_child_nodes(tree):
            name = within
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                name = f"{within}.{node.name}".lstrip(".")
                kept: Any = self._classes if isinstance(node, ast.ClassDef) else self.all
                kept[module, name] = node
            self._find(module, name, node)

    def bounded(self, one: tuple[str, str]) -> bool:
        return bool(BOUND.search(self._lines[one[0]][self.all[one].lineno - 1]))

    def named_by(self, one: tuple[str, str]) -> set[tuple[str, str]]:
        module, name = one
        function = self.all[one]
        within = name.rpartition(".")[0]
        own = {arg.arg for arg in ast.walk(function.args) if isinstance(arg, ast.arg)}
        found: set[tuple[str, str]] = set()
        for node in (n for part in function.body for n in ast.walk(part)):
            if isinstance(node, ast.Name) and node.id not in own:
                found |= self._function(module, name, node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id in ("self", "cls") and (module, within) in self._classes:
                    found |= self._members((module, within), node.attr)
                else:
                    source, imported = self._imported.get((module, node.value.id), (None, ""))
                    whole = source and file_of(f"{dotted(source)}.{imported}")
                    found |= {(whole or "", node.attr)} & self.all.keys()
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                # Of another of its kind, where it is none that the whole module knows.
                called, alike = node.func.value, node.func.attr == function.name
                name_of = getattr(called, "id", "")
                known = (module, name_of) in self._imported or name_of.isupper()
                another = isinstance(called, (ast.Name, ast.Subscript)) and not known
                if another and alike and (module, within) in self._classes:
                    found.add(one)
        return found

    def _function(self, module: str, within: str, name: str) -> set[tuple[str, str]]:
        """What a name means inside a function: of it, of what is around it, or imported."""
        while True:
            if (module, within) not in self._classes:
                inner = module, f"{within}.{name}".lstrip(".")
                if inner in self.all:
                    return {inner}
            if not within:
                source, name = self._imported.get((module, name), (None, ""))
                return {(source or "", name)} & self.all.keys()
            within = within.rpartition(".")[0]

    def _members(self, kind: tuple[str, str], name: str) -> set[tuple[str, str]]:
        """The methods that `self.name` may be, in a class, those above and those below it; of a
        table that a class keeps, all that are in it."""
        family = {other for other in self._classes if kind in self._above(other)}
        found = set()
        for module, owner in family | self._above(kind):
            found |= {(module, f"{owner}.{name}")} & self.all.keys()
            for statement in self._classes[module, owner].body:
                targets = getattr(statement, "targets", [getattr(statement, "target", None)])
                if any(isinstance(t, ast.Name) and t.id == name for t in targets):
                    names = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
                    found |= {(module, f"{owner}.{n}") for n in names} & self.all.keys()
        return found

    def _above(self, kind: tuple[str, str]) -> set[tuple[str, str]]:
        """A class, and what it inherits from."""
        found, pending = set(), [kind]
        while pending:
            module, name = pending.pop()
            if (module, name) in self._classes and (module, name) not in found:
                found.add((module, name))
                for base in self._classes[module, name].bases:
                    if isinstance(base, ast.Name):
                        source, imported = self._imported.get((module, base.id), (None, ""))
                        pending += [(module, base.id), (source or "", imported)]
        return found


def dotted(file: str) -> str:
    return f"{OURS}.{file.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}"
