"""Some records of a stream: the columns as they came, and what is wrong with some of them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from autodiff_cli.data import numerals
from autodiff_cli.data.remarks import EXACT_UP_TO
from autodiff_cli.data.values import quoted, unknown_name
from autodiff_cli.errors import UsageError
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from autodiff_cli.language.names import InputName

    Array = np.ndarray[Any, Any]


NON_FINITE = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
"""As JSON that adiff writes has them."""


@record
class Bad:
    """What is wrong with a record: in which column, where it is one, and why."""

    reason: str
    column: str = ""
    help: str = ""
    kind: str = "record"
    status: int = 1


@record
class Header:
    """The columns of a stream.

    Attributes:
        may_differ: they are the keys of its first record, and others may have others.
    """

    names: list[str]
    may_differ: bool = False


class Records:
    """Some records, in order.

    Attributes:
        table: their columns, as Arrow has them.
        count: how many they are.
        bad: what is wrong, by the place of the record; there its row is empty, or means nothing.
        rounded: integers past 2^53 that became the nearest float.
        has_numbers: `objects` holds numbers as such, and not as the text of a CSV.
    """

    has_numbers = False

    def __init__(self, table: Any, count: int, bad: Mapping[int, Bad] | None = None) -> None:
        self._table = table
        self.count = count
        self.bad: dict[int, Bad] = dict(bad or {})
        self.rounded: list[str] = []

    @property
    def table(self) -> Any:
        return self._table

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The records as JSON has them."""
        objects: list[dict[str, Any]] = self.table.to_pylist()
        return objects

    def refuse_keys(self, reasons: Mapping[str, tuple[str, str]]) -> None:
        """Refuses records with keys that the first has not, for a reason and with what helps.

        All rows of a table have the same.
        """

    def inputs(self, binding: Binding) -> dict[str, Array]:
        """The numbers of each input, a row for each record; `bad` gets those that are none."""
        return {
            name: self._vector(columns) if is_vector else self._numbers(columns[0])
            for name, (columns, is_vector) in binding.items()
        }

    def _vector(self, columns: Sequence[str]) -> Array:
        return np.stack([self._numbers(column) for column in columns], axis=1)

    def _numbers(self, name: str) -> Array:
        column = self.table.column(name)
        kind = column.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
            column = column.cast(kind)
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or _is_view(kind):
            return self._read(name, column.cast(pa.string()))
        if pa.types.is_list(kind) or pa.types.is_large_list(kind) or _is_fixed(kind):
            return self._lists(name, column)
        if pa.types.is_boolean(kind):
            self._refuse_nulls(name, column)
            truths: Array = floats(pc.cast(column.fill_null(False), pa.float64())) != 0
            return truths
        if pa.types.is_null(kind):
            self._refuse_nulls(name, column)
            return np.zeros(self.count)
        if not (
            pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)
        ):
            raise UsageError(
                f"column {quoted(name)} has the type {kind}, want numbers",
                help="bind another column, with --bind NAME=COLUMN",
            )
        if column.null_count:
            self._refuse_nulls(name, column)
            column = pc.fill_null(column, 0)
        values = floats(pc.cast(column, pa.float64(), safe=False))
        if pa.types.is_integer(kind) and kind.bit_width == 64:
            large = np.flatnonzero(np.abs(values) >= EXACT_UP_TO).tolist()
            exact = [(i, column[i].as_py()) for i in large]
            self.rounded += [str(whole) for i, whole in exact if int(values[i]) != whole]
        return values

    def _refuse_nulls(self, name: str, column: Any) -> None:
        if column.null_count:
            for i in pc.indices_nonzero(column.is_null()).to_pylist():
                self._refuse(i, name, "got no value, want a number")

    def _refuse(self, place: int, column: str, reason: str, help: str = "") -> None:
        self.bad.setdefault(place, Bad(reason, column, help))

    def _read(self, name: str, column: Any) -> Array:
        """Cells of text as numbers: at once where all are, else one by one."""
        for cells in (column, pc.utf8_trim_whitespace(column)):
            try:
                values = floats(pc.cast(cells, pa.float64()))
            except pa.ArrowInvalid:
                continue
            if not column.null_count:
                large = np.flatnonzero(np.abs(values) >= EXACT_UP_TO).tolist()
                texts = [column[i].as_py() for i in large]
                self.rounded += [text for text in texts if numerals.is_rounded(text)]
                return values
        values = np.zeros(self.count)
        for place, cell in enumerate(column.to_pylist()):
            if cell is None:
                continue  # a row that is bad as a whole
            try:
                values[place] = numerals.number(cell)
            except ValueError:
                reason, remedy = numerals.refusal(cell)
                if cell.strip() == name:
                    reason = "got the header once more, want a number"
                    remedy = "name each file by itself: `adiff map … a.csv b.csv`"
                self._refuse(place, name, reason, remedy)
                continue
            if numerals.is_rounded(cell):
                self.rounded.append(cell)
        return values

    def _lists(self, name: str, column: Any) -> Array:
        """Lists of numbers of one length as an array of two axes, or of more."""
        lists = column.to_pylist()
        first = next((one for one in lists if one), None)
        shape = np.shape(first) if first is not None else (0,)
        values = np.zeros((self.count, *shape))
        for place, one in enumerate(lists):
            if one is None:
                self._refuse(place, name, "got no value, want an array of numbers")
                continue
            array = array_of(one)
            if array is None:
                self._refuse(place, name, "got a list that holds something else than numbers")
            elif array.shape != shape:
                self._refuse(place, name, misshapen(array.shape, shape))
            else:
                values[place] = array
        return values


def _is_fixed(kind: Any) -> bool:
    return bool(pa.types.is_fixed_size_list(kind))


def _is_view(kind: Any) -> bool:
    return hasattr(pa.types, "is_string_view") and bool(pa.types.is_string_view(kind))


def misshapen(got: tuple[int, ...], want: tuple[int, ...]) -> str:
    """What is wrong with a value of another shape than the first one."""
    given = f"an array of shape {got}" if got else "a number"
    wanted = f"one of shape {want}, as the first has" if want else "a number, as the first is"
    return f"got {given}, want {wanted}"


def array_of(values: list[Any]) -> Array | None:
    """Lists in lists as an array; None where they hold something else than numbers, or a gap."""
    try:
        array: Array = np.array(values)
        if array.dtype.kind in "biuf":
            return array.astype(np.float64)
        # Gaps, texts (NumPy would read them), or what is past 64 bits.
        is_numbers = all(map(_is_number, leaves(values)))
        return np.array(values, dtype=np.float64) if is_numbers else None
    except (TypeError, ValueError, OverflowError):
        return None


def _is_number(value: Any) -> bool:
    return value in NON_FINITE if isinstance(value, str) else value is not None


def leaves(value: Any) -> Iterator[Any]:  # recurses: an array's axes
    """What is in lists in lists."""
    if isinstance(value, list):
        for one in value:
            yield from leaves(one)
    else:
        yield value


def floats(column: Any) -> Array:
    """The numbers of a column without nulls. Its own `to_numpy` would load pandas first."""
    array = column.combine_chunks()
    values = np.frombuffer(array.buffers()[1] or b"", np.float64)
    return values[array.offset : array.offset + len(array)]


Binding = dict[str, tuple[list[str], bool]]
"""For each input that differs the columns that it is in, and whether they make a vector."""


def bind(
    header: Header,
    where: str,
    inputs: Mapping[str, InputName],
    given: Mapping[str, Any],
    asked: Mapping[str, str],
) -> Binding:
    """Which columns are the values of which inputs.

    Args:
        inputs: of the program.
        given: inputs that are the same for all records: they go before columns of their name.
        asked: columns by input, as --bind says: a name, several between commas, or a pattern.

    Raises:
        UsageError: a column is not there, or there twice; or none is an input.
    """
    binding: Binding = {}
    names = header.names
    for name, text in asked.items():
        if name in given:
            raise UsageError(
                f"--bind {name}={text}: `{name}` has a value already, the same for all records",
                help=f"leave out {name}=…, or the --bind",
            )
        columns = [column for part in text.split(",") for column in _matching(part, header, where)]
        binding[name] = columns, len(columns) > 1 or "*" in text or "?" in text
    for name, known in inputs.items():
        is_needed = header.may_differ and not known.has_default
        if (name in names or is_needed) and name not in binding and name not in given:
            binding[name] = [name], False
    refuse_twice([column for columns, _ in binding.values() for column in columns], names, where)
    if not binding:
        shown = ", ".join(names[:20])
        wanted = ", ".join(name for name in inputs if name not in given) or "none"
        raise UsageError(
            f"{where}: no column is an input of the program",
            help=f"its columns are: {shown}; the program's inputs without a value: {wanted}; "
            "--bind NAME=COLUMN brings them together",
            kind="input",
        )
    return binding


def refuse_twice(wanted: Iterable[str], names: Sequence[str], where: str) -> None:
    """Refuses columns of one name, of which nobody can say which is meant."""
    for name in wanted:
        if names.count(name) > 1:
            raise UsageError(
                f"{where} has {names.count(name)} columns {quoted(name)}, want one",
                help="give each column a name of its own",
            )


def _matching(part: str, header: Header, where: str) -> list[str]:
    part = part.strip()
    names = header.names
    if part in names:
        return [part]
    is_pattern = bool(set(part) & set("*?["))
    found = [name for name in names if fnmatchcase(name, part)] if is_pattern else []
    if not found and header.may_differ and not is_pattern:
        return [part]
    if not found:
        raise unknown_name(where, "column", part, names)
    return found
