from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from training.closed_loop import closed_loop
from training.config import Config, Data
from training.episodes import ActionStatistics
from training.evaluation_set import EVALUATION_SET, read_episode
from training.windows import Windows

from . import reference

pytest.importorskip("pymunk", reason="pymunk, which Push-T needs, is not installed")

from training.environments import pusht_dynamics as dynamics  # noqa: E402
from training.environments.pusht import PushT, collect, random_states, weak_place  # noqa: E402

DATA = Data(environment="pusht", episodes=64, held_out=56, steps_max=105, action_noise=[], action_hold=[1, 5], seed=7)


@pytest.fixture(scope="module")
def config(tiny: Config) -> Config:
    return dataclasses.replace(tiny, data=DATA)


@pytest.fixture(scope="module")
def pushes():
    return collect(DATA)


def compare(walk: dict[str, np.ndarray], same_machine: bool) -> None:
    """The last bit of sines and of resized pixels is the machine's."""
    table = dynamics.Table()
    # The reference goes to the goal's state before it goes to the start.
    for state in (walk["goal"], walk["start"]):
        table.place(state)
        table.space.step(dynamics.SUBSTEP_S)
    states = [table.state]
    for action in walk["actions"]:
        table.step(action)
        states.append(table.state)
    np.testing.assert_allclose(
        np.array(states), walk["states"], rtol=0, atol=0 if same_machine else 1e-6, err_msg="states differ"
    )
    single = torch.from_numpy(walk["states"])
    assert torch.equal(dynamics.reached(single, single[-1]), torch.from_numpy(walk["reached"])), "success differs"
    frames = np.stack([dynamics.draw(state) for state in walk["states"][::5]]).astype(int)
    assert np.abs(frames - walk["frames"]).max() <= (0 if same_machine else 1), "frames differ from the reference's"
    places = np.stack([weak_place(np.random.default_rng(i), state) for i, state in enumerate(walk["states"])])
    actions = np.clip((places - walk["states"][:, :2]) / dynamics.ACTION_SCALE, -1, 1)
    np.testing.assert_allclose(actions, walk["weak"], atol=1e-6)


def test_states_frames_and_policy_are_the_references() -> None:
    with np.load(reference.FIXTURES / "pusht.npz") as stored:
        walks = {key: stored[key] for key in stored}
    assert walks["contacts"].sum() > 20, "the stored walks hardly push"
    for index in range(len(walks["states"])):
        compare({key: value[index] for key, value in walks.items()}, same_machine=False)


@pytest.mark.filterwarnings("ignore:.*Casting input x to numpy array")
@pytest.mark.skipif(not reference.available("gymnasium", "shapely", "cv2"), reason="stable-worldmodel is not installed")
def test_live_against_the_reference() -> None:
    for seed in range(100, 104):
        compare(reference.push(seed, 40), same_machine=True)


def test_small_frames_are_block_means() -> None:
    states = random_states(6, np.random.default_rng(1))
    full = PushT().render(states).double()
    for size in (112, 56):
        mean = torch.nn.functional.avg_pool2d(full, 224 // size)
        assert torch.equal(PushT().render(states, size), torch.floor(mean + 0.5).to(torch.uint8)), size


def test_a_frame_depends_on_its_state_alone() -> None:
    states = random_states(8, np.random.default_rng(2)).tolist()
    first = [dynamics.draw(state) for state in states]
    again = [dynamics.draw(state) for state in reversed(states)]
    assert all(np.array_equal(a, b) for a, b in zip(first, reversed(again)))


def test_episodes_push_the_block_and_can_be_replayed(pushes) -> None:
    moved = (pushes.states[:, -1, 2:4] - pushes.states[:, 0, 2:4]).norm(dim=1)
    assert (moved > 20).float().mean() > 0.5
    assert (pushes.actions.abs() <= 1).all() and (pushes.lengths == DATA.steps_max).all()
    world = dynamics.Worlds(pushes.states[:4, 0])
    for step in range(5):
        states = world.step(pushes.actions[:4, step])
    # A world set up from a state lacks the block's velocity, and has been stepped once.
    torch.testing.assert_close(states[:, :4], pushes.states[:4, 5, :4], atol=12, rtol=0)
    assert torch.equal(collect(DATA).states, pushes.states)


def test_cached_windows_begin_where_every_fifth_frame_is_drawn(pushes) -> None:
    part = pushes.part(slice(0, 3))
    statistics = ActionStatistics.of(part)
    every, fifth = (Windows(PushT(), part, statistics, 4, 28, torch.device("cpu"), cached) for cached in (False, True))
    starts = DATA.steps_max - 15 + 1
    assert (
        len(every) == 3 * starts
        and len(fifth) == 3 * math.ceil(starts / 5)
        and len(fifth.drawn) == 3 * (DATA.steps_max // 5 + 1)
    )
    same = torch.tensor([index for index in range(len(every)) if every.start[index] % 5 == 0])
    for one, other in zip(every.batch(same), fifth.batch(torch.arange(len(fifth)))):
        assert torch.equal(one, other)


def test_success_is_of_place_and_angle() -> None:
    state = torch.tensor([[100.0, 100, 200, 200, 0.1, 5, 5]])
    for change, expected in (
        ([12.0, 0, 12, 0, 0, 0, 0], True),
        ([15.0, 0, 15, 0, 0, 0, 0], False),
        ([0.0, 0, 0, 0, 0.3, 0, 0], True),
        ([0.0, 0, 0, 0, 0.4, 0, 0], False),
        ([0.0, 0, 0, 0, 2 * math.pi - 0.2, 90, 90], True),
    ):
        assert bool(dynamics.reached(state, state + torch.tensor([change]))) == expected, change


def test_trains_evaluates_and_exports(config: Config, pushes, tmp_path: Path) -> None:
    from training.evaluate import evaluate, recorded_pairs
    from training.export import export
    from training.train import CHECKPOINT, Trainer

    cpu, data = torch.device("cpu"), tmp_path / "episodes.npz"
    pushes.save(data)
    Trainer(config, pushes, tmp_path / "run", cpu).run(2, log_every=1)
    evaluation = evaluate(
        tmp_path / "run" / CHECKPOINT, data, tmp_path / "evaluation", cpu, pairs=5, samples=8, iterations=1
    )
    assert set(evaluation["recorded"]) > {"model", "random", "straight_line", "recorded_actions"}
    export(tmp_path / "run" / CHECKPOINT, data, tmp_path / "evaluation", tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text()
    assert "Push-T" in card and "recorded.gif" in card and (tmp_path / "model" / "recorded.gif").exists()
    assert max(len(line) for line in card.splitlines()) < 200
    _, episode = read_episode(tmp_path / "model" / EVALUATION_SET, "test-00")
    assert len(episode["states"][0]) == dynamics.STATE_SIZE

    pairs = recorded_pairs(config, pushes, 20)
    replay = PushT().baselines(pairs)["recorded_actions"]
    assert closed_loop(PushT(), replay, pairs.starts, pairs.goals).success.float().mean() > 0.8
