/** A file on its way to the board. */
export interface Upload {
  readonly file: string;
  readonly sentBytes: number;
  readonly bytes: number;
}
