"""Evaluation of a trained model: planning in closed loop against baselines, and what the latents know."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import torch
from torch import Tensor

from .closed_loop import BUDGET, Outcome, closed_loop, random_policy
from .config import ACTION_SIZE, FRAMESKIP, Config
from .diagnostics import agreement, effective_rank, latent_std, linear_probe_r2, varying_share
from .environments import environment
from .environments.environment import Environment, Pairs
from .episodes import Episodes
from .files import write_text
from .model import normalize
from .pictures import contact_sheet, walk_gif
from .plan import CEM, ModelPolicy, TrueDynamicsPolicy
from .trained import Trained, load_trained
from .windows import Windows

GOAL_OFFSET = 25
SEED = 42
REPORT = "evaluation.json"
RECORDED = "recorded"
STEPS = (1, 2, 5, 10, 20)
"""Predicted steps after which latents are compared with those of the frames."""


def held_out(config: Config, episodes: Episodes) -> Episodes:
    return episodes.part(slice(len(episodes) - config.data.held_out, None))


def recorded_pairs(config: Config, episodes: Episodes, count: int) -> Pairs:
    """Starts and goals as stable-worldmodel takes them: states of held-out episodes of the config's first kind, 25
    steps apart."""
    part = held_out(config, episodes)
    number = torch.arange(len(episodes) - len(part), len(episodes))
    last_start = torch.where(number % config.data.kinds == 0, part.lengths - GOAL_OFFSET, -1)
    choices = [(episode, start) for episode in range(len(part)) for start in range(int(last_start[episode]) + 1)]
    if len(choices) < count:
        raise ValueError(f"{count} pairs were asked for, the held-out episodes have {len(choices)}")
    order = torch.randperm(len(choices), generator=torch.Generator().manual_seed(SEED))[:count]
    picked = [choices[int(i)] for i in order]
    starts, goals = (torch.stack([part.states[e, s + after] for e, s in picked]) for after in (0, GOAL_OFFSET))
    return Pairs(starts, goals, torch.stack([part.actions[e, s : s + GOAL_OFFSET] for e, s in picked]))


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
    result = {
        "success": successes / count,
        "successes": successes,
        "pairs": count,
        "success_ci95": wilson(successes, count),
    }
    if successes:
        result["steps_mean_when_successful"] = outcome.steps[outcome.success].double().mean().item()
    return result


def _planning(world: Environment, trained: Trained, pairs: Pairs, solver: CEM) -> tuple[dict, Outcome]:
    starts, goals = pairs.starts, pairs.goals
    begun = time.monotonic()
    planner = ModelPolicy(world, trained.model, trained.statistics, solver, SEED)
    model = closed_loop(world, planner, starts, goals, arrived=planner.arrived)
    report = {"model": _summary(model) | {"wall_s": round(time.monotonic() - begun, 1)}}
    if (lookup := world.lookup(planner.encode)) is not None:
        truth = TrueDynamicsPolicy(world, trained.model, trained.statistics, solver, SEED, lookup)
        report["true_dynamics"] = _summary(closed_loop(world, truth, starts, goals, arrived=truth.arrived))
    policies = {"random": random_policy(ACTION_SIZE, SEED)} | world.baselines(pairs)
    report |= {name: _summary(closed_loop(world, policy, starts, goals)) for name, policy in policies.items()}
    report["distance_px_mean"] = world.distance_px(starts, goals).mean().item()
    report["pairs_near_at_start"] = int(world.reached(starts, goals).sum())
    return report, model


@torch.no_grad()
def latent_report(world: Environment, trained: Trained, part: Episodes, device: torch.device) -> dict:
    """Probe of the environment's factors, prediction error by number of steps relative to the latents' variance, and
    surprise, all on held-out episodes."""
    model, d = trained.model, trained.config.dimensions
    windows = Windows(world, part, trained.statistics, d.history_frames + 1, d.image, device)
    tokens, latents, factors, normal, teleported = [], [], [], [], []
    generator = torch.Generator().manual_seed(SEED)
    for batch in range(8):
        pixels, actions, states = windows.sample(128, SEED, batch)
        tokens.append(model.encoder(normalize(pixels.flatten(0, 1))))
        encoded = model.projector(tokens[-1]).unflatten(0, pixels.shape[:2])
        predicted = model.predict(encoded[:, :-1], model.action_encoder(actions))[:, -1]
        normal.append((predicted - encoded[:, -1]).norm(dim=1).cpu())
        elsewhere, far = world.elsewhere(states[:, -1], generator)
        jumped = model.encode(normalize(world.render(elsewhere.to(device), d.image)))
        teleported.append((predicted - jumped).norm(dim=1).cpu()[far])
        latents.append(encoded.flatten(0, 1).cpu())
        factors.append(world.factors(states.flatten(0, 1)))
    half = len(latents) // 2
    train, test = torch.cat(latents[:half]), torch.cat(latents[half:])
    variance = test.var(dim=0).mean().item()

    long = Windows(world, part, trained.statistics, STEPS[-1] + 1, d.image, device)
    rolled, seen = [], []
    for batch in range(4):
        pixels, actions, _ = long.sample(32, SEED, 100, batch)
        encoded = model.encode(normalize(pixels.flatten(0, 1))).unflatten(0, pixels.shape[:2])
        rolled.append(model.rollout(encoded[:, 0], actions).cpu())
        seen.append(encoded[:, 1:].cpu())
    predicted, actual = torch.cat(rolled), torch.cat(seen)
    error = (predicted - actual).square().mean(dim=-1).mean(dim=0) / variance
    return {
        "probe_r2": linear_probe_r2(train, torch.cat(factors[:half]), test, torch.cat(factors[half:])),
        "prediction_error_relative": {str(step): error[step - 1].item() for step in STEPS},
        "prediction": {str(step): agreement(predicted[:, step - 1], actual[:, step - 1]) for step in STEPS},
        "surprise_auroc": auroc(torch.cat(normal), torch.cat(teleported)),
        "latent_std": latent_std(test),
        "effective_rank": effective_rank(test),
        "class_token_varying": varying_share(torch.cat(tokens)),
    }


def evaluate(
    source: Path,
    data: Path,
    out: Path,
    device: torch.device,
    pairs: int,
    samples: int,
    iterations: int,
    sets: tuple[str, ...] = (),
    clip: bool = False,
) -> dict:
    """`source`: a checkpoint or a model folder. Evaluates `sets` of pairs, or all, writes evaluation.json and pictures
    of walks to `out` after every set, and returns the report. Of a report of the same model with the same planner that
    is there already the other sets are kept, so that a long evaluation can be made in parts; one of another model is
    replaced."""
    trained = load_trained(source, device)
    world = environment(trained.config.data.environment)
    known = (RECORDED, *world.sets)
    if unknown := sorted(set(sets) - set(known)):
        raise ValueError(f"no set of pairs {', '.join(unknown)}; there are {', '.join(known)}")
    episodes = Episodes.load(data)
    out.mkdir(parents=True, exist_ok=True)
    solver = CEM(samples=samples, iterations=iterations, elites=min(30, samples), clip=clip)
    report = {
        "name": trained.config.name,
        "step": trained.step,
        "train_seconds": round(trained.seconds),
        "trained_on": trained.device,
    }
    report["cem"] = {
        "samples": samples,
        "iterations": iterations,
        "elites": solver.elites,
        "horizon": solver.horizon,
        "frameskip": FRAMESKIP,
        "budget": BUDGET,
    } | ({"clip": True} if clip else {})
    written = json.loads((out / REPORT).read_text()) if (out / REPORT).exists() else {}
    kept = (
        {key: value for key, value in written.items() if key not in report} if report.items() <= written.items() else {}
    )
    report |= {
        "latents": kept.get("latents") or latent_report(world, trained, held_out(trained.config, episodes), device)
    }
    report |= {name: kept[name] for name in (*known, "packed") if name in kept}
    print(json.dumps(report["latents"], indent=1), flush=True)
    for name in sets or known:
        report[name] = _evaluate_set(name, world, trained, episodes, pairs, solver, out)
        print(json.dumps({name: report[name]}, indent=1), flush=True)
        store(report, out)
    return report


def store(report: dict, out: Path) -> None:
    write_text(out / REPORT, json.dumps(report, indent=1) + "\n")


def pictured(world: Environment) -> tuple[str, ...]:
    """The sets of which walks are drawn: those that tell planners apart."""
    return world.sets or (RECORDED,)


def _evaluate_set(
    name: str, world: Environment, trained: Trained, episodes: Episodes, count: int, solver: CEM, out: Path
) -> dict:
    pairs = recorded_pairs(trained.config, episodes, count) if name == RECORDED else world.pairs(name, count)
    result, walks = _planning(world, trained, pairs, solver)
    if name in pictured(world):
        contact_sheet(world, walks, pairs.goals, out / f"{name}.png")
        walk_gif(world, walks, pairs.goals, out / f"{name}.gif")
    return result
