"""Runs the tables of the grammar: text to tokens, tokens to calls of a tree builder.

The tables are made by Lark before (`grammar/tables.py`): importing it would take half of the
time in which a small program starts, runs and ends.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from autodiff_cli.language.grammar import Tables

    Callback = Callable[[Any, list[Any]], Any]

END = "$END"


class Token(str):
    """A piece of the text, with the terminal of the grammar that it is, and its place."""

    __slots__ = ("end_pos", "start_pos", "type")

    type: str
    start_pos: int
    end_pos: int


def make_token(type: str, text: str, start: int) -> Token:
    token = Token(text)
    token.type = type
    token.start_pos = start
    token.end_pos = start + len(text)
    return token


class Stuck(Exception):  # noqa: N818
    """The text goes on in no way that the grammar knows.

    Attributes:
        token: what does not fit; None where the text at `start` is no token at all.
        start: its offset.
        stack: what has been read, as trees and tokens.
        accepted: the terminals that would fit.
    """

    def __init__(self, token: Token | None, start: int) -> None:
        super().__init__(start)
        self.token = token
        self.start = start
        self.stack: list[Any] = []
        self.accepted: set[str] = set()


class Automaton:
    """An LALR(1) parser over given tables, calling the builder's method of every rule's name.

    Args:
        builders: the class of the builders that it will be given.
    """

    def __init__(self, tables: Tables, builders: Any) -> None:
        self._tables = tables
        self._match = re.compile(tables.pattern).match
        self._ignored = frozenset(tables.ignored)
        self._callbacks = [self._callback(rule, builders) for rule in tables.rules]

    def parse(
        self, text: str, layout: Callable[[Iterator[Token]], Iterator[Token]], builder: Any
    ) -> Any:
        """What `builder` makes of the whole text; `layout` goes between lexer and parser.

        Raises:
            Stuck: the text is not in the language.
        """
        states: list[int] = [self._tables.start]
        values: list[Any] = []
        try:
            for token in layout(self._tokens(text)):
                self._feed(states, values, token, builder)
            end = make_token(END, "", len(text))
            self._feed(states, values, end, builder)
        except Stuck as stuck:
            stuck.stack = values
            stuck.accepted = {name for name in self._terminals(states) if self._fits(states, name)}
            raise
        return values[-1]

    def _tokens(self, text: str) -> Iterator[Token]:
        match, ignored, keywords = self._match, self._ignored, self._tables.keywords
        position, end = 0, len(text)
        while position < end:
            found = match(text, position)
            if found is None:
                raise Stuck(None, position)
            kind, start, position = found.lastgroup, position, found.end()
            if kind not in ignored:
                piece = found.group()
                yield make_token(keywords.get(piece) or str(kind), piece, start)

    def pieces(self, text: str) -> Iterator[tuple[str, int, int]]:
        """Every piece of a text, comments and spaces too: its terminal, its start and its end.

        A character that is the beginning of none has no terminal.
        """
        match, keywords = self._match, self._tables.keywords
        position, end = 0, len(text)
        while position < end:
            found = match(text, position)
            kind, start = "", position
            position = position + 1 if found is None else found.end()
            if found is not None:
                kind = keywords.get(found.group()) or str(found.lastgroup)
            yield kind, start, position

    @property
    def keywords(self) -> Mapping[str, str]:
        """The texts that are terminals of their own, each with its terminal."""
        return self._tables.keywords

    def _feed(self, states: list[int], values: list[Any], token: Token, builder: Any) -> None:
        """Reduces as long as `token` allows it, and takes it."""
        tables, callbacks = self._tables, self._callbacks
        actions, rules, kind = tables.actions, tables.rules, token.type
        while True:
            action = actions[states[-1]].get(kind)
            if action is None:
                raise Stuck(token, token.start_pos)
            if action >= 0:
                states.append(action)
                values.append(token)
                return
            number = -1 - action
            rule = rules[number]
            if rule.size:
                children = values[-rule.size :]
                del values[-rule.size :], states[-rule.size :]
            else:
                children = []
            values.append(callbacks[number](builder, children))
            states.append(actions[states[-1]][rule.origin])
            if kind == END and states[-1] == tables.end:
                return

    def _terminals(self, states: list[int]) -> list[str]:
        return [name for name in self._tables.actions[states[-1]] if name.isupper() or name == END]

    def _fits(self, states: list[int], kind: str) -> bool:
        """Whether a token of this kind would be taken, after the reductions that it asks for."""
        tables, states = self._tables, list(states)
        while True:
            action = tables.actions[states[-1]].get(kind)
            if action is None or action >= 0:
                return action is not None
            rule = tables.rules[-1 - action]
            if rule.size:
                del states[-rule.size :]
            states.append(tables.actions[states[-1]][rule.origin])
            if kind == END and states[-1] == tables.end:
                return True

    @staticmethod
    def _callback(rule: Any, builders: Any) -> Callback:
        build: Callback
        if rule.origin.startswith("_"):
            build = _as_they_are
        else:
            build = getattr(builders, rule.callback, _only_child)
        if rule.single and build is not _only_child:
            several = build
            build = lambda builder, children: (  # noqa: E731
                several(builder, children) if len(children) > 1 else children[0]
            )
        if rule.parts is None and not rule.absent:
            return build
        parts, absent = rule.parts or [[0, 0]] * rule.size, rule.absent

        def arrange(builder: Any, children: list[Any]) -> Any:
            arranged: list[Any] = []
            for child, (inline, before) in zip(children, parts, strict=True):
                arranged += [None] * before
                if inline and not arranged:
                    # The list of a repetition grows in place: copied, it would cost n².
                    arranged = child
                elif inline:
                    arranged += child
                else:
                    arranged.append(child)
            if absent:
                arranged += [None] * absent
            return build(builder, arranged)

        return arrange


def _as_they_are(_: Any, children: list[Any]) -> list[Any]:
    return children


def _only_child(_: Any, children: list[Any]) -> Any:
    (child,) = children
    return child
