"""Models of `transformers` that a config can describe wrongly without anything failing, with seeded weights: OPT, whose
positions begin at the third row of their table, and BERT, which normalises after each half of a block. Both take rows
in the place of token embeddings."""

from __future__ import annotations

from dataclasses import dataclass

import seeded
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel, OPTConfig, OPTModel


@dataclass(frozen=True)
class Case:
    """`shapes`: of the tensors that a config reads, by name. The streams of their weights are named alike."""

    width: int
    layers: int
    heads: int
    hidden: int
    rows: int
    samples: int
    shapes: dict[str, tuple[int, ...]]


WIDTH, LAYERS, HEADS, HIDDEN, ROWS, SAMPLES = 32, 3, 4, 64, 6, 8


def opt() -> nn.Module:
    # The published models add two rows to `max_position_embeddings`.
    config = OPTConfig(
        hidden_size=WIDTH,
        word_embed_proj_dim=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        ffn_dim=HIDDEN,
        max_position_embeddings=2 * ROWS,
        vocab_size=8,
        dropout=0.0,
    )
    return OPTModel(config).eval()


def bert() -> nn.Module:
    config = BertConfig(
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=HIDDEN,
        max_position_embeddings=ROWS,
        vocab_size=8,
    )
    return BertModel(config, add_pooling_layer=False).eval()


def load_seeded(model: nn.Module, seed: int) -> nn.Module:
    state = {
        name: torch.from_numpy(seeded.tensor(name, tuple(value.shape), seed))
        for name, value in model.state_dict().items()
    }
    model.load_state_dict(state)
    return model


def case(model: nn.Module) -> Case:
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    return Case(WIDTH, LAYERS, HEADS, HIDDEN, ROWS, SAMPLES, shapes)


def inputs(seed: int) -> Tensor:
    """f32 [SAMPLES, ROWS, WIDTH]."""
    return torch.from_numpy(seeded.actions("rows", seed, SAMPLES * ROWS, WIDTH)).reshape(SAMPLES, ROWS, WIDTH)


def hidden_states(model: nn.Module, rows: Tensor) -> Tensor:
    """The last hidden states, [SAMPLES, ROWS, WIDTH]."""
    return model(inputs_embeds=rows).last_hidden_state
