"""Fuzz: damaged files end in an error of ours or in all their rows (more: benchmarks/fuzz.py)."""

from __future__ import annotations

import random
from pathlib import Path

import mutations
import pytest

pytestmark = pytest.mark.filterwarnings("ignore")


def test_damaged_files(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    rng = random.Random(23)
    for _ in range(400):
        mutations.read_mutated(tmp_path, rng)


def test_no_row_is_lost_between_quotes(tmp_path: Path) -> None:
    rng = random.Random(7)
    for _ in range(150):
        mutations.read_table(tmp_path, rng)


def test_damaged_files_of_other_tools(tmp_path: Path) -> None:
    rng = random.Random(11)
    for _ in range(300):
        mutations.import_mutated(tmp_path, rng)


def test_arrays_that_hold_anything(tmp_path: Path) -> None:
    rng = random.Random(5)
    for _ in range(600):
        mutations.fit_arrays(tmp_path, rng)
