from __future__ import annotations

import numpy as np
import pytest
import torch

from training.environments import tworoom_dynamics as dynamics

from . import reference


def compare(walk: dict[str, np.ndarray], same_processor: bool) -> None:
    """Frames of another processor may differ by one level in a few values: the last bit of PyTorch's exp is the
    processor's, and the reference cuts fractions off."""
    states, actions, goals = (torch.from_numpy(walk[key]) for key in ("states", "actions", "goals"))
    assert torch.equal(dynamics.step(states[:-1], actions), states[1:]), "states differ from the reference's"
    assert torch.equal(dynamics.reached(states[1:], goals), torch.from_numpy(walk["done"])), "success differs"
    torch.testing.assert_close(
        dynamics.expert(states[:-1], goals.expand_as(states[:-1])), torch.from_numpy(walk["expert"]), atol=1e-6, rtol=0
    )
    frames = torch.from_numpy(walk["frames"]).permute(0, 3, 1, 2)
    difference = (dynamics.render(states[::12]).int() - frames.int()).abs()
    assert difference.max() <= (0 if same_processor else 1), "frames differ from the reference's"
    assert (difference > 0).double().mean() <= 3e-4, "frames differ from the reference's in more than single values"


def test_states_frames_and_expert_are_the_references() -> None:
    with np.load(reference.FIXTURES / "tworoom.npz") as stored:
        walks = {key: stored[key] for key in stored}
    for index in range(len(walks["states"])):
        compare({key: value[index] for key, value in walks.items()}, same_processor=False)


@pytest.mark.skipif(not reference.available("gymnasium"), reason="stable-worldmodel is not installed")
def test_live_against_the_reference() -> None:
    for seed in range(100, 108):
        compare(reference.walk(seed, 48), same_processor=True)


def test_small_frames_are_block_means() -> None:
    positions = dynamics.sample_positions(40, torch.Generator().manual_seed(1))
    full = dynamics.render(positions).double()
    for size in (112, 56, 32):
        k = 224 // size
        mean = torch.nn.functional.avg_pool2d(full, k)
        assert torch.equal(dynamics.render(positions, size), torch.floor(mean + 0.5).to(torch.uint8)), size


def test_a_size_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="does not divide 224"):
        dynamics.render(torch.zeros(1, 2), 100)


def test_the_wall_is_crossed_through_the_door_only() -> None:
    generator = torch.Generator().manual_seed(2)
    position = dynamics.sample_positions(2000, generator)
    crossings = 0
    for _ in range(100):
        moved = dynamics.step(position, torch.rand(2000, 2, generator=generator) * 4 - 2)
        crossed = (position[:, 0] < dynamics.WALL_CENTER) != (moved[:, 0] < dynamics.WALL_CENTER)
        crossings += int(crossed.sum())
        assert ((moved[crossed, 1] - dynamics.DOOR_CENTER).abs() <= dynamics.DOOR_HALF + dynamics.DOOR_MARGIN).all()
        assert (moved >= dynamics.BORDER + dynamics.RADIUS).all() and (
            moved <= dynamics.IMAGE - dynamics.BORDER - dynamics.RADIUS
        ).all()
        position = moved
    assert crossings > 0
