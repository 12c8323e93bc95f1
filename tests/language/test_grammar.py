"""The grammar is free of ambiguity; its tables are kept where only their user can write."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lark import Lark, Tree
from lark.exceptions import GrammarError, LexError

from autodiff_cli.language import grammar
from autodiff_cli.language.automaton import Automaton
from autodiff_cli.language.parser import Newlines

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
TEXT = grammar.grammar_text()


# ── no ambiguity ──────────────────────────────────────────────────────────────────────


def strict(text: str) -> None:
    """Makes the tables as the parser does, with every conflict an error."""
    Lark(
        text,
        start="program",
        parser="lalr",
        lexer="basic",
        keep_all_tokens=True,
        maybe_placeholders=True,
        strict=True,
    )


def test_the_grammar_has_no_conflicts() -> None:
    strict(TEXT)


@pytest.mark.parametrize(
    "spoilt",
    [
        TEXT.replace("?sum: product |", "?sum: product | sum sum |"),
        TEXT.replace('else_if* ("else" block)?', 'else_if* ("else" block)? block?'),
        f"{TEXT}\nevaluate_number: NUMBER\n".replace(
            "| evaluate\n", "| evaluate | evaluate_number\n"
        ),
        TEXT.replace("NAME: /[^\\W\\d]\\w*/", "NAME: /[^\\W\\d]\\w*/\nWORD: /[a-z]+/").replace(
            "name: NAME", "name: NAME | WORD"
        ),
    ],
    ids=["two readings of a sum", "a block too many", "two rules for a number", "two tokens"],
)
def test_a_conflict_would_be_found(spoilt: str) -> None:
    assert spoilt != TEXT
    with pytest.raises((GrammarError, LexError)):
        strict(spoilt)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a**b", ["NAME", "POWER", "NAME"]),
        ("a**=b", ["NAME", "UPDATE", "NAME"]),
        ("a//=b", ["NAME", "UPDATE", "NAME"]),
        ("a//b", ["NAME", "TIMES", "NAME"]),
        ("a<=b", ["NAME", "COMPARE", "NAME"]),
        ("a==b", ["NAME", "COMPARE", "NAME"]),
        ("a=b", ["NAME", "EQUAL", "NAME"]),
        ("iff", ["NAME"]),
        ("1e-3", ["NUMBER"]),
        (".5", ["NUMBER"]),
        ("x.T", ["NAME", "DOT", "NAME"]),
    ],
)
def test_the_longest_token_is_taken(text: str, tokens: list[str]) -> None:
    lexer = Lark(TEXT, start="program", parser="lalr", lexer="basic", keep_all_tokens=True)
    assert [token.type for token in lexer.lex(text)] == tokens


# ── the tables that are kept ──────────────────────────────────────────────────────────


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the tables of this test, not there yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "adiff"


class Plain:
    """A builder of nested lists: the name of the rule, then what it is made of."""

    def __getattr__(self, rule: str) -> Callable[[Any, list[Any]], list[Any]]:
        return lambda builder, children: [rule, *children]


def as_lists(tree: Any) -> Any:
    """Lark's tree in the form that `Plain` gives."""
    if isinstance(tree, Tree):
        return [str(tree.data), *map(as_lists, tree.children)]
    return tree if tree is None else str(tree)


PROGRAMS = sorted(
    path
    for folder in ("autodiff_cli/examples", "tests/programs")
    for path in ROOT.glob(f"{folder}/*.ad")
)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_the_tables_read_a_program_as_lark_does(path: Path) -> None:
    class Layout:
        always_accept = ("_NEWLINE",)
        process = staticmethod(lambda stream: Newlines().process(stream))

    lark = Lark(
        TEXT,
        start="program",
        parser="lalr",
        lexer="basic",
        keep_all_tokens=True,
        maybe_placeholders=True,
        postlex=Layout(),
    )
    text = path.read_text(encoding="utf-8")
    builder = Plain()
    automaton = Automaton(grammar.load_tables(), builder)
    assert automaton.parse(text, Newlines().process, builder) == as_lists(lark.parse(text))


def parse_in_new_process(environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "autodiff_cli", "eval", "-e", "x^2", "x=3"],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


RESULT = "result\t9.0\ndresult/dx\t6.0\n"


def test_tables_are_kept_where_xdg_says(cache: Path) -> None:
    process = parse_in_new_process({})
    assert process.communicate() == (RESULT, "")
    [tables] = cache.iterdir()
    assert tables.name.startswith("grammar-")
    assert not cache.stat().st_mode & 0o077


def test_without_xdg_tables_are_kept_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "a/relative/path/counts/as/none")
    assert parse_in_new_process({}).communicate() == (RESULT, "")
    assert len(list((tmp_path / ".cache" / "adiff").iterdir())) == 1
    assert not (tmp_path / "a").exists()


def test_kept_tables_are_used(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = grammar.load_tables()
    [tables] = cache.iterdir()
    before = tables.stat()

    def must_not_compile(*_: object) -> None:
        raise AssertionError("the tables are made anew")

    monkeypatch.setattr("lark.lark.load_grammar", must_not_compile)
    assert grammar._as_data(grammar.load_tables()) == grammar._as_data(made)
    assert tables.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o707, 0o722])
def test_a_folder_that_others_can_write_to_is_refused(cache: Path, mode: int) -> None:
    cache.mkdir()
    cache.chmod(mode)
    grammar.load_tables()
    assert not list(cache.iterdir())


def test_a_folder_of_another_user_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: cache.stat().st_uid + 1)
    grammar.load_tables()
    assert not list(cache.iterdir())


@pytest.mark.parametrize(
    "environment",
    [
        {"HOME": os.devnull, "XDG_CACHE_HOME": ""},
        {"HOME": "/nowhere/at/all", "XDG_CACHE_HOME": os.devnull},
    ],
    ids=["home is no folder", "XDG_CACHE_HOME is no folder"],
)
def test_no_folder_to_write_to_is_no_harm(environment: dict[str, str]) -> None:
    process = parse_in_new_process(environment)
    assert process.communicate() == (RESULT, "")
    assert process.returncode == 0


def test_two_processes_may_make_the_tables_at_once(cache: Path) -> None:
    processes = [parse_in_new_process({}) for _ in range(2)]
    assert [process.communicate() for process in processes] == [(RESULT, "")] * 2
    assert len(list(cache.iterdir())) == 1


def test_tables_that_are_damaged_are_made_anew(cache: Path) -> None:
    assert parse_in_new_process({}).communicate() == (RESULT, "")
    [tables] = cache.iterdir()
    tables.write_bytes(tables.read_bytes()[:100])
    assert parse_in_new_process({}).communicate() == (RESULT, "")
    assert tables.stat().st_size > 100


def test_another_grammar_has_tables_of_its_own(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grammar.load_tables()
    monkeypatch.setattr(grammar, "grammar_text", lambda: f"{TEXT}\n// another\n")
    grammar.load_tables()
    assert len(list(cache.iterdir())) == 2
