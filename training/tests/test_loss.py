from __future__ import annotations

import numpy as np
import torch

from training.loss import SIGReg

from . import reference


def integral(x: np.ndarray, knots: int) -> float:
    """N times the integral over [-3, 3] of |mean exp(i t x) - exp(-t^2 / 2)|^2 exp(-t^2 / 2), by the trapezoidal rule
    in float64 with complex numbers."""
    t = np.linspace(-3, 3, knots)
    window = np.exp(-t * t / 2)
    difference = np.exp(1j * np.outer(x.astype(np.float64), t)).mean(axis=0) - window
    return len(x) * float(np.trapezoid(np.abs(difference) ** 2 * window, t))


def test_statistic_is_the_epps_pulley_integral() -> None:
    rng = np.random.default_rng(0)
    samples = [
        rng.normal(size=300),
        rng.normal(0.7, 1, 300),
        rng.normal(0, 0.2, 300),
        rng.uniform(-1, 1, 300),
        np.sign(rng.normal(size=300)),
        np.zeros(300),
    ]
    x = np.stack(samples, axis=1).astype(np.float32)
    ours = SIGReg().statistic(torch.from_numpy(x)).numpy()
    for column in range(x.shape[1]):
        # 17 knots on [0, 3] are 33 on [-3, 3]: equal but for rounding. The integral itself is met to half a per cent.
        np.testing.assert_allclose(ours[column], integral(x[:, column], 33), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(ours[column], integral(x[:, column], 20001), rtol=5e-3, atol=1e-3)


def test_value_is_that_of_stable_worldmodel() -> None:
    torch.manual_seed(reference.SIGREG_SEED)
    latents = torch.randn(4, 64, 24) ** 3
    sigreg = SIGReg(projections=128)
    directions = sigreg.directions(24, torch.Generator().manual_seed(reference.SIGREG_SEED))
    with np.load(reference.FIXTURES / "lewm.npz") as stored:
        np.testing.assert_allclose(sigreg(latents, directions).item(), float(stored["sigreg"]), rtol=1e-5)


def test_a_gaussian_scores_lowest() -> None:
    generator = torch.Generator().manual_seed(1)
    sigreg = SIGReg(projections=64)
    directions = sigreg.directions(16, generator)
    gaussian = torch.randn(1, 256, 16, generator=generator)
    score = {
        name: sigreg(z, directions).item()
        for name, z in {
            "gaussian": gaussian,
            "half": gaussian / 2,
            "point": gaussian * 0,
            "line": gaussian[..., :1].expand(-1, -1, 16),
        }.items()
    }
    assert score["gaussian"] < min(score["half"], score["line"]) and score["point"] > score["half"]
