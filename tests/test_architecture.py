"""The house stands: arrows point down, and importing costs little."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "emergence"
FLOORS = [
    {"_typing", "errors", "metrics", "curves", "results", "points", "validation", "reading",
     "record", "record_warnings", "records"},
    {"search", "problem", "noise", "runs", "structure", "families", "profile", "polish",
     "contest", "side", "shapes", "resample", "kernel", "intervals",
     "isotonic", "monotone", "panel", "prediction", "evidence", "width", "law", "plateau",
     "templates", "random_effects"},
    {"between_runs_result", "between_runs", "between_tasks", "diagnostics", "discontinuity",
     "threshold_summary", "threshold_result", "threshold", "smooth_result", "smooth", "verdict",
     "verdicts", "scaling", "size", "simulation", "reference", "datasets", "alignment",
     "equal_loss_result",
     "equal_loss", "metric_audit_result", "metric_audit", "forecast_result", "forecasting",
     "rivals", "backtest_result", "backtesting", "design_result", "designing", "placement",
     "digitized", "joined_curves", "join", "train"},
    {"report", "arguments", "claim_commands", "planning_commands", "cli"},
]  # fmt: skip
FLOOR = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(p for p in PACKAGE.rglob("*.py") if p.name != "__init__.py")


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Rooms that a file imports at its top level (drawing imports the figures when asked)."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "emergence" else [
                f"emergence.{a.name}" for a in node.names
            ]  # fmt: skip
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "emergence" and len(parts) > 1 and parts[1] in FLOOR:
                found.add(parts[1])
    return found


def test_every_file_has_a_floor() -> None:
    assert {room(p) for p in FILES} == set(FLOOR)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    here = FLOOR[room(path)]
    upward = {name for name in imports(path) if FLOOR[name] > here}
    assert not upward


def test_the_trainer_imports_only_the_schema() -> None:
    for path in (PACKAGE / "train").glob("*.py"):
        assert imports(path) - {"train"} <= FLOORS[0], path


def test_no_cycles() -> None:
    graph = {room(p): imports(p) - {room(p)} for p in FILES if room(p) != "report"}
    done: set[str] = set()
    while len(done) < len(graph):
        free = {name for name, needs in graph.items() if needs <= done | {"report"}} - done
        assert free, f"cycle among {sorted(set(graph) - done)}"
        done |= free


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("code", ["import emergence", "from emergence import fit_threshold"])
def test_import_pulls_in_nothing_heavy(code: str) -> None:
    heavy = ("torch", "matplotlib", "statsmodels", "lmfit", "transformers", "scipy.stats")
    found = run(f"{code}\nimport sys\nprint([m for m in {heavy!r} if m in sys.modules])")
    assert found.strip() == "[]"


def test_import_takes_under_half_a_second() -> None:
    code = "import time; t = time.process_time(); import emergence; print(time.process_time() - t)"
    assert min(float(run(code)) for _ in range(3)) < 0.5


def test_public_names_are_what_they_say() -> None:
    import emergence

    for name in emergence.__all__:
        assert callable(getattr(emergence, name)), name
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        emergence.nonsense  # noqa: B018


def test_files_stay_readable() -> None:
    long = {p.name: n for p in FILES if (n := len(p.read_text().splitlines())) > 340}
    assert not long
