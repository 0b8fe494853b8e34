import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { activation } from "../pack/interpret.js";

/** Rows of numbers. */
export type Rows = number[][];

export interface LewmSizes {
  readonly image: number;
  readonly patch: number;
  readonly width: number;
  readonly encoderLayers: number;
  readonly encoderHeads: number;
  readonly predictorLayers: number;
  readonly predictorHeads: number;
}

const gelu = activation("gelu");
const silu = activation("silu");
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

/**
 * LeWM (arXiv 2603.19312) written straight from its definition on the checkpoint's tensors, in double precision: no
 * folding, no fusing, no skipped rows. The oracle for configs, lowering and packs.
 */
export class LewmForward {
  private readonly weights: ReadonlyMap<string, Float32Array>;
  private readonly sizes: LewmSizes;

  private constructor(weights: ReadonlyMap<string, Float32Array>, sizes: LewmSizes) {
    this.weights = weights;
    this.sizes = sizes;
  }

  static async load(checkpoint: Pick<Checkpoint, "tensors">, sizes: LewmSizes): Promise<LewmForward> {
    const weights = new Map<string, Float32Array>();
    for (const [name, tensor] of checkpoint.tensors) weights.set(name, await tensor.readF32());
    return new LewmForward(weights, sizes);
  }

  /** Token 0 after the encoder's last norm. `pixels`: u8 `[H, W, 3]`. */
  classToken(pixels: Uint8Array): number[] {
    const { image, patch, width, encoderLayers, encoderHeads } = this.sizes;
    const position = this.get("encoder.embeddings.position_embeddings");
    const across = image / patch;
    const patches: Rows = [];
    for (let p = 0; p < across * across; p++) {
      const row: number[] = [];
      for (let channel = 0; channel < 3; channel++) {
        for (let y = 0; y < patch; y++) {
          for (let x = 0; x < patch; x++) {
            const pixel = pixels[
              ((Math.floor(p / across) * patch + y) * image + (p % across) * patch + x) * 3 + channel
            ] as number;
            row.push((pixel / 255 - (MEAN[channel] as number)) / (STD[channel] as number));
          }
        }
      }
      patches.push(row);
    }
    const embedded = this.linear("encoder.embeddings.patch_embeddings.projection", patches, width);
    let x: Rows = [Array.from(this.get("encoder.embeddings.cls_token")), ...embedded];
    x = x.map((row, t) => row.map((value, c) => value + (position[t * width + c] as number)));
    for (let i = 0; i < encoderLayers; i++) {
      const layer = `encoder.encoder.layer.${i}`;
      const u = this.norm(`${layer}.layernorm_before`, x, 1e-12);
      const [q, k, v] = ["query", "key", "value"].map((name) =>
        this.linear(`${layer}.attention.attention.${name}`, u, width),
      ) as [Rows, Rows, Rows];
      x = sum(x, this.linear(`${layer}.attention.output.dense`, attend(q, k, v, encoderHeads, false), width));
      const hidden = this.linear(`${layer}.intermediate.dense`, this.norm(`${layer}.layernorm_after`, x, 1e-12));
      x = sum(x, this.linear(`${layer}.output.dense`, map(hidden, gelu), width));
    }
    return this.norm("encoder.layernorm", x, 1e-12)[0] as number[];
  }

  encode(pixels: Uint8Array): number[] {
    return this.projector("projector", [this.classToken(pixels)])[0] as number[];
  }

  /** Embedding of standardised actions, one row a frame. */
  actionEmbedding(actions: Rows): Rows {
    const smoothed = this.linear("action_encoder.patch_embed", actions);
    return this.linear("action_encoder.embed.2", map(this.linear("action_encoder.embed.0", smoothed), silu));
  }

  predict(latents: Rows, actions: Rows): Rows {
    const { width, predictorLayers, predictorHeads } = this.sizes;
    const position = this.get("predictor.pos_embedding");
    const condition = map(this.actionEmbedding(actions), silu);
    let x = latents.map((row, t) => row.map((value, c) => value + (position[t * width + c] as number)));
    for (let i = 0; i < predictorLayers; i++) {
      const layer = `predictor.transformer.layers.${i}`;
      const modulation = this.linear(`${layer}.adaLN_modulation.1`, condition, 6 * width);
      const chunk = (n: number) => modulation.map((row) => row.slice(n * width, (n + 1) * width));
      const modulated = (rows: Rows, shift: Rows, scale: Rows) =>
        plainNorm(rows, 1e-6).map((row, t) =>
          row.map((value, c) => value * (1 + (scale[t]?.[c] as number)) + (shift[t]?.[c] as number)),
        );
      const gated = (rows: Rows, gate: Rows) =>
        rows.map((row, t) => row.map((value, c) => value * (gate[t]?.[c] as number)));

      const qkv = this.linear(
        `${layer}.attn.to_qkv`,
        this.norm(`${layer}.attn.norm`, modulated(x, chunk(0), chunk(1)), 1e-5),
      );
      const inner = (qkv[0] as number[]).length / 3;
      const [q, k, v] = [0, 1, 2].map((n) => qkv.map((row) => row.slice(n * inner, (n + 1) * inner))) as [
        Rows,
        Rows,
        Rows,
      ];
      x = sum(x, gated(this.linear(`${layer}.attn.to_out.0`, attend(q, k, v, predictorHeads, true), width), chunk(2)));

      const hidden = this.linear(
        `${layer}.mlp.net.1`,
        this.norm(`${layer}.mlp.net.0`, modulated(x, chunk(3), chunk(4)), 1e-5),
      );
      x = sum(x, gated(this.linear(`${layer}.mlp.net.4`, map(hidden, gelu), width), chunk(5)));
    }
    return this.projector("pred_proj", this.norm("predictor.transformer.norm", x, 1e-5));
  }

  private projector(name: string, x: Rows): Rows {
    const [mean, variance] = [this.get(`${name}.net.1.running_mean`), this.get(`${name}.net.1.running_var`)];
    const [gamma, beta] = [this.get(`${name}.net.1.weight`), this.get(`${name}.net.1.bias`)];
    const normalise = (value: number, c: number) =>
      ((value - (mean[c] as number)) / Math.sqrt((variance[c] as number) + 1e-5)) * (gamma[c] as number) +
      (beta[c] as number);
    return this.linear(
      `${name}.net.3`,
      this.linear(`${name}.net.0`, x).map((row) => row.map((value, c) => gelu(normalise(value, c)))),
    );
  }

  private get(name: string): Float32Array {
    const values = this.weights.get(name);
    if (values === undefined) throw new RangeError(`no tensor ${name}`);
    return values;
  }

  private linear(name: string, x: Rows, outputs?: number): Rows {
    const weight = this.get(`${name}.weight`);
    const bias = this.weights.get(`${name}.bias`);
    const k = (x[0] as number[]).length;
    const n = outputs ?? weight.length / k;
    return x.map((row) =>
      Array.from({ length: n }, (_, o) =>
        row.reduce((total, value, c) => total + value * (weight[o * k + c] as number), bias?.[o] ?? 0),
      ),
    );
  }

  private norm(name: string, x: Rows, eps: number): Rows {
    const [gamma, beta] = [this.get(`${name}.weight`), this.get(`${name}.bias`)];
    return plainNorm(x, eps).map((row) => row.map((value, c) => value * (gamma[c] as number) + (beta[c] as number)));
  }
}

function plainNorm(x: Rows, eps: number): Rows {
  return x.map((row) => {
    const mean = row.reduce((total, value) => total + value, 0) / row.length;
    const variance = row.reduce((total, value) => total + (value - mean) ** 2, 0) / row.length;
    return row.map((value) => (value - mean) / Math.sqrt(variance + eps));
  });
}

function attend(q: Rows, k: Rows, v: Rows, heads: number, causal: boolean): Rows {
  const dim = (q[0] as number[]).length / heads;
  return q.map((query, t) =>
    Array.from({ length: heads }, (_, head) => {
      const part = (row: number[]) => row.slice(head * dim, (head + 1) * dim);
      const visible = causal ? t + 1 : k.length;
      const exponentials = k
        .slice(0, visible)
        .map((key) =>
          Math.exp(
            part(query).reduce((total, value, d) => total + value * (part(key)[d] as number), 0) / Math.sqrt(dim),
          ),
        );
      const total = exponentials.reduce((a, b) => a + b, 0);
      return Array.from({ length: dim }, (_, d) =>
        exponentials.reduce((a, weight, s) => a + (weight / total) * (v[s]?.[head * dim + d] as number), 0),
      );
    }).flat(),
  );
}

function map(x: Rows, f: (value: number) => number): Rows {
  return x.map((row) => row.map(f));
}

function sum(a: Rows, b: Rows): Rows {
  return a.map((row, t) => row.map((value, c) => value + (b[t]?.[c] as number)));
}
