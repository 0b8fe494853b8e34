// Compiles the firmware's C for the chip with Debian's RISC-V GCC, between the declarations of this folder, once for
// each board of boards/, and links it with the chip's libraries into an ELF file: what ESP-IDF would bring stays
// undefined in it. Such a file runs nowhere; its sections, its symbols and its size are what it is for.
// `node firmware/test_host/cross.mjs` prints the files' paths. Where something has to be installed, it says what, and
// ends with 1.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const COMPILER = "riscv64-unknown-elf-gcc";
const PACKAGES = "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf libjpeg-dev libpng-dev";
const COMPONENT = "firmware/components/synapse";
const SOURCES = [`${COMPONENT}/port`, "firmware/main", "firmware/main/setup"];
const KCONFIGS = [`${COMPONENT}/Kconfig`, "firmware/main/Kconfig.projbuild"];
const LIBRARIES = ["zig-out/lib/esp32p4/libsynapse_core.a", "zig-out/lib/esp32p4/libsynapse_engine.a"];
const INCLUDES = [
  "firmware/test_host/chip",
  "firmware/test_host/include",
  `${COMPONENT}/include`,
  `${COMPONENT}/port`,
  "firmware/main",
  "kernels/include",
];
const FOLDER = "zig-out/cross";
const ARCHITECTURE = ["-march=rv32imafc_zicsr_zifencei", "-mabi=ilp32f"];
// GCC 12 finds its 32-bit libraries by this name only.
const LINK_ARCHITECTURE = ["-misa-spec=2.2", "-march=rv32imafc", "-mabi=ilp32f"];
const FLAGS = ["-std=gnu17", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-ffunction-sections", "-fdata-sections"];
/** Pictures are decoded by libraries of the registry; their interface is the one of the libraries of this machine. */
const PICTURE_HEADERS = ["jpeglib.h", "jmorecfg.h", "jerror.h", "jconfig.h", "png.h", "pngconf.h", "pnglibconf.h"];
const HEADER_FOLDERS = ["/usr/include", "/usr/include/x86_64-linux-gnu", "/usr/include/aarch64-linux-gnu"];

/** Options that no board has, so that what they bring is compiled too. */
const EVERYTHING = {
  CONFIG_SYNAPSE_BOARD_ID: '"everything"',
  CONFIG_SYNAPSE_ETHERNET: "y",
  CONFIG_SYNAPSE_BUTTON_GPIO: "35",
  CONFIG_SYNAPSE_HW_JPEG: "y",
  CONFIG_ESP_CONSOLE_USB_SERIAL_JTAG: "y",
};
/** What ESP-IDF's own Kconfig makes of the settings of silicon and board. */
const OF_IDF = {
  CONFIG_ESP_CONSOLE_UART_NUM: "0",
  CONFIG_LWIP_IPV6: "y",
  CONFIG_ESPTOOLPY_FLASHFREQ: '"80m"',
};

/** What has to be installed before the firmware can be compiled for the chip, as a sentence; else undefined. */
export function missingForCross() {
  const library = LIBRARIES.find((path) => !existsSync(join(ROOT, path)));
  if (library !== undefined) return `${library} is missing: npm run build`;
  const [compiler, linker] = [
    spawnSync(COMPILER, ["--version"]),
    spawnSync(COMPILER, ["--specs=picolibc.specs", "-print-file-name=picolibc.specs"], { encoding: "utf8" }),
  ];
  const headers = PICTURE_HEADERS.every((name) => headerPath(name) !== undefined);
  if (compiler.status === 0 && linker.status === 0 && headers) return undefined;
  return `compiling the firmware for the chip needs: apt-get install ${PACKAGES}`;
}

/** Names of what can be compiled: every board, and one that has every option. */
export function crossTargets() {
  const boards = readdirSync(join(ROOT, "firmware/boards"), { withFileTypes: true });
  return [...boards.filter((entry) => entry.isDirectory()).map((entry) => entry.name), "everything"];
}

/**
 * Compiles and links the firmware of a target; answers the paths of the ELF file, and of the objects of the port and of
 * the application. Throws with the compiler's words where there are any: warnings are errors.
 */
export function crossCompile(target) {
  const folder = join(ROOT, FOLDER, target);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "include"), { recursive: true });
  writeFileSync(join(folder, "include", "sdkconfig.h"), sdkconfig(target));
  for (const name of PICTURE_HEADERS) symlinkSync(headerPath(name), join(folder, "include", name));
  const includes = [join(folder, "include"), ...INCLUDES].flatMap((path) => ["-I", path]);
  const objects = SOURCES.flatMap((path) =>
    readdirSync(join(ROOT, path))
      .filter((name) => name.endsWith(".c"))
      .map((name) => {
        const object = join(folder, `${basename(path)}_${name}.o`);
        gcc([...ARCHITECTURE, ...FLAGS, ...includes, "-c", join(path, name), "-o", object]);
        return object;
      }),
  );
  const elf = join(folder, "firmware.elf");
  const script = join(folder, "sections.ld");
  writeFileSync(script, SECTIONS);
  const map = `-Wl,-Map=${join(folder, "firmware.map")}`;
  const linking = ["-nostartfiles", "-Wl,--gc-sections", "-Wl,--unresolved-symbols=ignore-all", "-Wl,-e,app_main"];
  const strict = ["-Wl,--orphan-handling=error", "-Wl,--fatal-warnings", map, "-T", script];
  gcc([...LINK_ARCHITECTURE, ...linking, ...strict, ...objects, ...LIBRARIES, "-o", elf]);
  const of = (...folders) => objects.filter((path) => folders.includes(basename(path).split("_")[0]));
  return { elf, port: of("port"), application: of("main", "setup") };
}

/** Where ESP-IDF's linker scripts would put what; an input that none of the lines names is an error. */
const SECTIONS = `
SECTIONS {
  . = 0x40000000;
  .text : { *(.text .text.*) }
  .rodata : { *(.rodata .rodata.* .srodata .srodata.*) }
  . = 0x4ff00000;
  PROVIDE(__heap_start = .);
  PROVIDE(__heap_end = .);
  .data : { *(.data .data.* .sdata .sdata.*) }
  .tdata : { *(.tdata .tdata.* .tbss .tbss.*) }
  .bss (NOLOAD) : { *(.bss .bss.* .sbss .sbss.* COMMON) }
  .debug 0 : { *(.debug_*) }
  .rela 0 : { *(.rela .rela.*) }
  .comment 0 : { *(.comment) }
  .riscv.attributes 0 : { *(.riscv.attributes) }
  .symtab 0 : { *(.symtab) }
  .strtab 0 : { *(.strtab) }
  .shstrtab 0 : { *(.shstrtab) }
  /DISCARD/ : { *(.note.GNU-stack .eh_frame) }
}
`;

function gcc(args) {
  const done = spawnSync(COMPILER, ["--specs=picolibc.specs", ...args], { cwd: ROOT, encoding: "utf8" });
  if (done.status !== 0) throw new Error(done.error?.message ?? done.stderr);
}

function headerPath(name) {
  return HEADER_FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** Option -> value, in Kconfig's writing: defaults of the options, settings of the project, and those of the target. */
function settings(target) {
  const all = new Map();
  for (const path of KCONFIGS)
    for (const block of textOf(path)
      .split(/^\s*config (?=SYNAPSE_)/m)
      .slice(1))
      all.set(`CONFIG_${block.slice(0, block.indexOf("\n"))}`, /^\s+default (.*)$/m.exec(block)?.[1] ?? "n");
  const files = target === "everything" ? [] : [`firmware/boards/${target}/sdkconfig.defaults`];
  for (const path of ["firmware/sdkconfig.defaults", ...files])
    for (const [, name, value] of textOf(path).matchAll(/^(CONFIG_\w+)=(.*)$/gm)) all.set(name, value);
  for (const [name, value] of Object.entries({ ...OF_IDF, ...(target === "everything" ? EVERYTHING : {}) }))
    all.set(name, value);
  return all;
}

function sdkconfig(target) {
  const all = settings(target);
  const speed = [...all.keys()].map((name) => /^CONFIG_SPIRAM_SPEED_(\d+)M$/.exec(name)?.[1]).find(Boolean);
  all.set("CONFIG_SPIRAM_SPEED", speed ?? "200");
  const lines = [...all].filter(([, value]) => value !== "n");
  return lines.map(([name, value]) => `#define ${name} ${value === "y" ? 1 : value}\n`).join("");
}

function textOf(path) {
  return readFileSync(join(ROOT, path), "utf8");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const missing = missingForCross();
  if (missing === undefined) for (const target of crossTargets()) process.stdout.write(`${crossCompile(target).elf}\n`);
  else process.stderr.write(`${missing}\n`);
  process.exitCode = missing === undefined ? 0 : 1;
}
