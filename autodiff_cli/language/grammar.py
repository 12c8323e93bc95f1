"""The parser's tables: they come with the package, made of `grammar/adiff.lark` before.

To load Lark and make them would take more time than all else that a small program needs, and
tables that are kept where a run can write would have to be trusted.
"""

from __future__ import annotations

import json
import os

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
    """All that parsing needs: plain data, made of the grammar by `grammar/tables.py`.

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


def load_tables() -> Tables:
    """The tables of the grammar."""
    path = os.path.join(PACKAGE, "language", "tables.json")
    with open(path, encoding="utf-8") as file:
        kept = json.load(file)
    rules = [Rule(*rule) for rule in kept.pop("rules")]
    return Tables(rules=rules, **kept)
