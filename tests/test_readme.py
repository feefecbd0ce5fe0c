"""The README says what is so."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_ten_lines_give_what_the_readme_shows() -> None:
    text = (ROOT / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.S)
    shown = re.search(r"What comes out:\n\n```\n(.*?)```", text, re.S)
    assert code
    assert shown
    assert len(code[1].strip().splitlines()) <= 11
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code[1], {})
    number = re.compile(r"\d*\.\d+(?:e[+-]\d+)?")
    # Words to the letter, numbers to two percent: the last digits may differ by machine.
    assert number.sub("#", out.getvalue()) == number.sub("#", shown[1])
    for ours, theirs in zip(number.findall(out.getvalue()), number.findall(shown[1]), strict=True):
        assert abs(float(ours) - float(theirs)) <= 2e-2 * abs(float(theirs))


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target


def test_commands_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(), re.M):
        assert f"\n{target}:" in makefile
    assert "make test" in (ROOT / ".ci" / "run").read_text()
