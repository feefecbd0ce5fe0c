from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


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
