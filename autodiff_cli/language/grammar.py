"""Finds `adiff.lark` and makes Lark's tables of it, which are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lark import Lark

PACKAGE = Path(__file__).resolve().parents[1]


def grammar_path() -> Path:
    """Where the grammar is: inside an installed package, or beside it in a checkout."""
    installed = PACKAGE / "grammar" / "adiff.lark"
    return installed if installed.exists() else PACKAGE.parent / "grammar" / "adiff.lark"


def load_parser(transformer: Any, postlex: Any) -> Lark:
    """The LALR parser that feeds `transformer`.

    Making the tables takes some 90 ms and loading them some 4 ms, so they are kept in the
    user's cache folder. They are a pickle: a folder that anybody else could write to is
    not used.
    """
    from lark import Lark

    text = grammar_path().read_text(encoding="utf-8")

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
            cache=cache,
        )

    folder = _private_cache_folder()
    if folder is None:
        return make(False)
    tables = folder / f"grammar-{_fingerprint(text)}.tables"
    if not tables.exists():
        # Another process may be doing the same: written aside, then moved into place whole.
        aside = folder / f"{tables.name}.{os.getpid()}"
        parser = make(str(aside))
        try:
            os.replace(aside, tables)
        except OSError:
            pass
        return parser
    return make(str(tables))


def _fingerprint(text: str) -> str:
    import sys
    from hashlib import sha256

    import lark

    facts = "\n".join((lark.__version__, sys.version, text))
    return sha256(facts.encode()).hexdigest()[:16]


def _private_cache_folder() -> Path | None:
    """The XDG cache folder of adiff, or None where it cannot be had for this user alone."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "adiff"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = folder.stat()
    except (OSError, RuntimeError):
        return None
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022):
        return None
    return folder if os.access(folder, os.W_OK) else None
