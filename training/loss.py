"""SIGReg, the regulariser that keeps LeWM's latents from collapsing (Balestriero and LeCun, LeJEPA, arXiv 2511.08544).

A latent distribution is an isotropic Gaussian exactly if every one-dimensional projection of it is a standard Gaussian.
The statistic of Epps and Pulley measures that for a projection x: N times the integral over t of |mean exp(i t x) -
exp(-t^2 / 2)|^2 exp(-t^2 / 2), here over [-3, 3] by the trapezoidal rule.
"""

from __future__ import annotations

import torch
from torch import Tensor


class SIGReg:
    """`knots` points on [0, limit] (the integrand is even), `projections` random directions that are drawn anew at
    every call."""

    def __init__(self, projections: int = 1024, knots: int = 17, limit: float = 3.0) -> None:
        self.projections = projections
        self.step = limit / (knots - 1)
        t = torch.linspace(0, limit, knots)
        weights = torch.full((knots,), 2 * self.step)
        weights[0] = weights[-1] = self.step
        self.t, self.phi = t, torch.exp(-t.square() / 2)
        self.weights = weights * self.phi

    def directions(self, width: int, generator: torch.Generator) -> Tensor:
        """[width, projections], columns of length 1. Drawn on the CPU, so that every device gets the same."""
        drawn = torch.randn(width, self.projections, generator=generator)
        return drawn / drawn.norm(dim=0)

    def __call__(self, latents: Tensor, directions: Tensor) -> Tensor:
        """latents [T, N, width], directions [width, projections] -> the statistic, averaged over frames and directions
        (a scalar)."""
        projected = latents.float() @ directions.to(latents.device)
        return self.statistic(projected).mean()

    def statistic(self, x: Tensor) -> Tensor:
        """x [..., N, P], N samples of P projections -> [..., P]."""
        # exp(i t x) at equally spaced t are powers of the first: two products a knot instead of a sine and a cosine.
        cos1, sin1 = (self.step * x).cos(), (self.step * x).sin()
        cos, sin = cos1, sin1
        total = torch.zeros_like(x[..., 0, :])
        for knot in range(1, len(self.t)):
            if knot > 1:
                cos, sin = cos * cos1 - sin * sin1, sin * cos1 + cos * sin1
            error = (cos.mean(dim=-2) - self.phi[knot].item()).square() + sin.mean(dim=-2).square()
            total = total + self.weights[knot].item() * error
        return total * x.shape[-2]
