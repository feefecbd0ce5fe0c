"""Config: everything that decides a run, in one model."""

from __future__ import annotations

import json
from math import cos, pi
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from emergence.errors import DataError
from emergence.train.corpus.mixture import ENGLISH, WEIGHTS, Mixture
from emergence.train.corpus.tasks import TASKS

_NAME = r"^\w[\w.-]*$"
Weight = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
# What a branch must have in common with its trunk.
_SHARED = (
    "model", "rows", "lr", "schedule", "warmup", "betas", "weight_decay", "clip", "seed", "mixture",
    "english", "text", "text_share", "precision",
)  # fmt: skip


class ModelConfig(BaseModel):
    """Structure and sizes of one model.

    Examples
    --------
    >>> ModelConfig(hidden=48, layers=2, heads=2, kv_heads=1).ffn
    128
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    mixer: Literal["attention", "mamba2"] = Field(
        default="attention", description="what tokens meet in: attention, or a state-space model"
    )
    hidden: int = Field(gt=0, description="width of the residual stream")
    layers: int = Field(gt=0, description="decoder blocks; those of mamba2 have no feed-forward")
    heads: int = Field(gt=0, description="query heads, hidden / heads wide; of mamba2 twice that")
    kv_heads: int = Field(
        gt=0, description="key and value heads, shared by groups of query heads; groups of mamba2"
    )
    vocab_size: int = Field(default=1500, ge=300, description="most tokens of the tokenizer")
    context: int = Field(default=128, gt=1, description="tokens that the model reads at once")
    rope_theta: float = Field(default=1000.0, gt=0, description="base of the rotary embedding")
    rotary: float = Field(
        default=0.5, ge=0, le=1, description="share of each head that is rotated: 0 none, 1 all"
    )
    state: int = Field(default=32, gt=0, description="numbers that mamba2 keeps for each channel")

    @model_validator(mode="after")
    def _divide(self) -> ModelConfig:
        if self.hidden % self.heads or (self.hidden // self.heads) % 4:
            raise ValueError(
                f"hidden = {self.hidden} over heads = {self.heads} must be a multiple of 4 "
                "(half of each head is rotated, in pairs); choose another hidden or heads"
            )
        if (rotated := self.rotary * (self.hidden // self.heads)) % 2:
            raise ValueError(
                f"rotary = {self.rotary:g} of heads {self.hidden // self.heads} wide is "
                f"{rotated:g}, which must be even; choose 0, 0.5 or 1"
            )
        if self.heads % self.kv_heads:
            raise ValueError(
                f"heads = {self.heads} must be a multiple of kv_heads = {self.kv_heads}"
            )
        return self

    @property
    def ffn(self) -> int:
        """Width of the feed-forward layer: 8/3 of hidden, a multiple of 8."""
        return 8 * round(self.hidden / 3)

    @property
    def params(self) -> int:
        """Non-embedding parameters."""
        d, head = self.hidden, self.hidden // self.heads
        if self.mixer == "mamba2":
            inner, both = 2 * d, 2 * self.kv_heads * self.state
            convolved = inner + both
            block = d * (inner + convolved + self.heads) + inner * d  # into the mixer, out of it
            block += 5 * convolved + 3 * self.heads + inner + d  # convolution, steps, norms
        else:
            block = d * head * 2 * (self.heads + self.kv_heads) + 3 * d * self.ffn + 2 * d
        return self.layers * block + d


class TrainConfig(BaseModel):
    """One run: the model, its data, its schedule, and what is measured on the way.

    Examples
    --------
    >>> small = ModelConfig(hidden=48, layers=2, heads=2, kv_heads=1)
    >>> run = TrainConfig(name="toy", model=small, tokens=1_000_000, rows=8)
    >>> run.steps, run.checkpoints[-1]
    (977, 977)
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field(pattern=_NAME, description="name of the run and of its folder")
    model: ModelConfig = Field(description="sizes of the model")
    tokens: int = Field(gt=0, description="training budget, tokens")
    rows: int = Field(default=12, gt=0, description="sequences of context tokens per step")
    lr: float = Field(default=3e-3, gt=0, description="peak learning rate of AdamW")
    schedule: Literal["cosine", "wsd"] = Field(
        default="cosine",
        description="learning rate: cosine to zero, or warm-up, stable, linear decay to zero",
    )
    warmup: int = Field(default=50, ge=0, description="steps of linear warm-up")
    decay: float = Field(default=0.25, gt=0, le=1, description="share of a wsd run that decays")
    trunk: str | None = Field(
        default=None,
        pattern=_NAME,
        description="wsd run in the same folder, whose stable part this one branches",
    )
    keep: tuple[int, ...] = Field(default=(), description="steps whose state is kept for branches")
    betas: tuple[Share, Share] = Field(default=(0.9, 0.95), description="AdamW's averages")
    weight_decay: float = Field(default=0.1, ge=0, description="AdamW's decay of the matrices")
    clip: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
    seed: int = Field(default=0, ge=0, description="seed of the weights and of the training text")
    evaluations: int = Field(default=20, gt=0, description="checkpoints, log-spaced in tokens")
    first: int = Field(default=100_000, gt=0, description="tokens at the first checkpoint")
    tasks: tuple[str, ...] = Field(
        default=(), description="tasks that are scored; left out: all that the mixture teaches"
    )
    items: int = Field(default=400, gt=0, description="held-out items per task")
    loss_rows: int = Field(default=192, ge=2, description="held-out sequences behind the loss")
    mixture: dict[str, Weight] = Field(
        default_factory=WEIGHTS.copy,
        description="domains of the corpus, and the weights of their documents within a language",
    )
    english: float = Field(
        default=ENGLISH, ge=0, le=1, description="share of documents in English, not Chinese"
    )
    text: str | None = Field(
        default=None, description="own text: a file or folder of .txt, .jsonl, .parquet"
    )
    text_share: float = Field(
        default=0.2, gt=0, le=1, description="share of documents from the own text; 1: all"
    )
    device: str = Field(default="auto", description="cpu, cuda, or auto: cuda where there is one")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto",
        description="matrix products in float32, bfloat16, or auto: bfloat16 where it is faster",
    )
    compile: bool = Field(default=False, description="torch.compile: 15 to 35 s, then faster")
    fsdp: bool = Field(default=False, description="under torchrun: shard the model (FSDP2)")
    save_every: int = Field(default=500, gt=0, description="steps between states to resume from")
    log_every: int = Field(default=50, gt=0, description="steps between lines of the log")

    @model_validator(mode="after")
    def _score_what_is_taught(self) -> TrainConfig:
        if "tasks" not in self.model_fields_set:
            mixture = Mixture(self.mixture, self.english)
            domains, languages = mixture.shares(), mixture.languages()
            taught = [
                n for n, t in TASKS.items() if t.category in domains and t.language in languages
            ]
            object.__setattr__(self, "tasks", tuple(taught))  # part of the making: frozen after it
        return self

    @model_validator(mode="after")
    def _agree(self) -> TrainConfig:
        if self.trunk and self.schedule != "wsd":
            raise ValueError("a branch (trunk) needs schedule = 'wsd'")
        if self.trunk and self.decay_start < 1:
            raise ValueError(f"decay = {self.decay:g} leaves no step before the branching point")
        if unknown := sorted(set(self.tasks) - set(TASKS)):
            raise ValueError(f"tasks = {unknown}: there are {', '.join(TASKS)}")
        if len(set(self.tasks)) < len(self.tasks):
            raise ValueError(f"tasks = {self.tasks}: one is named twice")
        if unknown := sorted(set(self.mixture) - set(WEIGHTS)):
            raise ValueError(f"mixture = {unknown}: there are {', '.join(WEIGHTS)}")
        if not any(self.mixture.values()):
            raise ValueError("mixture: no domain has a weight")
        if bad := [k for k in self.keep if not 1 <= k <= self.steps]:
            raise ValueError(f"keep = {bad}: the run has steps 1 to {self.steps}")
        return self

    @property
    def steps(self) -> int:
        """Steps of the whole run, rounded up."""
        return -(-self.tokens // (self.rows * self.model.context))

    @property
    def decay_start(self) -> int:
        """First step of the decay of a wsd run; the branching point of a branch."""
        return self.steps - max(1, round(self.decay * self.steps))

    @property
    def checkpoints(self) -> list[int]:
        """Steps after which the model is evaluated: log-spaced; on a branch, evenly."""
        if self.trunk:
            spaced = np.linspace(self.decay_start, self.steps, self.evaluations + 1)[1:]
        else:
            first = min(self.steps, -(-self.first // (self.rows * self.model.context)))
            spaced = np.geomspace(first, self.steps, self.evaluations)
        return sorted({int(s) for s in spaced.round()} | {self.steps})

    def learning_rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        rise = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        if self.schedule == "cosine":
            return self.lr * rise * (1 + cos(pi * step / self.steps)) / 2
        left = (self.steps - step) / (self.steps - self.decay_start)
        return self.lr * rise * min(1.0, left)


def checked(fields: object, where: str) -> TrainConfig:
    """Config of a mapping of fields; DataError with every field that is wrong, and ``where``."""
    try:
        return TrainConfig.model_validate(fields)
    except ValidationError as error:
        raise DataError(
            f"{where}: "
            + "; ".join(
                f"{'.'.join(map(str, e['loc'])) or 'config'}: {e['msg']}" for e in error.errors()
            )
        ) from None


def check_branch(branch: TrainConfig, trunk: TrainConfig) -> None:
    """Refuse a branch that its trunk cannot serve: DataError with what differs or is not kept."""
    differ = [k for k in _SHARED if getattr(branch, k) != getattr(trunk, k)]
    where = f"run {branch.name} cannot branch from {trunk.name}"
    if differ:
        raise DataError(f"{where}: {', '.join(differ)} differ")
    if branch.decay_start not in trunk.keep:
        raise DataError(f"{where}: add step {branch.decay_start} to its keep")
    if branch.decay_start > trunk.decay_start:
        raise DataError(
            f"{where}: at step {branch.decay_start} its rate falls, from {trunk.decay_start} on"
        )


def read_json(path: Path) -> Any:
    """What a JSON file holds; DataError for a file that is no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: no JSON: {error}") from None


def read_config(path: Path) -> TrainConfig:
    """Read a config from JSON; DataError with every field that is wrong."""
    return checked(read_json(path), str(path))
