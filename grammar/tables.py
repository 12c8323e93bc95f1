"""Makes the parser's tables of `adiff.lark`, by Lark, and writes them into the package.

    python grammar/tables.py

A test compares what is there with the grammar, so that neither goes without the other.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from lark import Lark
from lark.lexer import PatternStr
from lark.parsers.lalr_analysis import Shift

GRAMMAR = Path(__file__).with_name("adiff.lark")
TABLES = GRAMMAR.parents[1] / "autodiff_cli" / "language" / "tables.json"


def grammar_text() -> str:
    return GRAMMAR.read_text(encoding="utf-8")


def tables_text(grammar: str) -> str:
    """The tables of a grammar as `language/grammar.py` reads them: a line for each row."""
    tables = make_tables(grammar)
    parts = []
    for name, value in tables.items():
        shown = json.dumps(value)
        if isinstance(value, list) and name != "ignored":
            shown = "[\n" + ",\n".join(json.dumps(row) for row in value) + "\n]"
        parts.append(f"{json.dumps(name)}: {shown}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def make_tables(text: str) -> dict[str, Any]:
    """The fields of `Tables`, as plain data; of one grammar always the same."""
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
    rules = sorted(made.rules, key=lambda rule: (rule.origin.name, rule.order, str(rule)))
    number = {rule: position for position, rule in enumerate(rules)}
    start = table.start_states["program"]
    order = _reached(table.states, start)
    place = {state: position for position, state in enumerate(order)}
    actions = [
        {
            symbol: place[target] if action is Shift else -1 - number[target]
            for symbol, (action, target) in sorted(table.states[state].items())
        }
        for state in order
    ]
    return {
        "pattern": "|".join(groups),
        "keywords": keywords,
        "ignored": sorted(made.ignore_tokens),
        "start": place[start],
        "end": place[table.end_states["program"]],
        "actions": actions,
        "rules": [_rule(rule) for rule in rules],
    }


def _reached(states: Any, start: int) -> list[int]:
    """The states in the order in which they are come to: Lark's numbers change from run to run."""
    order = [start]
    known = {start}
    for state in order:
        for _, (action, target) in sorted(states[state].items()):
            if action is Shift and target not in known:
                known.add(target)
                order.append(target)
    return order


def _rule(rule: Any) -> list[Any]:
    """The fields of `Rule`, in their order."""
    absent = _absent(rule.options.empty_indices, len(rule.expansion))
    parts = [
        [int(not symbol.is_term and symbol.name.startswith("_")), before]
        for symbol, before in zip(rule.expansion, absent, strict=False)
    ]
    return [
        rule.origin.name,
        len(rule.expansion),
        rule.alias or rule.origin.name,
        bool(rule.options.expand1) and not rule.alias,
        parts if any(inline or before for inline, before in parts) else None,
        absent[-1],
    ]


def _absent(empty: Any, size: int) -> list[int]:
    """How many optional symbols are absent before each symbol of a rule, and after the last."""
    if not empty:
        return [0] * (size + 1)
    return [len(run) for run in "".join("1" if one else "0" for one in empty).split("0")]


if __name__ == "__main__":
    TABLES.write_text(tables_text(grammar_text()), encoding="utf-8")
