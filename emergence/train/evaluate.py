"""Evaluation: scores of items and losses on text, for any causal model of transformers."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from emergence._typing import AnyArray, BoolArray, FloatArray, IntArray
from emergence.errors import DataError
from emergence.metrics import brier_score, correct_choice_prob
from emergence.train.corpus.items import Item

_CACHES = ("cache", "past_key_values")  # names in transformers, from 5.20 on and before
_BATCH_TOKENS = 8192  # of prompts at once: enough to keep a core busy, little memory
# Logits at once: what stays in the cache of a core, or a quarter of a GB that keeps a GPU busy.
_BATCH_LOGITS = {"cpu": 2**21, "cuda": 2**26}


@dataclass(frozen=True)
class LanguageModel:
    """A causal model with what turns text into its tokens.

    ``start`` is the token that every text begins with; ``context`` the most tokens it reads;
    ``vocabulary`` the number of its logits.
    """

    model: Any
    encode: Callable[[str], list[int]]
    start: int
    context: int
    vocabulary: int
    device: torch.device


@dataclass(frozen=True)
class ItemScores:
    """Log-likelihoods of the options of items, in nats.

    ``loglik`` and ``length`` (tokens) have shape (items, most options), -inf and 0 where an
    item has fewer; ``gold`` is the place of the answer; ``exact`` says whether every token
    of the answer is the likeliest, which is what greedy decoding would have written.
    """

    loglik: FloatArray
    length: IntArray
    gold: IntArray
    exact: BoolArray


@dataclass(frozen=True)
class Question:
    """An item as tokens: what the prompt and all options share, and the rest of each option."""

    prompt: tuple[int, ...]
    rests: tuple[tuple[int, ...], ...]
    gold: int


def questions_of(lm: LanguageModel, items: Sequence[Item], what: str = "items") -> list[Question]:
    """Tokenise items.

    A text is tokenised whole, as in training; a merge across the end of the prompt is thus part of
    the rests.  DataError for an item that is longer than the model reads at once.
    """
    questions = []
    for item in items:
        whole = [(lm.start, *lm.encode(item.prompt + option)) for option in item.options]
        if (tokens := max(map(len, whole))) > lm.context:
            raise DataError(
                f"{what}: an item has {tokens} tokens, the model reads {lm.context} at once; leave "
                f"it out, or take a model of a longer context: {item.prompt[:80]!r}"
            )
        shared = 0
        for column in zip((lm.start, *lm.encode(item.prompt)), *whole, strict=False):
            if len(set(column)) > 1:
                break
            shared += 1
        shared = min(shared, *(len(w) - 1 for w in whole))  # every option has a rest
        rests = tuple(w[shared:] for w in whole)
        questions.append(Question(whole[0][:shared], rests, item.gold))
    return questions


@torch.no_grad()
def score_items(lm: LanguageModel, questions: Sequence[Question]) -> ItemScores:
    """Score all options of all items."""
    # Prompts of one length go through the model together, once; the options continue from its
    # cache, so nothing is padded on the left and nothing is computed twice.
    most = max(len(q.rests) for q in questions)
    loglik = np.full((len(questions), most), -np.inf)
    length = np.zeros((len(questions), most), dtype=np.int64)
    gold = np.array([q.gold for q in questions])
    exact = np.zeros(len(questions), dtype=bool)
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for i, q in enumerate(questions):
        groups[len(q.prompt), len(q.rests)].append(i)
    for (tokens, k), members in sorted(groups.items()):
        longest = max(len(rest) for i in members for rest in questions[i].rests)
        rows = k * longest  # of logits, for each item
        size = max(1, min(_BATCH_TOKENS // tokens, _most_rows(lm) // rows))
        for lo, hi in pairwise([*range(0, len(members), size), len(members)]):
            batch = members[lo:hi]
            prompts = torch.tensor([questions[i].prompt for i in batch])
            rests = [rest for i in batch for rest in questions[i].rests]
            total, likeliest = _continue(lm, prompts, rests, k)
            loglik[batch, :k] = total.reshape(-1, k)
            length[batch, :k] = np.array([len(r) for r in rests]).reshape(-1, k)
            exact[batch] = likeliest.reshape(-1, k)[range(len(batch)), gold[batch]]
    return ItemScores(loglik, length, gold, exact)


def _most_rows(lm: LanguageModel) -> int:
    """Tokens whose logits are computed at once."""
    return _BATCH_LOGITS.get(lm.device.type, _BATCH_LOGITS["cuda"]) // lm.vocabulary


def _continue(
    lm: LanguageModel, prompts: torch.Tensor, rests: list[tuple[int, ...]], k: int
) -> tuple[FloatArray, BoolArray]:
    """Log-likelihood of k rests for every prompt, and whether all their tokens are likeliest."""
    longest = max(map(len, rests))
    targets = torch.tensor([(*r, *[-1] * (longest - len(r))) for r in rests], device=lm.device)
    given = targets[:, :-1].clamp(min=0)
    out = lm.model(prompts.to(lm.device), use_cache=longest > 1, logits_to_keep=1)
    logits = out.logits[:, -1:].float().repeat_interleave(k, dim=0)
    if longest > 1:
        if cache := _repeated_cache(out, k):
            more = lm.model(given, use_cache=True, **cache).logits
            logits = torch.cat([logits, more.float()], dim=1)
        else:  # the model reads the prompts again
            whole = torch.cat([prompts.to(lm.device).repeat_interleave(k, dim=0), given], dim=1)
            logits = lm.model(whole, use_cache=False).logits[:, -longest:].float()
    there = targets >= 0
    picked = functional.log_softmax(logits, dim=-1).gather(2, targets.clamp(min=0)[..., None])
    total = (picked[..., 0] * there).sum(dim=1, dtype=torch.float64)
    likeliest = ((logits.argmax(dim=-1) == targets) | ~there).all(dim=1)
    return total.cpu().numpy(), likeliest.cpu().numpy()


def _repeated_cache(out: Any, k: int) -> dict[str, Any]:
    """Cache of an output, each of its rows k times; empty where there is none to be repeated."""
    name = next((name for name in _CACHES if name in out), None)
    if name is None:
        return {}
    try:
        out[name].batch_repeat_interleave(k)
    except AttributeError:  # layers of linear attention keep a state that is no list of keys
        return {}
    return {name: out[name]}


def task_scores(scores: ItemScores, *, produced: bool = False) -> list[dict[str, Any]]:
    """Metrics of one task, each as the fields of a record.

    ``metric``, ``value`` and, where they mean something, ``chance`` and ``n_items``: of accuracy
    (of answers ``produced`` exact match), choice_prob, brier, and of the perplexities of the
    correct and of the wrong options, per token, which are to look at and no measure of ability.
    """
    there, n = scores.length > 0, len(scores.gold)
    chance = float(np.mean(1.0 / there.sum(axis=1)))
    right = scores.exact if produced else scores.loglik.argmax(axis=1) == scores.gold
    correct = np.zeros(there.shape, dtype=bool)
    correct[np.arange(n), scores.gold] = True
    per_token = np.where(there, scores.loglik, 0.0) / np.maximum(scores.length, 1)
    name, guessed = ("exact_match", 0.0) if produced else ("acc", chance)
    measured = (
        (name, float(right.mean()), guessed),
        ("choice_prob", correct_choice_prob(scores.loglik, scores.gold), chance),
        ("brier", brier_score(scores.loglik, scores.gold), 1.0 - chance),
    )
    looked_at = (("perplexity_correct", correct), ("perplexity_wrong", there & ~correct))
    return [
        *({"metric": m, "value": v, "chance": c, "n_items": n} for m, v, c in measured),
        *({"metric": m, "value": float(np.exp(-per_token[of].mean()))} for m, of in looked_at),
    ]


def task_records(
    lm: LanguageModel,
    base: dict[str, Any],
    task: str,
    questions: Sequence[Question],
    *,
    produced: bool,
) -> list[dict[str, Any]]:
    """Records of one task in the one schema; ``base`` says of which checkpoint."""
    scores = task_scores(score_items(lm, questions), produced=produced)
    return [base | {"task": task} | score for score in scores]


@torch.no_grad()
def token_losses(lm: LanguageModel, rows: IntArray) -> FloatArray:
    """Loss of every token but the first of each row, in nats, shape (rows, tokens - 1)."""
    out = []
    size = max(1, min(_BATCH_TOKENS, _most_rows(lm)) // rows.shape[1])
    for part in torch.from_numpy(rows).split(size):
        tokens = part.to(lm.device)
        logits = lm.model(tokens[:, :-1], use_cache=False).logits.float()
        loss = functional.cross_entropy(
            logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none"
        )
        out.append(loss.view(len(tokens), -1).double().cpu().numpy())
    return np.concatenate(out)


def domain_losses(
    lm: LanguageModel, rows: IntArray, domains: AnyArray, shares: Mapping[str, float]
) -> dict[str, float]:
    r"""Loss of the whole mixture (key '') and of each domain, nats per token.

    .. math:: L = \sum_d s_d \bar L_d

    with the ``shares`` of all tokens that are of each domain and the mean loss of its tokens: how
    much of each domain the few rows happen to hold is then no error of the loss, of which it would
    be nine tenths (of the variance; a stratified mean, Cochran 1977, ch. 5).
    """
    losses, of = token_losses(lm, rows), domains[:, 1:]
    named = {str(d): float(losses[of == d].mean()) for d in sorted(set(of.ravel()))}
    known = {d: share for d in named if (share := shares.get(d))}  # a rare one may be in neither
    whole = sum(known.values())
    return {"": sum(share * named[d] for d, share in known.items()) / whole} | named


def text_loss(lm: LanguageModel, text: str) -> tuple[float, float]:
    """Loss on a text: nats per token, and bits per byte, which tokenizers cannot change.

    The text is read in windows as long as the context, each begun by the start token.  DataError
    for a text without tokens.
    """
    tokens, size = lm.encode(text), lm.context
    if not tokens:
        raise DataError("the text is empty; its loss cannot be measured")
    total = 0.0
    windows = [[lm.start, *tokens[i : i + size - 1]] for i in range(0, len(tokens), size - 1)]
    whole = [w for w in windows if len(w) == size]
    for rows in ([whole] if whole else []) + [[w] for w in windows if len(w) < size]:
        total += float(token_losses(lm, np.array(rows)).sum())
    return total / len(tokens), total / np.log(2) / len(text.encode())
