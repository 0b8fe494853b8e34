"""Modules of an installed stable-worldmodel by their files, because importing the package would start its simulators
and data sets.

Run as a program (`python -m training.tests.reference`), writes fixtures/tworoom.npz, fixtures/pusht.npz and
fixtures/lewm.npz: what the reference answers, for tests without it. Needs
`pip install --no-deps stable-worldmodel==0.1.1`, and the packages of the extra `reference`."""

from __future__ import annotations

import functools
import importlib.util
import sys
import types
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

FIXTURES = Path(__file__).resolve().parent / "fixtures"
ORACLE = Path(__file__).resolve().parents[2] / "oracle"
SIGREG_SEED = 5


@functools.cache
def root() -> Path | None:
    package = importlib.util.find_spec("stable_worldmodel")
    places = package.submodule_search_locations if package else None
    return Path(places[0]) if places else None


def available(*needed: str) -> bool:
    return root() is not None and all(importlib.util.find_spec(name) is not None for name in needed)


def load(path: str) -> ModuleType:
    """The module of a file inside the package, for example `wm/loss.py`."""
    found = root()
    assert found is not None
    name = "stable_worldmodel." + path.removesuffix(".py").replace("/", ".")
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, found / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def two_room() -> tuple[type, type]:
    """The classes TwoRoomEnv and ExpertPolicy."""
    environment, policy = environment_modules("two_room")
    return environment.TwoRoomEnv, policy.ExpertPolicy


def push_t() -> tuple[type, type]:
    """The classes PushT and WeakPolicy."""
    environment, policy = environment_modules("pusht")
    return environment.PushT, policy.WeakPolicy


def environment_modules(folder: str) -> tuple[ModuleType, ModuleType]:
    """An environment's modules `env` and `expert_policy`. Their imports meet bare packages that have the modules
    `spaces`, `utils` and `policy` only."""
    found = root()
    assert found is not None
    bare = {}
    for name in ("", "envs", f"envs.{folder}"):
        package = types.ModuleType(".".join(filter(None, ["stable_worldmodel", name])))
        package.__path__ = [str(found / name.replace(".", "/"))]
        bare[package.__name__] = package
    policy = types.ModuleType("stable_worldmodel.policy")
    policy.BasePolicy = type("BasePolicy", (), {"__init__": lambda self, **kwargs: None})
    bare[policy.__name__] = policy
    before = {name: sys.modules.get(name) for name in bare}
    sys.modules.update(bare)
    try:
        bare["stable_worldmodel"].utils = load("utils.py")
        bare["stable_worldmodel"].spaces = load("spaces.py")
        return load(f"envs/{folder}/env.py"), load(f"envs/{folder}/expert_policy.py")
    finally:
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


def walk(seed: int, steps: int) -> dict[str, np.ndarray]:
    """One episode of the reference environment under its expert with noise: states, actions, expert (without noise),
    done, goal, frames of every 12th state."""
    environment_class, expert_class = two_room()
    environment = environment_class()
    _, info = environment.reset(seed=seed)
    expert = expert_class()
    expert.set_env(environment)
    rng = np.random.default_rng(seed)
    record: dict[str, list] = {
        "states": [info["state"].copy()],
        "actions": [],
        "expert": [],
        "done": [],
        "frames": [environment.render().copy()],
    }
    for index in range(1, steps + 1):
        direction = expert.get_action(info)
        action = np.clip(direction + rng.normal(0, 0.8 if seed % 2 else 3.0, 2), -1.2, 1.2).astype(np.float32)
        _, _, done, _, info = environment.step(action)
        record["states"].append(info["state"].copy())
        record["actions"].append(action)
        record["expert"].append(direction)
        record["done"].append(done)
        if index % 12 == 0:
            record["frames"].append(environment.render().copy())
    return {key: np.stack(value) for key, value in record.items()} | {"goals": info["goal_state"].copy()}


def push(seed: int, steps: int) -> dict[str, np.ndarray]:
    """One episode of the reference's Push-T under its policy for collecting: the goal's state and the start as they
    were asked for, states, actions, whether the last state would be reached, contacts of each step, frames of every 5th
    state, and for each state what the policy does that is seeded with its number."""
    environment_class, policy_class = push_t()
    environment = environment_class()
    observation, info = environment.reset(seed=seed)
    chosen = environment.variation_space
    start = [
        *chosen["agent"]["start_position"].value,
        *chosen["block"]["start_position"].value,
        chosen["block"]["angle"].value,
        0,
        0,
    ]
    space = types.SimpleNamespace(shape=(1, 2))
    policy = policy_class(seed=seed)
    policy.env = types.SimpleNamespace(envs=[types.SimpleNamespace(unwrapped=environment)], action_space=space)
    states, actions, frames, contacts, weak = [observation["state"]], [], [environment.render()], [], []
    goal = info["goal_state"]
    for index in range(1, steps + 1):
        policy.set_seed(index - 1)
        weak.append(policy.get_action(info)[0])
        policy.set_seed(1000 * seed + index // (1 if seed % 2 else 4))
        action = policy.get_action(info)[0]
        observation, _, _, _, info = environment.step(action)
        states.append(observation["state"])
        actions.append(action)
        contacts.append(info["n_contacts"])
        if index % 5 == 0:
            frames.append(environment.render())
    policy.set_seed(steps)
    weak.append(policy.get_action(info)[0])
    reached = [environment.eval_state(states[-1], state)[0] for state in states]
    named = {
        "goal": goal,
        "start": start,
        "states": states,
        "actions": actions,
        "reached": reached,
        "contacts": contacts,
    }
    return {key: np.array(value) for key, value in (named | {"frames": frames, "weak": weak}).items()}


def lewm_answers(dimensions, state: dict) -> dict[str, np.ndarray]:
    """What the published LeWM class computes from seeded weights and inputs."""
    sys.path.insert(0, str(ORACLE))
    import check_reference
    import seeded

    from training.model import preprocess

    other = check_reference.reference(dimensions, state)
    images = np.stack([seeded.image(f"image.{i}", 1, dimensions.image) for i in range(3)])
    actions = torch.from_numpy(seeded.actions("actions", 1, 20, dimensions.action_in))[None]
    with torch.no_grad():
        pixels = preprocess(images)
        info = other.encode({"pixels": pixels[:, None], "action": actions.expand(3, -1, -1)})
        latents = info["emb"][:, 0]
        predicted = other.predict(latents[None], info["act_emb"][:1, :3])[0]
        rolled = other.rollout({"pixels": pixels[:1, None, None]}, actions[:, None])["predicted_emb"][0, 0, 1:]
    return {"latents": latents.numpy(), "predicted": predicted.numpy(), "rolled": rolled.numpy()}


def sigreg_value() -> float:
    torch.manual_seed(SIGREG_SEED)
    latents = torch.randn(4, 64, 24) ** 3
    torch.manual_seed(SIGREG_SEED)
    return load("wm/loss.py").SIGReg(knots=17, num_proj=128)(latents).item()


if __name__ == "__main__":
    sys.path.insert(0, str(ORACLE))
    import lewm

    FIXTURES.mkdir(exist_ok=True)
    walks = [walk(seed, 60) for seed in range(4)]
    np.savez_compressed(FIXTURES / "tworoom.npz", **{key: np.stack([one[key] for one in walks]) for key in walks[0]})
    pushes = [push(seed, 40) for seed in range(4)]
    np.savez_compressed(FIXTURES / "pusht.npz", **{key: np.stack([one[key] for one in pushes]) for key in pushes[0]})
    answers = lewm_answers(lewm.SMALL, lewm.load_seeded(lewm.SMALL, 1).state_dict())
    np.savez_compressed(FIXTURES / "lewm.npz", sigreg=sigreg_value(), **answers)
