from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the trainer needs the extra 'train'")
pytest.importorskip("transformers", reason="the trainer needs the extra 'train'")

import torch
from transformers import AutoModelForCausalLM

from emergence.train import model as train_model
from emergence.train.config import ModelConfig, TrainConfig
from emergence.train.model import build_model, count_params, objective, place, takes_bfloat16
from emergence.train.sweeps.presets import SIZES, sized

SMALL = ModelConfig(hidden=48, layers=2, heads=2, kv_heads=1, vocab_size=300, context=32)
STRUCTURES = {
    "half rotary": SMALL,
    "not rotary": SMALL.model_copy(update={"rotary": 0.0}),
    "all rotary": SMALL.model_copy(update={"rotary": 1.0}),
    "a key for each head": SMALL.model_copy(update={"kv_heads": 2}),
    "state space": SMALL.model_copy(update={"mixer": "mamba2", "heads": 4, "kv_heads": 2}),
}
EACH = pytest.mark.parametrize("config", STRUCTURES.values(), ids=STRUCTURES)


def test_count_is_that_of_the_matrices() -> None:
    d, head, ffn = SMALL.hidden, SMALL.hidden // SMALL.heads, SMALL.ffn
    attention = d * head * (2 * SMALL.heads + 2 * SMALL.kv_heads)
    norms = 2 * d * SMALL.layers + d
    assert count_params(build_model(SMALL, 0)) == SMALL.layers * (attention + 3 * d * ffn) + norms


@EACH
def test_a_config_knows_its_parameters(config: ModelConfig) -> None:
    assert config.params == count_params(build_model(config, 0))


def test_sizes_are_named_after_their_parameters() -> None:
    for name in SIZES:
        stated = float(name[:-1]) * {"k": 1e3, "M": 1e6}[name[-1]]
        assert sized(name, 1000).model.params == pytest.approx(stated, rel=0.02), name


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_of_each_head_is_rotated(share: float) -> None:
    model = build_model(SMALL.model_copy(update={"rotary": share}), 0)
    pairs = model.model.rotary_emb.inv_freq.numel()
    assert pairs == share * SMALL.hidden // SMALL.heads // 2


def test_without_rotation_a_head_sees_what_came_and_not_in_which_order() -> None:
    config = SMALL.model_copy(update={"rotary": 0.0, "layers": 1})
    model = build_model(config, 0).eval()
    with torch.no_grad():
        one, other = (model(torch.tensor([t])).logits[0, -1] for t in ([5, 9, 7], [9, 5, 7]))
    torch.testing.assert_close(one, other)


def test_a_share_that_leaves_half_a_pair_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rotary = 0.3 of heads 24 wide is 7.2, which must be"):
        ModelConfig(**SMALL.model_dump() | {"rotary": 0.3})


def test_weights_depend_on_the_seed_alone_and_leave_the_global_state() -> None:
    before = torch.random.get_rng_state()
    one, two, other = (build_model(SMALL, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(one[k], two[k]) for k in one)
    assert not all(torch.equal(one[k], other[k]) for k in one)


@EACH
def test_what_comes_later_changes_nothing(config: ModelConfig) -> None:
    model = build_model(config, 0).eval()
    tokens = torch.randint(0, 300, (1, 16), generator=torch.Generator().manual_seed(0))
    changed = tokens.clone()
    changed[0, -1] = (changed[0, -1] + 1) % 300
    with torch.no_grad():
        a, b = model(tokens).logits, model(changed).logits
    torch.testing.assert_close(a[:, :-1], b[:, :-1])
    assert not torch.equal(a[:, -1], b[:, -1])


@EACH
def test_transformers_loads_it_back(config: ModelConfig, tmp_path) -> None:
    model = build_model(config, 0).eval()
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    tokens = torch.arange(16)[None]
    with torch.no_grad():
        torch.testing.assert_close(model(tokens).logits, loaded(tokens).logits)


def test_plain_and_fused_attention_agree() -> None:
    cpu, tokens = torch.device("cpu"), torch.arange(32)[None]
    logits = []
    for precision, attention in (("float32", "sdpa"), ("bfloat16", "eager")):
        config = TrainConfig(name="x", model=SMALL, tokens=100, precision=precision)
        model = place(build_model(SMALL, 0), config, cpu).eval()
        assert model.config._attn_implementation == attention
        with torch.no_grad():
            logits.append(model(tokens).logits)
    torch.testing.assert_close(*logits)


def test_bfloat16_is_taken_where_the_processor_has_it(monkeypatch) -> None:
    model, cpu = build_model(SMALL, 0), torch.device("cpu")
    tokens = torch.arange(66).reshape(2, 33)

    def loss_in(precision: str) -> torch.Tensor:
        config = TrainConfig(name="x", model=SMALL, tokens=100, precision=precision)
        return objective(model, config, cpu)(tokens)

    full, half = loss_in("float32"), loss_in("bfloat16")
    assert full.dtype == half.dtype == torch.float32
    assert full != half
    torch.testing.assert_close(full, half, rtol=2e-2, atol=0)
    for there, expected in ((True, half), (False, full)):
        monkeypatch.setattr(train_model, "takes_bfloat16", lambda _, there=there: there)
        assert loss_in("auto") == expected


@pytest.mark.parametrize(("features", "takes"), [({"avx512_bf16": True}, True), ({}, False)])
def test_processors_say_whether_they_take_bfloat16(monkeypatch, features, takes) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features, raising=False)
    assert takes_bfloat16(torch.device("cpu")) is takes


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        ({"hidden": 50}, "must be a multiple of 4"),
        ({"heads": 4, "kv_heads": 3}, "multiple of kv_heads = 3"),
    ],
)
def test_sizes_that_do_not_divide_are_refused(sizes, text) -> None:
    with pytest.raises(ValueError, match=text):
        ModelConfig(**(SMALL.model_dump() | sizes))


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("tasks", ("fact_en", "fact_fr"), r"\['fact_fr'\]: there are fact_en"),
        ("tasks", ("fact_en", "fact_en"), "named twice"),
        ("mixture", {"fact": 1, "facts": 1}, r"\['facts'\]: there are prose"),
        ("mixture", {"fact": 0}, "no domain has a weight"),
        ("mixture", {"fact": -1}, "greater than or equal to 0"),
    ],
)
def test_tasks_and_domains_that_do_not_exist_are_refused(field, value, text) -> None:
    with pytest.raises(ValueError, match=text):
        TrainConfig(name="x", model=SMALL, tokens=1000, **{field: value})
