/** Made by scripts/make-format.mjs from kernels/format.json; changes belong in kernels/src. */
export const format = {
  "prefix": {
    "magic": [
      137,
      83,
      89,
      78,
      13,
      10,
      26,
      10
    ],
    "version_major": 1,
    "version_minor": 1,
    "bytes": 64,
    "alignment": 64,
    "sha256_offset": 32
  },
  "signature": {
    "magic": [
      137,
      83,
      73,
      71,
      13,
      10,
      26,
      10
    ],
    "bytes": 96
  },
  "limits": {
    "file_bytes_max": 4294967295,
    "header_bytes_max": 4194304,
    "cbor_depth_max": 16,
    "cbor_integer_max": 9007199254740991,
    "tensors_max": 16384,
    "entries_max": 32,
    "ports_max": 16,
    "ops_max": 16384,
    "goldens_max": 16,
    "rank_max": 4,
    "dimension_max": 16777216,
    "elements_max": 2147483647,
    "region_bytes_max": 1073741824,
    "port_name_bytes_max": 63,
    "tensor_name_bytes_max": 127,
    "channels_max": 4,
    "reduction_max": 131072,
    "attention_keys_max": 4096,
    "head_dim_max": 1024,
    "threads_max": 64
  },
  "numeric": [
    "exact",
    "reference"
  ],
  "port_kinds": [
    "tensor",
    "image",
    "tokens",
    "latent",
    "action"
  ],
  "regions": [
    "fast",
    "slow",
    "state"
  ],
  "activation_functions": [
    "none",
    "gelu",
    "gelu_tanh",
    "quick_gelu",
    "silu",
    "relu",
    "relu2",
    "sigmoid",
    "tanh"
  ],
  "panel_width": 16,
  "types": {
    "f32": {
      "activation_bytes": 4,
      "version_minor": 0,
      "products": "floats",
      "k_multiple": 1,
      "row_scales": false,
      "factor_length": 0,
      "minimum": false,
      "panel": [
        {
          "columns": 1,
          "bytes": 64,
          "fields": [
            {
              "name": "w",
              "rows": 1,
              "element": "f32",
              "element_bytes": 4
            }
          ]
        }
      ]
    },
    "f16": {
      "version_minor": 0,
      "products": "floats",
      "k_multiple": 1,
      "row_scales": false,
      "factor_length": 0,
      "minimum": false,
      "panel": [
        {
          "columns": 1,
          "bytes": 32,
          "fields": [
            {
              "name": "w",
              "rows": 1,
              "element": "f16",
              "element_bytes": 2
            }
          ]
        }
      ]
    },
    "i8": {
      "version_minor": 0,
      "products": "integers",
      "k_multiple": 1,
      "row_scales": true,
      "factor_length": 0,
      "minimum": false,
      "panel": [
        {
          "columns": 16,
          "bytes": 256,
          "fields": [
            {
              "name": "q",
              "rows": 16,
              "element": "i8",
              "element_bytes": 1
            }
          ]
        }
      ]
    },
    "q8_0": {
      "version_minor": 0,
      "products": "integers",
      "k_multiple": 32,
      "row_scales": false,
      "factor_length": 32,
      "minimum": false,
      "panel": [
        {
          "columns": 32,
          "bytes": 544,
          "fields": [
            {
              "name": "d",
              "rows": 1,
              "element": "f16",
              "element_bytes": 2
            },
            {
              "name": "q",
              "rows": 32,
              "element": "i8",
              "element_bytes": 1
            }
          ]
        }
      ]
    },
    "q4_0": {
      "version_minor": 0,
      "products": "integers",
      "k_multiple": 32,
      "row_scales": false,
      "factor_length": 32,
      "minimum": false,
      "panel": [
        {
          "columns": 32,
          "bytes": 288,
          "fields": [
            {
              "name": "d",
              "rows": 1,
              "element": "f16",
              "element_bytes": 2
            },
            {
              "name": "q",
              "rows": 16,
              "element": "u8",
              "element_bytes": 1
            }
          ]
        }
      ]
    },
    "q4_k": {
      "version_minor": 0,
      "products": "integers",
      "k_multiple": 256,
      "row_scales": false,
      "factor_length": 32,
      "minimum": true,
      "panel": [
        {
          "columns": 256,
          "bytes": 2304,
          "fields": [
            {
              "name": "d",
              "rows": 1,
              "element": "f16",
              "element_bytes": 2
            },
            {
              "name": "dmin",
              "rows": 1,
              "element": "f16",
              "element_bytes": 2
            },
            {
              "name": "scales",
              "rows": 12,
              "element": "u8",
              "element_bytes": 1
            },
            {
              "name": "q",
              "rows": 128,
              "element": "u8",
              "element_bytes": 1
            }
          ]
        }
      ]
    },
    "q6_k": {
      "version_minor": 0,
      "products": "integers",
      "k_multiple": 256,
      "row_scales": false,
      "factor_length": 16,
      "minimum": false,
      "panel": [
        {
          "columns": 256,
          "bytes": 3360,
          "fields": [
            {
              "name": "ql",
              "rows": 128,
              "element": "u8",
              "element_bytes": 1
            },
            {
              "name": "qh",
              "rows": 64,
              "element": "u8",
              "element_bytes": 1
            },
            {
              "name": "scales",
              "rows": 16,
              "element": "i8",
              "element_bytes": 1
            },
            {
              "name": "d",
              "rows": 1,
              "element": "f16",
              "element_bytes": 2
            }
          ]
        }
      ]
    },
    "i4": {
      "version_minor": 0,
      "products": "integers",
      "k_multiple": 32,
      "row_scales": true,
      "factor_length": 0,
      "minimum": false,
      "panel": [
        {
          "columns": 32,
          "bytes": 256,
          "fields": [
            {
              "name": "q",
              "rows": 16,
              "element": "u8",
              "element_bytes": 1
            }
          ]
        },
        {
          "columns": 64,
          "bytes": 16,
          "fields": [
            {
              "name": "scales",
              "rows": 1,
              "element": "u8",
              "element_bytes": 1
            }
          ]
        }
      ]
    },
    "i3": {
      "version_minor": 0,
      "products": "integers",
      "k_multiple": 32,
      "row_scales": true,
      "factor_length": 0,
      "minimum": false,
      "panel": [
        {
          "columns": 32,
          "bytes": 192,
          "fields": [
            {
              "name": "lo",
              "rows": 8,
              "element": "u8",
              "element_bytes": 1
            },
            {
              "name": "hi",
              "rows": 4,
              "element": "u8",
              "element_bytes": 1
            }
          ]
        },
        {
          "columns": 64,
          "bytes": 16,
          "fields": [
            {
              "name": "scales",
              "rows": 1,
              "element": "u8",
              "element_bytes": 1
            }
          ]
        }
      ]
    },
    "u8": {
      "activation_bytes": 1
    },
    "i32": {
      "activation_bytes": 4
    },
    "i2": {
      "version_minor": 1,
      "products": "integers",
      "k_multiple": 32,
      "row_scales": true,
      "factor_length": 0,
      "minimum": false,
      "panel": [
        {
          "columns": 32,
          "bytes": 128,
          "fields": [
            {
              "name": "q",
              "rows": 8,
              "element": "u8",
              "element_bytes": 1
            }
          ]
        },
        {
          "columns": 64,
          "bytes": 16,
          "fields": [
            {
              "name": "scales",
              "rows": 1,
              "element": "u8",
              "element_bytes": 1
            }
          ]
        }
      ]
    },
    "i5": {
      "version_minor": 1,
      "products": "integers",
      "k_multiple": 32,
      "row_scales": true,
      "factor_length": 0,
      "minimum": false,
      "panel": [
        {
          "columns": 32,
          "bytes": 320,
          "fields": [
            {
              "name": "lo",
              "rows": 16,
              "element": "u8",
              "element_bytes": 1
            },
            {
              "name": "hi",
              "rows": 4,
              "element": "u8",
              "element_bytes": 1
            }
          ]
        },
        {
          "columns": 64,
          "bytes": 16,
          "fields": [
            {
              "name": "scales",
              "rows": 1,
              "element": "u8",
              "element_bytes": 1
            }
          ]
        }
      ]
    },
    "i6": {
      "version_minor": 1,
      "products": "integers",
      "k_multiple": 32,
      "row_scales": true,
      "factor_length": 0,
      "minimum": false,
      "panel": [
        {
          "columns": 32,
          "bytes": 384,
          "fields": [
            {
              "name": "lo",
              "rows": 16,
              "element": "u8",
              "element_bytes": 1
            },
            {
              "name": "hi",
              "rows": 8,
              "element": "u8",
              "element_bytes": 1
            }
          ]
        },
        {
          "columns": 64,
          "bytes": 16,
          "fields": [
            {
              "name": "scales",
              "rows": 1,
              "element": "u8",
              "element_bytes": 1
            }
          ]
        }
      ]
    }
  },
  "scratch_alignment": 64,
  "ops": {
    "patchify": {
      "keys": {
        "x": {
          "is": "activation"
        },
        "out": {
          "is": "out"
        },
        "patch": {
          "is": "count"
        },
        "scale": {
          "is": "numbers"
        },
        "shift": {
          "is": "numbers"
        }
      },
      "scratch": []
    },
    "linear": {
      "keys": {
        "x": {
          "is": "activation"
        },
        "w": {
          "is": "weight"
        },
        "out": {
          "is": "out"
        },
        "bias": {
          "is": "vector",
          "optional": true
        },
        "act": {
          "is": "name",
          "one_of": [
            "none",
            "gelu",
            "gelu_tanh",
            "quick_gelu",
            "silu",
            "relu",
            "relu2",
            "sigmoid",
            "tanh"
          ],
          "optional": true
        },
        "gate": {
          "is": "operand",
          "optional": true
        },
        "residual": {
          "is": "operand",
          "optional": true
        },
        "scratch": {
          "is": "scratch",
          "optional": true
        },
        "fine_rows": {
          "is": "count",
          "optional": true
        }
      },
      "in_place": "residual",
      "scratch": [
        {
          "name": "x_int8",
          "when": "integers",
          "element_bytes": 1,
          "factors": [
            {
              "of": "rows",
              "multiple": 1,
              "divisor": 1
            },
            {
              "of": "k_padded",
              "multiple": 1,
              "divisor": 1
            }
          ]
        },
        {
          "name": "x_scales",
          "when": "integers",
          "element_bytes": 4,
          "factors": [
            {
              "of": "rows",
              "multiple": 1,
              "divisor": 1
            }
          ]
        },
        {
          "name": "x_sums",
          "when": "minima",
          "element_bytes": 4,
          "factors": [
            {
              "of": "rows",
              "multiple": 1,
              "divisor": 1
            },
            {
              "of": "k_padded",
              "multiple": 1,
              "divisor": 32
            }
          ]
        },
        {
          "name": "x_low",
          "when": "integers",
          "element_bytes": 1,
          "factors": [
            {
              "of": "fine_rows",
              "multiple": 1,
              "divisor": 1
            },
            {
              "of": "k_padded",
              "multiple": 1,
              "divisor": 1
            }
          ]
        },
        {
          "name": "x_low_sums",
          "when": "minima",
          "element_bytes": 4,
          "factors": [
            {
              "of": "fine_rows",
              "multiple": 1,
              "divisor": 1
            },
            {
              "of": "k_padded",
              "multiple": 1,
              "divisor": 32
            }
          ]
        }
      ]
    },
    "layer_norm": {
      "keys": {
        "x": {
          "is": "activation"
        },
        "out": {
          "is": "out"
        },
        "eps": {
          "is": "number"
        },
        "gamma": {
          "is": "vector",
          "optional": true
        },
        "beta": {
          "is": "vector",
          "optional": true
        }
      },
      "in_place": "x",
      "scratch": []
    },
    "rms_norm": {
      "keys": {
        "x": {
          "is": "activation"
        },
        "out": {
          "is": "out"
        },
        "eps": {
          "is": "number"
        },
        "gamma": {
          "is": "vector",
          "optional": true
        }
      },
      "in_place": "x",
      "scratch": []
    },
    "modulate": {
      "keys": {
        "x": {
          "is": "activation"
        },
        "shift": {
          "is": "operand"
        },
        "scale": {
          "is": "operand"
        },
        "out": {
          "is": "out"
        }
      },
      "in_place": "x",
      "scratch": []
    },
    "add": {
      "keys": {
        "a": {
          "is": "activation"
        },
        "b": {
          "is": "operand"
        },
        "out": {
          "is": "out"
        }
      },
      "in_place": "a",
      "scratch": []
    },
    "mul": {
      "keys": {
        "a": {
          "is": "activation"
        },
        "b": {
          "is": "operand"
        },
        "out": {
          "is": "out"
        }
      },
      "in_place": "a",
      "scratch": []
    },
    "act": {
      "keys": {
        "x": {
          "is": "activation"
        },
        "out": {
          "is": "out"
        },
        "act": {
          "is": "name",
          "one_of": [
            "none",
            "gelu",
            "gelu_tanh",
            "quick_gelu",
            "silu",
            "relu",
            "relu2",
            "sigmoid",
            "tanh"
          ]
        }
      },
      "in_place": "x",
      "scratch": []
    },
    "copy": {
      "keys": {
        "x": {
          "is": "operand"
        },
        "out": {
          "is": "out"
        }
      },
      "scratch": []
    },
    "attention": {
      "keys": {
        "q": {
          "is": "activation"
        },
        "k": {
          "is": "activation"
        },
        "v": {
          "is": "activation"
        },
        "out": {
          "is": "out"
        },
        "heads": {
          "is": "count"
        },
        "kv_heads": {
          "is": "count"
        },
        "scale": {
          "is": "number"
        },
        "causal": {
          "is": "flag"
        },
        "compute": {
          "is": "name",
          "one_of": [
            "f32",
            "i8",
            "i8_diffused"
          ]
        },
        "scratch": {
          "is": "scratch",
          "optional": true
        }
      },
      "scratch": [
        {
          "name": "q_int8",
          "when": "int8",
          "element_bytes": 1,
          "factors": [
            {
              "of": "rows",
              "multiple": 1,
              "divisor": 1
            },
            {
              "of": "heads",
              "multiple": 1,
              "divisor": 1
            },
            {
              "of": "dim",
              "multiple": 16,
              "divisor": 1
            }
          ]
        },
        {
          "name": "q_scales",
          "when": "int8",
          "element_bytes": 4,
          "factors": [
            {
              "of": "rows",
              "multiple": 1,
              "divisor": 1
            },
            {
              "of": "heads",
              "multiple": 1,
              "divisor": 1
            }
          ]
        },
        {
          "name": "k_panels",
          "when": "int8",
          "element_bytes": 1,
          "factors": [
            {
              "of": "kv_heads",
              "multiple": 1,
              "divisor": 1
            },
            {
              "of": "keys",
              "multiple": 16,
              "divisor": 1
            },
            {
              "of": "dim",
              "multiple": 16,
              "divisor": 1
            }
          ]
        },
        {
          "name": "k_scales",
          "when": "int8",
          "element_bytes": 4,
          "factors": [
            {
              "of": "kv_heads",
              "multiple": 1,
              "divisor": 1
            },
            {
              "of": "keys",
              "multiple": 16,
              "divisor": 1
            }
          ]
        },
        {
          "name": "v_panels",
          "when": "int8",
          "element_bytes": 1,
          "factors": [
            {
              "of": "kv_heads",
              "multiple": 1,
              "divisor": 1
            },
            {
              "of": "dim",
              "multiple": 16,
              "divisor": 1
            },
            {
              "of": "keys",
              "multiple": 16,
              "divisor": 1
            }
          ]
        },
        {
          "name": "v_scales",
          "when": "int8",
          "element_bytes": 4,
          "factors": [
            {
              "of": "kv_heads",
              "multiple": 1,
              "divisor": 1
            },
            {
              "of": "dim",
              "multiple": 16,
              "divisor": 1
            }
          ]
        }
      ]
    }
  }
} as const;
