"""Files of all formats with all that can be wrong with a record, and what is to come of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.commands.shell import Done, adiff

PROGRAM = "y = abs(t) * 2"
LARGE = 2**53 + 1

CSV = [
    (b'1,"a\r\nb"', 2.0),
    (b",c", "t: got an empty cell, want a number"),
    (b"2", "has 1 cell, want 2"),
    (b"3,d,e", "has 3 cells, want 2"),
    (b"t,n", "t: got the header once more, want a number"),
    (b"4,\xff", "n: is not UTF-8"),
    (b'"1,5",j', 't: got "1,5" with a decimal comma, want a number with a point'),
    (b"NaN,f", "nan"),
    (b"0,h", 0.0),
    (b"%d,g" % LARGE, 2.0 * 2**53),
    (b"0,i", 0.0),
    (b'6,5" pipe', 12.0),
    (b'5,"open', "a quote is not closed"),
]
"""Records, and the number or the reason that there is to be for them."""
TSV = [(row.replace(b",", b"\t"), y) for row, y in CSV if b"1,5" not in row]
JSON = [
    (b'{"t": 1, "n": "a\\nb"}', 2.0),
    (b'{"n": "c"}', "t: is not there"),
    (b'{"t": null, "n": "d"}', "t: got null, want a number"),
    (b'{"t": [2], "n": "e"}', "t: got an array of shape (1,), want a number, as the first is"),
    (b'{"t": ["2", "nan"], "n": "e"}', 't: got ["2", "nan"], want numbers'),
    (b'{"t": 3, "t": 4, "n": "f"}', "t: is there twice"),
    (b'{"t": 4, "n": "\xff"}', "holds text that is not Unicode"),
    (b'{"t": 4, "n": "\\ud800"}', "holds text that is not Unicode"),
    (b"[5]", "got [5], want an object"),
    (b'{"t": nothing}\n', 'not JSON: expecting value: "{\\"t\\": nothing}"'),
    (b'{"t": NaN, "n": "g"}', "nan"),
    (b'{"t": 0, "n": "h"}', 0.0),
    (b'{"t": %d, "n": "i"}' % LARGE, 2.0 * 2**53),
    (b'{"t": 0, "n": "j"}', 0.0),
    (b'{"t": 6, "n": ', 'not JSON: expecting value: "{\\"t\\": 6, \\"n\\": "'),
]
ARROW = [
    (1.0, 2.0),
    (None, "t: got no value, want a number"),
    (float("nan"), "nan"),
    (0.0, 0.0),
    (0.0, 0.0),
]
FIELDS = ("t", "n")


def write_bad_files() -> list[str]:
    """Writes them where the process is."""
    for name, separator, rows in (("bad.csv", ",", CSV), ("bad.tsv", "\t", TSV)):
        header = separator.join(FIELDS).encode()
        lines = [b"\xef\xbb\xbf" + header, *(row for row, _ in rows)]
        Path(name).write_bytes(b"\r\n".join(lines) + b"\r\n")
    Path("bad.jsonl").write_bytes(b" ".join(row for row, _ in JSON))
    table = pa.table({"t": [t for t, _ in ARROW], "n": ["x"] * len(ARROW)})
    pq.write_table(table, "bad.parquet", row_group_size=2)
    with pa.OSFile("bad.arrow", "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return list(WANTED)


WANTED: dict[str, list[tuple[Any, Any]]] = {
    "bad.csv": CSV,
    "bad.tsv": TSV,
    "bad.jsonl": JSON,
    "bad.arrow": ARROW,
    "bad.parquet": ARROW,
}


def check_bad_records(*words: str, program: str = PROGRAM) -> None:
    """Every record is answered in its turn, and what is wrong told with its number."""
    files = write_bad_files()
    wanted = [one for file in files for _, one in WANTED[file]]
    reasons = [one for one in wanted if isinstance(one, str) and one != "nan"]
    command = ("map", "-e", program, *files, *words, "--only-new", "--on-error", "emit")
    done = adiff(*command, "--to", "jsonl")
    assert done.status == 1
    assert [one["error"] for one in done.objects] == [
        one if one in reasons else None for one in wanted
    ]
    assert [one["y"] for one in done.objects] == [None if one in reasons else one for one in wanted]
    for line in (
        'bad.csv, record 2, column "t": got an empty cell, want a number\n',
        "bad.csv, record 3: has 1 cell, want 2\n",
        "warning: bad.csv, record 9: `abs` is at a kink here",
        "so it is, or alike, in 9 more records",
        "warning: bad.csv, record 8: the value of `y` is nan",
        "so it is, or alike, in 4 more records",
        f"warning: the integer {LARGE} is rounded to {float(LARGE)!r}, and 2 more",
        f"{len(reasons)} of {len(wanted)} records written with an error\n",
    ):
        assert line in done.err
    stopped = adiff("map", "-e", program, "bad.csv", *words, "--only-new", "-q")
    check_stopped(stopped, "bad.csv")


def check_stopped(done: Done, file: str) -> None:
    """All before the first that is bad has been answered, and no more."""
    assert done.out.splitlines()[1:] == ["2,2"]
    assert f"error: {file}, record 2" in done.err
    assert done.status == 1
