"""What a benchmark writes beside its numbers: versions, command, kind of machine."""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import sys
from importlib.metadata import version
from pathlib import Path

import pandas as pd

RESULTS = Path(__file__).parent / "results"


def context(packages: tuple[str, ...] = ("numpy", "scipy", "pandas")) -> str:
    """One paragraph for the head of a results file."""
    import emergence

    versions = ", ".join(f"{p} {version(p)}" for p in packages)
    command = "python " + shlex.join(sys.argv)
    return (
        f"Command: `{command}`  \n"
        f"emergence {emergence.__version__}, Python {platform.python_version()}, {versions}; "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores."
    )


def simulation(doc: str | None, datasets: int) -> argparse.ArgumentParser:
    """Options of a benchmark that simulates: data sets a cell, draws, workers."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--datasets", type=int, default=datasets, help="of each cell")
    parser.add_argument("--draws", type=int, default=199, help="bootstrap replicates per test")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    return parser


def stored(path: Path) -> pd.DataFrame:
    """Cells that an earlier call has saved."""
    return pd.read_csv(path) if path.exists() else pd.DataFrame()


def write(name: str, title: str, table: str, packages: tuple[str, ...] = ()) -> Path:
    """Write a results page and print it."""
    RESULTS.mkdir(exist_ok=True)
    text = f"# {title}\n\n{context(('numpy', 'scipy', 'pandas', *packages))}\n\n{table}\n"
    path = RESULTS / f"{name}.md"
    path.write_text(text, encoding="utf-8")
    print(text)
    return path


def with_error(p: float, n: int) -> str:
    """Share with its Monte-Carlo standard error."""
    return f"{p:.3f} ± {(p * (1 - p) / n) ** 0.5:.3f}"
