"""Presets: sizes by name, one rule for the learning rate, and the sweeps that ship."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from emergence.errors import DataError
from emergence.train.config import ModelConfig, TrainConfig, checked, read_config, read_json
from emergence.train.corpus.mixture import WEIGHTS

# Sizes by their non-embedding parameters: hidden, layers, heads, kv_heads.
SIZES = {
    "25k": (32, 2, 1, 1),
    "38k": (32, 3, 1, 1),
    "51k": (48, 2, 2, 1),
    "76k": (48, 3, 2, 1),
    "102k": (48, 4, 2, 1),
    "179k": (64, 4, 2, 1),
    "285k": (80, 4, 2, 1),
    "508k": (96, 5, 4, 2),
    "908k": (128, 5, 4, 2),
    "3.1M": (192, 8, 6, 2),
    "9.7M": (320, 9, 8, 2),
    "28M": (512, 10, 8, 2),
}
# What a long run of a sweep is made with; the demo does without, for it needs a compiler.
_FAST: dict[str, Any] = {"precision": "bfloat16", "compile": True}


def peak_rate(params: int) -> float:
    """Peak learning rate of every sweep, one rule of the size: 7e-3 at 37k, as N^(-1/3)."""
    return float(f"{7e-3 * (params / 37_000) ** (-1 / 3):.3g}")


def sized(
    size: str, tokens: int, *, model: Mapping[str, Any] | None = None, **fields: Any
) -> TrainConfig:
    """Run of one of :data:`SIZES`, at the learning rate of its size.

    Examples
    --------
    >>> sized("102k", 1_000_000, model={"context": 64}, seed=3).lr
    0.005
    """
    sizes = dict(zip(("hidden", "layers", "heads", "kv_heads"), SIZES[size], strict=True))
    built = ModelConfig(**sizes | dict(model or {}))
    named: dict[str, Any] = {"name": size, "lr": peak_rate(built.params)}
    return TrainConfig(model=built, tokens=tokens, **(named | fields))


def _seeds(sizes: Mapping[str, int], seeds: Iterable[int], **fields: Any) -> list[TrainConfig]:
    """Give one long run for each size, with its tokens, and seed."""
    return [
        sized(size, tokens, name=f"{size}-seed{seed}", seed=seed, **fields)
        for seed in seeds
        for size, tokens in sizes.items()
    ]


def _budgets(sizes: Sequence[str], budgets: Sequence[int], **fields: Any) -> list[TrainConfig]:
    """Give for each size the trunk of the largest budget, and a branch for each of the others."""
    runs, fields = [], fields | {"schedule": "wsd"}
    for size in sizes:
        *names, trunk = [f"{size}-{tokens / 1e6:g}M" for tokens in budgets]
        branch = fields | {"trunk": trunk, "evaluations": 3}
        branches = [
            sized(size, tokens, name=name, **branch)
            for name, tokens in zip(names, budgets[:-1], strict=True)
        ]
        keep = tuple(b.decay_start for b in branches)
        runs += [sized(size, budgets[-1], name=trunk, keep=keep, **fields), *branches]
    return runs


# Two seeds of one size, on two cores side by side, and no text but what the scored tasks need:
# reading then leaves chance after half of so short a run.
_demo = partial(
    _seeds,
    {"908k": 2_400_000},
    range(2),
    schedule="wsd",
    evaluations=36,
    first=200_000,
    model={"vocab_size": 1000},
    mixture={
        "prose": 0.04,
        "biography": 0.16,
        "copying": 0.28,
        "fact": 0.1,
        "cloze": 0.1,
        "reading": 0.32,
    },
    english=1.0,
    loss_rows=128,
)
# Enough items and held-out text that what is measured is the model: errors of .016 and .003.
_PRECISE: dict[str, Any] = {"items": 1000, "loss_rows": 448}
_LONG: dict[str, Any] = {"evaluations": 24, "first": 800_000} | _PRECISE | _FAST
# Experiment 1: three sizes that differ by twelve times, one long run for each seed; smaller models
# are trained on more, as in the paper.
_paper3_cpu = partial(_seeds, {"908k": 6_000_000, "285k": 8_000_000, "76k": 12_000_000}, **_LONG)


def _variants(varied: Mapping[str, Mapping[str, Any]], seeds: Iterable[int]) -> list[TrainConfig]:
    """Give one long run of 285k for each seed and each thing that differs, which names it."""
    return [
        sized("285k", 8_000_000, name=f"{name}-seed{seed}", seed=seed, **_LONG | dict(fields))
        for name, fields in varied.items()
        for seed in seeds
    ]


# Does a threshold carry over?  Runs that differ in one thing from the 285k of experiment 1.
_VOCABULARIES: dict[str, dict[str, Any]] = {
    f"vocab{n}": {"model": {"vocab_size": n}} for n in (800, 3000)
}
_STRUCTURES: dict[str, dict[str, Any]] = {
    "rotary0": {"model": {"rotary": 0.0}},
    "rotary1": {"model": {"rotary": 1.0}},
    "ungrouped": {"model": {"kv_heads": 2}},
}
_MAMBA: dict[str, dict[str, Any]] = {
    "mamba2": {
        "model": {"mixer": "mamba2", "layers": 6, "heads": 10, "kv_heads": 1},
        "compile": False,  # slower compiled
    }
}
_CORPORA: dict[str, dict[str, Any]] = {
    "english50": {"english": 0.5},
    "prose20": {"mixture": WEIGHTS | {"prose": 0.2}},
}
# Experiment 2: seven sizes, four budgets each, each decayed to its own end.
_paper28_cpu = partial(
    _budgets,
    ("908k", "508k", "285k", "179k", "102k", "51k", "25k"),
    (1_000_000, 2_000_000, 4_000_000, 8_000_000),
    evaluations=8,
    first=1_000_000,
    **_PRECISE,
    **_FAST,
)
# The same for one GPU: 37k to 28M parameters, 20M to 160M tokens.
_paper28 = partial(
    _budgets,
    ("28M", "9.7M", "3.1M", "908k", "285k", "102k", "38k"),
    (20_000_000, 40_000_000, 80_000_000, 160_000_000),
    model={"vocab_size": 2048, "context": 256},
    rows=64,
    evaluations=16,
    first=2_000_000,
    **_FAST,
)

PRESETS: dict[str, Callable[[], list[TrainConfig]]] = {
    "demo": _demo,
    "paper3-cpu": partial(_paper3_cpu, range(1, 4)),
    "paper3-cpu-again": partial(_paper3_cpu, range(4, 7)),
    "paper3-cpu-wsd": partial(_paper3_cpu, range(1, 4), schedule="wsd"),
    "paper28-cpu": _paper28_cpu,
    "vocabularies-cpu": partial(_variants, _VOCABULARIES, range(1, 4)),
    "structures-cpu": partial(_variants, _STRUCTURES, range(1, 4)),
    "mamba-cpu": partial(_variants, _MAMBA, range(1, 4)),
    "corpora-cpu": partial(_variants, _CORPORA, range(1, 4)),
    "paper28": _paper28,
}


def preset(name: str) -> list[TrainConfig]:
    """Configs of a sweep that ships, trunks before their branches; DataError for another name.

    Examples
    --------
    >>> [run.name for run in preset("demo")]
    ['908k-seed0', '908k-seed1']
    >>> len(preset("paper28-cpu"))
    28
    """
    if name not in PRESETS:
        raise DataError(f"no preset {name!r}; there is {', '.join(PRESETS)}")
    return PRESETS[name]()


def one_run(what: str, changes: Sequence[str] = ()) -> TrainConfig:
    """Config of a named size or of a JSON file, with any fields changed.

    Parameters
    ----------
    what : str
        One of :data:`SIZES`, or a path that ends with ``.json``.
    changes : sequence of str
        ``field=value``, the value as JSON or as plain text; ``model.field`` for the sizes.

    Raises
    ------
    DataError
        With every field that is wrong.

    Examples
    --------
    >>> one_run("102k", ["seed=3", "model.context=64"]).model.context
    64
    """
    if what.endswith(".json"):
        config = read_config(Path(what))
    elif what in SIZES:
        config = sized(what, 5_000_000)
    else:
        raise DataError(f"no size {what!r}; there is {', '.join(SIZES)}, or give a .json file")
    fields = config.model_dump(mode="json", exclude_unset=True)  # what is not said may follow
    for change in changes:
        name, separator, text = change.partition("=")
        if not separator:
            raise DataError(f"{change!r}: write field=value")
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        inside = fields["model"] if name.startswith("model.") else fields
        inside[name.removeprefix("model.")] = value
    return checked(fields, what)


def read_sweep(what: str) -> list[TrainConfig]:
    """Configs of a preset, or of a list in a JSON file; DataError with every wrong field."""
    if not what.endswith(".json"):
        return preset(what)
    loaded = read_json(Path(what))
    configs = loaded.get("configs") if isinstance(loaded, dict) else loaded
    if not isinstance(configs, list) or not configs:
        raise DataError(f"{what}: a list of configs is expected, or an object with 'configs'")
    return [checked(config, f"{what}, run {i}") for i, config in enumerate(configs, start=1)]
