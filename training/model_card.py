"""The model card: plain words around the numbers of an evaluation."""

from __future__ import annotations

import textwrap

from .cards import Words, words
from .config import Config, Training
from .environments.frames import IMAGE
from .trained import Trained

WIDTH = 118
POLICIES = {
    "model": "**planning with this model**",
    "true_dynamics": "the same, with the environment in the predictor's place",
    "random": "random actions",
}


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def figure(value: float | None, digits: int) -> str:
    """A figure of a comparison, which there is not of samples that are all alike."""
    return "undefined" if value is None else f"{value:.{digits}f}"


def _success_rows(report: dict, card: Words) -> str:
    headings = {"recorded": "recorded goals"} | card.sets
    sets = {name: heading for name, heading in headings.items() if name in report}
    lines = [f"| | {' | '.join(sets.values())} |", "|---" * (len(sets) + 1) + "|"]
    for key, label in (POLICIES | card.policies).items():
        if any(key not in report[pairs] for pairs in sets):
            continue
        cells = []
        for pairs in sets:
            result = report[pairs][key]
            low, high = result["success_ci95"]
            cells.append(f"{_percent(result['success'])} ({_percent(low)} to {_percent(high)})")
        lines.append(f"| {label} | {' | '.join(cells)} |")
    lines.append(f"| pairs | {' | '.join(str(report[pairs]['model']['pairs']) for pairs in sets)} |")
    distances = " | ".join(f"{report[pairs]['distance_px_mean']:.0f} px" for pairs in sets)
    lines.append(f"| mean distance | {distances} |")
    if missing := [heading for name, heading in headings.items() if name not in report]:
        lines.append(f"\nNot evaluated: {', '.join(missing)}.")
    return "\n".join(lines)


def _packed(report: dict) -> str:
    """What int8 changes, as `python -m training packed` measured it."""
    if "packed" not in report:
        return "Not measured: `python -m training packed` does it."
    packed = report["packed"]
    lines = [
        "| | cosine, mean and worst | centred | error / variance | of |",
        "|---|---|---|---|---|",
    ]
    for row in packed["rows"]:
        pairs = [
            f"{figure(row[f'{key}Mean'], 5)}, {figure(row[f'{key}Worst'], 5)}"
            for key in ("cosine", "centredCosine", "relativeError")
        ]
        lines.append(f"| {row['what']} | {' | '.join(pairs)} | {row['inputs']} |")
    return "\n".join(lines)


def _predictions(latents: dict) -> str:
    """A row of the table of latents."""
    steps = ("1", "5", "10", "20")
    figures = ", ".join(figure(latents["prediction"][step]["centred_cosine_mean"], 3) for step in steps)
    return f"| cosine of predicted and true latents about the latents' mean after 1, 5, 10, 20 steps | {figures} |"


def _stage(config: Config, stage: Training) -> str:
    d = config.dimensions
    patches = (d.image // d.patch) ** 2
    salient, others = stage.salient_patches, stage.other_patches
    if stage.frozen_episodes > 0:
        frames = f"the frames of {stage.frozen_episodes} episodes"
        what = f"the predictor alone, on the latents that the encoder then gives to {frames}"
    elif salient > 0:
        which = f"the {salient} that show most, and {others} others"
        what = f"the encoder on {salient + others} of its {patches} patches: {which}"
    else:
        what = "the whole model"
    return f"{stage.steps:,} steps of batch {stage.batch}, AdamW with rate {stage.learning_rate:g}: {what}"


def _how(trained: Trained) -> str:
    """A sentence for one stage, a list for more."""
    config = trained.config
    stages = [_stage(config, stage) for stage in config.stages]
    loss = f"Prediction loss plus {config.training.sigreg_weight:g} x SIGReg"
    if config.training.common_weight > 0:
        loss += f", plus {config.training.common_weight:g} x the mean square of what class tokens have in common"
    if len(stages) == 1:
        return f"{stages[0]}. {loss}."
    lines = "\n".join(f"{number}. {stage}" for number, stage in enumerate(stages, 1))
    return f"{loss}, in {len(stages)} stages:\n\n{lines}"


def _reduced(image: int) -> str:
    return "" if image == IMAGE else " and reduced by averaging blocks; another resize shifts the latents"


def _filled(block: str) -> str:
    """Paragraphs and lists with lines as long as they may be; other blocks as they are."""
    if block.startswith(("#", "|", "!", "```")):
        return block
    if block.startswith("1."):
        return "\n".join(_wrapped(item, indent="   ") for item in block.split("\n"))
    return _wrapped(block)


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def model_card(trained: Trained, report: dict, pictures: list[str]) -> str:
    """README.md of a model folder."""
    config, latents, cem = trained.config, report["latents"], report["cem"]
    d = config.dimensions
    parameters = sum(value.numel() for value in trained.model.parameters())
    errors = ", ".join(f"{latents['prediction_error_relative'][step]:.4f}" for step in ("1", "5", "10", "20"))
    card = words(config.data.environment)
    images = "\n\n".join(f"![{card.walk}]({name})" for name in pictures if name.endswith("gif"))
    text = f"""# {config.name}

A LeWM world model (arXiv 2603.19312) of {card.title}, trained from scratch on frames and actions alone:
{parameters:,} parameters, {d.image} x {d.image} pixels, latents of {d.width} numbers. It encodes a frame, predicts
the next latents from actions, and so can plan a way to a goal that is given as a picture.

## How it was made

Trained for {trained.step:,} of {config.steps:,} steps in {trained.seconds / 3600:.1f} hours on {trained.device}.
Data: {config.data.episodes - config.data.held_out:,} episodes of {card.behaviour(config.data)};
{config.data.held_out} more episodes were held out. {card.source}

{_how(trained)}

![loss and collapse diagnostics over training](curves.png)

## How well it works

Success of reaching a goal within {cem["budget"]} steps, over fixed pairs, 95 % confidence intervals. Recorded goals
are states {cem["horizon"] * cem["frameskip"]} steps later in held-out episodes, as stable-worldmodel evaluates.
{card.goals} Planning is CEM with {cem["samples"]} samples, {cem["iterations"]} iterations, {cem["elites"]} elites,
horizon {cem["horizon"]} x {cem["frameskip"]}.

{_success_rows(report, card)}

Of the recorded pairs {report["recorded"]["pairs_near_at_start"]} start within reach of the goal. {card.recorded}

| latents, on held-out episodes | |
|---|---|
| {card.factors} read by a linear probe, R2 | {latents["probe_r2"]:.3f} |
| prediction error / latent variance after 1, 5, 10, 20 steps | {errors} |
{_predictions(latents)}
| surprise tells {card.teleported} from a normal step, AUROC | {latents["surprise_auroc"]:.3f} |
| effective rank, of {d.width} | {latents["effective_rank"]:.1f} |
| what tells frames apart in the class token, of its mean square | {_percent(latents["class_token_varying"])} |

{images}

## Packed in int8

Against the same weights in f32, on the frames of `test-NN` in `eval.zip`. Centred: the cosine after the mean of the
latents in f32 is taken from both. Error: mean square over the latents' variance. A rollout of n steps starts from
each model's own latent and compares the last.

{_packed(report)}

## Where it fails

{card.fails(d.width)} Frames must be drawn as the environment draws them{_reduced(d.image)}.

## Files

`model.safetensors` (float16, published keys), `config.json` (architecture, inputs, training record, metrics),
`synapse.json` (for `synapse-host pack`), `action-stats.json`, `evaluation.json`, and `eval.zip`: held-out episodes,
`calibration-NN` for choosing quantisation and `test-NN` for judging it, each with frames, raw actions, states and the
latents that PyTorch computes from the stored weights. `synapse-host` reads the archive as it is:

```
M=models/{config.name}
npx synapse-host pack $M/model.safetensors --config $M/synapse.json -o {config.name}.syn
npx synapse-host compare {config.name}.syn --eval $M
npx synapse-host run {config.name}.syn encode $M/eval.zip/test-00/frame-00.png
```
"""
    return "\n\n".join(_filled(block) for block in text.split("\n\n"))
