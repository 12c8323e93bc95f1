"""The grammar is free of ambiguity, and the package's tables are those of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest
from lark import Lark, Tree
from lark.exceptions import GrammarError, LexError

from autodiff_cli.language.automaton import Automaton
from autodiff_cli.language.grammar import load_tables
from autodiff_cli.language.parser import Newlines
from grammar.tables import TABLES, grammar_text, tables_text

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
TEXT = grammar_text()


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


# ── the tables of the package ─────────────────────────────────────────────────────────


def test_the_tables_are_those_of_the_grammar() -> None:
    made = tables_text(TEXT)
    if os.environ.get("ADIFF_REGENERATE") == "1":
        TABLES.write_text(made, encoding="utf-8")
    assert TABLES.read_text(encoding="utf-8") == made, "run `python grammar/tables.py`"


def test_of_one_grammar_the_tables_are_always_the_same() -> None:
    program = "from grammar.tables import *; print(tables_text(grammar_text()), end='')"
    for seed in "12":
        made = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        assert made.stdout == tables_text(TEXT)


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
    automaton = Automaton(load_tables(), builder)
    assert automaton.parse(text, Newlines().process, builder) == as_lists(lark.parse(text))


def test_nothing_is_kept_and_nothing_that_lies_about_is_read(tmp_path: Path) -> None:
    cache = tmp_path / "adiff"
    cache.mkdir()
    os.mkfifo(cache / f"grammar-{crc32(TEXT.encode()):08x}.json")  # where it once was kept
    done = subprocess.run(
        [sys.executable, "-m", "autodiff_cli", "eval", "-e", "x^2", "x=3"],
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("result\t9.0\ndresult/dx\t6.0\n", "")
    assert len(list(tmp_path.rglob("*"))) == 2
