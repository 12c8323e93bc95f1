"""Finds `adiff.lark` and makes Lark's tables of it, which are kept between runs."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lark import Lark

# Paths are strings here: pathlib takes 3 ms of every start.
PACKAGE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


class _TablesPath(str):
    """A path that Lark does not see in its fingerprint of the options, where `cache` is one.

    Tables that were moved after they were written would be taken for those of other options.
    """

    def __str__(self) -> str:
        return ""


def grammar_text() -> str:
    """The grammar: it is inside an installed package, and beside it in a checkout."""
    path = os.path.join(PACKAGE, "grammar", "adiff.lark")
    if not os.path.exists(path):
        path = os.path.join(os.path.dirname(PACKAGE), "grammar", "adiff.lark")
    with open(path, encoding="utf-8") as file:
        return file.read()


def load_parser(transformer: Any, postlex: Any) -> Lark:
    """The LALR parser that feeds `transformer`.

    Making the tables takes some 90 ms and loading them some 4 ms, so they are kept in the
    user's cache folder. They are a pickle: a folder that anybody else could write to is
    not used.
    """
    from lark import Lark

    text = grammar_text()

    def make(cache: str | bool) -> Lark:
        return Lark(
            text,
            start="program",
            parser="lalr",
            lexer="basic",
            keep_all_tokens=True,
            maybe_placeholders=True,
            transformer=transformer,
            postlex=postlex,
            cache=_TablesPath(cache) if isinstance(cache, str) else cache,
        )

    folder = _private_cache_folder()
    if folder is None:
        return make(False)
    tables = os.path.join(folder, f"grammar-{_fingerprint(text)}.tables")
    if not os.path.exists(tables):
        # Another process may be doing the same: written aside, then moved into place whole.
        aside = f"{tables}.{os.getpid()}"
        parser = make(aside)
        with suppress(OSError):
            os.replace(aside, tables)
        return parser
    return make(tables)


def _fingerprint(text: str) -> str:
    import sys
    from hashlib import sha256

    import lark

    facts = "\n".join((lark.__version__, sys.version, text))
    return sha256(facts.encode()).hexdigest()[:16]


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
