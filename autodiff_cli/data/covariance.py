"""Covariance matrices from files: CSV with names above, or JSON by name and name."""

from __future__ import annotations

import csv
import json
import math
from typing import Any

from autodiff_cli.data.files import read_text
from autodiff_cli.errors import UsageError

FORMS = 'a CSV file has the inputs\' names above its columns; JSON is {"a": {"a": 4, "b": 1}, …}'


def read_covariance(file: str) -> dict[str, dict[str, float]]:
    """By name and name.

    Raises:
        UsageError: the file cannot be read, or holds no square matrix of numbers with names.
    """
    text = read_text(file)
    rows = _from_json(file, text) if text.lstrip().startswith("{") else _from_csv(file, text)
    names = set(rows)
    for name, row in rows.items():
        if set(row) != names:
            odd = sorted(set(row) ^ names)[0]
            raise _wrong(file, f"the row of `{name}` and the matrix differ in `{odd}`")
    return rows


def _from_json(file: str, text: str) -> dict[str, dict[str, float]]:
    try:
        data = json.loads(text)
    except ValueError:
        raise _wrong(file, "it is no JSON") from None
    if not all(isinstance(row, dict) for row in data.values()):
        raise _wrong(file, "it has no row for each name")
    return {
        name: {other: _number(file, entry, name, other) for other, entry in row.items()}
        for name, row in data.items()
    }


def _from_csv(file: str, text: str) -> dict[str, dict[str, float]]:
    lines = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if any(row)]
    if not lines:
        raise _wrong(file, "it is empty")
    names = [name for name in lines[0] if name]
    body = lines[1:]
    if len(body) != len(names):
        raise _wrong(file, f"it has {len(body)} rows below {len(names)} names")
    rows: dict[str, dict[str, float]] = {}
    for name, line in zip(names, body, strict=True):
        label, cells = (line[0], line[1:]) if len(line) == len(names) + 1 else (name, line)
        if len(cells) != len(names):
            raise _wrong(file, f"the row of `{name}` has {len(cells)} numbers")
        rows[label] = {
            other: _number(file, cell, label, other)
            for other, cell in zip(names, cells, strict=True)
        }
    return rows


def _number(file: str, entry: Any, name: str, other: str) -> float:
    try:
        value = float(entry)
    except (TypeError, ValueError):
        value = math.nan
    if isinstance(entry, bool) or not math.isfinite(value):
        raise _wrong(file, f"of `{name}` and `{other}` it has {str(entry)!r}, want a number")
    return value


def _wrong(file: str, what: str) -> UsageError:
    return UsageError(f"{file}: {what}", help=FORMS, kind="uncertainty")
