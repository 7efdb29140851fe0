/** Who we are to our peers: what both sides of a handshake say and check. */
export interface NodeIdentity {
  readonly name: string;
  /** tells this incarnation of the name from others; given by the port mapper */
  readonly creation: number;
  /** capability flags that we offer */
  readonly flags: bigint;
  /** the secret shared with `peer` */
  cookieFor(peer: string): string;
}
