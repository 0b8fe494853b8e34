"""What packing a model in int8 changes, measured with `synapse-host` on the frames of the model folder that judge."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import torch

from .environments import environment
from .evaluate import REPORT, pictured, store
from .files import write_text
from .model_card import model_card
from .trained import load_trained

PROGRAM = Path(__file__).resolve().parents[1] / "host" / "bin" / "synapse-host.js"
TYPE = "i8"
ALL_PICTURES = 1_000_000


def measure_packed(folder: Path) -> dict:
    """Packs the model of `folder` and compares it with its weights in f32. What `compare --json` answers of each line,
    with the type."""
    answer = json.loads(
        _run("compare", "--eval", str(folder), "--type", TYPE, "--images-max", str(ALL_PICTURES), "--json")
    )
    return {"type": TYPE, "rows": answer["rows"]}


def report_packed(folder: Path) -> dict:
    """Measures the model of an exported folder, and writes the result to its evaluation.json and its card."""
    trained = load_trained(folder, torch.device("cpu"))
    report = json.loads((folder / REPORT).read_text()) | {"packed": measure_packed(folder)}
    store(report, folder)
    world = environment(trained.config.data.environment)
    pictures = [f"{name}.{kind}" for name in pictured(world) if name in report for kind in ("gif", "png")]
    write_text(folder / "README.md", model_card(trained, report, pictures))
    return report["packed"]


def _run(*arguments: str) -> str:
    if not (PROGRAM.parents[1] / "dist" / "cli").exists():
        raise ValueError(f"{PROGRAM} is not built: run `npm run build` first")
    done = subprocess.run(["node", str(PROGRAM), *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise ValueError(f"synapse-host {arguments[0]}: {done.stderr.strip()}")
    return done.stdout
