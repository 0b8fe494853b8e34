import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { packCheckpoint } from "../../host/dist/index.js";
import { writeFirmwareBuild } from "../../host/dist/testing/firmwareBuild.js";
import { readBoard, startSimulatedChip } from "../../sim/dist/index.js";
import { esptool } from "../../sim/dist/testing/esptool.js";
import { compareTimes, interleave, median } from "./interleave.mjs";

const path = (name) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const PROGRAM = path("host/bin/synapse-host.js");
const MODEL = path("models/lewm-tworoom-small");

const BAUD = 921_600;
/** Time over esptool's, at most. */
const RATIO_MAX = 1.1;

/** A board gets firmware and a small trained model, from us and from Espressif's program in turn. */
export async function flashSection({ quick, progress }) {
  const folder = await mkdtemp(join(tmpdir(), "synapse-bench-flash-"));
  const board = await readBoard(path("boards/waveshare-esp32-p4-wifi6.json"));
  const chip = await startSimulatedChip({ board, paced: true });
  const line = await watchedLine(chip.url);
  try {
    progress("flash: packing a model");
    const [model, build] = [join(folder, "model.syn"), join(folder, "build")];
    await writeFirmwareBuild(build, { board });
    await packCheckpoint({
      checkpoint: join(MODEL, "model.safetensors"),
      config: join(MODEL, "synapse.json"),
      golden: true,
      output: model,
    });
    const ours = () =>
      synapseHost(folder, ["--port", line.url, "--build", build, "--board", board.id, "--model", model]);
    progress(`flash: ${quick ? 2 : 5} runs of each`);
    const regions = await filesOf(await ours(), chip, folder);
    const theirs = () =>
      run("esptool", esptool("--port", line.url, "--baud", `${BAUD}`, "write-flash", ...regions.args));
    const lineMs = { synapse: [], esptool: [] };
    const once = (name, flash) => async () => {
      // What the last run has left has started by now.
      await chip.idle();
      chip.flash.eraseAll();
      line.restart();
      await flash();
      lineMs[name].push(line.milliseconds);
      for (const { offset, bytes } of regions.held)
        if (Buffer.compare(bytes, chip.flash.contents.subarray(offset, offset + bytes.length)) !== 0)
          throw new Error(`${name} has not written what belongs at 0x${offset.toString(16)}`);
    };
    const contestants = { synapse: once("synapse", ours), esptool: once("esptool", theirs) };
    const times = await interleave(contestants, { runs: quick ? 2 : 5, warmups: 0 });
    const version = (await run("esptool", esptool("version"))).trim().split("\n").at(-1);
    return {
      bytes: regions.held.reduce((sum, { bytes }) => sum + bytes.length, 0),
      baud: BAUD,
      esptool: version,
      rows: [row("whole program", times), row("on the line", lineMs)],
    };
  } finally {
    await line.close();
    await chip.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const row = (what, { synapse, esptool }) => ({
  what,
  ...compareTimes(synapse, esptool),
  ratioMax: RATIO_MAX,
  synapseMsP50: median(synapse),
  esptoolMsP50: median(esptool),
});

async function synapseHost(folder, args) {
  const child = spawn(process.execPath, [PROGRAM, "flash", ...args, "--baud", `${BAUD}`, "--json"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, XDG_STATE_HOME: folder, XDG_CONFIG_HOME: folder },
  });
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  return JSON.parse(await run("synapse-host", { code, output: said }));
}

async function run(name, running) {
  const { code, output } = await running;
  if (code !== 0) throw new Error(`${name} ended with exit code ${code}: ${output}`);
  return output;
}

/** What has been written, as files for esptool's command line. */
async function filesOf({ map }, chip, folder) {
  const held = map.places
    .filter(({ usedBytes }) => usedBytes > 0)
    .map(({ offset, usedBytes }) => ({ offset, bytes: chip.flash.contents.slice(offset, offset + usedBytes) }));
  const args = [];
  for (const { offset, bytes } of held) {
    const file = join(folder, `region-${offset}`);
    await writeFile(file, bytes);
    args.push(`0x${offset.toString(16)}`, file);
  }
  return { held, args };
}

/** A way to the chip that says how long something was on it: from the first byte that was sent to the last answer. */
async function watchedLine(url) {
  const { hostname, port } = new URL(url);
  let [first, last] = [0, 0];
  const server = createServer((host) => {
    const chip = connect({ port: Number(port), host: hostname, noDelay: true });
    host.setNoDelay(true);
    const end = () => {
      host.destroy();
      chip.destroy();
    };
    for (const socket of [host, chip]) socket.on("error", end).on("close", end);
    host.on("data", (bytes) => {
      first ||= performance.now();
      chip.write(bytes);
    });
    chip.on("data", (bytes) => {
      last = performance.now();
      host.write(bytes);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `socket://127.0.0.1:${server.address().port}`,
    restart: () => {
      first = 0;
    },
    get milliseconds() {
      return last - first;
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
