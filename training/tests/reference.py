"""Modules of an installed stable-worldmodel by their files, because importing the package would start its simulators and data sets.

Run as a program (`python -m training.tests.reference`), writes fixtures/tworoom.npz and fixtures/lewm.npz: what the reference answers, for
tests without it. Needs `pip install --no-deps stable-worldmodel==0.1.1`, einops, gymnasium and transformers.
"""

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
    """The classes TwoRoomEnv and ExpertPolicy. Their imports meet a bare package that has the modules `spaces`, `utils` and `policy`
    only."""
    found = root()
    assert found is not None
    package = types.ModuleType("stable_worldmodel")
    package.__path__ = [str(found)]
    policy = types.ModuleType("stable_worldmodel.policy")
    policy.BasePolicy = type("BasePolicy", (), {"__init__": lambda self, **kwargs: None})
    before = {name: sys.modules.get(name) for name in ("stable_worldmodel", "stable_worldmodel.policy")}
    sys.modules.update({"stable_worldmodel": package, "stable_worldmodel.policy": policy})
    try:
        package.utils = load("utils.py")
        package.spaces = load("spaces.py")
        return load("envs/two_room/env.py").TwoRoomEnv, load("envs/two_room/expert_policy.py").ExpertPolicy
    finally:
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


def walk(seed: int, steps: int) -> dict[str, np.ndarray]:
    """One episode of the reference environment under its expert with noise: states, actions, expert (without noise), done, goal, frames of
    every 12th state."""
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
    answers = lewm_answers(lewm.SMALL, lewm.load_seeded(lewm.SMALL, 1).state_dict())
    np.savez_compressed(FIXTURES / "lewm.npz", sigreg=sigreg_value(), **answers)
