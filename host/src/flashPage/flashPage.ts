import { md5 } from "@noble/hashes/legacy";
import { startWasmBoard } from "synapse-sim/wasm-board";
import { buildsForBoard } from "../flash/chooseBoard.js";
import { type FlashTools, runFlashJob } from "../flash/flashJob.js";
import { type FlashSite, SITE_FILES } from "../flash/flashSite.js";
import { transferSpeed } from "../flash/transferSpeed.js";
import { checkSsid, checkWifiPassword } from "../flash/wifi.js";
import type { WriteProgress, WrittenPiece } from "../flash/writeFlash.js";
import type { FlashReport } from "../report/flashReport.js";
import { formatBytes } from "../report/format.js";
import { provisionPort } from "../serial/provisionPort.js";
import { ChoiceForm } from "./choices.js";
import { byId, inputOf, say, wordsOf } from "./elements.js";
import { fetchSiteFile } from "./files.js";
import { showPlan } from "./planView.js";
import { type BrowserSerialPort, browserSerial, resetModeOf, WebSerialPort } from "./webSerialPort.js";

const DEMANDS = { project: "synapse", ownTable: false };
const ANSWER_MS = 5_000;
const JOIN_MS = 60_000;

/** What boards hold of transfers that were not finished, by their addresses; forgotten with the page. */
const transfers = new Map<string, WrittenPiece[]>();
/** The board that was flashed last. */
let flashed: BrowserSerialPort | undefined;
let token: string | undefined;

const tools: FlashTools = {
  md5,
  startBoard: async (options) => startWasmBoard(options, await fetchSiteFile(SITE_FILES.core)),
  transferOf: (mac) => ({
    earlier: async () => transfers.get(mac) ?? [],
    add: async (piece) => void transfers.set(mac, [...(transfers.get(mac) ?? []), piece]),
    clear: async () => void transfers.delete(mac),
  }),
  keepToken: async (_, kept) => {
    token = kept.token;
    return "this page";
  },
};

async function flash(form: ChoiceForm): Promise<void> {
  const serial = browserSerial();
  if (serial === undefined) return;
  token = undefined;
  for (const id of ["problem", "done", "plan"]) byId(id).hidden = true;
  const choices = await form.read();
  // Chips with USB of their own and the bridges of many makers: what is on which, the visitor knows.
  const chosen = await serial.requestPort();
  const port = new WebSerialPort(chosen);
  const leaving = new AbortController();
  byId("work").hidden = false;
  say("status", "Asking the chip …");
  const stay = (event: BeforeUnloadEvent) => event.preventDefault();
  globalThis.addEventListener("beforeunload", stay);
  try {
    const report = await runFlashJob(
      {
        ...choices,
        builds: buildsForBoard(choices.builds, choices.board, DEMANDS, "firmware"),
        port,
        reset: resetModeOf(chosen),
        demands: DEMANDS,
        resume: !choices.erase,
        dryRun: false,
        signal: leaving.signal,
        progress: progressView(),
        planned: ({ map, chip }) => {
          showPlan(map);
          say("status", `Writing to ${chip?.name} ${chip?.revision}, ${chip?.mac}`);
        },
      },
      tools,
    );
    flashed = chosen;
    showDone(report);
  } finally {
    port.release();
    globalThis.removeEventListener("beforeunload", stay);
    byId("work").hidden = true;
  }
}

function progressView(): (progress: WriteProgress) => void {
  const speed = transferSpeed();
  return (at) => {
    const { bytesPerSecond, secondsLeft } = speed(at);
    byId<HTMLProgressElement>("progress").value = at.doneBytes / at.totalBytes;
    const done = `${formatBytes(at.doneBytes)} of ${formatBytes(at.totalBytes)}`;
    say("speed", `${done} · ${formatBytes(bytesPerSecond)}/s · ${secondsLeft} s left · ${at.region}`);
  };
}

function showDone({ writtenBytes, keptBytes, seconds, url }: FlashReport): void {
  byId("done").hidden = false;
  const kept = keptBytes > 0 ? `, ${formatBytes(keptBytes)} were there already` : "";
  say("result", `${formatBytes(writtenBytes)} in ${seconds.toFixed(1)} s${kept}, verified. The board starts now.`);
  byId("address").hidden = url === undefined;
  showLink("link", url);
  byId("owner").hidden = token === undefined;
  say("token", token);
  byId("done").querySelector("h2")?.scrollIntoView({ block: "start" });
}

/**
 * A link to the board's own page. The token is not in it: whoever answers at that address in the network would be told.
 */
function showLink(id: string, url: string | undefined): void {
  const place = byId(id);
  // What a board says of itself is no reason to open anything but a page.
  if (url === undefined || !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    place.textContent = url ?? "";
    return;
  }
  const link = Object.assign(document.createElement("a"), { href: url, target: "_blank", rel: "noopener" });
  link.textContent = url;
  place.replaceChildren(link);
}

async function join(): Promise<void> {
  if (flashed === undefined) return;
  const [ssid, password] = [inputOf("later-ssid").value, inputOf("later-password").value];
  checkSsid(ssid);
  // A network without a password has none here.
  if (password !== "") checkWifiPassword(password);
  say("joined", "The board joins …");
  showLink("joined-link", undefined);
  const port = new WebSerialPort(flashed);
  try {
    const { signal } = new AbortController();
    const url = await provisionPort(port, { ssid, password, answerMs: ANSWER_MS, joinMs: JOIN_MS, signal });
    say("joined", `The board has joined the network${url === undefined ? "." : ":"}`);
    showLink("joined-link", url);
  } finally {
    port.release();
  }
}

/** Runs what a form asks for, once at a time, and says what went wrong. */
function onSubmit(id: string, run: () => Promise<void>): void {
  const form = byId<HTMLFormElement>(id);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button") as HTMLButtonElement;
    if (button.disabled) return;
    button.disabled = true;
    say("problem", undefined);
    try {
      await run();
    } catch (error) {
      // The visitor has closed the browser's list of ports.
      if ((error as Error).name !== "NotFoundError") problem(error);
    } finally {
      button.disabled = false;
      button.focus({ preventScroll: true });
    }
  });
}

function problem(error: unknown): void {
  say("problem", error === undefined ? undefined : wordsOf(error));
  if (error !== undefined) byId("problem").scrollIntoView({ block: "nearest" });
}

async function start(): Promise<void> {
  if (browserSerial() === undefined) {
    const where = globalThis.isSecureContext
      ? "This browser has no Web Serial: open the page in Chrome, Edge or Opera on a computer."
      : "A browser gives serial ports to pages over HTTPS or from this machine (http://localhost) only.";
    say("unsupported", where);
    byId<HTMLButtonElement>("start").disabled = true;
  }
  const manifest = await fetchSiteFile(SITE_FILES.manifest);
  const form = new ChoiceForm(JSON.parse(new TextDecoder().decode(manifest)) as FlashSite);
  form.watch(problem);
  onSubmit("form", () => flash(form));
  onSubmit("network", join);
  byId("copy").addEventListener("click", () => void navigator.clipboard.writeText(token ?? ""));
}

await start().catch(problem);
