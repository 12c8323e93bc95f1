"""Text with numbers in rows -> arrays: CSV, and numbers with white space between them."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from autodiff_cli.data import numerals
from autodiff_cli.data.columns import COMMENT, WHITE_SPACE, Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

HEADER = {"header": True, "no-header": False}
"""What a part may begin with, to say whether the first row is one of names."""

_SEPARATORS = "\t;,"
"""Where a line has as many of two, the earlier one: a comma is likelier to be part of a text."""

_QUOTED = re.compile('"[^"]*"?')


def csv_table(text: str, where: str, header: bool | None = None) -> Table:
    """A text whose cells stand between `,`, `;` or tabs, whichever its first line has most of."""
    line = _first_line(text)
    words = line.split()
    is_words = len(words) > 1 and all(map(numerals.is_number, words))
    separator = _decimal_separator(line) or _separator(text, line)
    if separator is None:
        separator = WHITE_SPACE if is_words else ","
    return Table(text, where, separator, header)


def tsv_table(text: str, where: str, header: bool | None = None) -> Table:
    """A text whose cells stand between tabs."""
    return Table(text, where, "\t", header)


def text_table(text: str, where: str, header: bool | None = None) -> Table:
    """A text of which nobody says what stands between its cells: white space where nothing else."""
    line = _first_line(text)
    separator = _decimal_separator(line)
    if separator is None and looks_like_csv(text):
        separator = _separator(text, line)
    return Table(text, where, separator or WHITE_SPACE, header)


def looks_like_csv(text: str) -> bool:
    """Whether the first line has commas or semicolons, or a word that is not a number."""
    line = _first_line(text)
    if _decimal_separator(line) == WHITE_SPACE:
        return False
    return "," in line or ";" in line or not all(map(numerals.is_number, line.split()))


def _first_line(text: str) -> str:
    """The first line that is neither blank nor a comment, or an empty one."""
    lines = (line for line in io.StringIO(text, newline=None) if line.strip())
    return next((line for line in lines if not line.lstrip().startswith(COMMENT)), "")


def _separator(text: str, line: str) -> str | None:
    """The separator that the first line has most of, outside quotes; None where it has none."""
    if '"' in line:
        line = _first_line(_QUOTED.sub('""', text))
    separator = max(_SEPARATORS, key=line.count)
    return separator if separator in line else None


def _decimal_separator(line: str) -> str | None:
    """What stands between numbers with decimal commas, in a line of at least one; else None."""
    if "," not in line:
        return None
    for separator in (";", "\t", WHITE_SPACE):
        cells = line.split(separator or None)
        if (
            len(cells) > 1
            and any(map(numerals.has_decimal_comma, cells))
            and all(numerals.has_decimal_comma(cell) or numerals.is_number(cell) for cell in cells)
        ):
            return separator
    return None


def read_csv(text: str, part: str | None, where: str) -> NDArray[Any]:
    """The numbers of a CSV text.

    Args:
        text: rows of cells between `,`, `;` or tabs; a header is optional.
        part: a name from the header, or several between commas; the whole table if None. What
            `Table.pick` takes, with `header:` or `no-header:` before it.
        where: what messages begin with, such as `input X: data.csv`.

    Returns:
        A 1-d array for one column, a 2-d array for several or for the whole table.
    """
    return _part(csv_table, text, part, where)


def read_tsv(text: str, part: str | None, where: str) -> NDArray[Any]:
    """The same, of cells between tabs."""
    return _part(tsv_table, text, part, where)


def read_numbers(text: str, part: str | None, where: str) -> float | NDArray[Any]:
    """The numbers of a text of any kind: with white space, commas, `;` or tabs between them.

    With white space, and where no part is asked for and the first row is no header, one number
    is a scalar; one line, or one number a line, is a 1-d array; several lines of several numbers
    are a 2-d array. All else is read as a CSV is.
    """
    if part is not None or looks_like_csv(text):
        return _part(text_table, text, part, where)
    table = Table(text, where, WHITE_SPACE)
    if table.width == 1 and len(table.head(2)) == 1:
        return table.only_number()
    array = table.numbers(range(table.width))
    return array.ravel() if 1 in array.shape else array


def _part(kind: Callable[..., Table], text: str, part: str | None, where: str) -> NDArray[Any]:
    table, columns = kind(text, where), part
    if part is not None and part not in table.names:
        flag, _, rest = part.partition(":")
        if flag in HEADER:
            table, columns = kind(text, where, HEADER[flag]), rest or None
    picked, is_single = table.pick(columns)
    array = table.numbers(picked)
    return array[:, 0] if is_single else array
