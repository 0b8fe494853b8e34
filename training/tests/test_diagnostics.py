from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from training.diagnostics import agreement
from training.model_card import figure

# Held against host/src/report/similarity.ts too, by the test beside it.
_CASES = json.loads((Path(__file__).parents[2] / "host/src/report/similarity.cases.json").read_text())
_NAMES = {"cosine": "cosine", "centredCosine": "centred_cosine", "relativeError": "relative_error"}


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case["what"])
def test_figures_are_those_of_compare(case: dict) -> None:
    actual, expected = (
        torch.tensor([[float(value) for value in row] for row in case[name]], dtype=torch.float64)
        for name in ("actual", "expected")
    )
    figures = agreement(actual, expected, torch.tensor(case["rows"]) if "rows" in case else None)
    for name, want in case["figures"].items():
        found = [figures[f"{_NAMES[name]}_{kind}"] for kind in ("mean", "worst")]
        if want is None:
            assert found == [None, None], name
        else:
            assert found == pytest.approx([float(value) for value in want], abs=1e-9, nan_ok=True), name


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


def test_a_figure_that_there_is_not_is_said_to_be_undefined() -> None:
    assert [figure(None, 3), figure(0.12345, 3)] == ["undefined", "0.123"]
