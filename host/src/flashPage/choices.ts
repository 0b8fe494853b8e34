import { md5 } from "@noble/hashes/legacy";
import type { Board } from "synapse-sim/boards";
import type { FileSet } from "../files/fileSet.js";
import { inputError } from "../files/inputError.js";
import { type FirmwareBuild, readBuilds } from "../flash/build.js";
import { boardsOf } from "../flash/chooseBoard.js";
import type { FactoryModel, FirstSettings } from "../flash/factoryFlash.js";
import type { FlashSite } from "../flash/flashSite.js";
import { checkSsid, checkWifiPassword } from "../flash/wifi.js";
import { formatBytes } from "../report/format.js";
import { byId, inputOf, selectOf } from "./elements.js";
import { fetchSiteFile, folderFiles, servedFiles, zippedFiles } from "./files.js";

const ZIP = "zip";
const FOLDER = "folder";
const FILE = "file";
const NONE = "none";

/** What the visitor has chosen to flash. */
export interface Choices {
  readonly board: Board;
  readonly builds: readonly FirmwareBuild[];
  readonly model: FactoryModel | undefined;
  readonly settings: FirstSettings | undefined;
  readonly baudRate: number;
  readonly erase: boolean;
}

/** The page's form: what the site offers, and what is chosen of it. */
export class ChoiceForm {
  readonly #site: FlashSite;
  #builds: readonly FirmwareBuild[] = [];
  /** Until the firmware that was chosen last has been read. */
  #reading: Promise<unknown> = Promise.resolve();

  constructor(site: FlashSite) {
    this.#site = site;
    fill(selectOf("firmware"), [
      ...site.builds.map(({ name }, i): Option => [String(i), name]),
      [ZIP, "A zip of mine …"],
      [FOLDER, "A build folder of mine …"],
      [NONE, "None: only a model, beside the firmware that is there"],
    ]);
    fill(selectOf("model"), [
      ...site.models.map(({ name, bytes }, i): Option => [String(i), `${name} (${formatBytes(bytes)})`]),
      [FILE, "A model of mine (.syn) …"],
      [NONE, "None"],
    ]);
  }

  /** Follows what is chosen. `problem` hears of a firmware that cannot be read, or undefined of one that can. */
  watch(problem: (error: unknown) => void): void {
    const change = () => {
      this.#reading = this.#reading.then(() => this.#refresh()).then(() => problem(undefined), problem);
    };
    for (const id of ["firmware", "firmware-zip", "firmware-folder", "model", "model-file"])
      byId(id).addEventListener("change", change);
    change();
  }

  /** Shows the file inputs that are needed, reads the firmware, and offers the boards that it is for. */
  async #refresh(): Promise<void> {
    const firmware = selectOf("firmware").value;
    inputOf("firmware-zip").hidden = firmware !== ZIP;
    inputOf("firmware-folder").hidden = firmware !== FOLDER;
    inputOf("model-file").hidden = selectOf("model").value !== FILE;
    this.#builds = [];
    const files = await this.#firmwareFiles();
    if (files !== undefined) this.#builds = await readBuilds(files, md5);
    const meant = boardsOf(this.#builds, this.#site.boards);
    const before = selectOf("board").value;
    fill(
      selectOf("board"),
      (meant.length > 0 ? meant : this.#site.boards).map(({ id, name }): Option => [id, name]),
      before,
    );
  }

  /** Rejects with an InputError that says what is missing or wrong. */
  async read(): Promise<Choices> {
    await this.#reading;
    const model = await this.#model();
    if (this.#builds.length === 0 && selectOf("firmware").value !== NONE)
      throw inputError("firmware", "BUILD_NEEDED", "there is no firmware yet", { expected: "a file or a folder" });
    if (this.#builds.length === 0 && model === undefined)
      throw inputError("model", "MODEL_NEEDED", "there is nothing to flash", { expected: "a firmware or a model" });
    const erase = inputOf("erase").checked;
    if (erase && this.#builds.length === 0)
      throw inputError("erase", "ERASE_WITHOUT_BUILD", "erasing takes the firmware away", { expected: "a firmware" });
    const id = selectOf("board").value;
    const board = this.#site.boards.find((each) => each.id === id) as Board;
    const baudRate = Number(selectOf("baud").value);
    return { board, builds: this.#builds, model, settings: readSettings(), baudRate, erase };
  }

  async #firmwareFiles(): Promise<FileSet | undefined> {
    const chosen = selectOf("firmware").value;
    const [zip, folder] = [inputOf("firmware-zip").files, inputOf("firmware-folder").files];
    if (chosen === ZIP) return zip?.[0] && zippedFiles(zip[0]);
    if (chosen === FOLDER) return folder?.length ? folderFiles(folder) : undefined;
    const build = this.#site.builds[Number(chosen)];
    return build && servedFiles(build);
  }

  async #model(): Promise<FactoryModel | undefined> {
    const chosen = selectOf("model").value;
    if (chosen === NONE) return undefined;
    const own = inputOf("model-file").files?.[0];
    if (chosen === FILE) {
      if (own === undefined)
        throw inputError("model", "MODEL_NEEDED", "there is no model yet", { expected: "a packed model (.syn)" });
      return { source: own.name, bytes: new Uint8Array(await own.arrayBuffer()) };
    }
    const offered = this.#site.models[Number(chosen)];
    return offered && { source: offered.name, bytes: await fetchSiteFile(offered.file) };
  }
}

type Option = readonly [value: string, text: string];

function fill(select: HTMLSelectElement, options: readonly Option[], chosen?: string): void {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
  if (options.some(([value]) => value === chosen)) select.value = chosen as string;
}

/** Undefined: the board gets neither settings nor an owner. */
function readSettings(): FirstSettings | undefined {
  const [ssid, password] = [inputOf("ssid").value, inputOf("password").value];
  const [name, broker] = [inputOf("name").value.trim(), inputOf("broker").value.trim()];
  if (ssid === "" && name === "" && broker === "" && !inputOf("claim").checked) return undefined;
  if (ssid !== "") checkSsid(ssid);
  const open = inputOf("open-wifi").checked;
  if (ssid !== "" && !open) checkWifiPassword(password);
  return {
    ...(name === "" ? {} : { name }),
    ...(broker === "" ? {} : { broker_url: broker }),
    ...(ssid === "" ? {} : { wifi_ssid: ssid }),
    ...(ssid === "" || open ? {} : { wifi_password: password }),
  };
}
