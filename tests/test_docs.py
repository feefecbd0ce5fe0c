from __future__ import annotations

import csv
import importlib.util
import re
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import emergence

DOCS = Path(__file__).parents[1] / "docs"


PAGES = [
    str(p.relative_to(DOCS))
    for p in sorted([*DOCS.glob("*.rst"), *DOCS.glob("readers/*.rst")])
    if ".. code-block:: python" in p.read_text()
]


def blocks(text: str) -> list[str]:
    """Code blocks of Python, without their indentation."""
    found = re.findall(r"^\.\. code-block:: python\n\n((?:    .*\n|\n)+)", text, re.M)
    return [textwrap.dedent(block) for block in found]


@pytest.mark.parametrize("name", PAGES)
def test_the_code_of_a_page_runs_from_top_to_bottom(name, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks((DOCS / name).read_text()):
        exec(block, names)
    plt.close("all")


def test_a_tutorial_takes_five_lines() -> None:
    lines = re.search(
        r"With Python 3.11 or later::\n\n((?:    .*\n)+)", (DOCS / "tutorial.rst").read_text()
    )
    assert len(lines[1].splitlines()) <= 5


def test_every_public_name_is_in_the_reference() -> None:
    listed = set(re.findall(r"^   (\w+)$", (DOCS / "reference.rst").read_text(), re.M))
    assert set(emergence.__all__) <= listed


def page():
    spec = importlib.util.spec_from_file_location("training_page", DOCS / "training_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table(name: str) -> list[tuple[str, ...]]:
    with (DOCS / "_static" / name).open(encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file)]


def test_the_tables_of_the_training_page_are_what_the_code_says() -> None:
    made = page()
    assert table("tasks.csv") == [made.TASK_HEADER, *made.task_rows()]
    assert table("config.csv") == [made.CONFIG_HEADER, *made.config_rows()]
    assert all(description for _, _, description in made.config_rows())
