"""Checkpoints: models in folders that transformers reads, written by the loop or by others."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from emergence._files import write_whole
from emergence.errors import DataError
from emergence.records.points import FLOPS_PER_TOKEN
from emergence.records.records import Records
from emergence.train.config import TrainConfig, checked, read_json
from emergence.train.corpus.corpus import END, Corpus, read_tokenizer
from emergence.train.corpus.items import Item
from emergence.train.corpus.mixture import Mixture
from emergence.train.corpus.tasks import TASKS
from emergence.train.corpus.texts import fingerprint, read_utf8
from emergence.train.evaluate import (
    LanguageModel,
    domain_losses,
    questions_of,
    task_records,
    text_loss,
)
from emergence.train.folder import ABOUT
from emergence.train.model import count_params, structure
from emergence.train.ranks import pick_device

_TOKENIZER = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": END, "eos_token": END}
_LONGEST = 4096  # tokens read at once, whatever the model could


def describe(config: TrainConfig, step: int, mixture: Mixture) -> dict[str, Any]:
    """Fields of a record that say which checkpoint it is of."""
    # Losses are comparable where the family is the same: corpus, tokenizer, context.
    tokens = step * config.rows * config.model.context
    return {
        "model": config.name.split("-")[0],
        "run": config.name,
        "params": config.model.params,
        "tokens": tokens,
        "family": f"{mixture.name}/bpe{config.model.vocab_size}/context{config.model.context}",
        "step": step,
        "seed": config.seed,
        "flops": FLOPS_PER_TOKEN * config.model.params * tokens,
    }


def export_model(
    path: Path,
    config: TrainConfig,
    tensors: Mapping[str, torch.Tensor],
    tokenizer: Tokenizer,
    record: Mapping[str, Any],
) -> None:
    """Write a model of ours as transformers reads it; ``emergence.json`` comes last."""
    shutil.rmtree(path, ignore_errors=True)
    structure(config.model).save_pretrained(path)
    weights = {
        name.removeprefix("weight/"): tensor
        for name, tensor in tensors.items()
        if name.startswith("weight/")
    }
    write_whole(path / "model.safetensors", save(weights, metadata={"format": "pt"}))
    write_whole(path / "tokenizer.json", tokenizer.to_str().encode())
    write_whole(path / "tokenizer_config.json", json.dumps(_TOKENIZER).encode())
    about = {"record": dict(record), "config": config.model_dump(mode="json")}
    write_whole(path / ABOUT, json.dumps(about, indent=1).encode())


def our_language_model(
    model: Any, tokenizer: Tokenizer, context: int, device: torch.device
) -> LanguageModel:
    """A model of the loop as the evaluation takes it."""
    return LanguageModel(
        model,
        lambda text: tokenizer.encode(text).ids,
        start=tokenizer.get_vocab()[END],
        context=context,
        vocabulary=model.config.vocab_size,
        device=device,
    )


def load_language_model(
    checkpoint: str, revision: str | None = None, device: str = "auto"
) -> LanguageModel:
    """Load any causal model that transformers loads; code of the checkpoint is never run.

    ``checkpoint`` is a folder or a name on the hub, ``revision`` a branch, tag or commit there,
    ``device`` as of :class:`TrainConfig`.  DataError where transformers finds no model, or its
    tokenizer has no token to begin with.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            checkpoint, revision=revision, trust_remote_code=False
        )
        model = AutoModelForCausalLM.from_pretrained(
            checkpoint,
            revision=revision,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,  # in half precision options tie
        )
    except (OSError, ValueError) as error:
        raise DataError(f"{checkpoint}: transformers loads no causal model: {error}") from error
    start = tokenizer.bos_token_id
    start = tokenizer.eos_token_id if start is None else start
    if start is None:
        raise DataError(f"{checkpoint}: its tokenizer has neither a first nor a last token")
    here = pick_device(device)
    longest = getattr(model.config, "max_position_embeddings", None) or _LONGEST
    return LanguageModel(
        model.eval().to(here),
        lambda text: tokenizer(text, add_special_tokens=False)["input_ids"],
        start=start,
        context=min(longest, _LONGEST),
        vocabulary=model.config.get_text_config().vocab_size,
        device=here,
    )


def _base(
    checkpoint: str, lm: LanguageModel, tokens: float | None, revision: str | None
) -> dict[str, Any]:
    """Fields of a record of a model that is not ours."""
    if tokens is None:
        raise DataError(
            f"{checkpoint} does not say how many tokens it was trained on; give tokens "
            "(--tokens) from its report"
        )
    name, params = Path(checkpoint).name, count_params(lm.model)
    source = f"{checkpoint}@{revision}" if revision else checkpoint
    return {"model": name, "run": name, "params": params, "tokens": tokens,
            "flops": FLOPS_PER_TOKEN * params * tokens, "source": source}  # fmt: skip


def _on_text(lm: LanguageModel, path: Path) -> tuple[dict[str, Any], dict[str, float]]:
    """Loss on a text, and what makes it comparable: the text, the tokens, the context."""
    text = read_utf8(path)
    nats, bits = text_loss(lm, text)
    # Tokenizers that cut this text alike give comparable losses.
    cut = fingerprint(repr(lm.encode(text)))
    family = f"{path.name}#{fingerprint(text)}/tokens#{cut}/context{lm.context}"
    return {"loss": nats, "family": family}, {"loss": nats, "bits_per_byte": bits}


def _on_mixture(checkpoint: str, lm: LanguageModel, config: TrainConfig) -> float:
    """Held-out loss of one of our runs, as its loop measures it."""
    if config.text is not None:
        raise DataError(f"{checkpoint} was trained on a text of its own; give a text (--text)")
    tokenizer = read_tokenizer(Path(checkpoint) / "tokenizer.json")
    mixture = Mixture(config.mixture, config.english)
    corpus = Corpus(tokenizer, config.model.context, rows=1, mixture=mixture)
    rows, domains = corpus.sample(config.loss_rows, held_out=True)
    return domain_losses(lm, rows, domains, corpus.shares())[""]


def evaluate_checkpoint(
    checkpoint: str,
    *,
    revision: str | None = None,
    items: Mapping[str, Sequence[Item]] | None = None,
    text: Path | None = None,
    tokens: float | None = None,
    n_items: int = 400,
    device: str = "auto",
) -> Records:
    """Evaluate any causal model on tasks, and its loss on a text, as Records.

    Parameters
    ----------
    checkpoint, revision, device
        As of :func:`load_language_model`.
    items : mapping of task name to items, optional
        As of :func:`~emergence.train.corpus.tasks.read_items`; default: our twelve tasks, or those
        that the loop scored a checkpoint of ours on.
    text : path, optional
        Text whose loss (nats per token) the records carry, with bits per byte beside it.
        Our own checkpoints have their held-out mixture instead; others need it.
    tokens : float, optional
        Tokens that the model was trained on; our own checkpoints say it themselves.
    n_items : int
        Items per task, of ours.
    device : str
        cpu, cuda or auto.

    Raises
    ------
    DataError
        Where the checkpoint does not load, or loss or tokens are not to be had.

    Examples
    --------
    >>> evaluate_checkpoint("out/demo/908k-seed0/model").tasks  # doctest: +SKIP
    """
    lm = load_language_model(checkpoint, revision, device)
    about = Path(checkpoint) / ABOUT
    ours = read_json(about) if about.exists() else None
    config = checked(ours["config"], str(about)) if ours else None
    base = ours["record"] if ours else _base(checkpoint, lm, tokens, revision)
    rows = []
    if text is not None:
        fields, measured = _on_text(lm, text)
        base |= fields
        rows += [
            base | {"task": text.name, "metric": metric, "value": value}
            for metric, value in measured.items()
        ]
    elif config is not None:
        base["loss"] = _on_mixture(checkpoint, lm, config)
    else:
        raise DataError(f"{checkpoint}: give a text (--text) to measure the loss on")
    if items is None:
        names = TASKS if config is None else config.tasks
        chosen = {n: (TASKS[n].items(n_items), TASKS[n].produced) for n in names}
    else:
        chosen = {n: (list(own), False) for n, own in items.items()}
    for name, (asked, produced) in chosen.items():
        questions = questions_of(lm, asked, f"task {name}")
        rows += task_records(lm, base, name, questions, produced=produced)
    return Records.from_records(rows)
