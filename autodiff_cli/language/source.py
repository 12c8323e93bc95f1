"""Program text and places in it."""

from __future__ import annotations

from bisect import bisect_right

from autodiff_cli.controls import tamed

LONGEST_SHOWN = 200
"""Characters of a piece of source that is shown whole."""
HEAD_SHOWN, TAIL_SHOWN = 60, 30


class Source:
    """A text with the name that messages give it (a file's path, `<-e>`, `<stdin>`)."""

    __slots__ = ("_starts", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._starts: list[int] | None = None

    @property
    def line_starts(self) -> list[int]:
        """The offset at which each line begins; found at the first use, which is an error's."""
        if self._starts is None:
            self._starts = [0]
            self._starts.extend(i + 1 for i, char in enumerate(self.text) if char == "\n")
        return self._starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1, columns in characters."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of line `number`, counted from 1, without its line end."""
        start = self.line_starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start : len(self.text) if end < 0 else end].rstrip("\r")


class Span:
    """The half-open range `start:end` of character offsets in a source."""

    __slots__ = ("end", "source", "start")

    def __init__(self, source: Source, start: int, end: int) -> None:
        self.source = source
        self.start = start
        self.end = end

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        return self.source.position(self.start)[1]

    @property
    def end_line(self) -> int:
        return self.source.position(self.end)[0]

    @property
    def end_column(self) -> int:
        return self.source.position(self.end)[1]

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def words(self) -> str:
        """The text on one line, fit to be shown; of one that is long its two ends."""
        text, start, end = self.source.text, self.start, self.end
        if end - start <= LONGEST_SHOWN:
            return " ".join(tamed(self.text).split())
        # Cut before it is put together: the spans of a long sum are as long as it is.
        ends = text[start : start + HEAD_SHOWN], text[end - TAIL_SHOWN : end]
        return " … ".join(" ".join(tamed(part).split()) for part in ends)

    def __repr__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"


class Placed(Span):
    """The place of a text in a source that has something else there: what that stands for."""

    __slots__ = ("_inner",)

    def __init__(self, place: Span, inner: Span) -> None:
        super().__init__(place.source, place.start, place.end)
        self._inner = inner

    @property
    def text(self) -> str:
        return self._inner.text

    @property
    def words(self) -> str:
        return self._inner.words
