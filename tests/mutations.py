"""Damaged files of records, and tables with every kind of quoting, by seed."""

from __future__ import annotations

import csv
import gzip
import io
import random
import re
from pathlib import Path

import numpy as np
import pandas as pd

from emergence import read_records, simulate
from emergence.errors import EmergenceError

JUNK = (b'"', b'""', b"\n", b"\r", b"\r\n", b"\0", b",", b";", b"\t", b"nan", b"inf", b"-1",
        b"1e309", b"9" * 400, b"{", b"[", b"}", b'{"a":1,"a":2}', b"\xff", b"\xef\xbb\xbf",
        b"\\ud800", b"null", b"true", b" ", b"\n\n", b"[]" * 3, b"0x1F", b"1_000", b"'",
        b"#")  # fmt: skip
ENCODINGS = ("utf-16", "punycode", "idna", "a\0b", "latin-1", "utf-7", "cp037", "rot13", "")
NOTES = (
    "",
    "plain",
    'a "quoted" word',
    "one, two",
    "over\ntwo lines",
    "tab\there",
    "'",
    '"',
    "'\"'",
)


def samples(folder: Path) -> dict[str, bytes]:
    """One sound file in every format."""
    frame = simulate("hinge", n=12, n_runs=3, rng=0).to_frame()
    frame = frame.assign(source='a "b", c', n_items=500)
    frame.to_csv(folder / "a.csv", index=False)
    frame.to_csv(folder / "a.tsv", sep="\t", index=False)
    frame.to_json(folder / "a.jsonl", orient="records", lines=True)
    frame.to_parquet(folder / "a.parquet")
    found = {
        kind: (folder / f"a.{kind}").read_bytes() for kind in ("csv", "tsv", "jsonl", "parquet")
    }
    return found | {"csv.gz": gzip.compress(found["csv"], mtime=0)}


def mutated(data: bytes, rng: random.Random) -> bytes:
    """File with a few bits flipped, parts doubled, cut or gone, or junk in it."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        kind, k = rng.random(), rng.randrange(len(out) + 1)
        if kind < 0.3 and out:
            out[min(k, len(out) - 1)] ^= 1 << rng.randrange(8)
        elif kind < 0.6:
            out[k:k] = rng.choice(JUNK)
        elif kind < 0.75:
            del out[k : k + rng.randrange(1, 60)]
        elif kind < 0.85:
            del out[k:]
        elif kind < 0.95:
            j = rng.randrange(len(out) + 1)
            out[k:k] = out[j : j + rng.randrange(1, 200)]
        else:
            out[k:k] = rng.choice(JUNK) * rng.choice([2, 50, 2000])
    return bytes(out)


def lines_of(data: bytes) -> int:
    """Lines of a file without quotes that are not blank."""
    text = data.decode("utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "utf-8")
    return len([line for line in re.split(r"\r\n|\r|\n", text) if line.strip()])


def read_mutated(folder: Path, found: dict[str, bytes], rng: random.Random) -> None:
    """Read one damaged file: an error of ours, or as many records as there are lines."""
    kind = rng.choice(list(found))
    data = mutated(found[kind], rng)
    path = folder / f"x.{kind}"
    path.write_bytes(data)
    encoding = rng.choice([None] * 9 + list(ENCODINGS))
    try:
        records = read_records(path, encoding=encoding)
    except EmergenceError:
        return
    plain = kind in ("csv", "tsv") and not encoding and b'"' not in data and b"\0" not in data
    assert not plain or len(records) == lines_of(data) - 1, data


def table(rng: random.Random) -> tuple[pd.DataFrame, str]:
    """A sound table with notes that need quoting, and its text, with stray quotes now and then."""
    n = rng.randrange(5, 30)
    frame = simulate("hinge", n=n, rng=rng.randrange(10**6)).to_frame()
    frame["source"] = [rng.choice(NOTES) for _ in range(n)]
    frame = frame[sorted(frame, key=lambda _: rng.random())]
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
    text = frame.to_csv(index=False, quoting=quoting, lineterminator=rng.choice(["\n", "\r\n"]))
    return frame, text


def read_table(folder: Path, rng: random.Random) -> None:
    """Read a generated table, strayed or not: all rows, or an error."""
    frame, text = table(rng)
    strays = rng.choice([0, 0, 1, 2, 2])
    cells = list(range(len(text)))
    for _ in range(strays):
        k = rng.choice(cells)
        k = text.find(",", k) + 1
        text = text[:k] + '"' + text[k:]
    path = folder / "t.csv"
    path.write_text(text, newline="")
    try:
        records = read_records(path)
    except EmergenceError:
        if not strays:
            raise
        return
    if not strays:
        notes = records.to_frame().get("source", pd.Series(dtype=str))
        assert len(records) == len(frame)
        assert set(notes) <= {note.strip() for note in NOTES}
        assert np.allclose(np.sort(records.to_frame()["value"]), np.sort(frame["value"]))
        return
    # What a quote may join are lines of one note, never records.
    count = len(list(csv.reader(io.StringIO(text, newline="")))) - 1
    assert len(records) == count
    assert len(records) >= len(frame) - 1
