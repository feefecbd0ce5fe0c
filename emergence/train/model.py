"""Model: a LLaMA-like decoder of the transformers library, built from a few sizes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional
from transformers import GlmConfig, GlmForCausalLM

from emergence.train.config import ModelConfig, TrainConfig


def glm_config(config: ModelConfig) -> GlmConfig:
    """Describe the model as transformers does."""
    return GlmConfig(
        architectures=["GlmForCausalLM"],
        vocab_size=config.vocab_size,
        hidden_size=config.hidden,
        intermediate_size=config.ffn,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.kv_heads,
        head_dim=config.hidden // config.heads,
        max_position_embeddings=config.context,
        initializer_range=config.hidden**-0.5,
        rope_parameters={
            "rope_type": "default",
            "rope_theta": config.rope_theta,
            "partial_rotary_factor": 0.5,
        },
        attention_bias=False,
        tie_word_embeddings=True,
        pad_token_id=None,
        bos_token_id=0,
        eos_token_id=0,
    )


def build_model(config: ModelConfig, seed: int) -> GlmForCausalLM:
    r"""Build a fresh model: RMSNorm, SwiGLU, grouped queries, half rotary, tied embeddings.

    Weights are drawn with standard deviation :math:`1/\sqrt{\text{hidden}}`, which small
    models need; the global state of torch's random numbers is left as it was.

    Parameters
    ----------
    config : ModelConfig
        Sizes.
    seed : int
        Seed of the weights.

    Returns
    -------
    GlmForCausalLM
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return GlmForCausalLM(glm_config(config))


def objective(
    model: torch.nn.Module, config: TrainConfig, device: torch.device
) -> Callable[[torch.Tensor], torch.Tensor]:
    r"""Mean next-token cross-entropy of rows of tokens, in nats.

    .. math:: -\frac1T \sum_t \log p(x_t \mid x_{<t})

    Compiled as a whole where the config says so: over a small model the logits and their
    softmax are much of the work.
    """

    def loss(tokens: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device.type, torch.bfloat16, config.precision == "bfloat16"):
            logits = model(tokens[:, :-1], use_cache=False).logits
        return functional.cross_entropy(logits.flatten(0, 1).float(), tokens[:, 1:].flatten())

    return torch.compile(loss) if config.compile else loss


def count_params(model: torch.nn.Module) -> int:
    """Parameters without embeddings and output layer, as the records state them."""
    modules = [m for m in model.modules() if isinstance(m, torch.nn.Embedding)]
    if (output := getattr(model, "get_output_embeddings", lambda: None)()) is not None:
        modules.append(output)
    outside = {id(p) for m in modules for p in m.parameters()}
    return sum(p.numel() for p in model.parameters() if id(p) not in outside)
