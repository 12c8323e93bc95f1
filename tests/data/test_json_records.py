"""What a stream of JSON costs, counted: no record is gone through time and again."""

from __future__ import annotations

import io
from typing import Any

import pytest

from autodiff_cli.data.streams import json_records
from autodiff_cli.data.streams.json_records import BYTES, FAR, JsonReader


class Counting:
    """A decoder that counts the characters which it goes through."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self.read = 0
        """Of what it was asked for."""
        self.counted = 0
        """For errors, which count the lines before their place."""

    def raw_decode(self, text: str, at: int) -> Any:
        try:
            value, end = self._decoder.raw_decode(text, at)
        except ValueError as error:
            place: int = error.pos  # type: ignore[attr-defined]
            self.read += place - at
            self.counted += place
            raise
        self.read += end - at
        return value, end


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting(json_records._DECODER)
    monkeypatch.setattr(json_records, "_DECODER", counting)
    return counting


def read(content: bytes, at_once: bool = False) -> list[Any]:
    stream = io.BufferedReader(io.BytesIO(content), 2**16)
    reader = JsonReader(stream, "<test>", at_once)
    return [one for block in reader.blocks() for one in block.objects]


@pytest.mark.parametrize(
    "line", ['{"t": NA}', '{"t": 1', '{"t": "a', "{'t': 1}", '{"t": "é\U0001f600", b}']
)
def test_bad_lines(line: str, decoder: Counting) -> None:
    count = 10_000
    good = b'{"t": 1}\n'
    found = read((line.encode() + b"\n" + good) * count)
    assert found == [None, {"t": 1}] * count
    assert decoder.counted < 2 * count * (FAR + 100)


@pytest.mark.parametrize("at_once", [False, True])
def test_a_long_record(at_once: bool, decoder: Counting) -> None:
    content = b'{"t": [' + b", ".join([b"0.125"] * (BYTES // 2)) + b"]}"
    (found,) = read(content, at_once)
    assert len(found["t"]) == BYTES // 2
    assert decoder.read < 3 * len(content)


def test_a_long_record_of_many_lines(decoder: Counting) -> None:
    content = b'{"t": [' + b",\n".join([b"0.125"] * (BYTES // 2)) + b"]}"
    (found,) = read(content)
    assert len(found["t"]) == BYTES // 2
    assert decoder.read < 3 * len(content)


@pytest.mark.parametrize("value", ["0.125", "-1.5e-3", "true", "NaN", '"\\u00e9 \\n"', "-Infinity"])
def test_a_record_of_many_lines_is_cut_anywhere(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = f'{{\n"t":\n{value},\n"u": [{value},\n{value}]\n}}\n'.encode()
    for size in range(1, len(content)):
        monkeypatch.setattr(json_records, "BYTES", size)
        assert len(read(content)) == 1
        (block,) = JsonReader(io.BytesIO(content), "<test>").blocks()
        assert not block.bad
