"""Loop: pre-train one model, evaluate its checkpoints, resume after anything."""

import time
from contextlib import nullcontext
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tqdm import tqdm

from emergence._files import locked, write_whole
from emergence.errors import DataError, OutputError
from emergence.records.validation import HIGH_LOSS
from emergence.train import state
from emergence.train.batches import batches
from emergence.train.checkpoint import describe, export_model, our_language_model
from emergence.train.config import TrainConfig, check_branch, read_config
from emergence.train.corpus.corpus import Corpus, read_tokenizer, train_tokenizer
from emergence.train.corpus.mixture import Mixture
from emergence.train.corpus.tasks import TASKS
from emergence.train.corpus.texts import read_text
from emergence.train.evaluate import domain_losses, questions_of, task_records
from emergence.train.folder import (
    CONFIG,
    LOG,
    MODEL,
    RECORDS,
    STATE,
    TOKENIZER,
    check_folder,
    is_begun,
    is_finished,
    write_config,
)
from emergence.train.model import build_model, objective, place
from emergence.train.ranks import Ranks, join_ranks, leave_ranks
from emergence.train.stopping import Interrupted, TrainingStopped, interrupts


def train(config: TrainConfig, folder: Path, *, progress: bool = True) -> Path:
    r"""Pre-train one model and record the scores of its checkpoints.

    The objective is next-token cross-entropy, :math:`L = -\frac1T \sum_t \log p(x_t \mid
    x_{<t})` in nats.  A folder with an unfinished run of the same config is resumed, to the
    bit; a finished one is left as it is.  Under torchrun all processes share the run.

    Parameters
    ----------
    config : TrainConfig
        What to train.
    folder : path
        Folder of the run, made if missing.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Path
        The folder: config.json, tokenizer.json, records.jsonl, log.jsonl, state.safetensors
        and, when finished, model/, which transformers loads.

    Raises
    ------
    DataError
        Where the folder holds a run of another config, or the trunk is missing.
    TrainingStopped
        For a loss that is not finite, a full disk or an interrupt.

    Examples
    --------
    >>> import tempfile
    >>> from emergence.train.config import ModelConfig, TrainConfig
    >>> tiny = ModelConfig(hidden=16, layers=1, heads=1, kv_heads=1, vocab_size=300, context=128)
    >>> config = TrainConfig(name="tiny", model=tiny, tokens=500, rows=1, items=4, loss_rows=8)
    >>> folder = train(config, Path(tempfile.mkdtemp()) / "tiny", progress=False)
    >>> is_finished(folder)
    True
    """
    folder = Path(folder)
    check_folder(config, folder)
    ranks = join_ranks(config.device)
    try:
        if not is_finished(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with locked(folder, "trains in") if ranks.first else nullcontext():
                _Run(config, folder, ranks).go(progress and ranks.first)
        ranks.wait()
    except OutputError as error:
        if error.__cause__ is None:  # said already what to do
            raise
        raise TrainingStopped(f"run {config.name}: {error}") from error
    except OSError as error:
        raise TrainingStopped(
            f"run {config.name}: {error}; mend that, then give the same command again: it resumes "
            "where the last state was saved"
        ) from error
    except KeyboardInterrupt:  # outside the steps
        raise Interrupted(
            f"run {config.name} was interrupted; give the same command again to go on"
        ) from None
    finally:
        leave_ranks()
    return folder


class _Run:
    """A run in progress: model, optimiser, corpus, and the files that they go to."""

    def __init__(self, config: TrainConfig, folder: Path, ranks: Ranks) -> None:
        self.config, self.folder, self.ranks = config, folder, ranks
        if config.rows % ranks.world:
            raise DataError(f"rows = {config.rows} do not divide over {ranks.world} processes")
        text = read_text(Path(config.text), config.text_share) if config.text else None
        self.mixture = Mixture(config.mixture, config.english, text)
        tokenizer, context = self._tokenizer(), config.model.context
        self.corpus = Corpus(tokenizer, context, config.rows, config.seed, self.mixture)
        self.held_out = self.corpus.sample(config.loss_rows, held_out=True)
        self.seen = self.corpus.sample(config.loss_rows // 2, held_out=False)
        self.shares = self.corpus.shares()
        self.model = place(build_model(config.model, config.seed), config, ranks.device)
        self.lm = our_language_model(self.model, tokenizer, context, ranks.device)
        self.questions = {
            name: questions_of(self.lm, TASKS[name].items(config.items), f"task {name}")
            for name in config.tasks
        }
        wrapped = ranks.wrap(self.model, config.fsdp)
        self.loss_of = objective(wrapped, config, ranks.device)
        self.optimizer = self._adamw()
        self.step = self._resume()
        self.board = _tensorboard(folder, self._tokens) if ranks.first else None
        if ranks.first and not is_begun(folder):
            write_whole(folder / TOKENIZER, tokenizer.to_str().encode())
            write_config(config, folder)

    @property
    def _tokens(self) -> int:
        """Tokens seen so far."""
        return self.step * self.config.rows * self.config.model.context

    def _tokenizer(self) -> Tokenizer:
        """Tokenizer of the run, learned once: every rank learns the same, one saves it."""
        if is_begun(self.folder):
            return read_tokenizer(self.folder / TOKENIZER)
        return train_tokenizer(self.config.model.vocab_size, mixture=self.mixture)

    def _adamw(self) -> torch.optim.AdamW:
        matrices = [p for p in self.model.parameters() if p.ndim > 1]
        vectors = [p for p in self.model.parameters() if p.ndim <= 1]
        groups = [
            {"params": matrices, "weight_decay": self.config.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, betas=self.config.betas, fused=not self.config.fsdp)

    def _resume(self) -> int:
        """Load the last state, or that of the trunk; drop records that come again."""
        config, path = self.config, self.folder / STATE
        if not path.exists() and config.trunk:
            path = self.folder.parent / config.trunk / f"state-{config.decay_start}.safetensors"
            if not path.exists():
                raise DataError(f"run {config.name} branches from {path}, which is not there")
            check_branch(config, read_config(path.with_name(CONFIG)))
        step = state.load_state(path, self.model, self.optimizer) if path.exists() else 0
        before, family = state.last_line(self.folder / RECORDS), self._about(step)["family"]
        if step and before and before["family"] != family:
            raise DataError(
                f"run {config.name} began on {before['family']}, and its text {config.text} makes "
                f"that {family} now; put the old text back, or choose another folder"
            )
        if self.ranks.first:
            for name in (RECORDS, LOG):
                state.drop_after(self.folder / name, step)
        if not self.ranks.agree(step):
            raise DataError(f"run {config.name}: not all processes see the state in {self.folder}")
        return step

    def go(self, progress: bool) -> None:
        """Train from the current step to the end."""
        config, checkpoints = self.config, set(self.config.checkpoints)
        per_step = config.rows * config.model.context
        bar = tqdm(
            total=config.steps * per_step,
            initial=self.step * per_step,
            desc=config.name,
            unit="tok",
            unit_scale=True,
            disable=None if progress else True,
        )
        with bar, interrupts() as caught:
            rows = batches(self.corpus, self.ranks, range(self.step, config.steps))
            before, then = self.step, time.perf_counter()
            while self.step < config.steps:
                loss, norm = self._one_step(next(rows))
                bar.update(per_step)
                evaluated, looked = self.step in checkpoints, self.step % config.log_every == 0
                if evaluated or looked:
                    value = self._finite(loss, norm)
                    bar.set_postfix(loss=f"{value:.3f}", refresh=False)
                    speed = (self.step - before) * per_step / (time.perf_counter() - then)
                    self._log(value, float(norm), speed)
                if evaluated:
                    self._evaluate()
                stop = self.ranks.any(bool(caught)) if caught or self.ranks.world > 1 else False
                self._keep(loss, norm, now=evaluated or stop)
                if evaluated or looked:
                    before, then = self.step, time.perf_counter()
                if stop and self.step < config.steps:
                    raise Interrupted(
                        f"run {config.name} was interrupted at step {self.step} of "
                        f"{config.steps}; its state is saved: give the same command again to go on"
                    )
        self._export()

    def _one_step(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Make one optimiser step; give the loss before it and the norm of the gradient."""
        config = self.config
        rate = config.learning_rate(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self.loss_of(rows.to(self.ranks.device))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        return loss.detach(), norm

    def _log(self, loss: float, norm: float, speed: float) -> None:
        """Append one line to the log, and to TensorBoard's."""
        config = self.config
        row = {
            "step": self.step,
            "tokens": self._tokens,
            "loss": loss,
            "lr": config.learning_rate(self.step - 1),
            "grad_norm": norm,
            "tokens_per_second": round(speed),
        }
        if self.ranks.first:
            state.append_lines(self.folder / LOG, [row])
            for name in ("loss", "lr", "grad_norm", "tokens_per_second"):
                self._show(name, row[name])

    def _show(self, name: str, value: float) -> None:
        if self.board is not None:
            self.board.add_scalar(name, value, self._tokens)

    def _keep(self, loss: torch.Tensor, norm: torch.Tensor, *, now: bool) -> None:
        """Save the state to resume from, when it is due, and those that branches start at."""
        # The state to resume from comes last: a kill in between writes the others again.
        names = [f"state-{self.step}.safetensors"] if self.step in self.config.keep else []
        if now or self.step % self.config.save_every == 0:
            names.append(STATE)
        if names:
            self._finite(loss, norm)
            tensors = state.pack(self.model, self.optimizer)
            for name in names if self.ranks.first else []:
                state.save_state(self.folder / name, tensors, self.step)

    def _finite(self, loss: torch.Tensor, norm: torch.Tensor) -> float:
        """Loss over all ranks; one that is not finite, or its gradient, ends the run unsaved."""
        value = float(self.ranks.mean(loss.clone()))
        if not (isfinite(value) and isfinite(float(norm))):
            raise self._diverged(f"loss {value:g}, norm of the gradient {float(norm):g}")
        return value

    def _diverged(self, what: str) -> TrainingStopped:
        config = self.config
        return TrainingStopped(
            f"run {config.name}: {what} at step {self.step}; the state before it is kept in "
            f"{self.folder}. Lower lr ({config.lr:g}) or clip ({config.clip:g}), or raise warmup "
            f"({config.warmup}), in a new folder"
        )

    def _evaluate(self) -> None:
        """Append the records of this checkpoint; all ranks compute, one writes."""
        self.model.eval()
        held_out = domain_losses(self.lm, *self.held_out, self.shares)
        if not held_out[""] < HIGH_LOSS:
            raise self._diverged(f"held-out loss {held_out['']:g}")
        seen = domain_losses(self.lm, *self.seen, self.shares)
        base = self._about(self.step) | {"loss": held_out[""]}
        rows = []
        for name, questions in self.questions.items():
            rows += task_records(self.lm, base, name, questions, produced=TASKS[name].produced)
        rows += [
            base | {"task": domain or "mixture", "metric": metric, "value": value}
            for metric, losses in (("loss", held_out), ("train_loss", seen))
            for domain, value in losses.items()
        ]
        self.model.train()
        if self.ranks.first:
            state.append_lines(self.folder / RECORDS, rows)
            for row in rows:
                self._show(f"{row['task']}/{row['metric']}", row["value"])

    def _about(self, step: int) -> dict[str, Any]:
        """Fields of a record that say which checkpoint it is of."""
        return describe(self.config, step, self.mixture)

    def _export(self) -> None:
        """Write the final model, which marks the end of the run."""
        tensors = state.pack(self.model, self.optimizer)
        if self.ranks.first:
            export_model(
                self.folder / MODEL,
                self.config,
                tensors,
                self.corpus.tokenizer,
                self._about(self.step),
            )


def _tensorboard(folder: Path, tokens: int) -> Any:
    """Writer for TensorBoard where that is installed; what lies beyond ``tokens`` comes again."""
    if find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(folder / "tensorboard", purge_step=tokens + 1)
