"""Evaluation of a trained model: planning in closed loop against baselines, and what the latents know."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import torch
from torch import Tensor

from . import env
from .config import FRAMESKIP, Config
from .data import Episodes, Windows
from .diagnostics import effective_rank, latent_std, linear_probe_r2, varying_share
from .model import normalize
from .pictures import contact_sheet, walk_gif
from .plan import CEM, ModelPolicy, Outcome, TrueDynamicsPolicy, closed_loop, oracle, random_policy, straight_line
from .trained import Trained, load_trained

GOAL_OFFSET = 25
BUDGET = 50
SEED = 42
REPORT = "evaluation.json"
TELEPORT_MIN = 25.0
RECORDED = "recorded"
DOOR_STEPS = {"door_near": (8, 18), "door_far": (19, 35)}
SETS = (RECORDED, *DOOR_STEPS)


def held_out(config: Config, episodes: Episodes) -> Episodes:
    return episodes.part(slice(len(episodes) - config.data.held_out, None))


def recorded_pairs(config: Config, episodes: Episodes, count: int) -> tuple[Tensor, Tensor]:
    """Starts and goals [count, 2] as stable-worldmodel takes them: states of held-out episodes at noise 3 (the first of the config's), 25
    steps apart."""
    part = held_out(config, episodes)
    number = torch.arange(len(episodes) - len(part), len(episodes))
    last_start = torch.where(number % len(config.data.action_noise) == 0, part.lengths - GOAL_OFFSET, -1)
    choices = [(episode, start) for episode in range(len(part)) for start in range(int(last_start[episode]) + 1)]
    if len(choices) < count:
        raise ValueError(f"{count} pairs were asked for, the held-out episodes have {len(choices)}")
    order = torch.randperm(len(choices), generator=torch.Generator().manual_seed(SEED))[:count]
    picked = [choices[int(i)] for i in order]
    states = part.states
    return torch.stack([states[e, s] for e, s in picked]), torch.stack([states[e, s + GOAL_OFFSET] for e, s in picked])


def door_pairs(count: int, steps: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Starts and goals [count, 2] in different rooms, so that every way leads through the door. The noiseless expert needs a number of
    steps in the range `steps`."""
    generator = torch.Generator().manual_seed(SEED)
    starts, goals = env.sample_positions(400 * count, generator), env.sample_positions(400 * count, generator)
    low, high = env.BORDER + env.RADIUS, env.IMAGE - env.BORDER - env.RADIUS
    inside = ((starts > low) & (starts < high) & (goals > low) & (goals < high)).all(dim=1)
    opposite = (starts[:, 0] > env.WALL_CENTER) != (goals[:, 0] > env.WALL_CENTER)
    outcome = closed_loop(oracle, starts, goals)
    chosen = (inside & opposite & outcome.success & (outcome.steps >= steps[0]) & (outcome.steps <= steps[1])).nonzero()[:count, 0]
    return starts[chosen], goals[chosen]


def wilson(successes: int, count: int) -> list[float]:
    """95 % confidence interval of a rate (Wilson score)."""
    z = 1.959964
    rate, square = successes / count, z * z / count
    middle, half = rate + square / 2, z * math.sqrt(rate * (1 - rate) / count + square / (4 * count))
    return [max(0.0, (middle - half) / (1 + square)), min(1.0, (middle + half) / (1 + square))]


def auroc(negative: Tensor, positive: Tensor) -> float:
    """The chance that a positive's score is above a negative's, ties counted half. 1-D tensors."""
    difference = positive.unsqueeze(1) - negative.unsqueeze(0)
    return ((difference > 0).double() + 0.5 * (difference == 0).double()).mean().item()


def _summary(outcome: Outcome) -> dict:
    successes, count = int(outcome.success.sum()), len(outcome.success)
    result = {"success": successes / count, "successes": successes, "pairs": count, "success_ci95": wilson(successes, count)}
    if successes:
        result["steps_mean_when_successful"] = outcome.steps[outcome.success].double().mean().item()
    return result


def _planning(trained: Trained, starts: Tensor, goals: Tensor, solver: CEM) -> tuple[dict, Outcome]:
    begun = time.monotonic()
    model = closed_loop(ModelPolicy(trained.model, trained.statistics, solver, SEED), starts, goals, BUDGET)
    took = time.monotonic() - begun
    true_dynamics = TrueDynamicsPolicy(trained.model, trained.statistics, solver, SEED)
    policies = {
        "true_dynamics": true_dynamics,
        "random": random_policy(SEED),
        "straight_line": straight_line,
        "expert_without_noise": oracle,
    }
    report = {"model": _summary(model) | {"wall_s": round(took, 1)}}
    report |= {name: _summary(closed_loop(policy, starts, goals, BUDGET)) for name, policy in policies.items()}
    distance = (starts - goals).norm(dim=1)
    report["distance_px_mean"] = distance.mean().item()
    report["pairs_near_at_start"] = int((distance < env.SUCCESS_DISTANCE).sum())
    return report, model


@torch.no_grad()
def latent_report(trained: Trained, part: Episodes, device: torch.device) -> dict:
    """Probe, prediction error by number of steps relative to the latents' variance, and surprise, all on held-out episodes."""
    model, d = trained.model, trained.config.dimensions
    windows = Windows(part, trained.statistics, d.history_frames + 1, d.image, device)
    tokens, latents, positions, normal, teleported = [], [], [], [], []
    generator = torch.Generator().manual_seed(SEED)
    for batch in range(8):
        pixels, actions, states = windows.sample(128, SEED, batch)
        tokens.append(model.encoder(normalize(pixels.flatten(0, 1))))
        encoded = model.projector(tokens[-1]).unflatten(0, pixels.shape[:2])
        predicted = model.predict(encoded[:, :-1], model.action_encoder(actions))[:, -1]
        normal.append((predicted - encoded[:, -1]).norm(dim=1).cpu())
        elsewhere = env.sample_positions(128, generator)
        far = (elsewhere - states[:, -1]).norm(dim=1) > TELEPORT_MIN
        jumped = model.encode(normalize(env.render(elsewhere.to(device), d.image)))
        teleported.append((predicted - jumped).norm(dim=1).cpu()[far])
        latents.append(encoded.flatten(0, 1).cpu())
        positions.append(states.flatten(0, 1))
    half = len(latents) // 2
    train, test = torch.cat(latents[:half]), torch.cat(latents[half:])
    variance = test.var(dim=0).mean().item()

    steps = 20
    long = Windows(part, trained.statistics, steps + 1, d.image, device)
    squared = []
    for batch in range(4):
        pixels, actions, _ = long.sample(32, SEED, 100, batch)
        encoded = model.encode(normalize(pixels.flatten(0, 1))).unflatten(0, pixels.shape[:2])
        squared.append((model.rollout(encoded[:, 0], actions) - encoded[:, 1:]).square().mean(dim=-1).cpu())
    error = torch.cat(squared).mean(dim=0) / variance
    return {
        "probe_r2": linear_probe_r2(train, torch.cat(positions[:half]), test, torch.cat(positions[half:])),
        "prediction_error_relative": {str(step): error[step - 1].item() for step in (1, 2, 5, 10, 20)},
        "surprise_auroc": auroc(torch.cat(normal), torch.cat(teleported)),
        "latent_std": latent_std(test),
        "effective_rank": effective_rank(test),
        "class_token_varying": varying_share(torch.cat(tokens)),
    }


def evaluate(
    source: Path, data: Path, out: Path, device: torch.device, pairs: int, samples: int, iterations: int, sets: tuple[str, ...] = SETS
) -> dict:
    """`source`: a checkpoint or a model folder. Evaluates `sets` of pairs, writes evaluation.json and pictures of walks through the door to
    `out` after every set, and returns the report. Of a report of the same model with the same planner that is there already the other sets
    are kept, so that a long evaluation can be made in parts; one of another model is replaced."""
    if unknown := sorted(set(sets) - set(SETS)):
        raise ValueError(f"no set of pairs {', '.join(unknown)}; there are {', '.join(SETS)}")
    trained = load_trained(source, device)
    episodes = Episodes.load(data)
    out.mkdir(parents=True, exist_ok=True)
    solver = CEM(samples=samples, iterations=iterations, elites=min(30, samples))
    report = {"name": trained.config.name, "step": trained.step, "train_seconds": round(trained.seconds), "trained_on": trained.device}
    report["cem"] = {
        "samples": samples,
        "iterations": iterations,
        "elites": solver.elites,
        "horizon": solver.horizon,
        "frameskip": FRAMESKIP,
        "budget": BUDGET,
    }
    written = json.loads((out / REPORT).read_text()) if (out / REPORT).exists() else {}
    kept = {key: value for key, value in written.items() if key not in report} if report.items() <= written.items() else {}
    report |= {"latents": kept.get("latents") or latent_report(trained, held_out(trained.config, episodes), device)}
    report |= {name: kept[name] for name in SETS if name in kept}
    print(json.dumps(report["latents"], indent=1), flush=True)
    for name in sets:
        report[name] = _evaluate_set(name, trained, episodes, pairs, solver, out)
        print(json.dumps({name: report[name]}, indent=1), flush=True)
        _store(report, out)
    return report


def _store(report: dict, out: Path) -> None:
    partial = out / f"{REPORT}.partial"
    partial.write_text(json.dumps(report, indent=1) + "\n")
    partial.replace(out / REPORT)


def _evaluate_set(name: str, trained: Trained, episodes: Episodes, pairs: int, solver: CEM, out: Path) -> dict:
    if name == RECORDED:
        return _planning(trained, *recorded_pairs(trained.config, episodes, pairs), solver)[0]
    starts, goals = door_pairs(pairs, DOOR_STEPS[name])
    result, walks = _planning(trained, starts, goals, solver)
    contact_sheet(walks, goals, out / f"{name}.png")
    walk_gif(walks, goals, out / f"{name}.gif")
    return result
