from __future__ import annotations

import math

import pytest
import torch

from training.diagnostics import agreement


def test_what_all_latents_have_in_common_does_not_count() -> None:
    turns = torch.tensor([0.0, 0.25, 0.5, 0.75], dtype=torch.float64) * 2 * math.pi
    around = lambda angles: 100 + torch.stack([angles.cos(), angles.sin()], dim=1)  # noqa: E731
    wrong = turns.clone()
    wrong[1] += math.pi / 3
    figures = agreement(around(wrong), around(turns))
    assert figures["cosine_worst"] > 0.9999
    assert figures["centred_cosine_worst"] == pytest.approx(math.cos(math.pi / 3))
    assert figures["centred_cosine_mean"] == pytest.approx((3 + math.cos(math.pi / 3)) / 4)
    # Of the four columns' values the variance is 2 / 3; a sixth of a circle is a distance of 1.
    assert figures["relative_error_worst"] == pytest.approx(0.5 / (2 / 3))
    assert figures["relative_error_mean"] == pytest.approx(0.5 / (2 / 3) / 4)
