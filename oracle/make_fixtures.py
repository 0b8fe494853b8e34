"""Writes what PyTorch computes for seeded weights and inputs to host/src/parity/fixtures, for the tests there.

Run: python oracle/make_fixtures.py

A fixture is <name>.json (seeds, dimensions, and the name, shape and place of every array) and <name>.bin (the arrays,
float32, little-endian, one after the other). Inputs are not stored: the tests make them from the same seeds.
`twin.json` holds checksums of the generated numbers themselves.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import dinov2
import lewm
import misread
import numpy as np
import seeded
import torch
import vit
from PIL import Image
from torch import Tensor

FIXTURES = Path(__file__).resolve().parent.parent / "host" / "src" / "parity" / "fixtures"
PHOTO = FIXTURES / "coffee-224.png"
SAMPLE = FIXTURES.parents[3] / "samples" / "coffee.jpg"

SEED = 1
IMAGES = 3
ROLLOUT_STEPS = 50


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def write(name: str, dimensions: object, arrays: dict[str, Tensor]) -> None:
    blob = bytearray()
    index = {}
    for key, value in arrays.items():
        data = np.ascontiguousarray(value.detach().numpy(), dtype="<f4")
        index[key] = {"offset": len(blob), "shape": list(data.shape)}
        blob += data.tobytes()
    described = {camel(key): value for key, value in dataclasses.asdict(dimensions).items()}
    document = {"seed": SEED, "dimensions": described, "arrays": index, "sha256": hashlib.sha256(blob).hexdigest()}
    (FIXTURES / f"{name}.bin").write_bytes(blob)
    (FIXTURES / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    print(f"{name}: {len(arrays)} arrays, {len(blob)} bytes")


def images(count: int, size: int) -> np.ndarray:
    return np.stack([seeded.image(f"image.{i}", SEED, size) for i in range(count)])


def photo() -> np.ndarray:
    """uint8 [224, 224, 3]. Kept as a PNG, because two JPEG decoders or two resizers need not agree on every bit and two
    PNG decoders must."""
    if not PHOTO.exists():
        picture = Image.open(SAMPLE).convert("RGB")
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        picture.crop((left, top, left + side, top + side)).resize((224, 224), Image.Resampling.BILINEAR).save(
            PHOTO, optimize=True
        )
    return np.array(Image.open(PHOTO).convert("RGB"))


def lewm_fixture(name: str, dimensions: lewm.Dimensions) -> None:
    model = lewm.load_seeded(dimensions, SEED)
    rgb = images(IMAGES, dimensions.image)
    pixels = lewm.preprocess(rgb)
    class_tokens = model.encoder(pixels)
    latents = model.projector(class_tokens)
    actions = torch.from_numpy(seeded.actions("actions", SEED, ROLLOUT_STEPS, dimensions.action_in))[None]
    embeddings = model.action_encoder(actions)
    arrays = {"class_tokens": class_tokens, "latents": latents, "action_embeddings": embeddings[0, :IMAGES]}
    # The latents of the three images in order are the history that `predict` sees,
    # as three consecutive frames would be.
    for frames in range(1, dimensions.history_frames + 1):
        arrays[f"predict_{frames}"] = model.predict(latents[None, :frames], embeddings[:, :frames])[0]
    arrays["rollout"] = model.rollout(latents[:1], actions)[0]
    if dimensions.image == 224:
        photo_pixels = lewm.preprocess(photo()[None])
        arrays["photo_class_token"] = model.encoder(photo_pixels)
        arrays["photo_latent"] = model.encode(photo_pixels)
    write(name, dimensions, arrays)


def dinov2_fixture(name: str, dimensions: dinov2.Dimensions) -> None:
    model = dinov2.load_seeded(dimensions, SEED)
    write(name, dimensions, {"tokens": dinov2.tokens(model, lewm.preprocess(images(IMAGES, dimensions.image)))})


def vit_fixture(name: str, dimensions: vit.Dimensions) -> None:
    model = vit.load_seeded(dimensions, SEED)
    write(
        name,
        dimensions,
        {"logits": vit.logits(model, lewm.preprocess(images(IMAGES, dimensions.image), vit.IMAGE_MEAN, vit.IMAGE_STD))},
    )


def misread_fixture(name: str, model: torch.nn.Module) -> None:
    model = misread.load_seeded(model, SEED)
    write(name, misread.case(model), {"hidden": misread.hidden_states(model, misread.inputs(SEED))})


def digest(value: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()


def state_digest(state: dict[str, np.ndarray]) -> str:
    """Over name and bytes of every tensor, in the order of names."""
    total = hashlib.sha256()
    for name in sorted(state):
        total.update(name.encode())
        total.update(np.ascontiguousarray(state[name]).tobytes())
    return total.hexdigest()


def twin() -> None:
    models = {}
    for name, shapes in (
        ("lewmTrue", lewm.shapes(lewm.TRUE)),
        ("lewmSmall", lewm.shapes(lewm.SMALL)),
        ("dinov2Small", dinov2.shapes(dinov2.SMALL)),
        ("vitTinyClassifier", vit.shapes(vit.TINY)),
    ):
        models[name] = {
            "tensors": len(shapes),
            "values": sum(int(np.prod(shape)) for shape in shapes.values()),
            "sha256": state_digest(seeded.state_dict(shapes, SEED)),
        }
    small = lewm.shapes(lewm.SMALL)
    document = {
        "seed": SEED,
        "words": [int(word) for word in seeded.Stream.of("words", 0xFFFFFFFF).words(0, 8)],
        "models": models,
        "lewmSmallTensors": {
            name: {"shape": list(shape), "sha256": digest(seeded.tensor(name, shape, SEED))}
            for name, shape in small.items()
        },
        "images": {str(size): digest(seeded.image("image.0", SEED, size)) for size in (1, 28, 56, 224)},
        "actions": digest(seeded.actions("actions", SEED, ROLLOUT_STEPS, 10)),
    }
    (FIXTURES / "twin.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    FIXTURES.mkdir(parents=True, exist_ok=True)
    twin()
    lewm_fixture("lewm-true", lewm.TRUE)
    lewm_fixture("lewm-small", lewm.SMALL)
    dinov2_fixture("dinov2-small", dinov2.SMALL)
    vit_fixture("vit-tiny-classifier", vit.TINY)
    misread_fixture("opt-small", misread.opt())
    misread_fixture("bert-small", misread.bert())
