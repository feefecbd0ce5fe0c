"""Found: scores and losses as other tools' files give them, before they are joined."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from emergence.errors import DataError

# What loggers call the one loss that they keep.
HELD_OUT = (
    "eval_loss",
    "val_loss",
    "valid_loss",
    "validation_loss",
    "eval/loss",
    "val/loss",
    "valid/loss",
)
TRAINING = ("loss", "train_loss", "train/loss", "training_loss", "train/crossentropyloss")
_UNITS = {"k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}
_NUMBER = re.compile(r"^\s*([+-]?[\d_,.]+(?:e[+-]?\d+)?)\s*([kmbgt%]?)\s*$", re.IGNORECASE)
_SIZE = re.compile(r"(?:^|(?<=[-_/ ]))(\d+(?:[.p]\d+)?)([kmb])(?=$|[-_/ .])", re.IGNORECASE)
# How checkpoints are called: step3000, step1000-tokens4B, checkpoint-500, iter_0005000.
_STEP = re.compile(
    r"(?:^|[^a-z])(?:global_?step|step|checkpoint|ckpt|iter)[-_=]?0*(\d+(?:\.\d+(?=k))?)(k?)(?![a-z\d])",
    re.IGNORECASE,
)
# What stands beside a step in the name of a checkpoint, or after it, and is no name of its run.
_NO_RUN = re.compile(r"((un)?sharded|hf|[-_. ])*", re.IGNORECASE)
_AFTER = re.compile(r"((un)?sharded|hf|[\d.]+[tb]|[-_. ])*", re.IGNORECASE)
# A log of a loss that is no loss of the text, and words for text that is not trained on.
_NO_LOSS = re.compile(r"z[-_]?loss|loss[-_ ]?scale|aux|balanc|ppl|perplex", re.IGNORECASE)
_HELD = re.compile(
    r"(?<![a-z])(val|valid|validat[a-z]*|evals?|evaluation|tests?|testing|held|heldout)(?![a-z])"
)
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_PYTHIA = re.compile(r"pythia-[\d.]+[mb](-deduped)?(-v0|-(data-|weight-)?seed\d+)?", re.IGNORECASE)
# Folders that loggers make inside that of a run.
_LOGGERS = re.compile(r"version_\d+|(lightning_|tb_)?logs?|tb|tensorboard|events", re.IGNORECASE)
_TOKENS = re.compile(r"tokens[-_=]?(\d+(?:\.\d+)?)([kmbt])", re.IGNORECASE)
# The public suite whose checkpoints are called by steps of a known number of tokens.
_PYTHIA_STEP = 2_097_152


@dataclass(frozen=True)
class Place:
    """Which checkpoint of which run: either number may be unknown.

    ``of`` is what else its name says: the folder of the run, or the stage of a revision.
    """

    run: str
    step: float | None = None
    tokens: float | None = None
    of: str = field(default="", compare=False, repr=False)


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
        if unit or not re.fullmatch(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?", digits):
            raise DataError(f"{text!r}: write the number with a point, without commas")
        digits = digits.replace(",", "")
    try:
        value = float(digits)
    except ValueError:
        raise DataError(f"{text!r} is no number") from None
    return value / 100.0 if unit == "%" else value * _UNITS.get(unit, 1.0)


def time_in(name: str) -> str:
    """Time stamp in the name of a file, empty where it has none."""
    found = re.search(r"\d{4}-\d{2}-\d{2}T[\d.:\-]*\d", name)
    return found[0] if found else ""


def size_in(name: str) -> float | None:
    """Parameters that a name speaks of, as pythia-1.4b does; None where it says none or several."""
    found = [_SIZE.findall(part) for part in reversed(name.split("/"))]
    # Thousands are those of a context or a batch, where millions stand beside them.
    large = ([f for f in part if f[1].lower() != "k"] for part in found)
    said = next((part for part in large if part), next((part[-1:] for part in found if part), []))
    sizes = {float(digits.replace("p", ".")) * _UNITS[unit.lower()] for digits, unit in said}
    return sizes.pop() if len(sizes) == 1 else None


def run_of(path: Path) -> str:
    """Name of the run that a log belongs to, by the folder that it lies in.

    Examples
    --------
    >>> run_of(Path("/out/160m/lightning_logs/version_0/metrics.csv"))
    '160m'
    """
    return home_of(path).run


def home_of(path: Path) -> Place:
    """Run that a log belongs to, and the folder that its own lies in."""
    folders = [f for f in path.absolute().parents if f.name]
    named = (f for f in folders if not _LOGGERS.fullmatch(f.name))
    home, inside = place_of(str(next(named, path.absolute().parent))), path.absolute().parent
    if inside.name.startswith("version_") and len(list(inside.parent.glob("version_*"))) > 1:
        # One goes on from the other, or they are two runs: who has both must say so.
        home = replace(home, run=f"{home.run}/{inside.name}")
    return home


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
    while said is None and _NO_RUN.fullmatch(path.name) and _STEP.search(path.parent.name):
        path = path.parent  # iter_0000500/hf
    run, parent = path.name or name, path.parent
    source = said or run
    step, tokens = _STEP.search(source), _TOKENS.search(source)
    if said is None and step is not None:
        # The folder of a checkpoint lies in that of its run.
        bare = _TOKENS.sub("", run)
        step = _STEP.search(bare) or step
        after = bare[step.end() :]
        rest = bare[: step.start()] + ("" if _AFTER.fullmatch(after) else after)
        rest = rest.strip("-_. ")
        if _NO_RUN.fullmatch(rest):
            run, parent = parent.name or run, parent.parent
        else:
            run = rest
    at = float(step[1]) * (1000.0 if step[2] else 1.0) if step else None
    seen = float(tokens[1]) * _UNITS[tokens[2].lower()] if tokens else None
    if seen is None and at is not None and _PYTHIA.fullmatch(run):
        seen = at * _PYTHIA_STEP
    stage = source[: step.start()].strip("-_. ") if said and step else ""
    return Place(run, at, seen, of=stage or parent.name)


def is_loss(name: str) -> bool:
    """Whether a column or tag is a loss of text, by its name."""
    lower = name.lower()
    known = "loss" in lower or lower.endswith(("/ce", "val_ce", "cross_entropy"))
    return known and not _NO_LOSS.search(name)


def held_out(name: str) -> bool:
    """Whether a loss is of text that was not trained on, by its name."""
    return _HELD.search(_CAPITAL.sub(" ", name).replace("_", " ").lower()) is not None
