"""Found: scores and losses as other tools' files give them, before they are joined."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from emergence.errors import DataError

_UNITS = {"k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}
_NUMBER = re.compile(r"^\s*([+-]?[\d_,.]+(?:e[+-]?\d+)?)\s*([kmbgt%]?)\s*$", re.IGNORECASE)
_SIZE = re.compile(r"(?:^|[-_/ ])(\d+(?:[.p]\d+)?)([kmb])(?:$|[-_/ .])", re.IGNORECASE)
# How checkpoints are called: step3000, step1000-tokens4B, checkpoint-500, iter_0005000.
_STEP = re.compile(
    r"(?:^|[^a-z])(?:global_?step|step|checkpoint|ckpt|iter)[-_=]?0*(\d+)", re.IGNORECASE
)
# Folders that loggers make inside that of a run.
_LOGGERS = re.compile(r"version_\d+|(lightning_|tb_)?logs?|tb|tensorboard|events", re.IGNORECASE)
_TOKENS = re.compile(r"tokens[-_=]?(\d+(?:\.\d+)?)([kmbt])", re.IGNORECASE)
# The public suite whose checkpoints are called by steps of a known number of tokens.
_PYTHIA_STEP = 2_097_152


@dataclass(frozen=True)
class Place:
    """Which checkpoint of which run: either number may be unknown."""

    run: str
    step: float | None = None
    tokens: float | None = None


@dataclass
class Found:
    """Rows of scores and of losses, what was left out, and what was taken for granted.

    A score has ``place``, ``task``, ``metric``, ``value``, and where known ``stderr``, ``n_items``,
    ``chance``, ``params``; a loss has ``place``, ``loss``, and ``kind`` (held out, or training).
    ``perplexities`` of language tasks have ``place``, ``task`` and ``loss``, their logarithm: they
    may stand in for losses that nobody gives.  ``named`` says that the columns were named by hand.
    """

    scores: list[dict[str, Any]] = field(default_factory=list)
    losses: list[dict[str, Any]] = field(default_factory=list)
    perplexities: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    named: bool = False

    def add(self, other: Found) -> None:
        """Take what another file gave."""
        for name in ("scores", "losses", "perplexities", "left_out", "assumed"):
            getattr(self, name).extend(getattr(other, name))

    def called(self, run: str | None) -> Found:
        """Give all that was found the name of one run."""
        if run is None:
            return self
        rows = (self.scores, self.losses, self.perplexities)
        scores, losses, perplexities = (
            [r | {"place": replace(r["place"], run=run)} for r in part] for part in rows
        )
        return Found(scores, losses, perplexities, self.left_out, self.assumed)


def number(text: Any) -> float:
    """Number as people write it: 160M, 4.2B, 3e9, 1_000, 45%; DataError for what is none.

    Examples
    --------
    >>> number("160M"), number("45%"), number("3e9")
    (160000000.0, 0.45, 3000000000.0)
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        return float(text)
    found = _NUMBER.match(str(text))
    if not found:
        raise DataError(f"{text!r} is no number")
    digits, unit = found[1].replace("_", ""), found[2].lower()
    if "," in digits:
        if not re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", digits):
            raise DataError(f"{text!r}: write the number with a point, without commas")
        digits = digits.replace(",", "")
    try:
        value = float(digits)
    except ValueError:
        raise DataError(f"{text!r} is no number") from None
    return value / 100.0 if unit == "%" else value * _UNITS.get(unit, 1.0)


def size_in(name: str) -> float | None:
    """Parameters that a name speaks of, such as pythia-1.4b; None where it says nothing."""
    found = _SIZE.findall(name)
    if not found:
        return None
    digits, unit = found[-1]
    return float(digits.replace("p", ".")) * _UNITS[unit.lower()]


def run_of(path: Path) -> str:
    """Name of the run that a log belongs to, by the folder that it lies in.

    Examples
    --------
    >>> run_of(Path("/out/160m/lightning_logs/version_0/metrics.csv"))
    '160m'
    """
    folders = [f for f in path.absolute().parents if f.name]
    named = (f for f in folders if not _LOGGERS.fullmatch(f.name))
    return place_of(str(next(named, path.absolute().parent))).run


def place_of(name: str, revision: str | None = None) -> Place:
    """Run and checkpoint by the name of a model or folder, and its revision.

    Examples
    --------
    >>> place_of("out/160m/checkpoint-500")
    Place(run='160m', step=500.0, tokens=None)
    >>> place_of("EleutherAI/pythia-410m", "step3000").tokens
    6291456000.0
    """
    said = revision if revision not in (None, "", "main") else None
    path = Path(name.rstrip("/"))
    run = path.name or name
    source = said or run
    step, tokens = _STEP.search(source), _TOKENS.search(source)
    if said is None and step is not None:
        # The folder of a checkpoint lies in that of its run.
        rest = _TOKENS.sub("", _STEP.sub("", run)).strip("-_. ")
        run = rest or path.parent.name or run
    at = float(step[1]) if step else None
    seen = float(tokens[1]) * _UNITS[tokens[2].lower()] if tokens else None
    if seen is None and at is not None and "pythia" in name.lower():
        seen = at * _PYTHIA_STEP
    return Place(run, at, seen)
