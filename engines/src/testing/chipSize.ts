import type { ElfFile } from "./elf.js";

export interface ChipSize {
  readonly code_bytes: number;
  readonly constant_bytes: number;
  readonly initialised_bytes: number;
  readonly zeroed_bytes: number;
  /** Code, constants, and the values that initialised variables start with. */
  readonly flash_bytes: number;
  /** Variables, initialised or zeroed; regions that the caller hands over are not among them. */
  readonly static_ram_bytes: number;
}

const KINDS = {
  code_bytes: /^\.text/,
  constant_bytes: /^\.s?rodata/,
  initialised_bytes: /^\.s?data/,
  zeroed_bytes: /^\.s?bss/,
};

/**
 * What object files take of a chip when all of their functions are linked: an upper bound,
 * since a linker drops what nobody calls.
 */
export function chipSize(objects: readonly ElfFile[]): ChipSize {
  const allocated = objects.flatMap((object) =>
    object.sections.filter((section) => section.allocated && section.bytes > 0),
  );
  const sum = (kind: keyof typeof KINDS) =>
    allocated.filter((section) => KINDS[kind].test(section.name)).reduce((total, section) => total + section.bytes, 0);
  const kinds = {
    code_bytes: sum("code_bytes"),
    constant_bytes: sum("constant_bytes"),
    initialised_bytes: sum("initialised_bytes"),
    zeroed_bytes: sum("zeroed_bytes"),
  };
  return {
    ...kinds,
    flash_bytes: kinds.code_bytes + kinds.constant_bytes + kinds.initialised_bytes,
    static_ram_bytes: kinds.initialised_bytes + kinds.zeroed_bytes,
  };
}
