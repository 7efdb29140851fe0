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

/** The part of a node name before the `@`, as the port mapper knows it. */
export function aliveName(node: string): string {
  return node.slice(0, node.indexOf('@'));
}

/** The part of a node name after the `@`. */
export function hostOf(node: string): string {
  return node.slice(node.indexOf('@') + 1);
}

/** The name of a node whose distribution is off, as in Erlang. */
export const NO_NODE = 'nonode@nohost';
