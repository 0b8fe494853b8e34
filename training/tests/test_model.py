from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from training.model import TRUE, LeWM, shapes

from . import reference

sys.path.insert(0, str(reference.ORACLE))
import lewm  # noqa: E402
import seeded  # noqa: E402


def answers() -> dict[str, np.ndarray]:
    model = lewm.load_seeded(lewm.SMALL, 1)
    images = np.stack([seeded.image(f"image.{i}", 1, lewm.SMALL.image) for i in range(3)])
    actions = torch.from_numpy(seeded.actions("actions", 1, 20, lewm.SMALL.action_in))[None]
    with torch.no_grad():
        latents = model.encode(lewm.preprocess(images))
        predicted = model.predict(latents[None], model.action_encoder(actions[:, :3]))[0]
        rolled = model.rollout(latents[:1], actions)[0]
    return {"latents": latents.numpy(), "predicted": predicted.numpy(), "rolled": rolled.numpy()}


def test_same_weights_give_the_published_class_latents() -> None:
    with np.load(reference.FIXTURES / "lewm.npz") as stored:
        for key, value in answers().items():
            np.testing.assert_allclose(value, stored[key], atol=1e-5, rtol=0, err_msg=key)


@pytest.mark.skipif(not reference.available("einops", "transformers"), reason="stable-worldmodel is not installed")
def test_live_against_the_published_class() -> None:
    theirs = reference.lewm_answers(lewm.SMALL, lewm.load_seeded(lewm.SMALL, 1).state_dict())
    for key, value in answers().items():
        np.testing.assert_allclose(value, theirs[key], atol=1e-5, rtol=0, err_msg=key)


def test_the_true_size_has_the_published_tensors() -> None:
    all_shapes = shapes(TRUE)
    assert len(all_shapes) == 303
    assert sum(int(np.prod(shape)) for shape in all_shapes.values()) == 18_042_672
    assert all_shapes["predictor.transformer.layers.5.mlp.net.4.weight"] == (192, 2048)


def test_dropout_changes_no_key_and_nothing_in_eval_mode() -> None:
    plain, dropped = LeWM(lewm.SMALL), LeWM(lewm.SMALL, dropout=0.5)
    dropped.load_state_dict(plain.state_dict(), strict=True)
    latents, actions = torch.randn(2, 3, 32, generator=torch.Generator().manual_seed(0)), torch.zeros(2, 3, 32)
    with torch.no_grad():
        for layer in (*plain.predictor.transformer.layers, *dropped.predictor.transformer.layers):
            torch.nn.init.constant_(layer.adaLN_modulation[1].bias, 0.5)
        assert torch.equal(plain.predict(latents, actions), dropped.predict(latents, actions))
        dropped.predictor.train()
        assert not torch.equal(plain.predict(latents, actions), dropped.predict(latents, actions))
