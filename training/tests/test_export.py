from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from training.evaluate import REPORT, evaluate
from training.evaluation_set import EVALUATION_SET, episode_names, read_episode
from training.export import export
from training.model import preprocess
from training.model_card import model_card
from training.packed import report_packed
from training.train import CHECKPOINT
from training.trained import WEIGHTS, load_checkpoint, load_trained, load_weights

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def exported(trained: Path) -> Path:
    out = trained / "models" / "tiny"
    export(trained / "run" / CHECKPOINT, trained / "episodes.npz", trained / "evaluation", out)
    return out


def test_exported_weights_give_the_same_latents(trained: Path, exported: Path) -> None:
    checkpoint = load_checkpoint(trained / "run" / CHECKPOINT, torch.device("cpu"))
    stored = load_weights(exported / "model.safetensors", checkpoint.config.dimensions)
    for key, value in checkpoint.model.state_dict().items():
        expected = value.half().float() if value.is_floating_point() else value
        assert torch.equal(stored.state_dict()[key], expected), key
    for split in ("calibration-00", "test-24"):
        pixels, episode = read_episode(exported / EVALUATION_SET, split)
        assert len(pixels) == len(episode["latents"]) == len(episode["actions"]) + 1
        with torch.no_grad():
            np.testing.assert_allclose(stored.encode(preprocess(pixels)).numpy(), episode["latents"], atol=1e-5)


def test_the_folder_says_what_it_is(exported: Path) -> None:
    config = json.loads((exported / "config.json").read_text())
    for document, key in ((config, "action"), (json.loads((exported / "synapse.json").read_text()), "actions")):
        assert (
            document[key]["bounds"] == {"min": [-1.0, -1.0], "max": [1.0, 1.0]}
            and document[key]["units"] == "5 px of movement"
        )
    stats = json.loads((exported / "action-stats.json").read_text())
    assert sorted(stats) == ["bounds", "mean", "std", "units"]
    assert config["training"]["step"] == 3 and len(config["action"]["mean"]) == 2
    assert len(episode_names(exported / EVALUATION_SET)) == 50
    card = (exported / "README.md").read_text()
    assert "| pairs | 3 | 3 | 3 |" in card and "door_near.gif" in card and (exported / "door_near.gif").exists()


def test_a_model_folder_is_evaluated_and_exported_like_its_checkpoint(
    trained: Path, exported: Path, tmp_path: Path
) -> None:
    cpu = torch.device("cpu")
    folder, checkpoint = load_trained(exported, cpu), load_trained(trained / "run" / CHECKPOINT, cpu)
    assert (folder.config, folder.statistics, folder.step, folder.device) == (
        checkpoint.config,
        checkpoint.statistics,
        checkpoint.step,
        checkpoint.device,
    )
    report = evaluate(
        exported, trained / "episodes.npz", tmp_path / "evaluation", cpu, pairs=3, samples=8, iterations=1
    )
    assert report["step"] == 3
    shutil.copytree(exported, tmp_path / "again")
    export(tmp_path / "again", trained / "episodes.npz", tmp_path / "evaluation", tmp_path / "again")
    for name in (WEIGHTS, EVALUATION_SET):
        assert (tmp_path / "again" / name).read_bytes() == (exported / name).read_bytes()


def test_an_evaluation_can_be_made_in_parts(trained: Path, tmp_path: Path) -> None:
    cpu, checkpoint, data = torch.device("cpu"), trained / "run" / CHECKPOINT, trained / "episodes.npz"
    settings = {"pairs": 3, "samples": 8, "iterations": 2}
    for part in (("door_near",), ("recorded",), ("door_far",)):
        report = evaluate(checkpoint, data, tmp_path, cpu, **settings, sets=part)
    whole = json.loads((trained / "evaluation" / REPORT).read_text())
    for each in (report, whole):
        for name in ("recorded", "door_near", "door_far"):
            del each[name]["model"]["wall_s"]
    assert report == whole
    assert list(evaluate(checkpoint, data, tmp_path, cpu, pairs=3, samples=9, iterations=2, sets=("recorded",)))[
        -2:
    ] == [
        "latents",
        "recorded",
    ]
    with pytest.raises(ValueError, match="no set of pairs nothing"):
        evaluate(checkpoint, data, tmp_path, cpu, **settings, sets=("nothing",))


@pytest.mark.parametrize("name", ["lewm-tworoom", "lewm-tworoom-small"])
def test_a_shipped_model_gives_the_latents_that_it_was_shipped_with(name: str) -> None:
    folder = ROOT / "models" / name
    model = load_trained(folder, torch.device("cpu")).model
    pixels, episode = read_episode(folder / EVALUATION_SET, "test-03")
    with torch.no_grad():
        # Another processor sums in another order, which moves latents by some 1e-5.
        np.testing.assert_allclose(model.encode(preprocess(pixels)).numpy(), episode["latents"], atol=1e-4)


def test_a_report_of_another_step_is_refused(trained: Path, tmp_path: Path) -> None:
    report = json.loads((trained / "evaluation" / REPORT).read_text())
    (tmp_path / REPORT).write_text(json.dumps(report | {"step": 1}))
    with pytest.raises(ValueError, match="evaluate it first"):
        export(trained / "run" / CHECKPOINT, trained / "episodes.npz", tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(
    shutil.which("node") is None or not (ROOT / "host" / "dist" / "cli").exists(), reason="synapse-host is not built"
)
def test_the_packer_reads_it(exported: Path, tmp_path: Path) -> None:
    command = [
        "node",
        str(ROOT / "host" / "bin" / "synapse-host.js"),
        "pack",
        str(exported / "model.safetensors"),
        "--config",
        str(exported / "synapse.json"),
    ]
    done = subprocess.run(
        [*command, "--no-golden", "--json", "-o", str(tmp_path / "tiny.syn")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["warnings"] == []


@pytest.mark.skipif(
    shutil.which("node") is None or not (ROOT / "host" / "dist" / "cli").exists(), reason="synapse-host is not built"
)
def test_what_int8_changes_is_in_the_report_and_on_the_card(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(exported, folder)
    assert "Not measured" in (folder / "README.md").read_text()
    rows = report_packed(folder)["rows"]
    assert [row["what"] for row in rows][:2] == ["encode", "predict"]
    judging = sum(
        len(read_episode(folder / EVALUATION_SET, name)[0]) for name in episode_names(folder / EVALUATION_SET, "test")
    )
    assert rows[0]["count"] == judging and rows[0]["inputs"] == f"{judging} pictures"
    assert json.loads((folder / REPORT).read_text())["packed"]["rows"] == rows
    card = (folder / "README.md").read_text()
    first = rows[0]
    figures = ((first[f"{key}Mean"], first[f"{key}Worst"]) for key in ("cosine", "centredCosine", "relativeError"))
    assert (
        f"| encode | {' | '.join(f'{mean:.5f}, {worst:.5f}' for mean, worst in figures)} | {judging} pictures |" in card
    )
    assert "Not measured" not in card and "npx synapse-host pack" in card


@pytest.mark.parametrize("name", ["lewm-tworoom", "lewm-tworoom-small"])
def test_a_shipped_card_is_what_its_report_gives(name: str) -> None:
    folder = ROOT / "models" / name
    trained, report = load_trained(folder, torch.device("cpu")), json.loads((folder / REPORT).read_text())
    assert report["packed"]["rows"][0]["centredCosineWorst"] > 0.99
    pictures = [f"{kind}.{form}" for kind in ("door_near", "door_far") for form in ("gif", "png")]
    assert model_card(trained, report, pictures) == (folder / "README.md").read_text()


def test_wrong_input_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "training", "collect", "--config", "nothing", "--out", str(tmp_path / "x.npz")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (
        done.returncode == 2 and done.stderr.count("\n") == 1 and "known: lewm-pusht-small, lewm-tworoom" in done.stderr
    )
