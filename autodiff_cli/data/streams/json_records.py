"""JSON objects that follow one another, a line each or not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyarrow as pa

from autodiff_cli.data.numerals import is_rounded
from autodiff_cli.data.remarks import EXACT_UP_TO
from autodiff_cli.data.streams.records import (
    NON_FINITE,
    Bad,
    Header,
    Records,
    array_of,
    leaves,
    misshapen,
)
from autodiff_cli.data.values import quoted
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autodiff_cli.data.streams.records import Binding

    Array = np.ndarray[Any, Any]

BYTES = 2**19
FAR = 4096
"""Characters that are gone through for an error without it being seen in the time."""
LONGEST_SHOWN = 60
"""Characters of a value in a message."""


class JsonRecords(Records):
    """Objects as they came: their numbers are taken out of them by name."""

    has_numbers = True

    def __init__(self, objects: Sequence[Any], bad: Mapping[int, Bad]) -> None:
        super().__init__(None, len(objects), bad)
        self._objects = objects

    @property
    def objects(self) -> list[dict[str, Any]]:
        return list(self._objects)

    @property
    def table(self) -> Any:
        """Their keys as columns, in the order in which they first come."""
        keys = dict.fromkeys(key for one in self._objects if isinstance(one, dict) for key in one)
        return pa.table({key: _column([_get(one, key) for one in self._objects]) for key in keys})

    def refuse_keys(self, reasons: Mapping[str, tuple[str, str]]) -> None:
        for place, one in enumerate(self._objects):
            if place not in self.bad:
                for key in reasons.keys() & one.keys():
                    self._refuse(place, key, *reasons[key])

    def inputs(self, binding: Binding) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for name, (keys, is_vector) in binding.items():
            values = [
                self._value(place, one, keys, is_vector) for place, one in enumerate(self._objects)
            ]
            first = next((value for value in values if value is not None), 0.0)
            is_truth = all(value is True or value is False for value in values)
            shape = np.shape(first)
            column = np.zeros((self.count, *shape), dtype=bool if is_truth else np.float64)
            for place, value in enumerate(values):
                if value is None:
                    continue
                if np.shape(value) != shape:
                    reason = misshapen(np.shape(value), shape)
                    self.bad.setdefault(place, Bad(reason, ",".join(keys)))
                    continue
                column[place] = value
            found[name] = column
        return found

    def _value(self, place: int, one: Any, keys: Sequence[str], is_vector: bool) -> Any:
        """A number, a boolean or an array; None where it is none, and the record is bad."""
        if place in self.bad:
            return None
        values = []
        for key in keys:
            if key not in one:
                known = ", ".join(_shown(key)[1:-1] for key in one) or "none"
                hint = f"the record's keys are: {known}; --bind NAME=KEY takes another"
                self.bad[place] = Bad("is not there", key, hint)
                return None
            value = self._number(place, key, one[key])
            if value is None:
                return None
            values.append(value)
        if is_vector and any(map(np.ndim, values)):
            self.bad[place] = Bad("got a list, want a number for each element", ",".join(keys))
            return None
        return np.array(values) if is_vector else values[0]

    def _number(self, place: int, key: str, given: Any) -> Any:
        if isinstance(given, str):
            given = NON_FINITE.get(given, given)
        if isinstance(given, (bool, float)):
            return given
        if isinstance(given, int):
            text = str(given)
            if is_rounded(text):
                self.rounded.append(text)
            try:
                return float(given)
            except OverflowError:
                return float("inf") if given > 0 else float("-inf")
        if isinstance(given, list) and (array := array_of(given)) is not None:
            if (np.abs(array) >= EXACT_UP_TO).any():
                whole = (str(one) for one in leaves(given) if type(one) is int)
                self.rounded += filter(is_rounded, whole)
            return array
        want = "numbers" if isinstance(given, list) else "a number"
        self.bad[place] = Bad(f"got {_shown(given)}, want {want}", key)
        return None


def _get(one: Any, key: str) -> Any:
    return one.get(key) if isinstance(one, dict) else None


def _column(values: Sequence[Any]) -> Any:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeError):
        return pa.array([None if v is None else _text(v) for v in values], pa.string())


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode(errors="replace").decode()


def _shown(value: Any) -> str:
    """A value as JSON, cut where it is long."""
    text = json.dumps(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


@record
class JsonBlock:
    """Objects that have been read, and what is wrong between them."""

    objects: list[Any]
    bad: dict[int, Bad]

    def read(self) -> Records:
        return JsonRecords(self.objects, self.bad)


class JsonReader:
    """The objects of one stream.

    Attributes:
        header: the keys of the first, [] where there is none.
    """

    def __init__(self, stream: BinaryIO, where: str, at_once: bool = False) -> None:
        """As they come, where they are to be answered `at_once`."""
        self._stream = stream
        self._at_once = at_once
        self._rest = ""
        self._undecoded = b""
        self._blocks = self._all_blocks()
        self._first = next(self._blocks, None)
        objects = [] if self._first is None else self._first.objects
        first: Any = next((one for one in objects if isinstance(one, dict)), {})
        self.header = Header(list(first), may_differ=True)

    def blocks(self) -> Iterator[JsonBlock]:
        if self._first is not None:
            yield self._first
            self._first = None
        yield from self._blocks

    def _all_blocks(self) -> Iterator[JsonBlock]:
        read = getattr(self._stream, "read1", self._stream.read) if self._at_once else None
        ended = False
        while not ended:
            # As much again as waits for its end: what is long is not gone through time and again.
            chunk = read(BYTES) if read else self._stream.read(max(BYTES, len(self._rest)))
            ended = not chunk
            block = JsonBlock([], {})
            self._take(chunk, ended, block)
            if block.objects:
                yield block

    def _take(self, chunk: bytes, ended: bool, block: JsonBlock) -> None:
        """Decodes what is whole, and keeps the rest."""
        content = self._undecoded + chunk
        # A character may have been cut; where a byte is none at all, its record is bad.
        cut = 0
        if not ended:
            while cut < 3 and cut < len(content) and content[-1 - cut] >= 0x80:
                cut += 1
        self._undecoded = content[len(content) - cut :] if cut else b""
        text = self._rest + content[: len(content) - cut].decode(errors="surrogateescape")
        text = text.removeprefix("\ufeff")
        if self._rest and not ended and not (b"}" in chunk or b"\n" in chunk):
            self._rest = text  # the record that has begun cannot end in this
            return
        decode = _DECODER.raw_decode
        may_be_broken = not text.isascii() or "\\u" in text
        at, end = 0, len(text)
        while True:
            while at < end and text[at] in " \t\r\n":
                at += 1
            if at == end:
                break
            try:
                value, at = decode(text, at)
            except (json.JSONDecodeError, RecursionError) as error:
                place = getattr(error, "pos", at)
                message = getattr(error, "msg", "nested too deep")
                # Before a newline all is whole: without one a number or a name may be cut.
                if not ended and text.find("\n", place) < 0:
                    break
                newline = text.find("\n", at)
                line = text[at : newline if newline >= 0 else end]
                reason = message[:1].lower() + message[1:]
                block.bad[len(block.objects)] = Bad(f"not JSON: {reason}: {quoted(line)}")
                block.objects.append(None)
                at = newline + 1 if newline >= 0 else end
                if at > FAR:  # an error counts the lines from the text's beginning
                    text, at = text[at:], 0
                    end = len(text)
                continue
            if not isinstance(value, dict):
                block.bad[len(block.objects)] = Bad(
                    f"got {_shown(value)}, want an object",
                    help='a record is {"x": 3, "t": 0.5}, and the next follows it without a comma',
                )
            elif type(value) is _Twice:
                block.bad[len(block.objects)] = Bad("is there twice", value.key)
            elif may_be_broken and _has_surrogates(value):
                block.bad[len(block.objects)] = Bad(
                    "holds text that is not Unicode", help="save it as UTF-8 text"
                )
            block.objects.append(value)
        self._rest = text[at:]


def _has_surrogates(value: dict[str, Any]) -> bool:
    """Whether a string holds a byte that is none of UTF-8, or half a pair of `\\ud8…` escapes."""
    return any(
        isinstance(one, str) and any("\ud800" <= c <= "\udfff" for c in one)
        for pair in value.items()
        for one in pair
    )


class _Twice(dict[str, Any]):
    """An object with a `key` that it has more than once."""

    key: str


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        found = _Twice(found)
        keys = [key for key, _ in pairs]
        found.key = next(key for key in keys if keys.count(key) > 1)
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_members)
