"""What tells a healthy latent space from a collapsed one, and curves of a training log."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from .files import replacing


def latent_std(latents: Tensor) -> float:
    """latents [N, width] -> the mean over columns of their standard deviation. SIGReg pulls it to 1; 0 is collapse."""
    return latents.float().std(dim=0).mean().item()


def varying_share(tokens: Tensor) -> float:
    """tokens [N, width] -> their variance over N as a share of their mean square, 0..1. Near 0 they are all the same
    but for a little, which float sees and int8 does not."""
    return (tokens.float().var(dim=0).mean() / tokens.float().square().mean().clamp_min(1e-30)).item()


def effective_rank(latents: Tensor) -> float:
    """exp of the entropy of the covariance's normalised eigenvalues (Roy and Vetterli 2007): 1 .. width."""
    eigenvalues = torch.linalg.eigvalsh(latents.float().cpu().T.cov()).clamp_min(0)
    share = eigenvalues / eigenvalues.sum().clamp_min(1e-12)
    return torch.special.entr(share).sum().exp().item()


# Squares below this share of a vector's own squares are the rounding of float, and no difference.
_ROUNDING_SHARE = 1e-12
# Rows of a number that varies less than this share of what all vary are judged by their error.
_STILL_SHARE = 1e-2


def agreement(actual: Tensor, expected: Tensor, rows: Tensor | None = None) -> dict[str, float | None]:
    """[N, width] each -> mean and worst over N of their cosine, of the cosine about the mean of `expected`, and of the
    mean squared error over the variance of `expected`: what `synapse-host compare` says of two models, by the same
    definition (host/src/report/similarity.ts, which says what happens where a vector is the mean, or all are the same).
    `rows` [N] are the numbers of rows within their runs, each of which is seen from the mean of its number. None where
    there is no such figure. What all latents have in common makes the first high and leaves the others as they are."""
    actual, expected = actual.double().cpu(), expected.double().cpu()
    numbers, place = torch.unique(torch.zeros(len(expected)) if rows is None else rows, return_inverse=True)
    centres = torch.stack([expected[place == number].mean(dim=0) for number in range(len(numbers))])[place]
    plain, known = _cosines(actual, expected, torch.zeros_like(expected))
    figures: dict[str, Tensor | None] = {
        "cosine": plain[known],
        "centred_cosine": None,
        "relative_error": None,
    }
    error = (actual - expected).square()
    free = len(expected) - len(numbers)
    if free > 0:
        variance = (expected - centres).square().sum(dim=0).mean() / free
        if variance > _ROUNDING_SHARE * expected.square().mean() or not expected.isfinite().all():
            relative = error.mean(dim=1) / variance
            # Where there is no cosine, the error stands for it.
            stand_in = torch.where(relative.isfinite(), 1 - relative / 2, torch.nan)
            counts = torch.bincount(place)
            deviations = (expected - centres).square().mean(dim=1)
            own = torch.zeros(len(numbers), dtype=torch.float64).index_add(0, place, deviations)
            varies = (own / (counts - 1).clamp(min=1) > _STILL_SHARE * variance)[place]
            cosines, known = _cosines(actual, expected, centres)
            figures |= {
                "centred_cosine": torch.where(known & varies, cosines, stand_in),
                "relative_error": relative,
            }
        elif not actual.isfinite().all():
            figures |= {"centred_cosine": torch.tensor([torch.nan]), "relative_error": torch.tensor([torch.nan])}
        elif (error.sum(dim=1) <= _ROUNDING_SHARE * expected.square().sum(dim=1)).all():
            figures |= {"centred_cosine": torch.ones(len(expected)), "relative_error": torch.zeros(len(expected))}
    worst = {"cosine": torch.min, "centred_cosine": torch.min, "relative_error": torch.max}
    summary: dict[str, float | None] = {}
    for name, each in figures.items():
        known = each is not None and len(each) > 0
        summary[f"{name}_mean"] = each.mean().item() if known else None
        summary[f"{name}_worst"] = worst[name](each).item() if known else None
    return summary


def _cosines(actual: Tensor, expected: Tensor, origin: Tensor) -> tuple[Tensor, Tensor]:
    """[N, width] each -> the cosines [N] as seen from their `origin`, and which pairs have one [N]."""
    a, e = actual - origin, expected - origin
    squares = lambda vectors: vectors.square().sum(dim=1)  # noqa: E731
    error, rounding = squares(actual - expected), _ROUNDING_SHARE * squares(expected)
    cosine = (a * e).sum(dim=1) / (squares(a) * squares(e)).sqrt()
    cosine = torch.where(squares(a) <= _ROUNDING_SHARE * squares(actual), 0.0, cosine)
    at_origin = squares(e) <= rounding
    equal = (error == 0) | (at_origin & (error <= rounding))
    cosine = torch.where(equal, 1.0, cosine)
    finite = (squares(a) + squares(e)).isfinite()
    cosine = torch.where(finite, cosine, torch.nan)
    return cosine, ~at_origin | equal | ~finite


def linear_probe_r2(latents: Tensor, factors: Tensor, test_latents: Tensor, test_factors: Tensor) -> float:
    """Least squares with intercept from latents [N, width] to factors [N, K]; R2 on the test set, averaged over the
    factors."""
    mean = factors.double().mean(dim=0)
    design = _with_ones(latents)
    # A small ridge keeps the solution finite where latents have collapsed.
    gram = design.T @ design + 1e-6 * len(design) * torch.eye(design.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(gram, design.T @ (factors.double() - mean))
    left = (test_factors.double() - mean - _with_ones(test_latents) @ weights).square().sum(dim=0)
    total = (test_factors.double() - test_factors.double().mean(dim=0)).square().sum(dim=0)
    return (1 - left / total).mean().item()


def _with_ones(latents: Tensor) -> Tensor:
    latents = latents.double().cpu()
    return torch.cat([latents, torch.ones(len(latents), 1, dtype=torch.float64)], dim=1)


def read_log(path: Path) -> list[dict]:
    """Records of a JSONL log; none where the file does not exist. A last line that was cut off while being written is
    left out."""
    records = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return records


def draw_curves(records: list[dict], path: Path, title: str) -> None:
    """One panel for each quantity over training steps, as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    panels = [
        ("prediction_loss", "prediction loss", "log"),
        ("sigreg", "SIGReg statistic", "log"),
        ("latent_std", "latent standard deviation", "linear"),
        ("effective_rank", "effective rank", "linear"),
        ("probe_r2", "position probe R2, held out", "linear"),
        ("prediction_error_relative", "1-step error / latent variance, held out", "log"),
    ]
    figure, axes = plt.subplots(2, 3, figsize=(13, 6.5), constrained_layout=True)
    for axis, (key, label, scale) in zip(axes.flat, panels):
        points = [(record["step"], record[key]) for record in records if key in record]
        if points:
            axis.plot(*zip(*points), linewidth=1)
            axis.set_yscale(scale)
        axis.set_title(label, fontsize=10)
        axis.set_xlabel("step", fontsize=8)
        axis.grid(alpha=0.3)
    figure.suptitle(title)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=90)
    plt.close(figure)
