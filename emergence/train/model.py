"""Model: a LLaMA-like decoder of the transformers library, built from a few sizes."""

from __future__ import annotations

import torch
from transformers import GlmConfig, GlmForCausalLM

from emergence.train.config import ModelConfig


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


def count_params(model: torch.nn.Module) -> int:
    """Parameters without embeddings and output layer, as the records state them."""
    modules = [m for m in model.modules() if isinstance(m, torch.nn.Embedding)]
    if (output := getattr(model, "get_output_embeddings", lambda: None)()) is not None:
        modules.append(output)
    outside = {id(p) for m in modules for p in m.parameters()}
    return sum(p.numel() for p in model.parameters() if id(p) not in outside)
