"""Model: a decoder or a state-space model of the transformers library, from a few sizes."""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional
from transformers import (
    AutoModelForCausalLM,
    GlmConfig,
    Mamba2Config,
    PreTrainedConfig,
    PreTrainedModel,
)

from emergence.train.config import ModelConfig, TrainConfig

# Up to so many tokens plain matrix products are the faster attention on a CPU in bfloat16: the
# backward pass of the fused one is slower there than in float32, three times at 128 tokens.
_SHORT = 512


_CHUNK = 32  # tokens of a sequence that mamba2 takes in one product: the fastest on a CPU


def structure(config: ModelConfig) -> PreTrainedConfig:
    """Describe the model as transformers does."""
    common: dict[str, Any] = {
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden,
        "num_hidden_layers": config.layers,
        "initializer_range": config.hidden**-0.5,
        "tie_word_embeddings": True,
        "pad_token_id": None,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    if config.mixer == "mamba2":
        return Mamba2Config(
            architectures=["Mamba2ForCausalLM"],
            num_heads=config.heads,
            head_dim=2 * config.hidden // config.heads,
            expand=2,
            n_groups=config.kv_heads,
            state_size=config.state,
            chunk_size=_CHUNK,
            **common,
        )
    return GlmConfig(
        architectures=["GlmForCausalLM"],
        intermediate_size=config.ffn,
        num_attention_heads=config.heads,
        num_key_value_heads=config.kv_heads,
        head_dim=config.hidden // config.heads,
        max_position_embeddings=config.context,
        rope_parameters={
            "rope_type": "default",
            "rope_theta": config.rope_theta,
            "partial_rotary_factor": config.rotary,
        },
        attention_bias=False,
        **common,
    )


def build_model(config: ModelConfig, seed: int) -> PreTrainedModel:
    """Build a fresh model with tied embeddings.

    By default attention with grouped queries of which half is rotary, RMSNorm and SwiGLU; or the
    state-space model of Dao & Gu (2024).
    """
    # Weights are drawn with standard deviation 1 / sqrt(hidden), which small models need; the
    # global state of torch's random numbers is left as it was.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: PreTrainedModel = AutoModelForCausalLM.from_config(structure(config))
        return model


def takes_bfloat16(device: torch.device) -> bool:
    """Does the device multiply bfloat16 in hardware, about twice as fast as float32?"""
    if device.type == "cpu":
        # Older releases of torch do not say: float32 there.
        features: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
        return any(there for name, there in features.items() if name.endswith("bf16"))
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def in_bfloat16(config: TrainConfig, device: torch.device) -> bool:
    """Does a run multiply its matrices in bfloat16?"""
    if config.precision == "auto":
        return takes_bfloat16(device)
    return config.precision == "bfloat16"


def place(model: PreTrainedModel, config: TrainConfig, device: torch.device) -> torch.nn.Module:
    """Move a model to its device, with the attention that is the fastest there."""
    short = config.model.context <= _SHORT
    attends = config.model.mixer == "attention"
    if device.type == "cpu" and attends and short and in_bfloat16(config, device):
        model.set_attn_implementation("eager")
    module: torch.nn.Module = model
    return module.to(device)


def objective(
    model: torch.nn.Module, config: TrainConfig, device: torch.device
) -> Callable[[torch.Tensor], torch.Tensor]:
    r"""Mean next-token cross-entropy of rows of tokens, in nats.

    .. math:: -\frac1T \sum_t \log p(x_t \mid x_{<t})

    Compiled as a whole where the config says so: over a small model the logits and their
    softmax are much of the work.  In bfloat16 only the matrix products are; weights, the
    optimiser's averages, normalisation and softmax stay in float32.
    """
    half = in_bfloat16(config, device)

    def loss(tokens: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device.type, torch.bfloat16, half):
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
