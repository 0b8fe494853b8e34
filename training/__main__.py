"""python -m training collect | train | evaluate | export | packed"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

import torch

from . import config as configs


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Trains LeWM on TwoRoom or Push-T, evaluates it in closed loop and exports it for packing.",
    )
    commands = parser.add_subparsers(dest="command", required=True)

    collect = commands.add_parser(
        "collect", help="run the policy that explores the environment and store states and actions"
    )
    collect.add_argument("--config", required=True, help="name in training/configs or path of a JSON file")
    collect.add_argument("--out", type=Path, required=True, help="episode file to write (.npz)")

    train = commands.add_parser("train", help="train, or go on with a run")
    train.add_argument("--config", required=True, help="name in training/configs or path of a JSON file")
    train.add_argument("--data", type=Path, required=True, help="episode file of collect")
    train.add_argument(
        "--out", type=Path, required=True, help="folder for checkpoint, log and curves; a checkpoint there is continued"
    )
    train.add_argument("--steps", type=int, help="stop at this step; the schedule stays the config's")
    train.add_argument(
        "--save-every", type=float, default=180, metavar="SECONDS", help="time between checkpoints (default 180)"
    )
    train.add_argument(
        "--probe-every", type=int, default=250, metavar="STEPS", help="steps between held-out probes (default 250)"
    )

    evaluate = commands.add_parser("evaluate", help="plan in closed loop and measure the latents; writes a JSON report")
    evaluate.add_argument("--model", type=Path, required=True, help="checkpoint of train, or a model folder of export")
    evaluate.add_argument("--data", type=Path, required=True, help="episode file of collect; its held-out part is used")
    evaluate.add_argument("--out", type=Path, required=True, help="folder for evaluation.json and the pictures")
    evaluate.add_argument(
        "--sets",
        default="",
        help="sets of pairs, such as recorded,door_far; others are kept as they are (default: all)",
    )
    evaluate.add_argument("--pairs", type=int, default=50, help="start and goal pairs (default 50)")
    evaluate.add_argument("--samples", type=int, default=300, help="CEM samples (default 300)")
    evaluate.add_argument("--iterations", type=int, default=30, help="CEM iterations (default 30)")
    evaluate.add_argument("--clip", action="store_true", help="plan within the environment's bounds, as a board does")

    export = commands.add_parser("export", help="write a model folder: weights, configs, held-out frames, model card")
    export.add_argument(
        "--model", type=Path, required=True, help="checkpoint of train, where train wrote it, or a model folder"
    )
    export.add_argument("--data", type=Path, required=True)
    export.add_argument("--evaluation", type=Path, required=True, help="folder that evaluate wrote")
    export.add_argument("--out", type=Path, required=True, help="for example models/lewm-tworoom-small")

    packed = commands.add_parser(
        "packed",
        help="measure with synapse-host what packing a model in int8 changes; writes it to its report and card",
    )
    packed.add_argument("--model", type=Path, required=True, help="a model folder of export")

    for command in (train, evaluate):
        command.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    try:
        return _run(arguments)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"training: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "collect":
        from .environments import environment

        data = configs.load(arguments.config).data
        episodes = environment(data.environment).collect(data)
        episodes.save(arguments.out)
        print(f"{arguments.out}: {len(episodes)} episodes, {int(episodes.lengths.sum())} steps")
    elif arguments.command == "train":
        from .episodes import Episodes
        from .memory import keep_freed_memory
        from .train import Trainer

        keep_freed_memory()
        # A polite kill saves too. Programs started in the background ignore Ctrl-C unless they ask for it.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.default_int_handler)
        config = configs.load(arguments.config)
        trainer = Trainer(config, Episodes.load(arguments.data), arguments.out, torch.device(arguments.device))
        trainer.run(
            arguments.steps or config.steps, probe_every=arguments.probe_every, save_every_s=arguments.save_every
        )
    elif arguments.command == "evaluate":
        from .evaluate import evaluate
        from .memory import keep_freed_memory

        keep_freed_memory()
        evaluate(
            arguments.model,
            arguments.data,
            arguments.out,
            torch.device(arguments.device),
            arguments.pairs,
            arguments.samples,
            arguments.iterations,
            tuple(name for name in arguments.sets.split(",") if name),
            arguments.clip,
        )
    elif arguments.command == "packed":
        from .model_card import figure
        from .packed import report_packed

        for row in report_packed(arguments.model)["rows"]:
            cosine, error = (figure(row[f"{key}Worst"], 4) for key in ("centredCosine", "relativeError"))
            print(f"{row['what']}: worst of {row['count']} centred cosine {cosine}, relative error {error}")
    else:
        from .export import export

        export(arguments.model, arguments.data, arguments.evaluation, arguments.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
