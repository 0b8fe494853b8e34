"""The training loop. Step n depends on the seed, the config and the state after step n - 1 only, so a run that was
stopped goes on as if it had not been."""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from .config import Config, Training
from .diagnostics import draw_curves, effective_rank, latent_std, linear_probe_r2, read_log, varying_share
from .environments import environment
from .episodes import ActionStatistics, Episodes
from .files import replacing, write_text
from .loss import SIGReg
from .model import LeWM, normalize
from .patches import PatchSample, encode_sampled
from .windows import Windows

CHECKPOINT = "checkpoint.pt"
LOG = "log.jsonl"
CURVES = "curves.png"
CACHED_IMAGE_MAX = 64
DECAY_SHARE = 0.2
HELD_OUT_DIVISOR = 8
PROBE_BATCH = 64


def initialize(model: LeWM, settings: Training) -> None:
    """Starting weights of the published training, except for the standard deviations that the config chooses for the
    encoder.

    adaLN starts at zero, the predictor's positions at standard deviation 1, the rest as PyTorch starts it. The
    published 0.02 suits a wide ViT; at small widths it leaves attention uniform and the class token nearly constant,
    which BatchNorm hides and int8 activations do not. In a deep encoder the same comes of residual writes as wide as
    the rest: what all frames have in common grows with every layer, what tells them apart does not, and the layers that
    hardly see it drift."""
    torch.manual_seed(settings.seed)
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv1d, nn.LayerNorm, nn.BatchNorm1d)):
            module.reset_parameters()
    for name, module in model.encoder.named_modules():
        if isinstance(module, nn.Linear):
            writes_residual = name.endswith("output.dense")
            nn.init.trunc_normal_(module.weight, std=settings.residual_std if writes_residual else settings.encoder_std)
            nn.init.zeros_(module.bias)
    embeddings = model.encoder.embeddings
    nn.init.trunc_normal_(embeddings.patch_embeddings.projection.weight, std=settings.patch_std)
    nn.init.zeros_(embeddings.patch_embeddings.projection.bias)
    nn.init.trunc_normal_(embeddings.cls_token, std=settings.position_std)
    nn.init.trunc_normal_(embeddings.position_embeddings, std=settings.position_std)
    nn.init.normal_(model.predictor.pos_embedding)
    for layer in model.predictor.transformer.layers:
        nn.init.zeros_(layer.adaLN_modulation[1].weight)
        nn.init.zeros_(layer.adaLN_modulation[1].bias)


Encode = Callable[[LeWM, Tensor], Tensor]
"""(model, what Windows have for each frame: pixels uint8 [B, 3, H, W] or class tokens) -> class tokens [B, width]."""


def encode_all(model: LeWM, pixels: Tensor) -> Tensor:
    return model.encoder(normalize(pixels))


def already_encoded(model: LeWM, class_tokens: Tensor) -> Tensor:
    return class_tokens


@torch.no_grad()
def calibrate_batch_norm(model: LeWM, windows: Windows, encode: Encode, batches: int = 16, batch: int = 64) -> None:
    """Replaces BatchNorm's running statistics by averages over training windows with the weights as they are.

    While the encoder still moves, a running average is that of a model some steps ago; a small shift of the nearly
    constant part of the class token is many of its standard deviations. With the learning rate at 0 the two are the
    same. A frozen BatchNorm stays as it is."""
    was_training = model.training
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm1d) and module.weight.requires_grad]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        # None makes PyTorch average over all batches alike.
        norm.momentum = None
    model.eval()
    for norm in norms:
        norm.train()
    for number in range(batches):
        pixels, actions, _ = windows.sample(batch, 11, number)
        latents = model.projector(encode(model, pixels.flatten(0, 1))).unflatten(0, pixels.shape[:2])
        model.predict(latents[:, :-1], model.action_encoder(actions))
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    model.train(was_training)


def learning_rate(step: int, settings: Training) -> float:
    """Linear warm-up, then as the config's schedule says."""
    peak, warmup, steps = settings.learning_rate, settings.warmup_steps, settings.steps
    if step < warmup:
        return peak * (step + 1) / warmup
    if settings.schedule == "cosine":
        return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, steps - warmup))))
    return peak * min(1.0, max(0.0, (steps - step) / (DECAY_SHARE * steps)))


@dataclass(frozen=True)
class Losses:
    total: Tensor
    prediction: Tensor
    sigreg: Tensor
    common: Tensor
    latents: Tensor


def losses(
    model: LeWM,
    sigreg: SIGReg,
    directions: Tensor,
    pixels: Tensor,
    actions: Tensor,
    settings: Training,
    bf16: bool,
    encode: Encode = encode_all,
) -> Losses:
    """LeWM's objective: mean squared error of the next latents plus SIGReg. Gradients flow into the targets too: SIGReg
    alone prevents collapse.

    Not LeWM's is `common`, the mean square of what all frames of the batch have in common in the class token. The
    projector's BatchNorm takes it away again, so it costs nothing to be rid of it, and the encoder's last LayerNorm
    then leaves the room to what tells frames apart.

    pixels uint8 [B, T + 1, 3, H, W], actions [B, T, action_in].
    """
    batch, frames = pixels.shape[:2]
    with torch.autocast(pixels.device.type, torch.bfloat16, enabled=bf16):
        tokens = encode(model, pixels.flatten(0, 1))
        latents = model.projector(tokens).unflatten(0, (batch, frames))
        predicted = model.predict(latents[:, :-1], model.action_encoder(actions))
    latents, predicted = latents.float(), predicted.float()
    prediction = (predicted - latents[:, 1:]).square().mean()
    statistic = sigreg(latents.transpose(0, 1), directions)
    common = tokens.float().mean(dim=0).square().mean()
    total = prediction + settings.sigreg_weight * statistic + settings.common_weight * common
    return Losses(total, prediction, statistic, common.detach(), latents.detach().flatten(0, 1))


class Trainer:
    """`folder` receives checkpoint.pt, log.jsonl and curves.png. If it has a checkpoint already, training goes on from
    there."""

    def __init__(self, config: Config, episodes: Episodes, folder: Path, device: torch.device) -> None:
        self.config, self.folder, self.device = config, folder, device
        self.environment = environment(config.data.environment)
        # cuBLAS reads its setting when it is first used.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        folder.mkdir(parents=True, exist_ok=True)
        self.trained = episodes.part(slice(0, len(episodes) - config.data.held_out))
        held_out = episodes.part(slice(len(episodes) - config.data.held_out, None))
        self.statistics = ActionStatistics.of(self.trained)
        self.windows = self._windows(self.trained, self._cached())
        self.held_out = self._windows(held_out, self.environment.draws_slowly)
        self.model = LeWM(config.dimensions, config.training.dropout)
        initialize(self.model, config.training)
        self.model.to(device).train()
        self.sigreg = SIGReg()
        self.step, self.seconds = 0, 0.0
        if (folder / CHECKPOINT).exists():
            self._resume()
        else:
            self._enter_stage()

    def _windows(self, episodes: Episodes, cached: bool = False) -> Windows:
        d = self.config.dimensions
        return Windows(self.environment, episodes, self.statistics, d.history_frames + 1, d.image, self.device, cached)

    def _cached(self) -> bool:
        """Whether drawing frames anew for every batch would cost more than the memory is worth."""
        small = self.device.type == "cpu" and self.config.dimensions.image <= CACHED_IMAGE_MAX
        return small or self.environment.draws_slowly

    def _enter_stage(self, begun: bool = False) -> None:
        """Sets up the stage that the next step belongs to. `begun`: the weights are of that stage already."""
        stage, begins = self.config.stage(self.step)
        settings = self.settings = self.config.stages[stage]
        self.bf16 = settings.bf16 and has_bf16(self.device)
        self.sample = self._patch_sample()
        self.model.set_dropout(settings.dropout)
        if settings.frozen_episodes > 0:
            if not begun:
                self.model.load_state_dict(self.calibrated(self.encode_whole).state_dict())
            self._freeze_encoder(settings.frozen_episodes)
        learning = [value for value in self.model.parameters() if value.requires_grad]
        self.optimizer = torch.optim.AdamW(learning, lr=settings.learning_rate, weight_decay=settings.weight_decay)
        # Last, so that a run that is stopped in here is one that has yet to enter the stage.
        self.stage, self.stage_begins = stage, begins

    def _patch_sample(self) -> PatchSample | None:
        """None where the stage trains on all patches."""
        settings = self.settings
        if settings.salient_patches == 0 or settings.frozen_episodes > 0:
            return None
        pixels, _, _ = self.windows.sample(64, settings.seed, 0)
        background = pixels.flatten(0, 1).median(dim=0).values
        return PatchSample(background, self.config.dimensions.patch, settings.salient_patches, settings.other_patches)

    def _freeze_encoder(self, episodes: int) -> None:
        """The encoder as it is for inference stays so; its class tokens take the place of frames."""
        self.model.encoder.requires_grad_(False)
        self.model.projector.requires_grad_(False)
        self.model.projector.eval()
        self.windows = self._windows(self.trained.part(slice(0, episodes)))
        self.held_out = self._windows(self.held_out.episodes.part(slice(0, max(1, episodes // HELD_OUT_DIVISOR))))
        for windows in (self.windows, self.held_out):
            windows.use_encoded(self._class_tokens)

    @torch.no_grad()
    def _class_tokens(self, pixels: Tensor) -> Tensor:
        return encode_all(self.model, pixels)

    @property
    def encode_whole(self) -> Encode:
        """From all patches, or what is encoded already."""
        return already_encoded if self.windows.encoded else encode_all

    def encode(self, *seed: int) -> Encode:
        """How this stage encodes: from all patches, or from a sample that is the same for the same seeds."""
        sample = self.sample
        if sample is None:
            return self.encode_whole
        number = int(np.random.SeedSequence(seed).generate_state(1)[0])
        bias = sample.key_bias((self.config.dimensions.image // sample.patch) ** 2)

        def encode(model: LeWM, pixels: Tensor) -> Tensor:
            return encode_sampled(
                model.encoder, pixels, sample.choose(pixels, torch.Generator().manual_seed(number)), bias
            )

        return encode

    def train_step(self) -> dict:
        """One optimisation step; its log record."""
        step, begun = self.step, time.perf_counter()
        if self.config.stage(step)[0] != self.stage:
            self._enter_stage()
        settings = self.settings
        pixels, actions, _ = self.windows.sample(settings.batch, settings.seed, step)
        generator = torch.Generator().manual_seed(
            int(np.random.SeedSequence([settings.seed, step]).generate_state(1)[0])
        )
        directions = self.sigreg.directions(self.config.dimensions.width, generator)
        # Dropout draws from the default generator, so it too must depend on the step alone.
        torch.manual_seed(int(np.random.SeedSequence([settings.seed, step, 1]).generate_state(1)[0]))
        rate = learning_rate(step - self.stage_begins, settings)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        encode = self.encode(settings.seed, step, 2)
        result = losses(self.model, self.sigreg, directions, pixels, actions, settings, self.bf16, encode)
        result.total.backward()
        gradient = nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip)
        self.optimizer.step()
        self.step += 1
        self.seconds += time.perf_counter() - begun
        record = {
            "step": self.step,
            "learning_rate": rate,
            "loss": result.total.item(),
            "prediction_loss": result.prediction.item(),
        }
        record |= {
            "sigreg": result.sigreg.item(),
            "common": result.common.item(),
            "gradient_norm": gradient.item(),
            "latent_std": latent_std(result.latents),
        }
        return record | {"seconds": round(self.seconds, 2), "latents": result.latents}

    def run(self, until: int, log_every: int = 10, probe_every: int = 250, save_every_s: float = 180.0) -> None:
        """Trains to step `until` (that of the config's last stage at most) and saves at the end, on Ctrl-C, and every
        `save_every_s` seconds."""
        until = min(until, self.config.steps)
        saved = time.monotonic()
        bar = tqdm(total=until, initial=self.step, unit="step", dynamic_ncols=True, mininterval=1)
        try:
            while self.step < until:
                if self.config.stage(self.step)[0] != self.stage:
                    # Encoding what a frozen stage needs takes long, and a power cut then costs that alone.
                    self.save(inference=False)
                    self._enter_stage()
                record = self.train_step()
                latents = record.pop("latents")
                if not math.isfinite(record["loss"]):
                    raise FloatingPointError(
                        f"the loss is {record['loss']} at step {self.step}; the last checkpoint is from before"
                    )
                bar.update(1)
                bar.set_postfix(
                    loss=f"{record['loss']:.4f}",
                    pred=f"{record['prediction_loss']:.4f}",
                    sigreg=f"{record['sigreg']:.3f}",
                    std=f"{record['latent_std']:.2f}",
                )
                if self.step % log_every == 0 or self.step == until:
                    record["effective_rank"] = effective_rank(latents)
                    if self.step % probe_every == 0 or self.step == until:
                        record |= self.probe()
                        tqdm.write(
                            f"step {self.step}: probe R2 {record['probe_r2']:.3f}, 1-step error "
                            f"{record['prediction_error_relative']:.4f} of the variance"
                        )
                    with open(self.folder / LOG, "a") as log:
                        log.write(json.dumps(record) + "\n")
                if time.monotonic() - saved > save_every_s:
                    self.save(inference=False)
                    saved = time.monotonic()
        except KeyboardInterrupt:
            tqdm.write(f"stopped at step {self.step}")
        finally:
            bar.close()
        self.save()

    @torch.no_grad()
    def probe(self) -> dict:
        """On held-out windows, in eval mode: linear probe of the environment's factors, and the 1-step error relative
        to the latents' variance."""
        encode = self.encode(7)
        model = self.calibrated(encode)
        tokens, latents, factors, errors = [], [], [], []
        for part in range(8):
            pixels, actions, states = self.held_out.sample(PROBE_BATCH, 7, part)
            tokens.append(encode(model, pixels.flatten(0, 1)))
            encoded = model.projector(tokens[-1]).unflatten(0, pixels.shape[:2])
            predicted = model.predict(encoded[:, :-1], model.action_encoder(actions))
            errors.append((predicted - encoded[:, 1:]).square().mean().item())
            latents.append(encoded.flatten(0, 1).cpu())
            factors.append(self.environment.factors(states.flatten(0, 1)))
        half = len(latents) // 2
        train, test = torch.cat(latents[:half]), torch.cat(latents[half:])
        return {
            "probe_r2": linear_probe_r2(train, torch.cat(factors[:half]), test, torch.cat(factors[half:])),
            "prediction_error_relative": float(np.mean(errors)) / test.var(dim=0).mean().item(),
            "class_token_varying": varying_share(torch.cat(tokens)),
        }

    def calibrated(self, encode: Encode) -> LeWM:
        """A copy for inference. Training itself never sees its statistics."""
        model = copy.deepcopy(self.model)
        calibrate_batch_norm(model, self.windows, encode)
        return model.eval()

    def save(self, inference: bool = True) -> None:
        """Writes the checkpoint beside the old one and then replaces it, so that a crash leaves one of the two. Without
        `inference` it can only be trained on."""
        state = {
            "model": self.model.state_dict(),
            "inference": self.calibrated(self.encode_whole).state_dict() if inference else None,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "stage": self.stage,
            "seconds": self.seconds,
        }
        state |= {"config": self.config.as_dict(), "action": vars(self.statistics), "device": device_name(self.device)}
        with replacing(self.folder / CHECKPOINT) as temporary:
            torch.save(state, temporary)
        draw_curves(read_log(self.folder / LOG), self.folder / CURVES, f"{self.config.name}, step {self.step}")

    def _resume(self) -> None:
        state = torch.load(self.folder / CHECKPOINT, map_location=self.device, weights_only=True)
        if state["config"]["dimensions"] != self.config.as_dict()["dimensions"]:
            raise ValueError(
                f"{self.folder / CHECKPOINT} is of a model with other dimensions than config {self.config.name!r}; "
                f"choose another folder"
            )
        self.model.load_state_dict(state["model"])
        self.step, self.seconds = state["step"], state["seconds"]
        begun = self.config.stage(self.step)[0] == state["stage"]
        self._enter_stage(begun)
        if begun:
            self.optimizer.load_state_dict(state["optimizer"])
        # Steps after the checkpoint are done again, so their records go.
        kept = [record for record in read_log(self.folder / LOG) if record["step"] <= self.step]
        write_text(self.folder / LOG, "".join(json.dumps(record) + "\n" for record in kept))


def has_bf16(device: torch.device) -> bool:
    """Whether the hardware computes bfloat16 faster than f32. Emulated it is many times slower; with AVX512-BF16 but no
    AMX, matrices of this model's shapes take up to twice as long."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu.get_capabilities().get("amx_bf16", False)


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} thread(s)"
