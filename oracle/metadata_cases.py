"""Tiny models of `transformers`, each with the config that a careful reader of its tensors could write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import transformers as hf
from torch import Tensor, nn

SEED = 1
WIDTH, LAYERS, HEADS, HIDDEN, ROWS, SAMPLES = 32, 3, 4, 64, 6, 8
IMAGE, PATCH = 32, 8
Part = dict[str, object]


@dataclass
class Case:
    """`part` is the transformer part of the config; `run` answers what PyTorch does for rows or normalised pixels."""

    name: str
    model: nn.Module
    part: Part
    run: Callable[[Tensor], Tensor]
    pictures: bool = False
    ignore: list[str] = field(default_factory=list)
    refused: bool = False


SIZES = dict(hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS, intermediate_size=HIDDEN)
WORDS = dict(vocab_size=8, max_position_embeddings=2 * ROWS, bos_token_id=1, eos_token_id=2, pad_token_id=0)
GPT = dict(
    n_embd=WIDTH,
    n_layer=LAYERS,
    n_head=HEADS,
    n_inner=HIDDEN,
    n_positions=2 * ROWS,
    vocab_size=8,
    bos_token_id=1,
    eos_token_id=2,
)
SEQ2SEQ = dict(
    d_model=WIDTH, encoder_layers=LAYERS, decoder_layers=1, encoder_attention_heads=HEADS,
    decoder_attention_heads=HEADS,
    encoder_ffn_dim=HIDDEN, decoder_ffn_dim=HIDDEN, **WORDS,
)  # fmt: skip


def part(
    norm: str,
    eps: float,
    act: str,
    layer: dict[str, object],
    weights: dict[str, object],
    *,
    pictures: bool = False,
    **more: object,
) -> Part:
    fused = "qkv" in layer
    attention = {
        "heads": HEADS,
        "headDim": WIDTH // HEADS,
        "qkv": "fused" if fused else "separate",
        "qkvBias": True,
        "outBias": True,
    }
    attention |= more.pop("attention", {})  # type: ignore[operator]
    ffn: dict[str, object] = {"kind": "mlp", "hidden": HIDDEN, "act": act, "bias": True}
    ffn |= more.pop("ffn", {})  # type: ignore[operator]
    rows: dict[str, object] = {"kind": "rows"}
    patches = {
        "kind": "patches",
        "image": [IMAGE, IMAGE],
        "patch": PATCH,
        "classToken": True,
        "mean": [0.5, 0.4, 0.3],
        "std": [0.2, 0.3, 0.4],
    }
    embedding = patches | more.pop("embedding", {}) if pictures else rows  # type: ignore[operator]
    kind = {"kind": norm, "eps": eps}
    made: Part = {
        "kind": "transformer",
        "width": WIDTH,
        "layers": LAYERS,
        "embedding": embedding,
        "position": "learned",
        "norm": kind,
    }
    made |= {"attention": attention, "ffn": ffn, "finalNorm": kind, "weights": weights | {"layer": layer}}
    return made | more


def names(prefix: str, **keys: str) -> dict[str, object]:
    return {key: prefix + name for key, name in keys.items()}


def conv(name: str) -> dict[str, object]:
    """A Conv1D's tensors."""
    return {"weight": f"{name}.weight", "bias": f"{name}.bias", "transposed": True}


def last(model: nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda x: model(pixel_values=x).last_hidden_state


def vit_cases() -> list[Case]:
    shape = dict(**SIZES, image_size=IMAGE, patch_size=PATCH)
    layer = names(
        "layers.{i}.", norm1="layernorm_before", q="attention.q_proj", k="attention.k_proj",
        v="attention.v_proj", out="attention.o_proj",
        norm2="layernorm_after", up="mlp.fc1", down="mlp.fc2",
    )  # fmt: skip
    top: dict[str, object] = names(
        "", patch="embeddings.patch_embeddings.projection", classToken="embeddings.cls_token",
        position="embeddings.position_embeddings",
        finalNorm="layernorm",
    )  # fmt: skip
    without = {key: value for key, value in top.items() if key != "classToken"}
    body = part("layer_norm", 1e-12, "gelu", layer, top, pictures=True)
    cases = []
    for name, make in {
        "vit": lambda: hf.ViTModel(hf.ViTConfig(**shape), add_pooling_layer=False),
        "vit_msn": lambda: hf.ViTMSNModel(hf.ViTMSNConfig(**shape, layer_norm_eps=1e-12)),
    }.items():
        model = make()
        cases.append(Case(name, model, body, last(model), True, ["embeddings.mask_token"]))
    mae = hf.ViTMAEModel(hf.ViTMAEConfig(**shape, mask_ratio=0.0))
    order = torch.arange(16.0)[None]
    cases.append(
        Case(
            "vit_mae", mae, body, lambda x: mae(pixel_values=x, noise=order.expand(len(x), -1)).last_hidden_state, True
        )
    )
    ijepa = hf.IJepaModel(hf.IJepaConfig(**shape), add_pooling_layer=False)
    tokenless = part("layer_norm", 1e-12, "gelu", layer, without, pictures=True, embedding={"classToken": False})
    cases.append(Case("ijepa", ijepa, tokenless, last(ijepa), True, ["embeddings.mask_token"]))
    return cases + dinov2_cases(top) + tower_cases(shape)


def dinov2_cases(top: dict[str, object]) -> list[Case]:
    cases = []
    for registers in (0, 4):
        for gated in (False, True):
            cls, config = (
                (hf.Dinov2WithRegistersModel, hf.Dinov2WithRegistersConfig)
                if registers
                else (hf.Dinov2Model, hf.Dinov2Config)
            )
            counted = {"num_register_tokens": registers} if registers else {}
            own = {key: value for key, value in SIZES.items() if key != "intermediate_size"}
            model = cls(config(**own, mlp_ratio=2, image_size=IMAGE, patch_size=PATCH, use_swiglu_ffn=gated, **counted))
            keys = (
                {"gate": "gate_proj", "up": "up_proj", "down": "down_proj"} if gated else {"up": "fc1", "down": "fc2"}
            )
            dino = names(
                "encoder.layer.{i}.", norm1="norm1", q="attention.q_proj", k="attention.k_proj",
                v="attention.v_proj", out="attention.o_proj",
                norm2="norm2", layerScale1="layer_scale1.lambda1", layerScale2="layer_scale2.lambda1",
            ) | names("encoder.layer.{i}.mlp.", **keys)  # fmt: skip
            over = top | ({"registers": "embeddings.register_tokens"} if registers else {})
            form = {"kind": "gated", "hidden": 48, "act": "silu"} if gated else {}
            made = part(
                "layer_norm",
                1e-6,
                "gelu",
                dino,
                over,
                pictures=True,
                layerScale=True,
                ffn=form,
                embedding={"registers": registers},
            )
            name = f"dinov2{'_with_registers' if registers else ''}{' swiglu' if gated else ''}"
            cases.append(Case(name, model, made, last(model), True, ["embeddings.mask_token"]))
    return cases


def tower_cases(shape: dict[str, int]) -> list[Case]:
    """Encoders of pictures and of words that were trained together."""
    cases = []
    tower = names(
        "encoder.layers.{i}.", norm1="layer_norm1", q="self_attn.q_proj", k="self_attn.k_proj",
        v="self_attn.v_proj", out="self_attn.out_proj",
        norm2="layer_norm2", up="mlp.fc1", down="mlp.fc2",
    )  # fmt: skip
    siglip = hf.SiglipVisionModel(hf.SiglipVisionConfig(**shape, vision_use_head=False))
    seen = names(
        "",
        patch="embeddings.patch_embedding",
        position="embeddings.position_embedding.weight",
        finalNorm="post_layernorm",
    )
    made = part("layer_norm", 1e-6, "gelu_tanh", tower, seen, pictures=True, embedding={"classToken": False})
    cases.append(Case("siglip_vision_model", siglip, made, last(siglip), True))
    clip = hf.CLIPVisionModel(hf.CLIPVisionConfig(**shape))
    seen |= {"classToken": "embeddings.class_embedding"}
    made = part("layer_norm", 1e-5, "quick_gelu", tower, seen, pictures=True, embedding={"bias": False})
    normed = lambda x: clip.post_layernorm(last(clip)(x))  # noqa: E731
    cases.append(Case("clip_vision_model without its first norm", clip, made, normed, True, ["pre_layrnorm.*"], True))
    for name, cls, config, act, eps, causal in (
        ("clip_text_model", hf.CLIPTextModel, hf.CLIPTextConfig, "quick_gelu", 1e-5, True),
        ("siglip_text_model", hf.SiglipTextModel, hf.SiglipTextConfig, "gelu_tanh", 1e-6, False),
    ):
        model = cls(config(**SIZES, **WORDS))
        text = names("", position="embeddings.position_embedding.weight", finalNorm="final_layer_norm")
        made = part("layer_norm", eps, act, tower, text, positions=2 * ROWS, attention={"causal": causal})
        # Rows in the place of the embeddings of as many words.
        model.embeddings.token_embedding = Given()
        words = torch.zeros(SAMPLES, ROWS, dtype=torch.long)
        run = given(model, model.embeddings.token_embedding, words)
        cases.append(Case(name, model, made, run, ignore=["head.*", "embeddings.token_embedding.*"]))
    return cases


class Given(nn.Module):
    """Answers rows whatever it is asked."""

    rows: Tensor

    def forward(self, _: Tensor) -> Tensor:
        return self.rows


def given(model: nn.Module, embedding: Given, words: Tensor) -> Callable[[Tensor], Tensor]:
    def run(rows: Tensor) -> Tensor:
        embedding.rows = rows
        return model(input_ids=words).last_hidden_state

    return run


def rows_run(model: nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda rows: model(inputs_embeds=rows).last_hidden_state


def gpt_layer(turned: bool, out_turned: bool = True) -> dict[str, object]:
    of: Callable[[str], object] = conv if turned else lambda name: name
    layer: dict[str, object] = names("h.{i}.", norm1="ln_1", norm2="ln_2")
    layer |= {
        "qkv": of("h.{i}.attn.c_attn"),
        "out": of("h.{i}.attn.c_proj"),
        "up": of("h.{i}.mlp.c_fc"),
        "down": of("h.{i}.mlp.c_proj"),
    }
    return layer if out_turned else layer | {"out": "h.{i}.attn.c_proj"}


def gpt_cases() -> list[Case]:
    top = names("", position="wpe.weight", finalNorm="ln_f")
    causal = {"causal": True}
    cases = []

    def gpt2(
        name: str,
        keys: dict[str, object] | None = None,
        refused: bool = False,
        out_turned: bool = True,
        **attention: object,
    ) -> None:
        model = hf.GPT2Model(hf.GPT2Config(**GPT, **(keys or {})))
        made = part(
            "layer_norm",
            1e-5,
            "gelu_tanh",
            gpt_layer(True, out_turned),
            top,
            positions=2 * ROWS,
            attention=causal | attention,
        )
        cases.append(Case(name, model, made, rows_run(model), ignore=["wte.*"], refused=refused))

    gpt2("gpt2")
    gpt2("gpt2, out not turned", refused=True, out_turned=False)
    gpt2("gpt2 unscaled", {"scale_attn_weights": False}, refused=True)
    gpt2("gpt2 unscaled, said", {"scale_attn_weights": False}, scale=1)
    gpt2("gpt2 scaled by layer", {"scale_attn_by_inverse_layer_idx": True}, refused=True)
    image = hf.ImageGPTModel(hf.ImageGPTConfig(**GPT))
    made = part("rms_norm", 1e-5, "quick_gelu", gpt_layer(True), top, positions=2 * ROWS, attention=causal)
    cases.append(Case("imagegpt", image, made, rows_run(image), ignore=["wte.*"]))
    for one in (True, False):
        code = hf.GPTBigCodeModel(hf.GPTBigCodeConfig(**GPT, multi_query=one))
        attention = causal | ({"kvHeads": 1} if one else {})
        made = part("layer_norm", 1e-5, "gelu_tanh", gpt_layer(False), top, positions=2 * ROWS, attention=attention)
        cases.append(
            Case(f"gpt_bigcode multi_query {one}", code, made, rows_run(code), ignore=["wte.*"], refused=not one)
        )
    return cases + gpt_neo_cases(top) + decision_cases(top)


def gpt_neo_cases(top: dict[str, object]) -> list[Case]:
    causal = {"causal": True}
    cases = []
    layer = names(
        "h.{i}.", norm1="ln_1", q="attn.attention.q_proj", k="attn.attention.k_proj",
        v="attn.attention.v_proj", out="attn.attention.out_proj",
        norm2="ln_2", up="mlp.c_fc", down="mlp.c_proj",
    )  # fmt: skip
    for name, window, scale, refused in (
        ("gpt_neo, scale left out", 2 * ROWS, {}, True),
        ("gpt_neo, a window shorter than its rows", ROWS - 2, {"scale": 1}, True),
        ("gpt_neo, a window of all its rows", ROWS, {"scale": 1}, False),
    ):
        neo = hf.GPTNeoModel(
            hf.GPTNeoConfig(
                hidden_size=WIDTH, num_layers=LAYERS, attention_types=[[["global", "local", "global"], 1]],
                num_heads=HEADS, intermediate_size=HIDDEN,
                window_size=window, vocab_size=8, max_position_embeddings=2 * ROWS, bos_token_id=1, eos_token_id=2,
            )
        )  # fmt: skip
        made = part(
            "layer_norm",
            1e-5,
            "gelu_tanh",
            layer,
            top,
            positions=2 * ROWS,
            attention=causal | {"qkvBias": False} | scale,
        )
        cases.append(Case(name, neo, made, rows_run(neo), ignore=["wte.*"], refused=refused))
    return cases


def decision_cases(top: dict[str, object]) -> list[Case]:
    causal = {"causal": True}
    cases = []
    for position in ("learned", "none"):
        words = {"vocab_size": 1, "bos_token_id": 0, "eos_token_id": 0}
        decision = hf.DecisionTransformerModel(
            hf.DecisionTransformerConfig(hidden_size=WIDTH, **(GPT | words), state_dim=4, act_dim=2)
        ).encoder
        extra = {"positions": 2 * ROWS} if position == "learned" else {}
        over = top if position == "learned" else {"finalNorm": "ln_f"}
        made = part("layer_norm", 1e-5, "relu", gpt_layer(True), over, position=position, attention=causal, **extra)
        ignore = ["wte.*"] + ([] if extra else ["wpe.*"])
        run = constant(decision, position == "none")
        cases.append(
            Case(f"decision_transformer, position {position}", decision, made, run, ignore=ignore, refused=bool(extra))
        )
    return cases


def constant(model: nn.Module, added: bool) -> Callable[[Tensor], Tensor]:
    """As the whole model runs its GPT-2. `added`: whoever gives the rows has added the first row of the position table
    already."""

    def run(rows: Tensor) -> Tensor:
        rows = rows - model.wpe.weight[0] if added else rows
        return model(inputs_embeds=rows, position_ids=torch.zeros(rows.shape[:2], dtype=torch.long)).last_hidden_state

    return run


def fairseq_cases() -> list[Case]:
    layer = names(
        "layers.{i}.", norm1="self_attn_layer_norm", q="self_attn.q_proj", k="self_attn.k_proj",
        v="self_attn.v_proj", out="self_attn.out_proj",
        norm2="final_layer_norm", up="fc1", down="fc2",
    )  # fmt: skip
    top = names("", position="embed_positions.weight", finalNorm="layer_norm")
    cases = []
    offset = {"positions": 2 * ROWS + 2, "firstPosition": 2}
    own = {key: value for key, value in SIZES.items() if key != "intermediate_size"}
    opt = hf.OPTModel(hf.OPTConfig(**own, ffn_dim=HIDDEN, word_embed_proj_dim=WIDTH, **WORDS)).decoder
    made = part(
        "layer_norm", 1e-5, "relu", layer, top | {"finalNorm": "final_layer_norm"}, attention={"causal": True}, **offset
    )
    cases.append(Case("opt", opt, made, rows_run(opt), ignore=["embed_tokens.*"]))
    bio = hf.BioGptModel(hf.BioGptConfig(**SIZES, **WORDS))
    made = part("layer_norm", 1e-5, "gelu", layer, top, attention={"causal": True}, **offset)
    cases.append(Case("biogpt", bio, made, rows_run(bio), ignore=["embed_tokens.*"]))
    mbart = hf.MBartModel(hf.MBartConfig(**SEQ2SEQ)).encoder
    made = part("layer_norm", 1e-5, "gelu", layer, top, **offset)
    cases.append(
        Case(
            "mbart without its first norm",
            mbart,
            made,
            rows_run(mbart),
            ignore=["embed_tokens.*", "layernorm_embedding.*"],
            refused=True,
        )
    )
    pegasus = hf.PegasusModel(hf.PegasusConfig(**(SEQ2SEQ | {"decoder_layers": LAYERS})))
    made = part("layer_norm", 1e-5, "gelu", layer, top, positions=2 * ROWS)
    cases.append(Case("pegasus", pegasus.encoder, made, rows_run(pegasus.encoder), ignore=["embed_tokens.*"]))
    seen = torch.randn(SAMPLES, ROWS, WIDTH, generator=torch.Generator().manual_seed(SEED))
    both = lambda rows: pegasus.decoder(inputs_embeds=rows, encoder_hidden_states=seen).last_hidden_state  # noqa: E731
    made = part("layer_norm", 1e-5, "gelu", layer, top, positions=2 * ROWS, attention={"causal": True})
    ignore = ["embed_tokens.*", "*.encoder_attn*"]
    cases.append(
        Case("pegasus, decoder without what it sees", pegasus.decoder, made, both, ignore=ignore, refused=True)
    )
    bart = hf.BartModel(hf.BartConfig(**SEQ2SEQ)).encoder
    made = part("layer_norm", 1e-5, "gelu", layer, top | {"finalNorm": "layernorm_embedding"}, **offset)
    cases.append(Case("bart, norms before", bart, made, rows_run(bart), ignore=["embed_tokens.*"], refused=True))
    return cases
