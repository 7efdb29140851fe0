/** An Erlang port identifier (not a TCP port). `id` has 64 bits on the wire since V4_NC. */
export class Port {
  readonly node: string;
  readonly id: bigint;
  readonly creation: number;

  constructor(node: string, id: bigint, creation: number) {
    this.node = node;
    this.id = id;
    this.creation = creation;
  }

  equals(other: Port): boolean {
    return this.id === other.id && this.creation === other.creation && this.node === other.node;
  }

  toString(): string {
    return `#Port<${this.node}.${this.id}>`;
  }
}
