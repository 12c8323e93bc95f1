"""`:edit`: the last statement, or the whole session, in the user's editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from typing import TYPE_CHECKING

from autodiff_cli.api.transcript import Entry
from autodiff_cli.errors import AdiffError, UsageError

if TYPE_CHECKING:
    from autodiff_cli.repl.desk import Desk


def edit(desk: Desk, which: str) -> None:
    """Opens the last statement, which is run when the editor is left; or `all` that has run.

    All is run in a session of its own, which takes the place of this one if nothing fails.

    Raises:
        UsageError: there is nothing to edit, or no editor; and as `Session.run`. Where the
            text fails its file stays, and a note says where.
    """
    entries = desk.state.entries
    if which not in ("", "all"):
        raise UsageError(f"got `{which}`, want nothing, or all")
    if not entries:
        raise UsageError("there is nothing to edit yet")
    texts = [entry.text for entry in (entries if which else entries[-1:])]
    before = "".join(f"{text}\n" for text in texts if text)
    handle, path = tempfile.mkstemp(suffix=".ad", prefix="adiff-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(before)
    _open(path)
    text = desk.tools.program(path)
    if not text.strip() or text == before:
        os.unlink(path)
        desk.note("nothing was changed")
        return
    try:
        if which:
            given = {name: value for entry in entries for name, value in entry.given.items()}
            desk.state.replace([Entry(text, given)])
        else:
            desk.run(text.strip("\n"))
    except AdiffError as error:
        error.notes.append(f"what you wrote is in {path}")
        raise
    os.unlink(path)


def _open(path: str) -> None:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        status = subprocess.call([*shlex.split(editor), path])
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the editor `{editor}` cannot be started: {str(error).lower()}",
            help="EDITOR names another one",
        ) from None
    if status:
        raise UsageError(f"the editor `{editor}` ended with status {status}")
