/**
 * A reference. `words` are 1 to 5 unsigned 32-bit numbers in wire order; aliases of OTP 27+ have
 * five. All words, the node and the creation take part in equality.
 */
export class Reference {
  readonly node: string;
  readonly creation: number;
  readonly words: readonly number[];
  #key: string | undefined;

  constructor(node: string, creation: number, words: readonly number[]) {
    this.node = node;
    this.creation = creation;
    this.words = words;
  }

  /** A string that is equal for equal references, computed once: use it as a `Map` key. */
  get key(): string {
    this.#key ??= `${this.words.join('.')}.${this.creation}@${this.node}`;
    return this.#key;
  }

  equals(other: Reference): boolean {
    if (this === other) return true;
    const { words } = this;
    const { words: others } = other;
    if (words.length !== others.length) return false;
    for (let i = 0; i < words.length; i++) if (words[i] !== others[i]) return false;
    return this.creation === other.creation && this.node === other.node;
  }

  /** Shell notation (most significant word first) with the node's name in place of its index. */
  toString(): string {
    return `#Ref<${this.node}.${[...this.words].reverse().join('.')}>`;
  }
}
