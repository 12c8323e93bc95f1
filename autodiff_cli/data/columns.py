"""A text with numbers in rows, whose separator is known -> its columns."""

from __future__ import annotations

import csv
import io
import re
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from autodiff_cli.data import numerals
from autodiff_cli.data.remarks import EXACT_UP_TO, remark_rounded
from autodiff_cli.data.values import counted, quoted, unknown_name
from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_WHOLE = "*"
"""All columns, asked for by name."""

WHITE_SPACE = ""
"""The separator of a text whose cells are words."""

COMMENT = "#"
_BLANK_INSIDE = re.compile(r"\n[ \t]*\r?\n|\r[ \t]*\r")
_POSITION = re.compile(r"#(\d{1,18})")


class Row(NamedTuple):
    number: int
    """Counted from 1 as a spreadsheet or an editor does: blank rows and comments too."""
    cells: list[str]


class Table:
    """The rows of a text, by columns.

    Blank lines do not count, nor do lines that begin with `#`; but right between two rows of
    numbers of a CSV a blank line is refused, as it may be one whose cells are missing. The first
    row is a header where it holds a text that is no number. Where it does not, the names are those
    of the comment above it, if that has one for each column: so writes `numpy.savetxt`.

    Attributes:
        where: what messages begin with, such as `input X: data.csv`.
        names: of the columns, [] where they have none.
        width: how many columns there are.
        has_header: whether the first row holds the names.
        body: where in the text the rows of numbers begin.

    Args:
        separator: `,`, `;` or a tab; "" for white space.
        header: whether the first row holds the names; None to tell by what is in it.
    """

    def __init__(
        self, text: str, where: str, separator: str = ",", header: bool | None = None
    ) -> None:
        self.where = where
        self._separator = separator
        self._text = text
        first, comment, ends = self._first(text)
        self.width = len(first.cells)
        self.has_header = _is_header(first.cells) if header is None else header
        self._first_row = first
        self.body = ends[1] if self.has_header else ends[0]
        self.names = [cell.strip() for cell in first.cells] if self.has_header else []
        if not self.names and header is None:
            named = self._cells_of(comment)
            self.names = named if len(named) == self.width and all(named) else []

    @cached_property
    def rows(self) -> list[Row]:
        """Those below the header, as text; all have the same width.

        Raises:
            UsageError: they have not, there are none, or the text is no CSV.
        """
        first = self._first_row
        rows = []
        for number, cells in self._all_rows(self._text):
            rows.append(Row(number, cells))
            if len(cells) != self.width:
                noun = "number" if self._is_words and not self.has_header else "cell"
                raise UsageError(
                    f"{self.where}, {self._line} {number} has {counted(len(cells), noun)}, "
                    f"{self._line} {first.number} has {self.width}",
                    help=f"every {self._line} needs the same number of {noun}s"
                    + (
                        ""
                        if self._is_words
                        else "; put quotes around a text that holds the separator"
                    ),
                )
        return rows[1:] if self.has_header else rows

    def pick(self, columns: str | None) -> tuple[list[int], bool]:
        """The positions, from 0, of the columns that are asked for, and whether it is just one.

        Args:
            columns: a name, or `#2` for the second; several between commas; `*` or None for all.
        """
        positions = self._positions
        if columns is None or (columns == _WHOLE and columns not in positions):
            return list(range(self.width)), False
        # A name with a comma in it goes before a list of names.
        is_single = columns in positions or "," not in columns
        asked = [columns] if is_single else [name.strip() for name in columns.split(",")]
        return [self._position(name) for name in asked], is_single

    def numbers(self, columns: Sequence[int]) -> NDArray[Any]:
        """The numbers of these columns, side by side in an array of two axes.

        Raises:
            UsageError: a cell is none; its row and column are told.
        """
        import numpy as np

        array = self.read_fast()
        if array is not None and not (np.abs(array) >= EXACT_UP_TO).any():
            if list(columns) != list(range(self.width)):
                array = array[:, columns]
            return np.ascontiguousarray(array)
        if not self.rows:
            header = quoted(",".join(self.names))
            raise UsageError(
                f"{self.where}: no rows below the header {header}",
                help="give at least one row of numbers",
            )
        number = numerals.number
        table = []
        for row in self.rows:
            try:
                table.append([number(row.cells[column]) for column in columns])
            except ValueError:
                raise self._bad_cell(row, columns) from None
        array = np.array(table, dtype=np.float64)
        self._tell_of_rounded(array, columns)
        return array

    def head(self, count: int) -> list[Row]:
        """The first rows, the header among them."""
        return list(islice(self._all_rows(self._text), count))

    def only_number(self) -> float:
        """The number of a table that has no other; NumPy is not needed for it."""
        (row,) = self.rows
        (cell,) = row.cells
        try:
            value = numerals.number(cell)
        except ValueError:
            raise self._bad_cell(row, [0]) from None
        if numerals.is_rounded(cell):
            remark_rounded(f"{self.where}{self._place(row, 0)}", cell)
        return value

    # ── text -> rows ──────────────────────────────────────────────────────────────────

    @property
    def _is_words(self) -> bool:
        return self._separator == WHITE_SPACE

    @property
    def _line(self) -> str:
        return "line" if self._is_words else "row"

    def _first(self, text: str) -> tuple[Row, str, tuple[int, int]]:
        """The first row, the comment right above it, and where in the text the row begins and ends.

        Raises:
            UsageError: there is none.
        """
        comment = ""
        lines = _Lines(text)
        for row in self._split(lines):
            if row.cells:
                return row, comment, (lines.began, lines.ended)
            line = lines.last.strip()
            comment = line.lstrip(COMMENT) if line.startswith(COMMENT) else ""
        raise UsageError(f"{self.where} has no numbers", help="give at least one row of numbers")

    def _all_rows(self, text: str) -> Iterator[Row]:
        """Those that have cells, and in a CSV a blank one right between two of numbers."""
        lines = _Lines(text)
        blank, follows_numbers = None, False
        header = self._first_row if self.has_header else None
        for row in self._split(lines):
            if row.cells:
                if blank and not self._is_words:
                    yield blank
                yield row
                blank, follows_numbers = None, header is None or row.number != header.number
            elif lines.last.lstrip().startswith(COMMENT):
                blank, follows_numbers = None, False
            elif follows_numbers:
                blank = blank or row

    def _split(self, lines: _Lines) -> Iterator[Row]:
        """Each row; one that is blank or a comment has no cells."""
        if self._is_words:
            for number, line in enumerate(lines, 1):
                lines.next_row()
                yield Row(number, line.partition(COMMENT)[0].split())
            return
        lines.blank = " \r\n" if self._separator == "\t" else None
        reader = csv.reader(lines, delimiter=self._separator, skipinitialspace=True)
        number = 0
        try:
            for number, cells in enumerate(reader, 1):
                yield Row(number, cells)
                lines.next_row()
        except csv.Error as error:
            raise UsageError(
                f"{self.where}: not a CSV after row {number}: {error}",
                help="look for a quote that is not closed",
            ) from None

    def _cells_of(self, comment: str) -> list[str]:
        if self._is_words:
            return comment.split()
        return [cell.strip() for cell in comment.split(self._separator)]

    # ── rows -> numbers ───────────────────────────────────────────────────────────────

    def read_fast(self) -> NDArray[Any] | None:
        """All numbers, as NumPy reads them; None where it cannot.

        It takes a third of the time of the rows as text, which are there for all else: quotes,
        texts in other columns, and to tell where a cell is wrong.
        """
        body = self._text[self.body :]
        if not self._is_words and ('"' in body or COMMENT in body):
            return None
        if not body.strip() or (not self._is_words and _BLANK_INSIDE.search(body.strip())):
            return None
        import numpy as np

        try:
            array = np.loadtxt(
                io.StringIO(body, newline=None),
                comments=COMMENT if self._is_words else None,
                delimiter=self._separator or None,
                ndmin=2,
            )
        except ValueError:
            return None
        return array if array.shape[1] == self.width and len(array) else None

    def _tell_of_rounded(self, array: NDArray[Any], columns: Sequence[int]) -> None:
        import numpy as np

        large = np.argwhere(np.abs(array) >= EXACT_UP_TO).tolist()
        rounded = [
            (row, column)
            for row, column in large
            if numerals.is_rounded(self.rows[row].cells[columns[column]])
        ]
        if rounded:
            row, column = rounded[0]
            found = self.rows[row]
            cell = found.cells[columns[column]].strip()
            remark_rounded(f"{self.where}{self._place(found, columns[column])}", cell, len(rounded))

    def _bad_cell(self, row: Row, columns: Sequence[int]) -> UsageError:
        """The error for the first cell of a row, among these columns, that is no number."""
        column = next(c for c in columns if not numerals.is_number(row.cells[c]))
        what, remedy = numerals.refusal(row.cells[column])
        return UsageError(f"{self.where}{self._place(row, column)}: {what}", help=remedy)

    def _place(self, row: Row, column: int) -> str:
        name = f" ({self.names[column]})" if self.names else ""
        return f", {self._line} {row.number}, column {column + 1}{name}"

    # ── names -> columns ──────────────────────────────────────────────────────────────

    @cached_property
    def _positions(self) -> dict[str, list[int]]:
        """The columns of each name: there may be 10^6, and thousands be asked for."""
        positions: dict[str, list[int]] = {}
        for position, name in enumerate(self.names):
            positions.setdefault(name, []).append(position)
        return positions

    def _position(self, name: str) -> int:
        positions = self._positions.get(name)
        if positions is None:
            by_position = _POSITION.fullmatch(name)
            if by_position:
                return self._numbered(int(by_position[1]))
            if not self.names:
                raise UsageError(
                    f"{self.where} has no header, got the column {quoted(name)}",
                    help=f"columns without names are :#1 to :#{self.width}; where the first row "
                    "holds the names though they are numbers, write "
                    f":header:{name}; or leave out :{name} for the whole table",
                )
            raise unknown_name(self.where, "column", name, self.names)
        if len(positions) > 1:
            raise UsageError(
                f"{self.where} has {len(positions)} columns {quoted(name)}, want one",
                help=f"give each column a name of its own, or take it by position: "
                f":#{positions[0] + 1}",
            )
        return positions[0]

    def _numbered(self, position: int) -> int:
        if not 1 <= position <= self.width:
            raise UsageError(
                f"{self.where} has no column #{position}",
                help=f"columns count from 1, and it has {self.width}",
            )
        return position - 1


class _Lines:
    """The lines of a text, in which those between two rows that are blank or comments are empty.

    Within quotes a row goes on over several lines, and there no line is a comment: whoever reads
    says with `next_row` that a row has ended.
    """

    def __init__(self, text: str) -> None:
        self._stream = io.StringIO(text, newline="")
        self._at_row = True
        self.blank: str | None = None
        """The characters of a blank line; None for all white space."""
        self.last = ""
        self.began = self.ended = 0
        """Where in the text the row begins and ends that is being read."""

    def __iter__(self) -> Iterator[str]:
        for line in self._stream:
            start = self.ended
            self.ended += len(line)
            self.last = line
            if self._at_row:
                self.began = start
                bare = line.strip(self.blank)
                if not bare or bare.startswith(COMMENT):
                    yield "\n"
                    continue
            self._at_row = False
            yield line

    def next_row(self) -> None:
        self._at_row = True


def _is_header(cells: list[str]) -> bool:
    """Whether a first row holds a text. Empty cells alone make no header: a number is missing."""
    return any(
        cell.strip() and not numerals.is_number(cell) and not numerals.has_decimal_comma(cell)
        for cell in cells
    )
