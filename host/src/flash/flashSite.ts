import type { Board } from "synapse-sim/boards";

/** What a site for flashing offers, as its `flash.json` says it. */
export interface FlashSite {
  readonly boards: readonly Board[];
  readonly builds: readonly OfferedBuild[];
  readonly models: readonly OfferedModel[];
}

/** A build folder or a release. */
export interface OfferedBuild {
  /** As people know it. */
  readonly name: string;
  /** Where its files are, relative to the page, with a slash at the end. */
  readonly folder: string;
  /** Paths below the folder. */
  readonly files: readonly string[];
}

export interface OfferedModel {
  readonly name: string;
  /** Relative to the page. */
  readonly file: string;
  readonly bytes: number;
}

/** The site's files, relative to the page. */
export const SITE_FILES = { manifest: "flash.json", core: "board.wasm" } as const;
