/**
 * A process identifier. `id` and `serial` are full unsigned 32-bit numbers (V4_NC), `creation`
 * tells incarnations of one node name apart: a pid with another creation is another process.
 */
export class Pid {
  readonly node: string;
  readonly id: number;
  readonly serial: number;
  readonly creation: number;
  #key: string | undefined;

  constructor(node: string, id: number, serial: number, creation: number) {
    this.node = node;
    this.id = id;
    this.serial = serial;
    this.creation = creation;
  }

  /** A string that is equal for equal pids, computed once: use it as a `Map` key. */
  get key(): string {
    this.#key ??= `${this.id}.${this.serial}.${this.creation}@${this.node}`;
    return this.#key;
  }

  equals(other: Pid): boolean {
    return (
      this === other ||
      (this.id === other.id &&
        this.serial === other.serial &&
        this.creation === other.creation &&
        this.node === other.node)
    );
  }

  /** Shell notation with the node's name in place of the peer-local node index. */
  toString(): string {
    return `<${this.node}.${this.id}.${this.serial}>`;
  }
}

/**
 * Erlang's order of pids: serial, then id, then node name (bytes), then creation. Both sides of a
 * `global` lock must sort alike, so this is exact. Source: OTP `utils.c`, `erts_cmp`.
 */
export function comparePids(a: Pid, b: Pid): number {
  if (a.serial !== b.serial) return a.serial - b.serial;
  if (a.id !== b.id) return a.id - b.id;
  if (a.node !== b.node) return compareNodeNames(a.node, b.node);
  return a.creation - b.creation;
}

/** Erlang's order of node names: by UTF-8 bytes, a prefix first. */
export function compareNodeNames(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}
