"""Text with numbers in rows -> arrays: CSV, and numbers with white space between them."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from autodiff_cli.data.values import counted, quoted, unknown_name
from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SEPARATORS = "\t;,"
"""Where a line has as many of two, the earlier one: a comma is likelier to be part of a text."""

_QUOTED = re.compile('"[^"]*"?')


class _Row(NamedTuple):
    number: int
    """Counted from 1 as a spreadsheet does, blank rows and the header included."""
    cells: list[str]


def read_csv(text: str, columns: str | None, where: str) -> NDArray[Any]:
    """The numbers of a CSV text.

    Args:
        text: rows of cells between `,`, `;` or tabs; a header is optional.
        columns: a name from the header, or several between commas; the whole table if None.
        where: what messages begin with, such as `input X: data.csv`.

    Returns:
        A 1-d array for one column, a 2-d array for several or for the whole table.
    """
    rows = _rows(text, where)
    header = [cell.strip() for cell in rows[0].cells] if _is_header(rows[0].cells) else []
    picked, is_single = _picked(header, columns, len(rows[0].cells), where)
    body = rows[1:] if header else rows
    if not body:
        raise UsageError(
            f"{where}: no rows below the header {quoted(','.join(header))}",
            help="give at least one row of numbers",
        )
    table = []
    for row in body:
        try:
            table.append([_number(row.cells[index]) for index in picked])
        except ValueError:
            raise _bad_cell(row, picked, header, where) from None

    import numpy as np

    array = np.array(table, dtype=np.float64)
    return array[:, 0] if is_single else array


def read_numbers(text: str, where: str) -> float | NDArray[Any]:
    """The numbers of a text with white space between them.

    One number is a scalar; one line, or one number a line, is a 1-d array; several lines of
    several numbers are a 2-d array. Blank lines do not count.
    """
    lines: list[list[float]] = []
    first = 0
    for number, line in enumerate(io.StringIO(text, newline=None), 1):
        words = line.split()
        if not words:
            continue
        if not lines:
            first = number
        elif len(words) != len(lines[0]):
            raise UsageError(
                f"{where}, line {number} has {counted(len(words), 'number')}, "
                f"line {first} has {len(lines[0])}",
                help="every line needs the same number of numbers",
            )
        lines.append([_number_of_line(word, number, where) for word in words])
    if len(lines) == 1 and len(lines[0]) == 1:
        return lines[0][0]

    import numpy as np

    array = np.array(lines, dtype=np.float64)
    return array.ravel() if 1 in array.shape else array


def looks_like_csv(text: str) -> bool:
    """Whether the first line has commas or semicolons, or a word that is not a number."""
    line = _first_line(text)
    return "," in line or ";" in line or not all(_is_number(word) for word in line.split())


def _rows(text: str, where: str) -> list[_Row]:
    """The rows of a CSV without blank ones before and after; all have the same length."""
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=_separator(text),
        skipinitialspace=True,
    )
    rows: list[_Row] = []
    try:
        for number, cells in enumerate(reader, 1):
            if rows or not _is_blank(cells):
                rows.append(_Row(number, cells))
    except csv.Error as error:
        raise UsageError(
            f"{where}: not a CSV after row {rows[-1].number if rows else 0}: {error}",
            help="look for a quote that is not closed",
        ) from None
    while rows and _is_blank(rows[-1].cells):
        rows.pop()
    if not rows:
        raise UsageError(f"{where} has no numbers", help="give at least one row of numbers")
    first, width = rows[0].number, len(rows[0].cells)
    for number, cells in rows:
        if len(cells) != width:
            raise UsageError(
                f"{where}, row {number} has {counted(len(cells), 'cell')}, row {first} has {width}",
                help="every row needs the same number of cells; "
                "put quotes around a text that holds the separator",
            )
    return rows


def _first_line(text: str) -> str:
    """The first line that is not blank, or an empty one."""
    return next((line for line in io.StringIO(text, newline=None) if line.strip()), "")


def _separator(text: str) -> str:
    """The separator that the first line has most of, outside quotes."""
    return max(_SEPARATORS, key=_first_line(_QUOTED.sub("", text)).count)


def _is_blank(cells: list[str]) -> bool:
    return not cells or (len(cells) == 1 and not cells[0].strip())


def _is_header(cells: list[str]) -> bool:
    """Whether a first row holds a text. Empty cells alone make no header: a number is missing."""
    return any(cell.strip() and not _is_number(cell) for cell in cells)


def _picked(
    header: list[str], columns: str | None, width: int, where: str
) -> tuple[list[int], bool]:
    """The indices of the columns that are asked for, and whether it is one column by name."""
    if columns is None:
        return list(range(width)), False
    # A name with a comma in it goes before a list of names.
    is_single = columns in header or "," not in columns
    names = [columns] if is_single else [name.strip() for name in columns.split(",")]
    if not header:
        raise UsageError(
            f"{where} has no header, got the column {quoted(names[0])}",
            help="begin the file with a row of column names, or leave out "
            f":{columns} for the whole table",
        )
    for name in names:
        if name not in header:
            raise unknown_name(where, "column", name, header)
        if header.count(name) > 1:
            raise UsageError(
                f"{where} has {header.count(name)} columns {quoted(name)}, want one",
                help="give each column a name of its own",
            )
    return [header.index(name) for name in names], is_single


def _number(cell: str) -> float:
    """A cell as a float.

    Raises:
        ValueError: where it is none. `2020_01` is none, though float() takes it.
    """
    if "_" in cell:
        raise ValueError(cell)
    return float(cell)


def _is_number(cell: str) -> bool:
    try:
        _number(cell)
    except ValueError:
        return False
    return True


def _number_of_line(word: str, line: int, where: str) -> float:
    try:
        return _number(word)
    except ValueError:
        raise UsageError(
            f"{where}, line {line}: got {quoted(word)}, want a number",
            help="want numbers with white space between them; a file with commas is a .csv",
        ) from None


def _bad_cell(row: _Row, picked: list[int], header: list[str], where: str) -> UsageError:
    """The error for the first of the picked cells in `row` that is not a number."""
    index = next(index for index in picked if not _is_number(row.cells[index]))
    cell = row.cells[index].strip()
    name = f" ({header[index]})" if header else ""
    return UsageError(
        f"{where}, row {row.number}, column {index + 1}{name}: "
        f"got {quoted(cell) if cell else 'an empty cell'}, want a number",
        help="a cell holds one number, with a point for its decimals, or nan, inf, -inf",
    )
