/** One named tensor of a checkpoint. Nothing of its data is read before `read` or `readF32`. */
export interface CheckpointTensor {
  readonly name: string;
  /**
   * Safetensors' spelling for scalar types ("F32", "F16", "BF16", "F64", "I8", "I64", "U8", "BOOL", ...), ggml's for
   * blocks ("Q8_0", "Q4_K", ...).
   */
  readonly dtype: string;
  /** Row-major, outermost dimension first; GGUF's reversed dimensions are turned around. `[]` is a scalar. */
  readonly shape: readonly number[];
  /** Length of what `read` answers. */
  readonly bytes: number;
  /**
   * The stored little-endian bytes, row-major and contiguous (torch's strides are resolved); GGUF blocks as they are.
   * The caller owns them.
   */
  read(): Promise<Uint8Array>;
  /**
   * The values as f32, row-major, rounded to nearest even; GGUF blocks are dequantised. Rejects with CHECKPOINT_NO_F32
   * for types without a rule.
   */
  readF32(): Promise<Float32Array>;
}

/**
 * How many rows and columns of a matrix [out, in] have one factor: `["all", "all"]` is one number for a tensor, `[1,
 * "all"]` one for each row.
 */
export type WeightBlocks = readonly [number | "all", number | "all"];

/** What the metadata beside a checkpoint say of how its weights were made small. */
export interface Quantisation {
  /** File and key. */
  readonly place: string;
  /** Undefined where they do not say it. */
  readonly blocks: WeightBlocks | undefined;
}

/**
 * An open checkpoint: headers are read and validated, tensor data stays in the file. Close it to release its file
 * handles.
 */
export interface Checkpoint {
  readonly path: string;
  readonly format: "safetensors" | "gguf" | "torch";
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /**
   * safetensors: `__metadata__`; GGUF: the key/values (numeric arrays are typed arrays, 64-bit integers that a number
   * cannot hold are bigint); torch: strings, numbers and booleans beside the state_dict. A Hugging Face folder adds its
   * parsed `config.json` as `config`.
   */
  readonly metadata: Readonly<Record<string, unknown>>;
  /**
   * torch: every dict in the file that has tensors, in it or below, by dotted path; `tensors` is that under
   * `stateDict`.
   */
  readonly stateDicts?: ReadonlyMap<string, ReadonlyMap<string, CheckpointTensor>>;
  readonly stateDict?: string;
  /** Of 8-bit floats, where metadata were read for it. */
  readonly quantisation?: Quantisation | undefined;
  close(): Promise<void>;
}
