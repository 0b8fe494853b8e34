"""A training config: one JSON file with the model's dimensions, the data to collect and how to train."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from .model import Dimensions

CONFIGS = Path(__file__).resolve().parent / "configs"
FRAMESKIP = 5
ACTION_SIZE = 2
KINDS = {"tworoom": "action_noise", "pusht": "action_hold"}
SCHEDULES = ("cosine", "constant")


@dataclass(frozen=True)
class Data:
    """`episodes` in all, of which the last `held_out` are never trained on.

    Episodes are of kinds that are taken in turn. TwoRoom's have `action_noise`, standard deviations of what is added to
    the expert's actions; Push-T's have `action_hold`, for how many steps the agent goes to the same place. The other
    list is empty."""

    environment: str
    episodes: int
    held_out: int
    steps_max: int
    action_noise: list[float]
    action_hold: list[int]
    seed: int

    @property
    def kinds(self) -> int:
        return max(len(self.action_noise), len(self.action_hold))


@dataclass(frozen=True)
class Training:
    """`common_weight`: of what all class tokens have in common (train.py; not in the published loss).

    `schedule`: after the warm-up, "cosine" to 0 at `steps`, or "constant" and linear to 0 in the last fifth, so that a
    run that has time left can go on from before the fifth.

    `encoder_std`, `residual_std`, `patch_std`, `position_std`: standard deviations that the encoder's linear layers,
    those of them that write to the residual stream, its patch embedding, and its position embeddings and class token
    start with.

    `salient_patches` and `other_patches`: how many the encoder is trained on (patches.py), 0 and 0 for all.

    `frozen_episodes`: if not 0, the encoder and its projector stay as they are, and the rest is trained on that many
    episodes.

    `bf16`: linear algebra in bfloat16 where the hardware has it.
    """

    steps: int
    batch: int
    learning_rate: float
    weight_decay: float
    warmup_steps: int
    schedule: str
    clip: float
    dropout: float
    sigreg_weight: float
    common_weight: float
    encoder_std: float
    residual_std: float
    patch_std: float
    position_std: float
    salient_patches: int
    other_patches: int
    frozen_episodes: int
    bf16: bool
    seed: int


@dataclass(frozen=True)
class Config:
    """`then`: stages of training that follow, each with an optimizer and a schedule of its own."""

    name: str
    description: str
    dimensions: Dimensions
    data: Data
    training: Training
    then: list[Training]

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)

    @property
    def stages(self) -> list[Training]:
        return [self.training, *self.then]

    @property
    def steps(self) -> int:
        """Of all stages."""
        return sum(stage.steps for stage in self.stages)

    def stage(self, step: int) -> tuple[int, int]:
        """The stage that step number `step` (0-based) belongs to and the steps before it. After the last step: the last
        stage."""
        before = 0
        for number, stage in enumerate(self.stages):
            if step < before + stage.steps or number == len(self.then):
                return number, before
            before += stage.steps
        raise AssertionError("a config has at least one stage")


def parse(document: dict, where: str = "config") -> Config:
    """Stages in `then` name only what differs from `training`. Throws ValueError that names the keys that are missing
    or unknown."""
    parts = {"dimensions": Dimensions, "data": Data, "training": Training}
    _check(document, Config, where)
    built = {}
    for key, kind in parts.items():
        _check(document[key], kind, f"{where}.{key}")
        built[key] = kind(**document[key])
    if not isinstance(document["then"], list):
        raise ValueError(f"{where}.then: expected a list")
    then = []
    for number, changes in enumerate(document["then"]):
        if not isinstance(changes, dict):
            raise ValueError(f"{where}.then[{number}]: expected an object")
        stage = document["training"] | changes
        _check(stage, Training, f"{where}.then[{number}]")
        then.append(Training(**stage))
    config = Config(name=document["name"], description=document["description"], then=then, **built)
    d = config.dimensions
    if d.image <= 0 or d.patch <= 0 or d.image % d.patch != 0 or 224 % d.image != 0:
        raise ValueError(f"{where}.dimensions: image {d.image} must divide 224 and be a multiple of patch {d.patch}")
    if d.width % d.encoder_heads != 0:
        raise ValueError(f"{where}.dimensions: width {d.width} is not a multiple of encoder_heads {d.encoder_heads}")
    if d.action_in != FRAMESKIP * ACTION_SIZE:
        raise ValueError(
            f"{where}.dimensions: action_in {d.action_in} must be frameskip x action size = {FRAMESKIP * ACTION_SIZE}"
        )
    _check_data(config.data, f"{where}.data")
    if not 0 < config.data.held_out < config.data.episodes:
        raise ValueError(
            f"{where}.data: held_out {config.data.held_out} must be in 1..episodes - 1 = {config.data.episodes - 1}"
        )
    for number, stage in enumerate(config.stages):
        _check_stage(stage, config, f"{where}.training" if number == 0 else f"{where}.then[{number - 1}]")
    frozen = [stage.frozen_episodes > 0 for stage in config.stages]
    if frozen != sorted(frozen):
        raise ValueError(
            f"{where}.then[{frozen.index(True)}]: frozen_episodes is 0 after a stage whose encoder is frozen"
        )
    return config


def _check_data(data: Data, where: str) -> None:
    if data.environment not in KINDS:
        raise ValueError(f"{where}: environment {data.environment!r} is none of {', '.join(KINDS)}")
    for environment, key in KINDS.items():
        kinds = getattr(data, key)
        if (environment == data.environment) != (len(kinds) > 0):
            raise ValueError(
                f"{where}: {key} {kinds} is for {environment}, which needs one or more; it is empty for another "
                f"environment"
            )
    if any(hold < 1 for hold in data.action_hold):
        raise ValueError(f"{where}: action_hold {data.action_hold} must be of steps, at least 1")


def _check_stage(stage: Training, config: Config, where: str) -> None:
    patches = (config.dimensions.image // config.dimensions.patch) ** 2
    salient, others = stage.salient_patches, stage.other_patches
    if (salient, others) != (0, 0) and (min(salient, others) < 1 or salient + others > patches):
        raise ValueError(
            f"{where}: salient_patches {salient} and other_patches {others} must both be 0 (all patches) or at "
            f"least 1, together at most "
            f"{patches}"
        )
    if stage.schedule not in SCHEDULES:
        raise ValueError(f"{where}: schedule {stage.schedule!r} is none of {', '.join(SCHEDULES)}")
    trained = config.data.episodes - config.data.held_out
    if not 0 <= stage.frozen_episodes <= trained:
        raise ValueError(
            f"{where}: frozen_episodes {stage.frozen_episodes} must be in 0..episodes - held_out = {trained}"
        )


def _check(document: object, kind: type, where: str) -> None:
    if not isinstance(document, dict):
        raise ValueError(f"{where}: expected an object")
    wanted = {field.name for field in dataclasses.fields(kind)}
    if missing := sorted(wanted - document.keys()):
        raise ValueError(f"{where}: missing {', '.join(missing)}")
    if unknown := sorted(document.keys() - wanted):
        raise ValueError(f"{where}: unknown {', '.join(unknown)}")


def load(name: str) -> Config:
    """A config by its name in training/configs or by the path of a JSON file."""
    path = Path(name) if name.endswith(".json") else CONFIGS / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in CONFIGS.glob("*.json")))
        raise ValueError(f"no config {name!r}; known: {known}, or give a path that ends in .json")
    return parse(json.loads(path.read_text()), str(path))
