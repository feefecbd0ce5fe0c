"""The core of the tests on every Python, and on the oldest packages that pyproject.toml allows.

    python tests/versions.py

makes an environment for each interpreter at hand under ``out/versions`` and says where there is
none.  Torch, and what needs it, is left out: it is large, and its range is its own.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
CORE = ("records", "columns", "fuzz", "grid", "contest", "bins", "threshold", "size", "smooth",
        "joining", "cleaning", "output")  # fmt: skip
TOOLS = ("pytest", "hypothesis", "pyarrow")


def oldest() -> list[str]:
    """Lowest versions that the dependencies allow."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return [re.sub(r">=", "==", need) for need in known]


def interpreter(version: str) -> str | None:
    """Path of a Python of this version, which runs."""
    found = shutil.which(f"python{version}")
    if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
        return found
    mine = f"{sys.version_info.major}.{sys.version_info.minor}"
    return sys.executable if version == mine else None


def tested(name: str, python: str, needs: list[str]) -> bool:
    """Make the environment and run the core of the tests in it."""
    place = ROOT / "out" / "versions" / name
    run = str(place / "bin" / "python")
    subprocess.run([python, "-m", "venv", "--clear", place], check=True)
    pip = [run, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *needs, *TOOLS, "-e", ROOT], check=True)
    files = [str(ROOT / "tests" / f"test_{part}.py") for part in CORE]
    # What old packages say of newer ones is no fault of ours.
    quiet = ["-W", "ignore"] if needs else []
    cache = ["-p", "no:cacheprovider"]
    return subprocess.run([run, "-m", "pytest", "-q", *cache, *quiet, *files]).returncode == 0


def main() -> int:
    """Test them all; 1 where one fails."""
    said = []
    for version in PYTHONS:
        python = interpreter(version)
        if python is None:
            said.append((f"Python {version}", "not at hand"))
            continue
        passed = tested(version, python, [])
        said.append((f"Python {version}", "passed" if passed else "failed"))
    first = interpreter(PYTHONS[0])
    if first is None:
        said.append(("oldest packages", f"not tested: they need Python {PYTHONS[0]}"))
    else:
        passed = tested("oldest", first, oldest())
        said.append(("oldest packages", "passed" if passed else "failed"))
    for name, result in said:
        print(f"{name:<16} {result}")
    return int(any(result == "failed" for _, result in said))


if __name__ == "__main__":
    sys.exit(main())
