"""Model: a LLaMA-like decoder of the transformers library, built from a few sizes."""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from transformers import GlmConfig, GlmForCausalLM


class ModelConfig(BaseModel):
    """Sizes of one model.

    Examples
    --------
    >>> ModelConfig(hidden=48, layers=2, heads=2, kv_heads=1).ffn
    128
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    hidden: int = Field(gt=0, description="width of the residual stream")
    layers: int = Field(gt=0, description="decoder blocks")
    heads: int = Field(gt=0, description="query heads; their width is hidden / heads")
    kv_heads: int = Field(gt=0, description="key and value heads, shared by groups of query heads")
    vocab_size: int = Field(default=1000, ge=300, description="tokens of the tokenizer")
    context: int = Field(default=128, gt=0, description="tokens that the model reads at once")
    rope_theta: float = Field(default=1000.0, gt=0, description="base of the rotary embedding")

    @model_validator(mode="after")
    def _divide(self) -> ModelConfig:
        if self.hidden % self.heads or (self.hidden // self.heads) % 4:
            raise ValueError(
                f"hidden = {self.hidden} over heads = {self.heads} must be a multiple of 4 "
                "(half of each head is rotated, in pairs); choose another hidden or heads"
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
    glm = GlmConfig(
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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return GlmForCausalLM(glm)


def count_params(model: torch.nn.Module) -> int:
    """Non-embedding parameters, as the records state them."""
    embedding = {id(p) for m in model.modules() if isinstance(m, torch.nn.Embedding)
                 for p in m.parameters()}  # fmt: skip
    return sum(p.numel() for p in model.parameters() if id(p) not in embedding)
