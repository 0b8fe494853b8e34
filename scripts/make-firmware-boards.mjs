// Writes firmware/boards/<id>/: the partition table and the settings of ESP-IDF that follow from boards/<id>.json.
// After a change of a board file: node scripts/make-firmware-boards.mjs
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const HEAD = (id) =>
  `# Made from boards/${id}.json by scripts/make-firmware-boards.mjs: change that file, not this one.\n`;

const hex = (number) => `0x${number.toString(16)}`;

/** A partition table as ESP-IDF's gen_esp32part.py reads it. */
function partitionsCsv({ id, partitions }) {
  const rows = partitions.map(({ name, type, subtype, offset, size }) =>
    [name, type, typeof subtype === "number" ? hex(subtype) : subtype, hex(offset), hex(size)].join(", "),
  );
  return `${HEAD(id)}# name, type, subtype, offset, size\n${rows.join("\n")}\n`;
}

/** The SDIO bus to the chip with the radio, as ESP-Hosted names it. */
function companionSettings({ chip, sdio }) {
  const target = chip.toUpperCase();
  const slot = sdio.slot;
  const [d0, d1, d2, d3] = sdio.dataPins;
  return [
    [`SLAVE_IDF_TARGET_${target}`, true],
    [`ESP_HOSTED_CP_TARGET_${target}`, true],
    ["ESP_HOSTED_SDIO_HOST_INTERFACE", true],
    [`ESP_HOSTED_SDIO_SLOT_${slot}`, true],
    [`ESP_HOSTED_SDIO_RESET_ACTIVE_${sdio.resetActive.toUpperCase()}`, true],
    ["ESP_HOSTED_SDIO_CLOCK_FREQ_KHZ", sdio.mhz * 1000],
    [`ESP_HOSTED_PRIV_SDIO_PIN_CMD_SLOT_${slot}`, sdio.cmdPin],
    [`ESP_HOSTED_PRIV_SDIO_PIN_CLK_SLOT_${slot}`, sdio.clkPin],
    [`ESP_HOSTED_PRIV_SDIO_PIN_D0_SLOT_${slot}`, d0],
    [`ESP_HOSTED_PRIV_SDIO_PIN_D1_4BIT_BUS_SLOT_${slot}`, d1],
    [`ESP_HOSTED_PRIV_SDIO_PIN_D2_4BIT_BUS_SLOT_${slot}`, d2],
    [`ESP_HOSTED_PRIV_SDIO_PIN_D3_4BIT_BUS_SLOT_${slot}`, d3],
    ["ESP_HOSTED_SDIO_GPIO_RESET_SLAVE", sdio.resetPin],
  ];
}

function wiringSettings({ console, bootButtonPin, companion, ethernet }) {
  return [
    ...(console === undefined
      ? []
      : [[console === "uart0" ? "ESP_CONSOLE_UART_DEFAULT" : "ESP_CONSOLE_USB_SERIAL_JTAG", true]]),
    ...(bootButtonPin === undefined ? [] : [["SYNAPSE_BUTTON_GPIO", bootButtonPin]]),
    ...(companion === undefined ? [] : companionSettings(companion)),
    ["SYNAPSE_ETHERNET", ethernet !== undefined],
    ...(ethernet === undefined
      ? []
      : [
          ["SYNAPSE_ETHERNET_PHY_ADDRESS", ethernet.address],
          ["SYNAPSE_ETHERNET_RESET_GPIO", ethernet.resetPin],
        ]),
  ];
}

const hardwareSettings = ({ cpu, sram, psram, flash }) => [
  [`ESP_DEFAULT_CPU_FREQ_MHZ_${cpu.mhz}`, true],
  [`CACHE_L2_CACHE_${sram.cacheBytes / 1024}KB`, true],
  [`SPIRAM_SPEED_${psram.mhz}M`, true],
  [`ESPTOOLPY_FLASHMODE_${flash.mode.toUpperCase()}`, true],
  [`ESPTOOLPY_FLASHFREQ_${flash.mhz}M`, true],
  [`ESPTOOLPY_FLASHSIZE_${flash.bytes / 2 ** 20}MB`, true],
];

const synapseSettings = (board) => [
  ["SYNAPSE_BOARD_ID", board.id],
  ["SYNAPSE_BOARD_NAME", board.name],
  ["SYNAPSE_RADIO", board.radio],
  ["SYNAPSE_FAST_BYTES", board.sram.freeBytes],
  ["SYNAPSE_SLOW_BYTES", board.psram.bytes - board.psram.reservedBytes],
  ["SYNAPSE_BODY_BYTES_MAX", board.requests.bodyBytesMax],
  ["SYNAPSE_REQUESTS_MAX", board.requests.countMax],
];

function sdkconfigLine([name, value]) {
  if (value === true) return `CONFIG_${name}=y\n`;
  if (value === false) return `CONFIG_${name}=n\n`;
  return `CONFIG_${name}=${typeof value === "number" ? value : JSON.stringify(value)}\n`;
}

function sdkconfigDefaults(board) {
  const settings = [
    ["PARTITION_TABLE_CUSTOM", true],
    ["PARTITION_TABLE_CUSTOM_FILENAME", `boards/${board.id}/partitions.csv`],
    ...hardwareSettings(board),
    ...synapseSettings(board),
    ...wiringSettings(board.wiring ?? {}),
  ];
  return HEAD(board.id) + settings.map(sdkconfigLine).join("");
}

/** What `firmware/CMakeLists.txt` needs to know: which of the two silicon families each board has. */
function siliconCmake(boards) {
  const families = boards.map(({ id, chipRevision }) => `set(silicon_of_${id} v${chipRevision.major < 3 ? 1 : 3})\n`);
  const head = "# Made from boards/*.json by scripts/make-firmware-boards.mjs: change those files, not this one.\n";
  return head + families.join("");
}

/** Path below firmware/boards -> text, of all boards. */
export function firmwareBoardFiles() {
  const folder = join(ROOT, "boards");
  const boards = readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")));
  const files = new Map([["silicon.cmake", siliconCmake(boards)]]);
  for (const board of boards) {
    files.set(`${board.id}/partitions.csv`, partitionsCsv(board));
    files.set(`${board.id}/sdkconfig.defaults`, sdkconfigDefaults(board));
  }
  return files;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of firmwareBoardFiles()) {
    const file = join(ROOT, "firmware/boards", path);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, text);
  }
}
