/** What `claim` found or did. */
export interface ClaimReport {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  /** The owner's. */
  readonly token: string;
  /** Where it is kept. */
  readonly tokenFile: string;
  /** Whether the board was this user's before. */
  readonly already: boolean;
}
