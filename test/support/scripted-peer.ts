/**
 * A node played by hand, byte for byte after the protocol's description. It shares no code with the
 * library, so that a misunderstanding of ours does not meet itself.
 *
 * Terms are JavaScript values: numbers and bigints, `'text'` for an atom, arrays for lists, and
 * objects with one of the keys of {@link Etf}.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { until } from './until.ts';

export type Etf =
  | number
  | bigint
  | string
  | readonly Etf[]
  | { readonly t: readonly Etf[] }
  /** an improper list: elements, then the tail */
  | { readonly improper: readonly [readonly Etf[], Etf] }
  | { readonly pid: readonly [node: string, id: number, serial: number, creation: number] }
  | { readonly ref: readonly [node: string, creation: number, ...words: number[]] }
  | { readonly map: readonly (readonly [Etf, Etf])[] }
  | { readonly fun: readonly [module: string, name: string, arity: number] }
  | { readonly binary: string }
  /** the bytes of a term, as they stand on the wire */
  | { readonly hex: string };

/** A tuple. */
export const t = (...elements: readonly Etf[]): Etf => ({ t: elements });

const u8 = (n: number): Buffer => Buffer.from([n]);
const u16 = (n: number): Buffer => Buffer.from([n >> 8, n & 255]);
const u32 = (n: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(n);
  return bytes;
};

function atomBytes(name: string): Buffer {
  const text = Buffer.from(name);
  return Buffer.concat([u8(119), u8(text.length), text]);
}

/** The external term format, without 131. */
export function etf(term: Etf): Buffer {
  if (typeof term === 'string') return atomBytes(term);
  if (typeof term === 'bigint') {
    const magnitude = term < 0n ? -term : term;
    const digits = magnitude.toString(16).padStart(16, '0');
    const bytes = Buffer.from(digits, 'hex').reverse();
    return Buffer.concat([u8(110), u8(bytes.length), u8(term < 0n ? 1 : 0), bytes]);
  }
  if (typeof term === 'number') {
    if (term >= 0 && term < 256) return Buffer.from([97, term]);
    return Buffer.concat([u8(98), u32(term >>> 0)]);
  }
  if (Array.isArray(term)) {
    if (term.length === 0) return u8(106);
    return Buffer.concat([u8(108), u32(term.length), ...(term as Etf[]).map(etf), u8(106)]);
  }
  return compound(term as Exclude<Etf, string | number | bigint | readonly Etf[]>);
}

function compound(term: Exclude<Etf, string | number | bigint | readonly Etf[]>): Buffer {
  if ('t' in term) return Buffer.concat([u8(104), u8(term.t.length), ...term.t.map(etf)]);
  if ('improper' in term) {
    const [elements, tail] = term.improper;
    return Buffer.concat([u8(108), u32(elements.length), ...elements.map(etf), etf(tail)]);
  }
  if ('pid' in term) {
    const [node, id, serial, creation] = term.pid;
    return Buffer.concat([u8(88), atomBytes(node), u32(id), u32(serial), u32(creation)]);
  }
  if ('ref' in term) {
    const [node, creation, ...words] = term.ref;
    const numbers = [creation, ...words].map(u32);
    return Buffer.concat([u8(90), u16(words.length), atomBytes(node), ...numbers]);
  }
  if ('map' in term) {
    const pairs = term.map.flatMap(([key, value]) => [etf(key), etf(value)]);
    return Buffer.concat([u8(116), u32(term.map.length), ...pairs]);
  }
  if ('fun' in term) {
    const [module, name, arity] = term.fun;
    return Buffer.concat([u8(113), atomBytes(module), atomBytes(name), u8(97), u8(arity)]);
  }
  if ('binary' in term) {
    const text = Buffer.from(term.binary);
    return Buffer.concat([u8(109), u32(text.length), text]);
  }
  return Buffer.from(term.hex.replaceAll(/\s/g, ''), 'hex');
}

/** Reads what our node writes: only the forms that it writes. */
class Reader {
  at = 0;
  readonly bytes: Buffer;
  readonly atoms: readonly string[];

  constructor(bytes: Buffer, atoms: readonly string[]) {
    this.bytes = bytes;
    this.atoms = atoms;
  }

  u(size: 1 | 2 | 4): number {
    const value = this.bytes.readUIntBE(this.at, size);
    this.at += size;
    return value;
  }

  take(count: number): Buffer {
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  terms(count: number): Etf[] {
    return Array.from({ length: count }, () => this.term());
  }

  atom(): string {
    const term = this.term();
    if (typeof term !== 'string') throw new Error(`expected an atom, got ${JSON.stringify(term)}`);
    return term;
  }

  term(): Etf {
    const tag = this.u(1);
    switch (tag) {
      case 97:
        return this.u(1);
      case 98:
        return this.u(4) | 0;
      case 110: {
        const size = this.u(1);
        const negative = this.u(1) === 1;
        const magnitude = BigInt(`0x${Buffer.from(this.take(size)).reverse().toString('hex')}`);
        return negative ? -magnitude : magnitude;
      }
      case 119:
        return this.take(this.u(1)).toString();
      case 82:
        return this.atoms[this.u(1)]!;
      case 104:
        return { t: this.terms(this.u(1)) };
      case 106:
        return [];
      case 107:
        return [...this.take(this.u(2))];
      case 108: {
        const elements = this.terms(this.u(4));
        const tail = this.term();
        return Array.isArray(tail) ? [...elements, ...tail] : { improper: [elements, tail] };
      }
      case 109:
        return { binary: this.take(this.u(4)).toString() };
      case 116:
        return {
          map: Array.from({ length: this.u(4) }, () => [this.term(), this.term()] as const),
        };
      case 88:
        return { pid: [this.atom(), this.u(4), this.u(4), this.u(4)] };
      case 90: {
        const words = this.u(2);
        const node = this.atom();
        const creation = this.u(4);
        return { ref: [node, creation, ...Array.from({ length: words }, () => this.u(4))] };
      }
      case 113:
        return { fun: [this.atom(), this.atom(), this.term() as number] };
      case 112:
        return this.#closure();
      default:
        throw new Error(`our node wrote the tag ${tag}`);
    }
  }

  /** With its atoms in full, whichever way they came. */
  #closure(): Etf {
    const size = this.u(4);
    const end = this.at - 4 + size;
    const numbers = this.take(25);
    const free = numbers.readUInt32BE(21);
    const parts = [numbers, ...this.terms(4 + free).map(etf)];
    if (this.at !== end) throw new Error(`a closure of ${this.at - end + size} bytes said ${size}`);
    const body = Buffer.concat(parts);
    return { hex: Buffer.concat([u8(112), u32(body.length + 4), body]).toString('hex') };
  }
}

/** A message of our node: the control tuple's elements, and the payload. */
export interface Received {
  readonly control: readonly Etf[];
  readonly payload: Etf | undefined;
}

const WITH_PAYLOAD = new Set([2, 6, 22, 24, 26, 28, 29, 33]);

export interface ScriptedPeerOptions {
  readonly name: string;
  readonly cookie: string;
  readonly flags: bigint;
  readonly creation?: number;
}

/** The played node's end of one connection. */
export class ScriptedPeer {
  readonly name: string;
  readonly creation: number;
  /** what our node said of itself in the handshake */
  readonly node: { readonly name: string; readonly flags: bigint; readonly creation: number };
  /** messages of our node that no `expect` has taken yet, in order */
  readonly inbox: Received[] = [];
  readonly #socket: Socket;
  readonly #header: boolean;
  readonly #slots: string[] = [];
  #bytes: Buffer;
  #closed = false;

  private constructor(
    options: ScriptedPeerOptions,
    node: ScriptedPeer['node'],
    socket: Socket,
    rest: Buffer,
  ) {
    this.name = options.name;
    this.creation = options.creation ?? 77;
    this.node = node;
    this.#socket = socket;
    this.#header = (node.flags & options.flags & 0x802000n) !== 0n;
    this.#bytes = rest;
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('close', () => {
      this.#closed = true;
    });
    this.#receive(Buffer.alloc(0));
  }

  /** Dials our node and proves the cookie. */
  static async dial(port: number, options: ScriptedPeerOptions): Promise<ScriptedPeer> {
    const { name, cookie, flags, creation = 77 } = options;
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    socket.on('error', () => {});
    await once(socket, 'connect');
    let bytes = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
    });
    const say = (...parts: Buffer[]): void => {
      const body = Buffer.concat(parts);
      socket.write(Buffer.concat([u16(body.length), body]));
    };
    const hear = async (): Promise<Buffer> => {
      await until(() => bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0), {
        what: 'a message of the handshake',
      });
      const end = 2 + bytes.readUInt16BE(0);
      const body = bytes.subarray(2, end);
      bytes = bytes.subarray(end);
      return body;
    };
    const digest = (challenge: number): Buffer =>
      createHash('md5').update(`${cookie}${challenge}`, 'latin1').digest();
    const wide = Buffer.alloc(8);
    wide.writeBigUInt64BE(flags);
    say(Buffer.from('N'), wide, u32(creation), u16(name.length), Buffer.from(name));
    const status = (await hear()).toString();
    if (status !== 'sok') throw new Error(`our node answered ${status}`);
    const challenge = await hear();
    const node = {
      flags: challenge.readBigUInt64BE(1),
      creation: challenge.readUInt32BE(13),
      name: challenge.toString('latin1', 19, 19 + challenge.readUInt16BE(17)),
    };
    say(Buffer.from('r'), u32(4294967295), digest(challenge.readUInt32BE(9)));
    const ack = await hear();
    if (!ack.subarray(1).equals(digest(4294967295))) throw new Error('our node has another cookie');
    return new ScriptedPeer(options, node, socket, bytes);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** A pid of the played node. */
  pid(id: number, serial = 0): Etf {
    return { pid: [this.name, id, serial, this.creation] };
  }

  /** A reference of the played node. */
  ref(...words: number[]): Etf {
    return { ref: [this.name, this.creation, ...words] };
  }

  /** Sends a message; `trailing` bytes go behind it, in the same frame. */
  send(control: readonly Etf[], payload?: Etf, trailing = ''): void {
    const terms = [etf(t(...control)), ...(payload === undefined ? [] : [etf(payload)])];
    const parts = this.#header
      ? [Buffer.from([131, 68, 0]), ...terms]
      : [u8(112), ...terms.flatMap((term) => [u8(131), term])];
    const body = Buffer.concat([...parts, Buffer.from(trailing, 'hex')]);
    this.#socket.write(Buffer.concat([u32(body.length), body]));
  }

  /** `{'$gen_cast', Request}` to a registered name, from one of our pids. */
  cast(from: Etf, name: string, request: Etf): void {
    this.send([6, from, '', name], t('$gen_cast', request));
  }

  /** The oldest message that `match` takes; earlier ones stay. */
  async expect(what: string, match: (message: Received) => boolean): Promise<Received> {
    let index = -1;
    await until(
      () => {
        index = this.inbox.findIndex(match);
        return index >= 0 || this.#closed;
      },
      { what },
    );
    const [message] = index < 0 ? [] : this.inbox.splice(index, 1);
    if (message === undefined) throw new Error(`closed before ${what}`);
    return message;
  }

  /** The next control message with this operation. */
  operation(number: number): Promise<Received> {
    return this.expect(`operation ${number}`, ({ control }) => control[0] === number);
  }

  /** The next message whose payload is exactly this term. */
  payload(term: Etf): Promise<Received> {
    return this.expect(JSON.stringify(term, jsonable), ({ payload }) =>
      isDeepStrictEqual(payload, term),
    );
  }

  /** The elements of the next cast `{Tag, …}` to the other side's server. */
  async castTo(name: string, tag: string): Promise<readonly Etf[]> {
    const { payload } = await this.expect(`the cast ${tag}`, (message) => {
      const [gen, request] = elementsOf(message.payload);
      return message.control[3] === name && gen === '$gen_cast' && elementsOf(request)[0] === tag;
    });
    return elementsOf(elementsOf(payload)[1]);
  }

  /** The next call `{Tag, …}` to a server of the played node. */
  async call(tag: string): Promise<{ from: Etf; tag: Etf; request: readonly Etf[] }> {
    const { payload } = await this.expect(`the call ${tag}`, (message) => {
      const [gen, , request] = elementsOf(message.payload);
      return gen === '$gen_call' && elementsOf(request)[0] === tag;
    });
    const [, caller, request] = elementsOf(payload);
    const [from, callTag] = elementsOf(caller);
    return { from: from!, tag: callTag!, request: elementsOf(request) };
  }

  async closed(): Promise<void> {
    await until(() => this.#closed, { what: 'our node to close the connection' });
  }

  end(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= 4 && this.#bytes.length >= 4 + this.#bytes.readUInt32BE(0)) {
      const end = 4 + this.#bytes.readUInt32BE(0);
      const body = this.#bytes.subarray(4, end);
      this.#bytes = this.#bytes.subarray(end);
      if (body.length > 0) this.inbox.push(this.#message(body));
    }
  }

  #message(body: Buffer): Received {
    const reader = this.#header ? this.#readHeader(body) : new Reader(body, []);
    // Pass-through: 112 and 131 before the control message, 131 before the payload.
    if (!this.#header) reader.take(2);
    const control = elementsOf(reader.term());
    if (!WITH_PAYLOAD.has(control[0] as number)) return { control, payload: undefined };
    if (!this.#header) reader.take(1);
    const payload = reader.term();
    if (reader.at !== body.length) throw new Error('bytes behind the payload');
    return { control, payload };
  }

  #readHeader(body: Buffer): Reader {
    if (body[0] !== 131 || body[1] !== 68) throw new Error(`a header of ${body[0]} ${body[1]}`);
    const count = body[2]!;
    const head = new Reader(body, []);
    head.take(3);
    const flags = count === 0 ? Buffer.alloc(0) : head.take(Math.floor(count / 2) + 1);
    const half = (i: number): number => (flags[i >> 1]! >> (i % 2 === 0 ? 0 : 4)) & 15;
    const atoms: string[] = [];
    for (let i = 0; i < count; i += 1) {
      const slot = (half(i) & 7) * 256 + head.u(1);
      if (half(i) & 8) this.#slots[slot] = head.take(head.u(half(count) & 1 ? 2 : 1)).toString();
      atoms.push(this.#slots[slot]!);
    }
    const reader = new Reader(body, atoms);
    reader.at = head.at;
    return reader;
  }
}

/** The elements of a tuple; none for another term. */
export function elementsOf(term: Etf | undefined): readonly Etf[] {
  return typeof term === 'object' && 't' in term ? term.t : [];
}

function jsonable(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}` : value;
}
