"""Holds `synapse-host pack` against models of `transformers`: each is tiny, with seeded weights, packed as f32 with a
config that a careful reader of its tensors could write, beside its own config.json. Either `pack` refuses the config,
or the packed model answers what PyTorch does. What is refused is packed all the same, which shows that it would have
answered something else.

    python oracle/check_metadata.py [case ...]      # prints one line a case; exit code 1 when words and numbers of one
                                                    do not fit
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers as hf
from metadata_cases import IMAGE, ROWS, SAMPLES, SEED, WIDTH, Case, fairseq_cases, gpt_cases, vit_cases
from safetensors.torch import save_file
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
CENTRED_MIN = 0.9999


def seed_weights(model: nn.Module, generator: torch.Generator) -> None:
    """Larger than models begin with, so that every factor and every row shows."""
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.ndim > 1:
                value.normal_(
                    0,
                    1.5 / value[0].numel() ** 0.5 if "embed" not in name and "wpe" not in name else 0.5,
                    generator=generator,
                )
            else:
                value.normal_(1 if name.endswith("weight") or "lambda" in name else 0, 0.3, generator=generator)


def centred_worst(case: Case, folder: Path) -> tuple[str, float | None]:
    """What `pack` said, and the worst centred cosine of what was packed."""
    generator = torch.Generator().manual_seed(SEED)
    seed_weights(case.model, generator)
    case.model.eval()
    state = {name: value.clone().contiguous() for name, value in case.model.state_dict().items()}
    save_file(state, folder / "model.safetensors")
    case.model.config.to_json_file(folder / "config.json")
    mean, std = [0.5, 0.4, 0.3], [0.2, 0.3, 0.4]
    saved: dict[str, Tensor] = {}
    if case.pictures:
        processor = {
            "do_resize": True,
            "resample": 2,
            "size": {"height": IMAGE, "width": IMAGE},
            "do_rescale": True,
            "rescale_factor": 1 / 255,
        }
        (folder / "preprocessor_config.json").write_text(
            json.dumps(processor | {"do_normalize": True, "image_mean": mean, "image_std": std})
        )
        pixels = torch.randint(0, 256, (SAMPLES, IMAGE, IMAGE, 3), generator=generator, dtype=torch.uint8)
        x = ((pixels / 255 - torch.tensor(mean)) / torch.tensor(std)).permute(0, 3, 1, 2)
        inputs, port = pixels, "image"
    else:
        inputs = x = torch.randn(SAMPLES, ROWS, WIDTH, generator=generator)
        port = "rows"
    with torch.no_grad():
        hidden = case.run(x)
    for i in range(SAMPLES):
        saved |= {f"run.{i}.{port}": inputs[i].clone(), f"run.{i}.hidden": hidden[i].contiguous().clone()}
    save_file(saved, folder / "expected.safetensors")
    entry: dict[str, object] = {"inputs": {"image": {"kind": "image"}}}
    if not case.pictures:
        entry = {"inputs": {"rows": {"kind": "tensor", "width": WIDTH}}, "rowsMax": ROWS}
    entry |= {"steps": [{"part": "body", "x": port, "as": "hidden"}], "outputs": {"hidden": "tensor"}}
    config = {"name": "tiny", "entries": {"run": entry}, "parts": {"body": case.part}, "ignore": case.ignore}
    (folder / "synapse.json").write_text(json.dumps(config))
    command = [
        "pack",
        folder / "model.safetensors",
        "--config",
        folder / "synapse.json",
        "--type",
        "f32",
        "-o",
        folder / "tiny.syn",
    ]
    packed = synapse(*command)
    refusal = packed.get("error")
    if refusal is not None and "error" in (packed := synapse(*command, "--ignore-metadata", "to see what comes of it")):
        return packed["error"]["message"], None
    report = synapse("verify-model", folder / "tiny.syn", "--expected", folder / "expected.safetensors")
    cosine = report["rows"][0]["centredCosineWorst"]
    if refusal is not None:
        return f"refused: {'; '.join(found['what'] for found in packed['metadata']['contradictions'])}", cosine
    return f"agrees; not checked: {', '.join(packed['metadata']['unchecked']) or 'nothing'}", cosine


def synapse(*args: object) -> dict:
    command = ["node", str(ROOT / "host/bin/synapse-host.js"), *map(str, args), "--json"]
    return json.loads(subprocess.run(command, capture_output=True, text=True).stdout)


def main() -> None:
    hf.logging.set_verbosity_error()
    torch.manual_seed(SEED)
    np.random.seed(SEED)
    wanted = sys.argv[1:]
    failed = 0
    print(f"transformers {hf.__version__}, torch {torch.__version__}, seed {SEED}")
    for case in [*vit_cases(), *gpt_cases(), *fairseq_cases()]:
        if wanted and not any(text in case.name for text in wanted):
            continue
        with tempfile.TemporaryDirectory() as folder:
            said, cosine = centred_worst(case, Path(folder))
        right = cosine is not None and said.startswith("refused") == case.refused == (cosine < CENTRED_MIN)
        failed += not right
        print(
            f"{'ok   ' if right else 'WRONG'} {case.name:45} {'' if cosine is None else f'{cosine:.6f}':10} {said}",
            flush=True,
        )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
