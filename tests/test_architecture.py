"""The house stands: rooms, a chain of arrows that runs one way, and importing costs little."""

from __future__ import annotations

import ast
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import way

PACKAGE = Path(__file__).parents[1] / "emergence"
# From the ground up: a room imports from rooms before it, and from nothing else.  "" are the files
# beside the rooms, the words that all speak.
CHAIN = (
    "",
    "records",
    "noise",
    "curves",
    "engine",
    "figures",
    "fits",
    "readers",
    "verdicts",
    "planning",
    "report",
    "train",
    "cli",
)
# Rooms that need less than the chain allows.
ONLY = {
    "records": {""},
    "noise": {"", "records"},
    "curves": {"", "records", "noise"},
    "engine": {"", "records", "noise", "curves"},
    "figures": {"", "records"},
    "train": {"", "records"},
}
MOST_ROOMS = MOST_FILES = 12
MOST_LINES, MOST_OF_FUNCTION, MOST_POSITIONAL = 340, 60, 5
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {
    ".".join(("emergence", *p.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): p
    for p in FILES
}
TREES = {p: ast.parse(p.read_text()) for p in FILES}


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def imports(path: Path) -> set[Path]:
    """Files of the package that a file imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(TREES[path]):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        found |= {MODULES[name] for name in names if name in MODULES}
    # The package itself says where public names live; what it imports is for type checkers.
    return found - {path, PACKAGE / "__init__.py"}


ARROWS = {p: imports(p) for p in FILES if p != PACKAGE / "__init__.py"}


def test_every_room_is_in_the_chain() -> None:
    folders = {p.name for p in PACKAGE.iterdir() if p.is_dir() and any(p.glob("*.py"))}
    assert folders == set(CHAIN) - {""}
    assert len(folders) <= MOST_ROOMS


@pytest.mark.parametrize("path", list(ARROWS), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_arrows_run_one_way(path: Path) -> None:
    here = room(path)
    allowed = ONLY.get(here, set(CHAIN[: CHAIN.index(here)]))
    if here == "":  # the command line is what ``python -m`` runs
        allowed = {"cli"} if path.name == "__main__.py" else set()
    assert {room(p) for p in ARROWS[path]} - {here} <= allowed


def test_a_stricter_rule_is_still_a_part_of_the_chain() -> None:
    for name, allowed in ONLY.items():
        assert allowed < set(CHAIN[: CHAIN.index(name)]) or allowed == set(
            CHAIN[: CHAIN.index(name)]
        )


def test_no_circles() -> None:
    left = dict(ARROWS)
    while left:
        free = [p for p, needs in left.items() if not needs & left.keys()]
        assert free, f"circle among {sorted(str(p.relative_to(PACKAGE)) for p in left)}"
        left = {p: needs for p, needs in left.items() if p not in free}


def test_rooms_stay_small() -> None:
    folders = {p.parent for p in FILES}
    count = {f: len([p for p in f.glob("*.py") if p.name != "__init__.py"]) for f in folders}
    assert {str(f): n for f, n in count.items() if n > MOST_FILES} == {}


def test_files_and_functions_stay_readable() -> None:
    long = {p.name: n for p in FILES if (n := len(p.read_text().splitlines())) > MOST_LINES}
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                if lines > MOST_OF_FUNCTION:
                    long[f"{path.name}:{node.name}"] = lines
    assert long == {}


def test_long_calls_name_their_arguments() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and len([a for a in node.args if not isinstance(a, ast.Starred)]) > MOST_POSITIONAL
    ]
    assert found == []


def test_equation_and_rule_are_near() -> None:
    """Few files lie between a verb and what it is about, so that a stranger can follow it."""
    hinge, label = way.to_the_hinge(), way.to_the_label()
    assert hinge[-1] == "curves/onsets/hinge.py"
    assert label[-1] == "verdicts/trial/rule.py"
    assert max(len(hinge), len(label)) <= 9, (hinge, label)


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


@pytest.mark.parametrize("command", [[], ["report"], ["fit"], ["train"]], ids=str)
def test_help_is_light(command: list[str]) -> None:
    """Half a second, and no pandas or scipy to print a text."""
    code = (
        "import sys, time\n"
        "try:\n"
        "    from emergence.cli.main import main\n"
        f"    main({[*command, '--help']!r})\n"
        "except SystemExit:\n"
        "    heavy = [m for m in ('pandas', 'scipy', 'torch') if m in sys.modules]\n"
        "    print('\\n', time.process_time(), heavy, sep='|')\n"
    )
    taken = []
    for _ in range(3):
        seconds, heavy = run(code).rsplit("|", 2)[1:]
        assert heavy.strip() == "[]"
        taken.append(float(seconds))
    assert min(taken) < 0.5


def test_public_names_are_what_they_say() -> None:
    import emergence

    for name in emergence.__all__:
        assert callable(getattr(emergence, name)), name
    assert set(emergence.__all__) <= set(dir(emergence))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        emergence.nonsense  # noqa: B018


def test_random_streams_differ() -> None:
    from emergence._random import Stream, child

    numbers = sorted(Stream)
    assert all(a < b for a, b in pairwise(numbers))
    import numpy as np

    draws = {float(child(np.random.SeedSequence(0), s).random()) for s in Stream}
    assert len(draws) == len(Stream)
