"""Finds `adiff.lark` and has Lark make the parser's tables of it, which are kept between runs."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from typing import Any
from zlib import crc32

from autodiff_cli.records import record

# Paths are strings here: pathlib takes 3 ms of every start.
PACKAGE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


@record
class Rule:
    """A rule of the grammar as the parser reduces by it.

    Attributes:
        origin: what it makes.
        size: how many symbols it takes from the stack.
        callback: what builds its tree; empty where the one child is the tree.
        parts: of every symbol whether its children stand in its place, and how many absent
            ones are put before it; None where all stand as they are.
        absent: how many absent ones come last.
    """

    origin: str
    size: int
    callback: str
    single: bool
    parts: list[list[int]] | None
    absent: int


@record
class Tables:
    """All that parsing needs: plain data, made by Lark from the grammar.

    Attributes:
        pattern: every token as a named group, in the order in which they are tried.
        keywords: the texts that are tokens of their own, each with its token's name.
        ignored: tokens that are dropped.
        actions: by state and symbol, the state to go to, or -1 - r to reduce by rule r.
        start, end: the states before the first symbol, and after the whole program.
    """

    pattern: str
    keywords: dict[str, str]
    ignored: list[str]
    actions: list[dict[str, int]]
    rules: list[Rule]
    start: int
    end: int


def grammar_text() -> str:
    """The grammar: it is inside an installed package, and beside it in a checkout."""
    path = os.path.join(PACKAGE, "grammar", "adiff.lark")
    if not os.path.exists(path):
        path = os.path.join(os.path.dirname(PACKAGE), "grammar", "adiff.lark")
    with open(path, encoding="utf-8") as file:
        return file.read()


def load_tables() -> Tables:
    """The tables, kept in the user's cache folder.

    To load Lark and make them takes more time than all else that a small program needs.
    """
    text = grammar_text()
    folder = _private_cache_folder()
    if folder is None:
        return make_tables(text)
    path = os.path.join(folder, f"grammar-{crc32(text.encode()):08x}.json")
    with suppress(OSError, ValueError, KeyError, TypeError):
        with open(path, encoding="utf-8") as file:
            kept = json.load(file)
        if kept["grammar"] == text:
            rules = [Rule(**rule) for rule in kept["tables"].pop("rules")]
            return Tables(rules=rules, **kept["tables"])
    tables = make_tables(text)
    _keep(path, {"grammar": text, "tables": _as_data(tables)})
    return tables


def _as_data(record: Any) -> dict[str, Any]:
    data = {name: getattr(record, name) for name in record.__slots__}
    if isinstance(record, Tables):
        data["rules"] = [_as_data(rule) for rule in record.rules]
    return data


def _keep(path: str, data: dict[str, Any]) -> None:
    """Another process may be doing the same: written aside, then moved into place whole."""
    aside = f"{path}.{os.getpid()}"
    with suppress(OSError):
        with open(aside, "w", encoding="utf-8") as file:
            json.dump(data, file)
        os.replace(aside, path)


def make_tables(text: str) -> Tables:
    """Has Lark make the tables of a grammar."""
    from lark import Lark
    from lark.lexer import PatternStr
    from lark.parsers.lalr_analysis import Shift

    made = Lark(
        text,
        start="program",
        parser="lalr",
        lexer="basic",
        keep_all_tokens=True,
        maybe_placeholders=True,
    )
    # Lark's own order: the longest first, and what is written out before what is a pattern.
    terminals = sorted(
        made.terminals,
        key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name),
    )
    patterns = [t for t in terminals if not isinstance(t.pattern, PatternStr)]
    keywords = {
        t.pattern.value: t.name
        for t in terminals
        if isinstance(t.pattern, PatternStr)
        and any(re.fullmatch(p.pattern.to_regexp(), t.pattern.value) for p in patterns)
    }
    groups = [
        f"(?P<{t.name}>{t.pattern.to_regexp()})"
        for t in terminals
        if t.name not in keywords.values()
    ]
    table: Any = made.parser.parser._parse_table
    number = {rule: position for position, rule in enumerate(made.rules)}
    actions: list[dict[str, int]] = [
        {
            symbol: target if action is Shift else -1 - number[target]
            for symbol, (action, target) in table.states[state].items()
        }
        for state in sorted(table.states)
    ]
    return Tables(
        "|".join(groups),
        keywords,
        list(made.ignore_tokens),
        actions,
        [_rule(rule) for rule in made.rules],
        table.start_states["program"],
        table.end_states["program"],
    )


def _rule(rule: Any) -> Rule:
    absent = _absent(rule.options.empty_indices, len(rule.expansion))
    parts = [
        [int(not symbol.is_term and symbol.name.startswith("_")), before]
        for symbol, before in zip(rule.expansion, absent, strict=False)
    ]
    return Rule(
        rule.origin.name,
        len(rule.expansion),
        rule.alias or rule.origin.name,
        bool(rule.options.expand1) and not rule.alias,
        parts if any(inline or before for inline, before in parts) else None,
        absent[-1],
    )


def _absent(empty: Any, size: int) -> list[int]:
    """How many optional symbols are absent before each symbol of a rule, and after the last."""
    if not empty:
        return [0] * (size + 1)
    return [len(run) for run in "".join("1" if one else "0" for one in empty).split("0")]


def _private_cache_folder() -> str | None:
    """The XDG cache folder of adiff, or None where it cannot be had for this user alone."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".cache")
    folder = os.path.join(base, "adiff")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        status = os.stat(folder)
    except OSError:
        return None
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022):
        return None
    return folder if os.access(folder, os.W_OK) else None
