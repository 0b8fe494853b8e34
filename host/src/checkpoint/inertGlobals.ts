import { PickleGlobal, PickleInert } from "./pickle.js";

/** Each name in each module. */
const of = (modules: readonly string[], names: readonly string[]): string[] =>
  modules.flatMap((module) => names.map((name) => `${module}.${name}`));

// Pickles of protocol 2 call Python's own things as Python 2 did.
const PYTHON = [
  ...of(
    ["__builtin__", "builtins"],
    ["set", "frozenset", "list", "dict", "tuple", "bytes", "bytearray", "str", "unicode", "int", "long"],
  ),
  ...of(
    ["__builtin__", "builtins"],
    ["float", "complex", "bool", "slice", "range", "xrange", "object", "type", "Ellipsis", "NotImplemented"],
  ),
  ...of(["collections"], ["deque", "Counter", "ChainMap", "UserDict", "UserList", "UserString"]),
  ...["UserDict.UserDict", "UserDict.IterableUserDict", "UserList.UserList", "UserString.UserString"],
  ...of(
    ["pathlib", "pathlib._local"],
    ["PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath", "Path", "PurePath"],
  ),
  ...of(["datetime"], ["datetime", "date", "time", "timedelta", "timezone"]),
  ...[
    "argparse.Namespace",
    "types.SimpleNamespace",
    "_codecs.encode",
    "decimal.Decimal",
    "fractions.Fraction",
    "functools.partial",
  ],
  ...[
    "uuid.UUID",
    "uuid.SafeUUID",
    "re._compile",
    "array.array",
    "array._array_reconstructor",
    "random.Random",
    "typing.Any",
  ],
];

const NUMPY = [
  ...of(
    ["numpy"],
    ["ndarray", "dtype", "bool_", "bool", "str_", "bytes_", "void", "datetime64", "timedelta64", "object_"],
  ),
  ...of(["numpy"], ["float16", "float32", "float64", "longdouble", "complex64", "complex128"]),
  ...of(["numpy"], ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "longlong", "ulonglong"]),
  ...of(["numpy.core.multiarray", "numpy._core.multiarray"], ["scalar", "_reconstruct"]),
  ...of(["numpy.core.numeric", "numpy._core.numeric"], ["_frombuffer"]),
  ...of(["numpy.ma.core", "numpy.ma"], ["_mareconstruct", "MaskedArray"]),
  ...of(["numpy.random._pickle"], ["__randomstate_ctor", "__generator_ctor", "__bit_generator_ctor"]),
  ...[
    "numpy.random._mt19937.MT19937",
    "numpy.random._pcg64.PCG64",
    "numpy.random._pcg64.PCG64DXSM",
    "numpy.random._philox.Philox",
  ],
  ...["numpy.random._sfc64.SFC64", "numpy.random.bit_generator.SeedSequence"],
  ...[
    "numpy.random.bit_generator.__pyx_unpickle_SeedSequence",
    "numpy.random._bounded_integers.__pyx_unpickle_SeedSequence",
  ],
];

/** What holds the settings of a training. */
const SETTINGS = [
  ...of(
    [
      "pytorch_lightning.utilities.parsing",
      "lightning.pytorch.utilities.parsing",
      "lightning.fabric.utilities.data",
      "lightning_fabric.utilities.data",
    ],
    ["AttributeDict"],
  ),
  ...["omegaconf.dictconfig.DictConfig", "omegaconf.listconfig.ListConfig"],
  ...of(["omegaconf.base"], ["ContainerMetadata", "Metadata"]),
  ...of(
    ["omegaconf.nodes"],
    ["AnyNode", "StringNode", "IntegerNode", "FloatNode", "BooleanNode", "BytesNode", "PathNode"],
  ),
  ...[
    "yacs.config.CfgNode",
    "easydict.EasyDict",
    "addict.addict.Dict",
    "ml_collections.config_dict.config_dict.ConfigDict",
  ],
  ...["mmengine.config.config.ConfigDict", "mmcv.utils.config.ConfigDict"],
];

const TORCH = [
  ...[
    "torch.torch_version.TorchVersion",
    "torch.serialization._get_layout",
    "torch._C.Generator",
    "torch.finfo",
    "torch.iinfo",
  ],
  ...of(["torch", "torch._utils.torch"], ["contiguous_format", "channels_last", "channels_last_3d", "preserve_format"]),
];

/**
 * What training code keeps beside its weights. None of it is run, and none of it is read: an object of these is there
 * and says nothing.
 */
export const INERT_GLOBALS: readonly PickleGlobal[] = [...new Set([...PYTHON, ...NUMPY, ...SETTINGS, ...TORCH])].map(
  (name) => new PickleGlobal(name, () => new PickleInert(name)),
);
