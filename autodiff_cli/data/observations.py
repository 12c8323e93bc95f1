"""A table as observations: records in rows, columns by name; what to do about gaps and texts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from autodiff_cli.data import numerals
from autodiff_cli.data.files import read_inputs_file, read_table
from autodiff_cli.data.values import counted, quoted, unknown_name
from autodiff_cli.errors import UsageError
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from autodiff_cli.data.columns import Row, Table

NOTHING: Mapping[str, list[str]] = {}
MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", ".", "-", "?"))
"""What stands in a cell that has no value, in lower case."""
ARRAYS = (".json", ".jsonl", ".npz")
"""Endings of files whose columns are arrays with a name."""


@record
class Columns:
    """Columns that were asked for.

    Attributes:
        values: an array for each name.
        levels: for a column of categories its texts, each at the position that is its number.
        dropped: how many rows were left out because a cell of theirs is missing.
    """

    values: dict[str, Any]
    levels: dict[str, list[str]]
    dropped: int


def observations(path: str) -> Observations:
    """What a file, or standard input, holds.

    Args:
        path: a text in columns with names, as CSV; a JSON object or an NPZ of arrays; `-`.

    Raises:
        UsageError: the file is not to be had, or has no columns with names.
    """
    if os.path.splitext(path)[1].lower() in ARRAYS:
        return Arrays(path)
    return Texts(path)


class Observations:
    """Records with named columns.

    Attributes:
        names: of the columns.
        where: what messages begin with.
    """

    names: list[str]
    where: str

    def columns(
        self,
        wanted: Sequence[str],
        categories: Collection[str] = (),
        drop_missing: bool = False,
        levels: Mapping[str, list[str]] = NOTHING,
    ) -> Columns:
        """The columns of these names, in the records that have all of them.

        Args:
            categories: columns whose texts become the integers from 0, in the order of the texts.
            drop_missing: records with a missing cell are left out; else they are an error.
            levels: the categories of columns for which they are known.

        Raises:
            UsageError: there is no such column, a cell is missing or no number, or no record
                is left.
        """
        raise NotImplementedError

    def _place(self, name: str) -> int:
        if name not in self.names:
            raise unknown_name(self.where, "column", name, self.names)
        if self.names.count(name) > 1:
            raise UsageError(
                f"{self.where} has {self.names.count(name)} columns {quoted(name)}, want one",
                help="give each column a name of its own",
            )
        return self.names.index(name)

    def _refuse_empty(self, wanted: Sequence[str]) -> UsageError:
        return UsageError(
            f"{self.where}: no row has all of {', '.join(wanted)}",
            help="fill the missing cells",
            kind="missing",
        )


class Texts(Observations):
    """Those of a text."""

    def __init__(self, path: str) -> None:
        self._table: Table = read_table(path)
        self.where = self._table.where
        self.names = self._table.names
        if not self.names:
            shown = ",".join(self._table.head(1)[0].cells)
            raise UsageError(
                f"{self.where}: its first row, {quoted(shown)}, has no names",
                help="begin the file with a row of column names, as x,y",
            )

    def columns(
        self,
        wanted: Sequence[str],
        categories: Collection[str] = (),
        drop_missing: bool = False,
        levels: Mapping[str, list[str]] = NOTHING,
    ) -> Columns:
        places = [self._place(name) for name in wanted]
        for name in categories:
            self._place(name)
        if not categories and not levels:
            import numpy as np

            array = self._table.read_fast()
            if array is not None and not np.isnan(array[:, places]).any():
                both = zip(wanted, places, strict=True)
                return Columns({name: array[:, i].copy() for name, i in both}, {}, 0)
        kept = []
        for row in self._table.rows:
            gap = next((i for i in places if _is_missing(row.cells[i])), None)
            if gap is None:
                kept.append(row)
            elif not drop_missing:
                raise self._missing(row, gap)
        if not kept:
            raise self._refuse_empty(wanted)
        values: dict[str, Any] = {}
        known = dict(levels)
        for name, place in zip(wanted, places, strict=True):
            if name in categories or name in levels:
                texts = [row.cells[place] for row in kept]
                values[name], known[name] = _numbered(texts, known.get(name), self.where, name)
            else:
                values[name] = self._numbers(kept, place)
        return Columns(values, known, len(self._table.rows) - len(kept))

    def _numbers(self, rows: Sequence[Row], place: int) -> Any:
        import numpy as np

        try:
            return np.array([numerals.number(row.cells[place]) for row in rows], np.float64)
        except ValueError:
            wrong = next(row for row in rows if not numerals.is_number(row.cells[place]))
        what, remedy = numerals.refusal(wrong.cells[place])
        name = self.names[place]
        raise UsageError(
            f"{self._cell(wrong, place)}: {what}",
            help=f"{remedy}; of a category, --categories {name} makes integers",
        )

    def _missing(self, row: Row, place: int) -> UsageError:
        cell = row.cells[place].strip()
        gaps = sum(_is_missing(other.cells[place]) for other in self._table.rows)
        return UsageError(
            f"{self._cell(row, place)}: got {quoted(cell) if cell else 'an empty cell'}, "
            "want a number",
            notes=[f"{counted(gaps, 'cell')} of this column missing"] if gaps > 1 else [],
            help="fill it, or leave out all such rows with --drop-missing",
            kind="missing",
        )

    def _cell(self, row: Row, place: int) -> str:
        return f"{self.where}, row {row.number}, column {place + 1} ({self.names[place]})"


class Arrays(Observations):
    """Those of arrays that have names."""

    def __init__(self, path: str) -> None:
        import numpy as np

        self.where = path
        self._arrays = read_inputs_file(path)
        self.names = list(self._arrays)
        for name, values in self._arrays.items():
            if np.ndim(values) != 1:
                raise UsageError(
                    f"{path}: {quoted(name)} has shape {np.shape(values)}, want a column",
                    help='write {"x": [0, 1, 2], "y": [1, 3, 5]}',
                )
        lengths = {np.size(values) for values in self._arrays.values()}
        if len(lengths) > 1:
            raise UsageError(
                f"{path}: its columns have from {min(lengths)} to {max(lengths)} items",
                help="every column needs the same number of items",
            )

    def columns(
        self,
        wanted: Sequence[str],
        categories: Collection[str] = (),
        drop_missing: bool = False,
        levels: Mapping[str, list[str]] = NOTHING,
    ) -> Columns:
        import numpy as np

        for name in (*wanted, *categories):
            self._place(name)
        arrays = {name: np.asarray(self._arrays[name], np.float64) for name in wanted}
        gaps = np.zeros(np.size(next(iter(self._arrays.values()))), bool)
        for name, values in arrays.items():
            gaps |= np.isnan(values)
            if gaps.any() and not drop_missing:
                raise UsageError(
                    f"{self.where}: {name}[{np.flatnonzero(gaps)[0]}] is nan, want a number",
                    help="leave out all such rows with --drop-missing",
                    kind="missing",
                )
        if gaps.all():
            raise self._refuse_empty(wanted)
        known = dict(levels)
        for name, values in arrays.items():
            arrays[name] = values[~gaps]
            if name in categories or name in levels:
                texts = [f"{value:g}" for value in arrays[name]]
                arrays[name], known[name] = _numbered(texts, known.get(name), self.where, name)
        return Columns(arrays, known, int(gaps.sum()))


def _is_missing(cell: str) -> bool:
    return cell.strip().lower() in MISSING


def _numbered(
    cells: Sequence[str], levels: list[str] | None, where: str, name: str
) -> tuple[Any, list[str]]:
    """Texts as integers, and the text of each integer: those of `levels` where they are known."""
    import numpy as np

    texts = [cell.strip() for cell in cells]
    if levels is None:
        levels = sorted(set(texts), key=_in_order)
    numbers = {text: float(place) for place, text in enumerate(levels)}
    for text in texts:
        if text not in numbers:
            raise UsageError(
                f"{where}: column {quoted(name)} has the category {quoted(text)}, which the data "
                "of the fit have not",
                help="its categories are: " + ", ".join(levels),
            )
    return np.array([numbers[text] for text in texts]), levels


def _in_order(text: str) -> tuple[bool, float, str]:
    """Numbers as numbers, before texts, which are in the order of their letters."""
    if numerals.is_number(text):
        return False, numerals.number(text), text
    return True, 0.0, text
