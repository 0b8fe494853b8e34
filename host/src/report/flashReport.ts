/** One stretch of a flash, in the order of addresses. */
export interface FlashPlace {
  readonly name: string;
  readonly offset: number;
  readonly sizeBytes: number;
  /** Of what is written there; 0 where nothing is. */
  readonly usedBytes: number;
  /** In words; undefined where nothing is written. */
  readonly holds: string | undefined;
}

export interface FlashMap {
  readonly board: string;
  readonly flashBytes: number;
  readonly places: readonly FlashPlace[];
}

/** What `flash` did, or with `dryRun` would do. */
export interface FlashReport {
  readonly dryRun: boolean;
  readonly port: string | undefined;
  readonly chip:
    | { readonly name: string; readonly revision: string; readonly flashBytes: number; readonly mac: string }
    | undefined;
  readonly map: FlashMap;
  readonly totalBytes: number;
  readonly erased: boolean;
  readonly writtenBytes: number;
  /** Found there already, when an earlier run is resumed. */
  readonly keptBytes: number;
  readonly repetitions: number;
  readonly seconds: number;
  /** Where the owner's token was kept; undefined where the board has got no owner by this. */
  readonly tokenFile: string | undefined;
  /** Where the board is found by mDNS when it has joined the network that it was given; undefined without one. */
  readonly url: string | undefined;
  /** What did not keep the board from being flashed, and should be known. */
  readonly warnings: readonly string[];
}
