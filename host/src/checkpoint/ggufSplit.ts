import { access } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { inputError, quote } from "../files/inputError.js";
import type { Checkpoint, CheckpointTensor } from "./checkpoint.js";

const PARTS_MAX = 1024;

/** `model-00002-of-00005.gguf`: how llama.cpp's gguf-split names the parts. */
const PART_NAME = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/**
 * A model that was split over several GGUF files, as one checkpoint: `opened` is one of them, the others must lie
 * beside it under their names. The metadata is that of the first part. A file that is whole is answered as it is.
 * @throws InputError GGUF_SPLIT_* and whatever opening a part rejects with
 */
export async function joinGgufParts(
  opened: Checkpoint,
  openPart: (path: string) => Promise<Checkpoint>,
): Promise<Checkpoint> {
  const count = opened.metadata["split.count"];
  const number = opened.metadata["split.no"];
  if (typeof count !== "number" || count <= 1) return opened;
  const named = PART_NAME.exec(basename(opened.path));
  const here = `part ${typeof number === "number" ? number + 1 : "?"} of ${count}`;
  if (named === null || Number(named[3]) !== count || Number(named[2]) !== Number(number) + 1 || count > PARTS_MAX) {
    throw inputError(
      opened.path,
      "GGUF_SPLIT_NAME",
      `the file is ${here} of a split model, and its name does not say so`,
      {
        where: "split.count",
        expected: "the parts beside each other, named as gguf-split names them (model-00001-of-00002.gguf)",
      },
    );
  }
  const pathOf = (part: number) =>
    join(dirname(opened.path), `${named[1]}-${String(part).padStart(5, "0")}-of-${named[3]}.gguf`);
  const paths = Array.from({ length: count }, (_, i) => pathOf(i + 1));
  const there = await Promise.all(
    paths.map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  const missing = paths.filter((_, i) => !there[i]);
  if (missing.length > 0) {
    throw inputError(opened.path, "GGUF_SPLIT_PART_MISSING", `the file is ${here}, and the others are not all there`, {
      expected: `${missing
        .slice(0, 3)
        .map((path) => quote(basename(path)))
        .join(", ")}${missing.length > 3 ? ` and ${missing.length - 3} more` : ""} beside it`,
    });
  }
  const parts: Checkpoint[] = [];
  const close = async () => {
    await Promise.all([opened, ...parts].map((part) => part.close()));
  };
  try {
    for (const path of paths) parts.push(path === pathOf(Number(number) + 1) ? opened : await openPart(path));
    return { ...opened, tensors: merged(parts, count), metadata: (parts[0] as Checkpoint).metadata, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function merged(parts: readonly Checkpoint[], count: number): Map<string, CheckpointTensor> {
  const tensors = new Map<string, CheckpointTensor>();
  for (const [i, part] of parts.entries()) {
    if (part.metadata["split.no"] !== i || part.metadata["split.count"] !== count) {
      throw inputError(
        part.path,
        "GGUF_SPLIT_MISMATCH",
        "the file does not say that it is the part that its name says",
        {
          where: "split.no",
          expected: `part ${i + 1} of ${count}`,
        },
      );
    }
    for (const [name, tensor] of part.tensors) {
      if (tensors.has(name))
        throw inputError(part.path, "GGUF_DUPLICATE_TENSOR", "another part has a tensor of the same name", {
          where: `tensor ${quote(name)}`,
        });
      tensors.set(name, tensor);
    }
  }
  const said = parts[0]?.metadata["split.tensors.count"];
  if (typeof said === "number" && said !== tensors.size) {
    throw inputError(parts[0]?.path as string, "GGUF_SPLIT_MISMATCH", `the parts hold ${tensors.size} tensors`, {
      where: "split.tensors.count",
      expected: `${said}`,
    });
  }
  return tensors;
}
