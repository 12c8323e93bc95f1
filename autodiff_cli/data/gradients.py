"""Recorded gradients -> values, as `adiff eval --json` writes them or as a plain object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from autodiff_cli.data.files import read_text
from autodiff_cli.data.json_text import read_json_inputs
from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from autodiff_cli.data.values import Value


def read_gradients(path: str) -> dict[str | None, dict[str, Value]]:
    """For each output the gradient by each name; the output is None where none is named.

    Raises:
        UsageError: the file is not to be had, or holds no gradients.
    """
    text = read_text(path)
    try:
        objects = [json.loads(text)]
    except (json.JSONDecodeError, RecursionError):
        objects = [
            _line(line, number, path)
            for number, line in enumerate(text.splitlines(), 1)
            if line.strip()
        ]
    gradients: dict[str | None, dict[str, Value]] = {}
    for item in objects:
        output, members = None, item
        if isinstance(item, dict) and isinstance(item.get("gradient"), dict):
            output, members = item.get("output"), item["gradient"]
        if not isinstance(members, dict) or not isinstance(output, (str, type(None))):
            raise UsageError(f"{path}: got no gradients", help=_HELP)
        if output in gradients:
            raise UsageError(f"{path}: the output {output} is recorded twice", help=_HELP)
        gradients[output] = read_json_inputs(json.dumps(members), path)
    return gradients


_HELP = 'it holds what `adiff eval --json` prints, or {"x": [1, 2]} with the gradient by x'


def _line(line: str, number: int, path: str) -> object:
    try:
        return json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        reason = getattr(error, "msg", "nested too deep")
        raise UsageError(
            f"{path}, line {number}: not JSON: {reason[0].lower()}{reason[1:]}", help=_HELP
        ) from None
