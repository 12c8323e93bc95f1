"""Files of inputs at random: what was written is read, and what was damaged is refused in words.

A case is the file's name and bytes, what is asked of it, and the numbers that are in it where that
is known; as JSON, so that it can be filed.
"""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import re
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.commands.shell import adiff

FOREIGN = re.compile(r"Warning:|site-packages|\.py:\d")
STATUSES = {0, 1, 2}
BOUNDS = ["--max-steps", "20000", "--max-memory", "200M", "--timeout", "20"]
PROGRAM = "if true { x }"
"""What gives out any value as it came in."""


def check(case: dict[str, Any]) -> None:
    """Reads a file through the command.

    Raises:
        AssertionError: what was read is not what was written, or the command failed, in any other
            way than by an error in its own words.
    """
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        content = base64.b64decode(case["base64"])
        path = Path(folder) / case["file"]
        path.write_bytes(content)
        words = [word.replace("FILE", str(path)) for word in case["words"]]
        done = adiff("eval", "-e", PROGRAM, *words, "--wrt=", "--json", *BOUNDS, stdin=content)
    assert done.status in STATUSES, done
    assert not FOREIGN.search(done.err), done.err
    assert bool(done.err) is bool(done.status), done
    if case["want"] is not None:
        assert done.status == 0, done.err
        got = np.array(done.objects[0]["value"], dtype=float)
        np.testing.assert_array_equal(got, np.array(case["want"], dtype=float), strict=True)


# ── files that are whole ──────────────────────────────────────────────────────────────

FLOATS = st.floats() | st.floats(-10, 10) | st.integers(-5, 5).map(float)
NAMES = st.text("abxyzσ t.:#*1", min_size=1, max_size=4).map(str.strip).filter(bool)


@st.composite
def whole(draw: st.DrawFn) -> dict[str, Any]:
    """A table of numbers as some program may have written it, of which a part is asked for."""
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    line = st.lists(FLOATS, min_size=columns, max_size=columns)
    table = np.array(draw(st.lists(line, min_size=rows, max_size=rows)))
    form = draw(st.sampled_from([".csv", ".tsv", ".dat", ".json", ".npy", ".npz"]))
    column = draw(st.integers(0, columns - 1))
    part, want = "", table
    if form in (".csv", ".tsv"):
        content = draw(separated(table, "\t" if form == ".tsv" else draw(st.sampled_from(",;\t"))))
        if draw(st.booleans()):
            part, want = f":#{column + 1}", table[:, column]
    elif form == ".dat":
        content = draw(words(table))
        part, want = f":#{column + 1}", table[:, column]
    elif form == ".json":
        content = json.dumps({"a": table.tolist(), "b:c": 1}).encode()
        part = ":a"
    else:
        content, part = of_numpy(table, form == ".npz"), "" if form == ".npy" else ":a b"
    name = f"d{form}"
    if draw(st.booleans()):
        name, content = f"{name}.gz", gzip.compress(content, mtime=0)
    word = draw(st.sampled_from([f"x=@FILE{part}", f"x=@-{part}"]))
    if form in (".csv", ".tsv", ".dat"):  # of standard input nobody says what it is
        word = f"x=@FILE{part}"
    return case_of(name, content, [word], want.tolist())


@st.composite
def separated(draw: st.DrawFn, table: np.ndarray, separator: str) -> bytes:
    text = io.StringIO()
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=end)
    if draw(st.booleans()):
        text.write(f"# made by a logger{end}{end}")
    if draw(st.booleans()):
        width = table.shape[1]
        names = draw(st.lists(NAMES, min_size=width, max_size=width))
        # A name that begins with # or is a number needs the quotes, or makes no header.
        names[0] = f"n{names[0]}"
        writer.writerow(names)
    writer.writerows(table.tolist())
    return text.getvalue().encode(draw(st.sampled_from(["utf-8", "utf-8-sig"])))


@st.composite
def words(draw: st.DrawFn, table: np.ndarray) -> bytes:
    """With white space, as NumPy, Fortran and gnuplot write it."""
    gap, letter = draw(st.sampled_from([" ", "   ", "\t"])), draw(st.sampled_from("eED"))
    lines = [gap.join(repr(item).replace("e", letter) for item in row) for row in table.tolist()]
    if draw(st.booleans()):
        lines.insert(0, "# t u v")
    if draw(st.booleans()):
        lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(["", " ", "#", "# 1"])))
    return ("\n".join(lines) + "\n").encode()


def of_numpy(table: np.ndarray, several: bool) -> bytes:
    content = io.BytesIO()
    if several:
        np.savez_compressed(content, **{"a b": table, "c": np.array(["text"])})
    else:
        np.save(content, table)
    return content.getvalue()


# ── files that are damaged ────────────────────────────────────────────────────────────

TABLE = np.array([[1.5, -2.0], [3.0, 1e300]])
SAMPLES = {
    "d.csv": b'# c\n\nt,"u v"\n1,2\n3,"4"\n',
    "d.tsv": "\ufefft\tσ\r\n1.5D+03\t-2\r\n".encode(),
    "d.txt": b"# t u\n1 2\n\n3 4 # end\n",
    "d.dat": b"1,5;2,5\n3;4\n",
    "d.json": b'{"x": [[1, 2.5], [NaN, -Infinity]], "t": 9007199254740993, "b": true}',
    "d.npy": of_numpy(TABLE, several=False),
    "d.npz": of_numpy(TABLE, several=True),
    "i.npy": of_numpy(np.arange(3), several=False),
    "d.csv.gz": gzip.compress(b"t,u\n1,2\n", mtime=0),
}
PIECES = [
    *(
        b'"',
        b"#",
        b",",
        b";",
        b"\t",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b" ",
        b"\0",
        b"\xff",
        b"\x1b[",
    ),
    *(b"nan", b"1e999", b"-", b"1_0", b"1" * 400, b"0x1", b"\xef\xbb\xbf", b"[", b"{", b"}", b":"),
    *(b'{"x":1}', b"null", b"9007199254740993", "½σ\u202e".encode(), b"[" * 70, b"PK\3\4"),
]
PARTS = [
    "",
    ":t",
    ":t,u",
    ":#1",
    ":#0",
    ":*",
    ":header",
    ":no-header:#2",
    ":x",
    ":a b",
    ":",
    ":\x1b",
]


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A file with bytes dropped, doubled, changed, put in or cut off, and any part asked for."""
    name = draw(st.sampled_from(list(SAMPLES)))
    content = bytearray(SAMPLES[draw(st.sampled_from([name, *SAMPLES]))])
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(content)))
        end = at + draw(st.integers(1, 8))
        change = draw(st.sampled_from(["drop", "double", "change", "put", "cut"]))
        if change == "drop":
            del content[at:end]
        elif change == "double":
            content[at:at] = content[at:end]
        elif change == "change":
            content[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        elif change == "put":
            content[at:at] = draw(st.sampled_from(PIECES))
        else:
            del content[at:]
    given = [f"x=@FILE{draw(st.sampled_from(PARTS))}"]
    if draw(st.integers(0, 2)) == 0:
        given = draw(
            st.sampled_from([["--inputs", "FILE"], ["--inputs", "-"], ["x=@-"], ["x=@-:t"]])
        )
    return case_of(name, bytes(content), given, None)


def case_of(name: str, content: bytes, given: list[str], want: Any) -> dict[str, Any]:
    encoded = base64.b64encode(content).decode()
    return {"file": name, "base64": encoded, "words": given, "want": want}


def inputs() -> st.SearchStrategy[dict[str, Any]]:
    return whole() | damaged()
