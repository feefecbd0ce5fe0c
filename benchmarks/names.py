"""Names: does any name of a task or model break a page, a figure, a table, or lead out of a folder?

    python benchmarks/names.py

Names made of what HTML, SVG, CSV, TeX, shells, file systems and Unicode treat specially, by seed,
each a task with a model of its own, go through ``emergence report``.  The page must open in a
headless Chromium without an error or a request, every SVG must parse, no cell of a CSV may begin a
formula, no file may lie outside the folder.  The table goes to benchmarks/results/names.md.
"""

from __future__ import annotations

import argparse
import csv
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
from machine import write

from emergence import Records, simulate
from emergence.errors import RecordsError

PARTS = (
    "<script>alert(1)</script>", "</svg>", "<!--", "]]>", "&amp;", "&#0;", "'", '"', "`", "\\", "/",
    "..", "../../x", "C:\\", "CON", "nul", "%00", "%2e%2e", "$x^2$", "$", "\\frac", "{", "}", "_",
    "^", "=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", ";", ",", "\t", "\n", "\r", "\x00",
    "\x1b[31m", "\u202e", "\u200b", "\ufeff", "\U0001f600", "事实", "عربى", "a" * 300, " ",
    "\u00a0", "#", "?", "*", "|", "~", "$(id)", "javascript:alert(1)", "onload=x", "{{7*7}}",
    "{% x %}", "__proto__", "nan", "None", "0", "1e999", "é", "e\u0301",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def name_of(rng: random.Random) -> str:
    """One name, of one to four parts."""
    return "".join(rng.choices(PARTS, k=rng.randint(1, 4)))


def table(count: int, rng: random.Random) -> tuple[pd.DataFrame, int]:
    """Records of so many tasks that the schema takes, and how many names it refused."""
    frames: list[pd.DataFrame] = []
    refused, seen = 0, set[str]()
    while len(frames) < count:
        name, model = name_of(rng), name_of(rng)
        frame = simulate("jump", n=12, n_runs=1, rng=len(frames)).to_frame()
        frame = frame.assign(task=name, model=model, run=model)
        try:
            task = Records(frame).to_frame()["task"].iloc[0]
        except RecordsError:
            refused += 1
            continue
        if task not in seen:
            seen.add(task)
            frames.append(frame)
    return pd.concat(frames, ignore_index=True), refused


def in_browser(page: Path, chromium: str) -> tuple[int, int, int]:
    """Rows of the page, errors, and requests to anywhere, in a headless Chromium."""
    from playwright.sync_api import sync_playwright

    wrong: list[str] = []
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page()
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("dialog", lambda dialog: wrong.append(dialog.message))  # and stays unanswered
        tab.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        tab.on("request", lambda r: asked.append(r.url))
        tab.goto(page.as_uri())
        for summary in tab.locator("summary").all()[:40]:
            summary.click()
        rows = tab.locator("table#verdicts tbody tr, table tbody tr").count()
        browser.close()
    for line in wrong[:5]:
        print(line, file=sys.stderr)
    return rows, len(wrong), sum(not url.startswith(("file:", "data:", "blob:")) for url in asked)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "no Chromium on the path"
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        frame, refused = table(args.names, random.Random(args.seed))
        source, output = home / "in" / "records.jsonl", home / "out" / "page"
        for folder in (source.parent, output.parent):
            folder.mkdir()
        frame.to_json(source, orient="records", lines=True)
        start = time.monotonic()
        command = ["report", str(source), "-o", str(output), "--jobs", "2", "-q"]
        status = subprocess.run([sys.executable, "-m", "emergence", *command], check=False)
        seconds = time.monotonic() - start
        svgs = list(output.rglob("*.svg"))
        for path in svgs:
            ElementTree.parse(path)
        with (output / "verdicts.csv").open(encoding="utf-8", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        live = [c for c in cells if c.startswith(FORMULA) and not _is_number(c)]
        outside = [p for p in home.rglob("*") if p.is_file() and output not in p.parents]
        rows, wrong, asked = in_browser(output / "report.html", chromium)
    found = {
        "names": args.names,
        "refused by the schema": refused,
        "status": status.returncode,
        "rows of the page": rows,
        "SVG files, all parse": len(svgs),
        "errors in the page": wrong,
        "requests": asked,
        "live formulas": len(live),
        "files outside": len(outside) - 1,  # the records themselves
        "seconds": f"{seconds:.0f}",
    }
    lines = [list(found), ["---"] * len(found), list(map(str, found.values()))]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    write("names", "Hostile names through a report", text)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    main()
