"""Output: found before the work what is in its way; written whole; nothing of it runs elsewhere."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emergence import Records, classify_tasks, read_records, simulate
from emergence._files import check_folder, check_output, locked, replacing, write_table, write_whole
from emergence._text import readable, table
from emergence.cli.main import main
from emergence.cli.terminal import show
from emergence.errors import OutputError
from emergence.report import pictures
from emergence.report.analysis import Analysis, analyse
from emergence.report.page import write_report
from emergence.report.pictures import Picture, save_figures

NAMES = ("a$b", r"gsm8k_$\frac$", "$x^{$", "=1+1", "+SUM(A1)", "-2", "@cmd", "<script>alert(1)",
         "a\x01b\x1f", "line\nbreak", "\t=tab", "../../etc", "名前", "数学", "a" * 300, "\u202egnp",
         "%s%n", "NUL", "a/b\\c", "&amp;", '"q"')  # fmt: skip


@pytest.fixture(scope="module")
def hostile() -> Analysis:
    """Tasks, metrics and families with names that other parsers read."""
    one = simulate("jump", n=16, rng=1).to_frame()
    frames = [one.assign(task=name, metric="acc") for name in NAMES]
    for family in ("中文", "日本"):
        of = simulate("jump", n=30, n_runs=3, rng=2).to_frame()
        size = of["run"].map(
            {run: 10.0**i for i, run in enumerate(sorted(set(of["run"])), start=7)}
        )
        frames.append(of.assign(task="$t$", family=family, params=size, run=family + of["run"]))
    table = pd.concat(frames[: len(NAMES)]).assign(family="f$")
    return analyse(Records(pd.concat([table, *frames[len(NAMES) :]])), n_boot=99)


def test_hostile_names_reach_no_other_parser(hostile: Analysis, tmp_path: Path) -> None:
    written, failed = write_report(hostile, tmp_path, source="x", settings={})
    assert failed == ()
    text = written.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert all(c.isprintable() or c.isspace() for c in text)
    stems = sorted(f.stem for f in (tmp_path / "figures").glob("*.svg"))
    for stem in stems:
        ET.parse(tmp_path / "figures" / f"{stem}.svg")
    assert len([s for s in stems if s.startswith("feet-all-")]) == 2  # families of one slug
    cells = pd.read_csv(tmp_path / "verdicts.csv", keep_default_na=False)["task"]
    assert not cells.str.match(r"\s*[=+\-@]").any()
    assert set(cells.str.removeprefix("'")) == {readable(n.strip()) for n in NAMES} | {"$t$"}


def test_a_figure_that_fails_costs_no_other(
    hostile: Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = pictures._task

    def once(verdict: object) -> object:
        if verdict is hostile.verdicts[0]:
            raise ValueError("no ink")
        return draw(verdict)  # type: ignore[arg-type]

    monkeypatch.setattr(pictures, "_task", once)
    monkeypatch.setattr(pictures, "_saved", lambda _, stem: Picture(stem.name, "", {}))
    saved = save_figures(hostile, tmp_path)
    assert len(saved.failed) == 1
    assert "no ink" in saved.failed[0]
    assert len(saved.pictures) > len(NAMES)


def test_figures_of_an_earlier_report_go_and_files_of_others_stay(
    hostile: Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def touch(_: object, stem: Path) -> Picture:
        for suffix in (".png", ".svg", ".pdf"):
            stem.with_name(stem.name + suffix).write_text("x")
        return Picture(stem.name, "", {})

    monkeypatch.setattr(pictures, "_saved", touch)
    folder = tmp_path / "figures"
    many = save_figures(hostile, folder).pictures
    (folder / "mine.png").write_text("x")
    few = Analysis(**{**vars(hostile), "laws": {}})
    fewer = save_figures(few, folder).pictures
    assert len(fewer) < len(many)
    left = {f.stem for f in folder.glob("*.png")}
    assert left == {*fewer, "mine"}
    (folder / ".figures").write_text("\n".join(["001-" + "a" * 60, "../mine", ""]))
    assert {Path(name).stem for name in pictures._listed(folder)} == {"001-" + "a" * 60}


def test_a_file_is_written_whole_or_not(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    text = r"a.csv could not be written: No space left.*stays"
    with pytest.raises(OutputError, match=text):
        _half(path, OSError(28, "No space left on device"))
    with pytest.raises(ValueError, match="bug"):
        _half(path, ValueError("bug"))
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.csv"]
    write_whole(path, b"new")
    assert path.read_text() == "new"


def _half(path: Path, error: Exception) -> None:
    with replacing(path) as beside:
        beside.write_text("half")
        raise error


@pytest.mark.parametrize("command", ["classify", "collapse", "report"])
def test_what_is_in_the_way_is_found_before_the_work(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "runs.csv"
    simulate(n=40, rng=1).to_csv(source)
    (tmp_path / "file").write_text("")
    outputs = {"file/x": "is a file" if command == "report" else "there is no folder"}
    if command == "report":
        outputs["file"] = "is a file"
    elif command == "classify":
        outputs |= {"runs.csv": "is read and would be written over", "no/x.csv": "no folder"}
    for output, text in outputs.items():
        start = time.monotonic()
        more = ["--task", "toy"] if command == "collapse" else []
        assert main([command, str(source), "-o", str(tmp_path / output), *more]) == 2
        assert text in capsys.readouterr().err
        assert time.monotonic() - start < 5
    assert len(read_records(source)) == 40


def test_checks_of_places(tmp_path: Path) -> None:
    assert check_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert not (tmp_path / "a").exists()
    with pytest.raises(OutputError, match="is a folder"):
        check_output(tmp_path)
    with locked(tmp_path, "writes to"), pytest.raises(OutputError, match="another process"):
        locked(tmp_path, "writes to").__enter__()


def test_tables_open_inert(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_table(pd.DataFrame({"a": ["=1", "b", None], "n": [-1.0, 2.0, np.nan]}), path)
    assert path.read_text().splitlines()[1:] == ["'=1,-1.0", "b,2.0", ",".rstrip()]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_us(how: signal.Signals) -> None:
    code = (
        "from emergence._parallel import parallel\nfrom joblib import delayed\nimport os, time\n"
        "for pid in parallel(2, lazy=True)(delayed(os.getpid)() for _ in range(8)):\n"
        "    print(pid, flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pids = {int(run.stdout.readline()) for _ in range(8)}
        run.send_signal(how)
        deadline = time.monotonic() + 5
        while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not any(_alive(pid) for pid in pids)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def test_classify_tasks_still_hands_on_errors_of_workers() -> None:
    assert len(classify_tasks(simulate(n=40, rng=1), n_boot=99, n_jobs=2)) == 1


def test_a_missing_trainer_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [name for name in sys.modules if name.startswith("emergence.train")]:
        monkeypatch.delitem(sys.modules, name)
    assert main(["train", "102k"]) == 2
    assert "pip install 'emergence-lm[train]'" in capsys.readouterr().err


def test_a_table_is_aligned_as_a_screen_shows_it() -> None:
    lines = table([("事实", "1.5"), ("[bold]x\n", "12")], ("task", "eta"), right=[1])
    assert lines == ["  task      eta", "  事实      1.5", "  [bold]x    12"]
    assert table([]) == []


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_colour_and_a_file_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "  [b] acc  emergent  2.6\n  warning: " + "long " * 60
    for name, value in (("TERM", "xterm"), ("NO_COLOR", ""), ("COLUMNS", "40")):
        monkeypatch.setenv(name, value)
    for out in (_Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stdout", out)
        show(text)
        plain = re.sub(r"\x1b\[[\d;]*m", "", out.getvalue())
        assert plain == text + "\n"  # no line broken, no bracket taken for markup
        assert (plain != out.getvalue()) == out.isatty()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_links_are_followed_and_pipes_written_to(tmp_path: Path) -> None:
    (tmp_path / "target.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "target.csv")
    write_whole(tmp_path / "link.csv", b"new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "target.csv").read_bytes() == b"new"
    os.mkfifo(tmp_path / "pipe.csv")
    reader = subprocess.Popen(["cat", tmp_path / "pipe.csv"], stdout=subprocess.PIPE)
    write_whole(tmp_path / "pipe.csv", b"new")
    assert reader.communicate(timeout=20)[0] == b"new"
    assert (tmp_path / "pipe.csv").is_fifo()


def test_a_table_of_another_format_is_refused(tmp_path: Path) -> None:
    assert main(["simulate", "-o", str(tmp_path / "x.parquet"), "-q"]) == 2
    assert not list(tmp_path.iterdir())


def test_names_that_a_terminal_cannot_write(tmp_path: Path) -> None:
    simulate("jump", n=16, task="数学", rng=1).to_csv(tmp_path / "r.csv")
    line = [sys.executable, "-m", "emergence", "classify", str(tmp_path / "r.csv"), "--n-boot=99"]
    env = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(line, capture_output=True, env=env, timeout=120)
    assert done.returncode == 0, done.stderr
    assert rb"\u6570" in done.stdout
