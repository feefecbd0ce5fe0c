from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="the trainer needs the extra 'train'")
pytest.importorskip("transformers", reason="the trainer needs the extra 'train'")

import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    MambaConfig,
    MambaForCausalLM,
    PreTrainedTokenizerFast,
)

from emergence import read_records
from emergence.errors import DataError
from emergence.train.checkpoint import evaluate_checkpoint, our_language_model
from emergence.train.config import ModelConfig
from emergence.train.corpus.corpus import END, train_tokenizer
from emergence.train.corpus.mixture import Mixture
from emergence.train.corpus.tasks import TASKS, read_items
from emergence.train.evaluate import questions_of, score_items, task_scores, text_loss, token_losses
from emergence.train.folder import RECORDS
from emergence.train.loop import train
from emergence.train.model import build_model, count_params
from emergence.train.sweeps.presets import one_run

MODEL = ModelConfig(hidden=32, layers=2, heads=1, kv_heads=1, vocab_size=400, context=128)


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(400, rows=10)


@pytest.fixture(scope="module")
def lm(tokenizer):
    return our_language_model(
        build_model(MODEL, 0).eval(), tokenizer, MODEL.context, torch.device("cpu")
    )


def whole(lm, text: str) -> tuple[list[int], torch.Tensor]:
    """Tokens of a text, and the log-probabilities of all but the first: one plain pass."""
    ids = [lm.start, *lm.encode(text)]
    with torch.no_grad():
        logits = lm.model(torch.tensor([ids])).logits[0, :-1]
    return ids, torch.log_softmax(logits.double(), dim=-1)


@pytest.mark.parametrize("name", ["arithmetic_zh", "fact_zh", "exam_en"])
def test_scores_are_those_of_whole_texts(lm, name) -> None:
    items = TASKS[name].items(12)
    scores = score_items(lm, questions_of(lm, items))
    for i, item in enumerate(items):
        totals = []
        for option in item.options:
            ids, logp = whole(lm, item.prompt + option)
            totals.append(float(logp[range(len(ids) - 1), ids[1:]].sum()))
        # The part of the prompt is the same for all options, so differences must agree.
        mine = scores.loglik[i, : len(totals)]
        np.testing.assert_allclose(mine - mine[0], np.array(totals) - totals[0], atol=1e-3)


def test_exact_match_is_what_greedy_decoding_writes(lm) -> None:
    items = TASKS["exam_en"].items(40)
    scores = score_items(lm, questions_of(lm, items))
    for item, exact in zip(items, scores.exact, strict=True):
        ids = [lm.start, *lm.encode(item.prompt)]
        rest = [lm.start, *lm.encode(item.text)][len(ids) :]
        for expected in rest:
            with torch.no_grad():
                ids.append(int(lm.model(torch.tensor([ids])).logits[0, -1].argmax()))
            if ids[-1] != expected:
                break
        assert (ids[-len(rest) :] == rest) == exact


def test_a_model_without_a_cache_scores_the_same(lm) -> None:
    questions = questions_of(lm, TASKS["arithmetic_en"].items(8))

    class Without:
        def __call__(self, tokens, **options):
            out = lm.model(tokens, use_cache=False)
            return type(out)(logits=out.logits)

    plain = score_items(replace(lm, model=Without()), questions)
    np.testing.assert_allclose(plain.loglik, score_items(lm, questions).loglik, atol=1e-3)


def test_large_vocabularies_go_in_small_batches(lm, monkeypatch) -> None:
    questions = questions_of(lm, TASKS["arithmetic_en"].items(30))
    rows = []

    class Counted:
        def __call__(self, tokens, **options):
            out = lm.model(tokens, **options)
            rows.append(out.logits.shape[0])
            return out

    counted = replace(lm, model=Counted())
    whole = score_items(counted, questions)
    assert max(rows) > 20
    rows.clear()
    parts = score_items(replace(counted, vocabulary=1_000_000), questions)
    assert max(rows) <= 20  # a quarter of a GB: 67 million logits, three or more tokens an option
    np.testing.assert_allclose(parts.loglik, whole.loglik, atol=1e-4)


def test_a_model_of_linear_attention_is_scored_as_whole_texts(tokenizer) -> None:
    config = MambaConfig(vocab_size=400, hidden_size=16, num_hidden_layers=2, state_size=4)
    torch.manual_seed(0)
    lm = our_language_model(
        MambaForCausalLM(config).eval(), tokenizer, MODEL.context, torch.device("cpu")
    )
    item = TASKS["fact_en"].items(1)[0]
    loglik = score_items(lm, questions_of(lm, [item])).loglik[0]
    totals = []
    for option in item.options:
        ids, logp = whole(lm, item.prompt + option)
        totals.append(float(logp[range(len(ids) - 1), ids[1:]].sum()))
    np.testing.assert_allclose(loglik - loglik[0], np.array(totals) - totals[0], atol=1e-3)


def test_untied_output_layers_are_not_counted() -> None:
    config = GPT2Config(
        vocab_size=50, n_positions=8, n_embd=8, n_layer=1, n_head=1, tie_word_embeddings=False
    )
    model = GPT2LMHeadModel(config)
    whole = sum(p.numel() for p in model.parameters())
    assert count_params(model) == whole - 2 * 50 * 8 - 8 * 8


def test_metrics_of_known_log_likelihoods() -> None:
    from emergence.train.evaluate import ItemScores

    loglik = np.log([[0.6, 0.2], [0.1, 0.3]])
    scores = ItemScores(
        loglik, np.ones((2, 2), dtype=int), np.array([0, 0]), np.array([True, False])
    )
    by = {s["metric"]: s for s in task_scores(scores)}
    assert by["acc"]["value"] == 0.5
    assert by["acc"]["chance"] == 0.5
    assert by["choice_prob"]["value"] == pytest.approx((0.75 + 0.25) / 2)
    assert by["brier"]["value"] == pytest.approx((2 * 0.25**2 + 2 * 0.75**2) / 2)
    assert by["perplexity_correct"]["value"] == pytest.approx(1 / np.sqrt(0.6 * 0.1))
    produced = {s["metric"]: s for s in task_scores(scores, produced=True)}
    assert produced["exact_match"]["chance"] == 0.0


def test_text_loss_is_a_sum_over_all_tokens(lm) -> None:
    text = "The old man sees the river. " * 40 + "明住在北京。"
    nats, bits = text_loss(lm, text)
    ids, size = lm.encode(text), lm.context
    total = 0.0
    for i in range(0, len(ids), size - 1):
        row = np.array([[lm.start, *ids[i : i + size - 1]]])
        total += token_losses(lm, row).sum()
    assert nats == pytest.approx(total / len(ids), rel=1e-6)
    assert bits == pytest.approx(total / np.log(2) / len(text.encode()), rel=1e-6)


@pytest.mark.parametrize("mixer", ["attention", "mamba2"])
def test_our_checkpoint_gives_the_records_of_the_loop_again(mixer, tiny_config, tmp_path) -> None:
    model = tiny_config.model.model_copy(update={"mixer": mixer})
    config = tiny_config.model_copy(update={"model": model})
    folder = train(config, tmp_path / "run", progress=False)
    again = evaluate_checkpoint(str(folder / "model"), n_items=config.items).to_frame()
    first = read_records(folder / RECORDS).final().to_frame()
    both = again.merge(first, on=["run", "task", "metric"], suffixes=("", "_loop"))
    assert len(both) == len(again) == 12 * 5
    np.testing.assert_allclose(both["value"], both["value_loop"], rtol=1e-5)
    assert (both["tokens"] == both["tokens_loop"]).all()
    np.testing.assert_allclose(both["loss"], both["loss_loop"], rtol=1e-6)
    assert (both["family"] == both["family_loop"]).all()


def test_a_run_on_a_mixture_of_its_own_is_scored_on_what_it_was_taught(tmp_path) -> None:
    sets = ["english=1", 'mixture={"fact": 1, "biography": 2}', "model.vocab_size=400"]
    small = ["tokens=4000", "rows=2", "items=8", "loss_rows=8", "evaluations=2", "first=1000"]
    config = one_run("25k", [*sets, *small])
    assert config.tasks == ("fact_en",)
    folder = train(config, tmp_path / "run", progress=False)
    first = read_records(folder / RECORDS).final().to_frame()
    assert set(first["task"]) == {"fact_en", "biography_en", "mixture"}
    assert set(first["family"]) == {f"{Mixture(config.mixture, 1.0).name}/bpe400/context128"}
    again = evaluate_checkpoint(str(folder / "model"), n_items=8).to_frame()
    assert set(again["task"]) == {"fact_en"}
    assert set(again["family"]) == set(first["family"])
    np.testing.assert_allclose(again["loss"], first["loss"].iloc[0], rtol=1e-6)


def test_a_model_of_another_kind_and_items_of_ones_own(tokenizer, tmp_path) -> None:
    folder = tmp_path / "gpt"
    GPT2LMHeadModel(
        GPT2Config(vocab_size=400, n_positions=64, n_embd=16, n_layer=1, n_head=2)
    ).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END).save_pretrained(folder)
    items, text = tmp_path / "sums.jsonl", tmp_path / "book.txt"
    items.write_text('{"prompt": "2 + 2 =", "options": [" 3", " 4", " 22"], "gold": 1}\n' * 9)
    text.write_text("The old man sees the river. " * 30)
    with pytest.raises(DataError, match="how many tokens it was trained on"):
        evaluate_checkpoint(str(folder), text=text)
    with pytest.raises(DataError, match="give a text"):
        evaluate_checkpoint(str(folder), tokens=1e6)
    records = evaluate_checkpoint(str(folder), items=read_items(items), text=text, tokens=1e6)
    frame = records.to_frame()
    assert records.tasks == ["book.txt", "sums"]
    assert frame.loc[frame["metric"] == "acc", "chance"].tolist() == [pytest.approx(1 / 3)]
    (family,) = frame["family"].unique()
    assert family.startswith("book.txt#")
    assert family.endswith("/context64")
    assert frame["run"].unique().tolist() == ["gpt"]
    long = tmp_path / "long.jsonl"
    long.write_text(json.dumps({"prompt": "a b " * 99, "options": [" c", " d"], "gold": 0}))
    with pytest.raises(DataError, match=r"task long: an item has \d+ tokens, the model reads 64"):
        evaluate_checkpoint(str(folder), items=read_items(long), text=text, tokens=1e6)
    text.write_text("")
    with pytest.raises(DataError, match="the text is empty"):
        evaluate_checkpoint(str(folder), text=text, tokens=1e6)
    with pytest.raises(DataError, match="transformers loads no causal model"):
        evaluate_checkpoint(str(tmp_path / "nothing"))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"gold": 2}, r"row 2, line: .*gold = 2 of 2 options"),
        ({"options": ["a"]}, "row 2, options: .*at least 2"),
        ({"options": ["a", "a"]}, "must be different"),
        ({"prompt": None}, "row 2, prompt"),
    ],
)
def test_a_bad_item_is_named(tmp_path, change, text) -> None:
    good = {"prompt": "Is it?", "options": [" yes", " no"], "gold": 0}
    path = tmp_path / "items.jsonl"
    path.write_text(json.dumps(good) + "\n" + json.dumps(good | change) + "\n")
    with pytest.raises(DataError, match=text):
        read_items(path)
    path.write_text("")
    with pytest.raises(DataError, match="no items"):
        read_items(path)
