import { quote } from "../files/inputError.js";
import { elementCount, RANK_MAX, SCALAR_BYTES } from "./dtypes.js";
import { INERT_GLOBALS } from "./inertGlobals.js";
import { PickleGlobal, PickleOrderedDict, PickleTuple, type Refusal } from "./pickle.js";
import type { Reject } from "./pickleBytes.js";
import { SCALE_WORD } from "./scaleNames.js";

/** One `data/N` record. `dtype` is undefined for an untyped storage. */
export class TorchStorage {
  readonly key: string;
  readonly dtype: string | undefined;
  readonly bytes: number;
  constructor(key: string, dtype: string | undefined, bytes: number) {
    this.key = key;
    this.dtype = dtype;
    this.bytes = bytes;
  }
}

/** A tensor as a view of a storage; offset and strides count elements, and every element lies inside the storage. */
export class TorchView {
  readonly storage: TorchStorage;
  readonly dtype: string;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  constructor(
    storage: TorchStorage,
    dtype: string,
    offset: number,
    shape: readonly number[],
    strides: readonly number[],
  ) {
    this.storage = storage;
    this.dtype = dtype;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/** A tensor that stands in the file as Python numbers. */
export interface PlainNumbers {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

const STORAGE_DTYPES: readonly (readonly [storage: string, dtype: string])[] = [
  ["FloatStorage", "F32"],
  ["HalfStorage", "F16"],
  ["BFloat16Storage", "BF16"],
  ["DoubleStorage", "F64"],
  ["CharStorage", "I8"],
  ["ByteStorage", "U8"],
  ["ShortStorage", "I16"],
  ["IntStorage", "I32"],
  ["LongStorage", "I64"],
  ["BoolStorage", "BOOL"],
  ["ComplexFloatStorage", "C64"],
  ["Float8_e4m3fnStorage", "F8_E4M3"],
  ["Float8_e5m2Storage", "F8_E5M2"],
];

const DTYPES: readonly (readonly [torch: string, dtype: string])[] = [
  ["float32", "F32"],
  ["float16", "F16"],
  ["bfloat16", "BF16"],
  ["float64", "F64"],
  ["int8", "I8"],
  ["uint8", "U8"],
  ["int16", "I16"],
  ["uint16", "U16"],
  ["int32", "I32"],
  ["uint32", "U32"],
  ["int64", "I64"],
  ["uint64", "U64"],
  ["bool", "BOOL"],
  ["complex64", "C64"],
  ["float8_e4m3fn", "F8_E4M3"],
  ["float8_e5m2", "F8_E5M2"],
  ["float8_e8m0fnu", "F8_E8M0"],
];

/** Types that may be said beside the weights; a tensor of one is not read. */
const UNREAD_DTYPES: readonly string[] = [
  ...["complex32", "complex128", "bcomplex32", "qint8", "quint8", "qint32", "quint4x2", "quint2x4"],
  ...["float8_e4m3fnuz", "float8_e5m2fnuz", "float4_e2m1fn_x2", "bits8", "bits16", "bits1x8", "bits2x4", "bits4x2"],
  ...[1, 2, 3, 4, 5, 6, 7].flatMap((bits) => [`int${bits}`, `uint${bits}`]),
];

/** A storage class; in a persistent id it says the element type. */
class StorageType extends PickleGlobal {
  readonly dtype: string | undefined;
  constructor(name: string, dtype: string | undefined) {
    super(name);
    this.dtype = dtype;
  }
}

class DtypeGlobal extends PickleGlobal {
  readonly dtype: string;
  constructor(name: string, dtype: string) {
    super(name);
    this.dtype = dtype;
  }
}

function sizes(value: unknown, what: string, reject: Reject): readonly number[] {
  const items = value instanceof PickleTuple ? value.items : undefined;
  if (items === undefined || items.length > RANK_MAX || items.some((item) => elementCount([item]) === undefined)) {
    return reject(
      "TORCH_BAD_TENSOR",
      `the tensor's ${what} is not a tuple of sizes`,
      `at most ${RANK_MAX} non-negative integers`,
    );
  }
  return items as readonly number[];
}

/**
 * `torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)`, and v3, which adds the dtype
 * of an untyped storage.
 */
function rebuildTensor(version: 2 | 3) {
  return (args: readonly unknown[], reject: Reject): TorchView => {
    const [storage, offset, size, stride] = args;
    const last = args[6];
    const metadata = args[version === 3 ? 7 : 6];
    if (metadata instanceof Map && metadata.get("neg") === true) {
      return reject(
        "TORCH_NEGATED_VIEW",
        "the tensor is a view whose values are to be negated",
        "plain values; call .resolve_neg() before saving",
      );
    }
    if (!(storage instanceof TorchStorage))
      return reject("TORCH_BAD_TENSOR", "a tensor is rebuilt from something that is no storage");
    if (version === 3 && last instanceof PickleGlobal && !(last instanceof DtypeGlobal))
      return reject(
        "TORCH_BAD_TENSOR",
        `the tensor's element type is ${last.name}, which is not read`,
        "a type of numbers: float32, float16, ...",
      );
    const dtype = version === 3 && last instanceof DtypeGlobal ? last.dtype : storage.dtype;
    if (dtype === undefined)
      return reject("TORCH_BAD_TENSOR", "the tensor's element type is not said", "a typed storage or a torch dtype");
    const itemBytes = SCALAR_BYTES.get(dtype) as number;
    const shape = sizes(size, "shape", reject);
    const strides = sizes(stride, "stride", reject);
    if (typeof offset !== "number" || elementCount([offset]) === undefined)
      return reject("TORCH_BAD_TENSOR", "the storage offset is no size");
    if (shape.length !== strides.length)
      return reject("TORCH_BAD_TENSOR", `${shape.length} dimensions have ${strides.length} strides`, "as many");
    const elements = elementCount(shape);
    if (elements === undefined) return reject("TORCH_BAD_TENSOR", "the product of the dimensions overflows");
    // Sums beyond 2^53 are inexact but stay far above any storage.
    const end =
      elements === 0
        ? offset
        : shape.reduce((last, dimension, i) => last + (dimension - 1) * (strides[i] as number), offset) + 1;
    if (end * itemBytes > storage.bytes) {
      return reject(
        "TORCH_TENSOR_OUT_OF_STORAGE",
        `the tensor reaches element ${end}, its storage has ${Math.floor(storage.bytes / itemBytes)}`,
      );
    }
    return new TorchView(storage, dtype, offset, shape, strides);
  };
}

/**
 * `torch._utils._rebuild_parameter(data, requires_grad, hooks)`, in the second form with attributes, which are dropped.
 */
function rebuildParameter([data, , , attributes]: readonly unknown[], reject: Reject): TorchView {
  if (!(data instanceof TorchView))
    return reject("TORCH_BAD_TENSOR", "a parameter is rebuilt from something that is no tensor");
  requireNoScale(data, attributes, reject);
  return data;
}

/**
 * Attributes that say what the numbers of `view` are to be multiplied with must not be dropped. They are a dict, or one
 * with one of slots.
 */
function requireNoScale({ dtype }: TorchView, attributes: unknown, reject: Reject): void {
  if (!dtype.startsWith("F8")) return;
  for (const each of attributes instanceof PickleTuple ? attributes.items : [attributes]) {
    const scale =
      each instanceof Map ? [...each.keys()].find((key) => typeof key === "string" && SCALE_WORD.test(key)) : undefined;
    if (scale === undefined) continue;
    reject(
      "TORCH_SCALE",
      `a tensor of 8-bit floats has its scale as an attribute, ${quote(scale as string)}`,
      'a tensor beside it, such as "<name>_scale"',
    );
  }
}

/** Empty, as Python 3 pickles it: the entries follow as items. */
function orderedDict(args: readonly unknown[], reject: Reject): PickleOrderedDict {
  return args.length === 0
    ? new PickleOrderedDict()
    : reject("PICKLE_MALFORMED", "an OrderedDict is made from arguments", "none");
}

/** A dict in all that matters here; its factory makes values for keys that are not there. */
function defaultDict(): PickleOrderedDict {
  return new PickleOrderedDict();
}

/**
 * A class whose tensors are plain ones: with attributes set on them, as `nn.Buffer` does, they are saved with the
 * class.
 */
class TensorClass extends PickleGlobal {}

/**
 * `torch._tensor._rebuild_from_type_v2(function, class, arguments, state)`: a tensor that the function rebuilds, and
 * attributes, which are dropped.
 */
function rebuildFromType([rebuild, type, args, attributes]: readonly unknown[], reject: Reject): unknown {
  if (!(type instanceof TensorClass)) return reject(...subclass(type instanceof PickleGlobal ? type.name : "a value"));
  // Of itself it would be a call as deep as the file likes.
  if (
    !(rebuild instanceof PickleGlobal) ||
    rebuild.call === undefined ||
    rebuild.call === rebuildFromType ||
    !(args instanceof PickleTuple)
  )
    return reject("TORCH_BAD_TENSOR", "a tensor with attributes is rebuilt by something that rebuilds no tensor");
  const view = rebuild.call(args.items, reject);
  if (!(view instanceof TorchView))
    return reject("TORCH_BAD_TENSOR", "a tensor with attributes is rebuilt from something that is no tensor");
  requireNoScale(view, attributes, reject);
  return view;
}

/** Everything a state_dict may name, and what this program does instead of the Python function. */
export const TORCH_GLOBALS: ReadonlyMap<string, PickleGlobal> = new Map(
  [
    new PickleGlobal("collections.OrderedDict", orderedDict),
    new PickleGlobal("collections.defaultdict", defaultDict),
    ...INERT_GLOBALS,
    new PickleGlobal("torch._utils._rebuild_tensor_v2", rebuildTensor(2)),
    new PickleGlobal("torch._utils._rebuild_tensor_v3", rebuildTensor(3)),
    new PickleGlobal("torch._tensor._rebuild_from_type_v2", rebuildFromType, subclass),
    ...["torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"].map(
      (name) => new TensorClass(name),
    ),
    new PickleGlobal("torch._utils._rebuild_parameter", rebuildParameter),
    new PickleGlobal("torch._utils._rebuild_parameter_with_state", rebuildParameter),
    new PickleGlobal("torch.Size", ([size], reject) => new PickleTuple(sizes(size, "size", reject))),
    new PickleGlobal("torch.device", (args) => new PickleTuple(args)),
    new StorageType("torch.UntypedStorage", undefined),
    new StorageType("torch.storage.UntypedStorage", undefined),
    new StorageType("torch.storage._UntypedStorage", undefined),
    ...STORAGE_DTYPES.map(([storage, dtype]) => new StorageType(`torch.${storage}`, dtype)),
    ...DTYPES.map(([torch, dtype]) => new DtypeGlobal(`torch.${torch}`, dtype)),
    ...UNREAD_DTYPES.map((torch) => new PickleGlobal(`torch.${torch}`)),
  ].map((global) => [global.name, global]),
);

const QUANTISED: Refusal = [
  "TORCH_QUANTISED",
  "a tensor is one of torch's own quantised types",
  "its values: call .dequantize() on it before saving, or save the model from before it was converted",
];
const SPARSE: Refusal = ["TORCH_SPARSE", "a tensor is sparse", "a dense one: call .to_dense() on it before saving"];
const NO_VALUES: Refusal = [
  "TORCH_NO_VALUES",
  "a tensor is on the meta device and has no values",
  "a model that was loaded",
];

function subclass(name: string): Refusal {
  return [
    "TORCH_SUBCLASS",
    `a tensor is of a class of its own, ${quote(name)} (of a quantisation library, or distributed)`,
    "plain tensors: convert the model back, or gather it, before saving model.state_dict()",
  ];
}

/** What a state_dict may hold that this program cannot read, and what to do about it. */
export const TORCH_REFUSED: ReadonlyMap<string, Refusal> = new Map<string, Refusal>([
  ["torch._utils._rebuild_qtensor", QUANTISED],
  ...["QInt8Storage", "QUInt8Storage", "QInt32Storage", "QUInt4x2Storage", "QUInt2x4Storage"].map(
    (name) => [`torch.${name}`, QUANTISED] as const,
  ),
  ["torch._utils._rebuild_sparse_tensor", SPARSE],
  ["torch._utils._rebuild_nested_tensor", subclass("torch.nested")],
  ["torch._utils._rebuild_wrapper_subclass", subclass("torch._utils._rebuild_wrapper_subclass")],
  ["torch._utils._rebuild_meta_tensor_no_storage", NO_VALUES],
]);

/**
 * `("storage", type, key, location, elements)`, in the format before version 1.6 with a last `None`; the length counts
 * elements, or bytes when the storage is untyped.
 */
export function readStorageId(id: unknown, reject: Reject): TorchStorage {
  const [kind, type, key, , count, view] = id instanceof PickleTuple ? id.items : [];
  // Files from before version 0.4 shared storages this way.
  if (view !== undefined && view !== null)
    return reject(
      "TORCH_BAD_STORAGE",
      "the storage is a view of another, as very old files have it",
      "a file saved by a later torch",
    );
  if (kind !== "storage" || !(type instanceof StorageType) || typeof key !== "string" || typeof count !== "number") {
    return reject(
      "TORCH_BAD_STORAGE",
      "a persistent id does not describe a storage",
      '("storage", type, key, location, elements)',
    );
  }
  const bytes = elementCount([count, type.dtype === undefined ? 1 : (SCALAR_BYTES.get(type.dtype) as number)]);
  if (bytes === undefined) return reject("TORCH_BAD_STORAGE", `storage ${quote(key)} has ${count} elements`, "a size");
  return new TorchStorage(key, type.dtype, bytes);
}
