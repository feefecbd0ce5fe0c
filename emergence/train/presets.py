"""Presets: sizes by name, one rule for the learning rate, and the sweeps that ship."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from emergence.errors import DataError
from emergence.train.config import ModelConfig, TrainConfig, checked, read_config

# Sizes by their non-embedding parameters: hidden, layers, heads, kv_heads.
SIZES = {
    "25k": (32, 2, 1, 1),
    "38k": (32, 3, 1, 1),
    "51k": (48, 2, 2, 1),
    "102k": (48, 4, 2, 1),
    "179k": (64, 4, 2, 1),
    "285k": (80, 4, 2, 1),
    "508k": (96, 5, 4, 2),
    "908k": (128, 5, 4, 2),
    "3.1M": (192, 8, 6, 2),
    "9.7M": (320, 9, 8, 2),
    "28M": (512, 10, 8, 2),
}


def sized(name: str, **more: int) -> ModelConfig:
    """Model of one of :data:`SIZES`."""
    hidden, layers, heads, kv_heads = SIZES[name]
    return ModelConfig(hidden=hidden, layers=layers, heads=heads, kv_heads=kv_heads, **more)


def peak_rate(params: int) -> float:
    """Peak learning rate of every sweep, one rule of the size: 7e-3 at 37k, as N^(-1/3)."""
    return float(f"{7e-3 * (params / 37_000) ** (-1 / 3):.3g}")


def _demo() -> list[TrainConfig]:
    """Four seeds of one size on three English tasks: minutes on two cores, a curve for each run.

    Under a constant rate arithmetic begins half-way; a cosine has come down before it begins.
    """
    model = sized("908k")
    return [
        TrainConfig(
            name=f"908k-seed{seed}",
            model=model,
            tokens=2_600_000,
            lr=peak_rate(model.params),
            schedule="wsd",
            evaluations=26,
            first=300_000,
            tasks=("fact_en", "cloze_en", "arithmetic_en"),
            loss_rows=96,
            seed=seed,
        )
        for seed in range(4)
    ]


def _long(size: str, tokens: int, seed: int, schedule: Literal["wsd", "cosine"]) -> TrainConfig:
    model = sized(size)
    return TrainConfig(
        name=f"{size}-seed{seed}",
        model=model,
        tokens=tokens,
        lr=peak_rate(model.params),
        schedule=schedule,
        evaluations=36,
        first=100_000,
        seed=seed,
        precision="bfloat16",
        compile=True,
    )


def _paper3_cpu(
    seeds: Sequence[int] = range(4), schedule: Literal["wsd", "cosine"] = "cosine"
) -> list[TrainConfig]:
    """Experiment 1: three sizes, one long run for each seed."""
    sizes = ("285k", "908k", "508k")
    return [_long(size, 5_000_000, seed, schedule) for seed in seeds for size in sizes]


def _branches(base: TrainConfig, budgets: list[int]) -> list[TrainConfig]:
    """Give the trunk of the largest budget, and a branch for each of the others."""
    trunk = f"{base.name}-{budgets[-1] / 1e6:g}M"
    branches = [
        base.model_copy(
            update={
                "name": f"{base.name}-{tokens / 1e6:g}M",
                "tokens": tokens,
                "trunk": trunk,
                "evaluations": 3,
            }
        )
        for tokens in budgets[:-1]
    ]
    keep = tuple(b.decay_start for b in branches)
    longest = {"name": trunk, "tokens": budgets[-1], "keep": keep}
    return [base.model_copy(update=longest), *branches]


def _paper28_cpu() -> list[TrainConfig]:
    """Experiment 2: seven sizes, four budgets each, each decayed to its own end."""
    runs = []
    for size in ("908k", "508k", "285k", "179k", "102k", "51k", "25k"):
        base = TrainConfig(
            name=size,
            model=(model := sized(size)),
            tokens=1,
            lr=peak_rate(model.params),
            schedule="wsd",
            evaluations=12,
            first=200_000,
            precision="bfloat16",
            compile=True,
        )
        runs += _branches(base, [500_000, 1_000_000, 2_000_000, 4_000_000])
    return runs


def _paper28() -> list[TrainConfig]:
    """Experiment 2 for one GPU: seven sizes, 37k to 28M parameters, 20M to 160M tokens."""
    runs = []
    for size in ("28M", "9.7M", "3.1M", "908k", "285k", "102k", "38k"):
        base = TrainConfig(
            name=size,
            model=(model := sized(size, vocab_size=2048, context=256)),
            tokens=1,
            rows=64,
            lr=peak_rate(model.params),
            schedule="wsd",
            evaluations=16,
            first=2_000_000,
            precision="bfloat16",
            compile=True,
        )
        runs += _branches(base, [20_000_000, 40_000_000, 80_000_000, 160_000_000])
    return runs


PRESETS: dict[str, Callable[[], list[TrainConfig]]] = {
    "demo": _demo,
    "paper3-cpu": _paper3_cpu,
    "paper3-cpu-again": partial(_paper3_cpu, range(4, 7)),
    "paper3-cpu-wsd": partial(_paper3_cpu, schedule="wsd"),
    "paper28-cpu": _paper28_cpu,
    "paper28": _paper28,
}


def preset(name: str) -> list[TrainConfig]:
    """Configs of a sweep that ships.

    Parameters
    ----------
    name : str
        ``demo``, ``paper3-cpu``, ``paper3-cpu-again`` (more seeds), ``paper3-cpu-wsd`` (another
        schedule), ``paper28-cpu`` or ``paper28``.

    Returns
    -------
    list of TrainConfig
        Trunks before their branches.

    Raises
    ------
    DataError
        For another name.

    Examples
    --------
    >>> [run.name for run in preset("demo")]
    ['908k-seed0', '908k-seed1', '908k-seed2', '908k-seed3']
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
        fields = read_config(Path(what)).model_dump(mode="json")
    elif what in SIZES:
        model = sized(what)
        fields = {"name": what, "model": model.model_dump(), "tokens": 5_000_000}
        fields["lr"] = peak_rate(model.params)
    else:
        raise DataError(f"no size {what!r}; there is {', '.join(SIZES)}, or give a .json file")
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
    """Configs of a preset, or of a JSON file with a list of them (as in ``sweep.json``).

    Raises
    ------
    DataError
        For an unknown preset, or with every field that is wrong.
    """
    if not what.endswith(".json"):
        return preset(what)
    try:
        loaded = json.loads(Path(what).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise DataError(f"{what}: no JSON: {error}") from None
    configs = loaded.get("configs") if isinstance(loaded, dict) else loaded
    if not isinstance(configs, list) or not configs:
        raise DataError(f"{what}: a list of configs is expected, or an object with 'configs'")
    return [checked(config, f"{what}, run {i}") for i, config in enumerate(configs, start=1)]
