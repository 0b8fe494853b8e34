import { inputError, quote } from "../files/inputError.js";
import { PickleBytes, type Reject } from "./pickleBytes.js";

/**
 * A Python tuple; lists are arrays, dicts are Maps, None is null, and integers that a number cannot hold are bigint.
 */
export class PickleTuple {
  readonly items: readonly unknown[];
  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

/** A dict whose attributes a pickle may set (they are dropped): `collections.OrderedDict`. */
export class PickleOrderedDict extends Map<unknown, unknown> {}

/**
 * An object that has no meaning here: a Python class of the allow-list was asked for, and nothing of it was run.
 * `state` are the attributes and items that the pickle set.
 */
export class PickleInert {
  readonly name: string;
  readonly state = new Map<unknown, unknown>();
  constructor(name: string) {
    this.name = name;
  }
}

/** Code, what was met, and what would be right. */
export type Refusal = readonly [code: string, message: string, expected: string];

/** A global that the allow-list knows. Without `call` it is only a name that tensors refer to. */
export class PickleGlobal {
  readonly name: string;
  readonly call: ((args: readonly unknown[], reject: Reject) => unknown) | undefined;
  /** What an unknown global is where it stands as the second argument of this one. */
  readonly unknownSecond: ((name: string) => Refusal) | undefined;
  constructor(
    name: string,
    call?: (args: readonly unknown[], reject: Reject) => unknown,
    unknownSecond?: (name: string) => Refusal,
  ) {
    this.name = name;
    this.call = call;
    this.unknownSecond = unknownSecond;
  }
}

export interface PickleOptions {
  /** Names the file in errors. */
  readonly source: string;
  /** Names the pickle inside the file in errors. */
  readonly what: string;
  /** The allow-list, by `module.name`. */
  readonly globals: ReadonlyMap<string, PickleGlobal>;
  /** Globals whose meaning is known and that cannot be read, with what to do about it. */
  readonly refused?: ReadonlyMap<string, Refusal>;
  readonly persistentLoad: (id: unknown, reject: Reject) => unknown;
}

const PROTOCOL_MAX = 5;
// A one-byte opcode can make an object of a hundred bytes, so objects are counted; state_dicts make some thirty for
// each tensor.
const OBJECTS_MAX = 1 << 22;
const INTEGER_BYTES_MAX = 256;

/**
 * Interprets the part of Python's pickle machine that plain data and state_dicts need. Nothing is imported or executed:
 * a global is a name looked up in the allow-list, and calling one runs this program's own function. Opcodes: Python's
 * Lib/pickletools.py.
 * @throws InputError PICKLE_* with the byte offset of the opcode
 */
export function unpickle(bytes: Uint8Array, options: PickleOptions): unknown {
  return unpickleNext(bytes, options).value;
}

/** As `unpickle`, of the pickle at the beginning of `bytes`, and how long it is. */
export function unpickleNext(
  bytes: Uint8Array,
  options: PickleOptions,
): { readonly value: unknown; readonly bytes: number } {
  const interpreter = new Interpreter(bytes, options);
  return { value: interpreter.run(), bytes: interpreter.position };
}

function isBuilt(value: unknown): value is PickleOrderedDict | PickleInert {
  return value instanceof PickleOrderedDict || isInert(value);
}

function isInert(value: unknown): value is PickleInert {
  return value instanceof PickleInert;
}

function takesItems(value: unknown): value is unknown[] | PickleInert {
  return Array.isArray(value) || isInert(value);
}

class Interpreter {
  readonly #in: PickleBytes;
  readonly #options: PickleOptions;
  readonly #memo = new Map<number, unknown>();
  readonly #marks: number[] = [];
  #stack: unknown[] = [];
  #objects = 0;
  #opcodeAt = 0;

  constructor(bytes: Uint8Array, options: PickleOptions) {
    this.#options = options;
    this.#in = new PickleBytes(bytes, this.#reject);
  }

  get position(): number {
    return this.#in.position;
  }

  readonly #reject: Reject = (code, message, expected) => {
    const where = `byte ${this.#opcodeAt} of ${this.#options.what}`;
    throw inputError(this.#options.source, code, message, expected === undefined ? { where } : { where, expected });
  };

  run(): unknown {
    for (;;) {
      this.#opcodeAt = this.#in.position;
      const opcode = this.#in.u8();
      if (opcode === 0x2e /* STOP */) break;
      this.#step(opcode);
    }
    const value = this.#pop();
    if (this.#stack.length > 0)
      this.#reject("PICKLE_MALFORMED", `${this.#stack.length} values are left over at the end`);
    return value;
  }

  #step(opcode: number): void {
    const input = this.#in;
    switch (opcode) {
      case 0x80: // PROTO
        if (input.u8() > PROTOCOL_MAX)
          this.#reject("PICKLE_PROTOCOL", "the pickle protocol is newer than is known", `at most ${PROTOCOL_MAX}`);
        break;
      case 0x95: // FRAME: a hint for buffering; the opcodes inside follow as usual
        input.skip(8);
        break;
      case 0x28: // MARK
        this.#marks.push(this.#stack.length);
        this.#count();
        break;
      case 0x30: // POP
        this.#pop();
        break;
      case 0x31: // POP_MARK
        this.#popMark();
        break;
      case 0x63: // GLOBAL
        this.#push(this.#global(input.line(), input.line()));
        break;
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.#popMany(2);
        if (typeof module !== "string" || typeof name !== "string")
          this.#reject("PICKLE_MALFORMED", "a global's name is no string");
        this.#push(this.#global(module as string, name as string));
        break;
      }
      case 0x52: // REDUCE
      case 0x81: // NEWOBJ
        this.#call();
        break;
      case 0x92: {
        // NEWOBJ_EX: the arguments with names are the last of its three
        const [named] = this.#popMany(1);
        if (!(named instanceof Map)) this.#reject("PICKLE_MALFORMED", "the named arguments of a call are no dict");
        this.#call();
        break;
      }
      case 0x62: // BUILD
        this.#build(this.#pop());
        break;
      case 0x51: // BINPERSID
        this.#push(this.#options.persistentLoad(this.#pop(), this.#reject));
        break;
      default:
        if (this.#literal(opcode) || this.#collection(opcode) || this.#memory(opcode)) break;
        this.#reject(
          "PICKLE_OPCODE_NOT_ALLOWED",
          `the opcode 0x${opcode.toString(16).padStart(2, "0")} has no place in a state_dict`,
          "a state_dict saved by torch.save",
        );
    }
  }

  /** Numbers, texts and bytes that stand in the pickle. False for other opcodes. */
  #literal(opcode: number): boolean {
    const input = this.#in;
    switch (opcode) {
      case 0x4e: // NONE
        this.#push(null);
        break;
      case 0x88: // NEWTRUE
        this.#push(true);
        break;
      case 0x89: // NEWFALSE
        this.#push(false);
        break;
      case 0x4a: // BININT
        this.#push(input.i32());
        break;
      case 0x4b: // BININT1
        this.#push(input.u8());
        break;
      case 0x4d: // BININT2
        this.#push(input.u16());
        break;
      case 0x8a: // LONG1
        this.#push(input.integer(input.u8()));
        break;
      case 0x8b: {
        // LONG4
        const length = input.i32();
        if (length < 0 || length > INTEGER_BYTES_MAX)
          this.#reject("PICKLE_LIMIT_EXCEEDED", `an integer of ${length} bytes`, `at most ${INTEGER_BYTES_MAX}`);
        this.#push(input.integer(length));
        break;
      }
      case 0x47: // BINFLOAT
        this.#push(input.f64());
        break;
      case 0x8c: // SHORT_BINUNICODE
        this.#push(input.text(input.u8()));
        break;
      case 0x58: // BINUNICODE
        this.#push(input.text(input.u32()));
        break;
      case 0x54: // BINSTRING: Python 2's str
        this.#push(input.text(input.u32()));
        break;
      case 0x8d: // BINUNICODE8
        this.#push(input.text(input.u64()));
        break;
      case 0x55: // SHORT_BINSTRING: Python 2's str
        this.#push(input.text(input.u8()));
        break;
      case 0x43: // SHORT_BINBYTES
        this.#push(input.bytes(input.u8()));
        break;
      case 0x42: // BINBYTES
        this.#push(input.bytes(input.u32()));
        break;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        this.#push(input.bytes(input.u64()));
        break;
      default:
        return false;
    }
    return true;
  }

  /** What is kept for later, and taken from there. False for other opcodes. */
  #memory(opcode: number): boolean {
    const input = this.#in;
    switch (opcode) {
      case 0x71: // BINPUT
        this.#remember(input.u8());
        break;
      case 0x72: // LONG_BINPUT
        this.#remember(input.u32());
        break;
      case 0x94: // MEMOIZE
        this.#remember(this.#memo.size);
        break;
      case 0x68: // BINGET
        this.#recall(input.u8());
        break;
      case 0x6a: // LONG_BINGET
        this.#recall(input.u32());
        break;
      default:
        return false;
    }
    return true;
  }

  /** Tuples, lists, dicts and sets. False for other opcodes. */
  #collection(opcode: number): boolean {
    switch (opcode) {
      case 0x7d: // EMPTY_DICT
        this.#push(new Map());
        break;
      case 0x5d: // EMPTY_LIST
        this.#push([]);
        break;
      case 0x29: // EMPTY_TUPLE
        this.#push(new PickleTuple([]));
        break;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        this.#push(new PickleTuple(this.#popMany(opcode - 0x84)));
        break;
      case 0x74: // TUPLE
        this.#push(new PickleTuple(this.#popMark()));
        break;
      case 0x61: // APPEND
        this.#append(this.#popMany(1));
        break;
      case 0x65: // APPENDS
        this.#append(this.#popMark());
        break;
      case 0x8f: // EMPTY_SET
        this.#push(new PickleInert("set"));
        break;
      case 0x90: // ADDITEMS
        this.#popMark();
        this.#top(isInert, "a set");
        break;
      case 0x91: // FROZENSET
        this.#popMark();
        this.#push(new PickleInert("frozenset"));
        break;
      case 0x73: // SETITEM
        this.#setItems(this.#popMany(2));
        break;
      case 0x75: // SETITEMS
        this.#setItems(this.#popMark());
        break;
      default:
        return false;
    }
    return true;
  }

  #count(): void {
    if (++this.#objects > OBJECTS_MAX)
      this.#reject("PICKLE_LIMIT_EXCEEDED", "the pickle makes too many objects", `at most ${OBJECTS_MAX}`);
  }

  #push(value: unknown): void {
    this.#count();
    this.#stack.push(value);
  }

  #floor(): number {
    return this.#marks.at(-1) ?? 0;
  }

  #pop(): unknown {
    return this.#popMany(1)[0];
  }

  #popMany(count: number): unknown[] {
    if (this.#stack.length - count < this.#floor()) this.#reject("PICKLE_MALFORMED", "the stack is empty");
    return this.#stack.splice(this.#stack.length - count);
  }

  #popMark(): unknown[] {
    const mark = this.#marks.pop();
    if (mark === undefined) this.#reject("PICKLE_MALFORMED", "there is no mark on the stack");
    return this.#stack.splice(mark as number);
  }

  #top<T>(is: (value: unknown) => value is T, expected: string): T {
    const value = this.#stack.length > this.#floor() ? this.#stack.at(-1) : undefined;
    if (!is(value)) return this.#reject("PICKLE_MALFORMED", "the value on the stack is of the wrong type", expected);
    return value;
  }

  /** One by one: as arguments of one call many would overflow the stack. */
  #append(items: readonly unknown[]): void {
    const list = this.#top(takesItems, "a list");
    if (list instanceof PickleInert) return;
    for (const item of items) list.push(item);
  }

  #setItems(items: readonly unknown[]): void {
    const dict = this.#top((value) => value instanceof Map || value instanceof PickleInert, "a dict");
    if (items.length % 2 !== 0) this.#reject("PICKLE_MALFORMED", "a dict key has no value");
    const map = dict instanceof PickleInert ? dict.state : dict;
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i];
      if (Array.isArray(key) || key instanceof Map)
        this.#reject("PICKLE_MALFORMED", "a list or dict is used as a key", "a string or number");
      map.set(key, items[i + 1]);
    }
  }

  /** Attributes of an OrderedDict are dropped; those of an inert object are kept, to be looked at. */
  #build(state: unknown): void {
    const built = this.#top(isBuilt, "an OrderedDict");
    if (!(built instanceof PickleInert)) return;
    // A dict, or one with one of slots.
    for (const each of state instanceof PickleTuple ? state.items : [state])
      if (each instanceof Map) for (const [key, value] of each) built.state.set(key, value);
  }

  #remember(index: number): void {
    this.#memo.set(
      index,
      this.#top((_value): _value is unknown => this.#stack.length > this.#floor(), "a value"),
    );
    this.#count();
  }

  #recall(index: number): void {
    if (!this.#memo.has(index)) this.#reject("PICKLE_MALFORMED", `nothing was remembered as ${index}`);
    this.#push(this.#memo.get(index));
  }

  #global(module: string, name: string): PickleGlobal {
    const full = `${module}.${name}`;
    const global = this.#options.globals.get(full);
    if (global !== undefined) return global;
    const refused = this.#options.refused?.get(full) ?? this.#unknownSecond(full);
    if (refused !== undefined) return this.#reject(...refused);
    return this.#reject(
      "PICKLE_GLOBAL_NOT_ALLOWED",
      `the pickle asks for the Python object ${quote(full)}, which a state_dict does not need`,
      "tensors, dicts, lists, strings and numbers only; save model.state_dict()",
    );
  }

  /**
   * What the global of this name is to the call that is being prepared: below it stand the function, perhaps a mark,
   * and the first argument.
   */
  #unknownSecond(name: string): Refusal | undefined {
    const callee = this.#stack.at(-2);
    return callee instanceof PickleGlobal ? callee.unknownSecond?.(name) : undefined;
  }

  #call(): void {
    const [callee, args] = this.#popMany(2);
    if (!(callee instanceof PickleGlobal) || callee.call === undefined) {
      this.#reject(
        "PICKLE_CALL_NOT_ALLOWED",
        `${callee instanceof PickleGlobal ? quote(callee.name) : "a value"} is called`,
        "one of the functions that rebuild tensors",
      );
    }
    if (!(args instanceof PickleTuple)) this.#reject("PICKLE_MALFORMED", "the arguments of a call are no tuple");
    this.#push((callee as PickleGlobal).call?.((args as PickleTuple).items, this.#reject));
  }
}
