/**
 * The least that a call can be: fixed bytes into which the number of the call is put, compared where they
 * arrive, and a promise for each. They have the sizes of ours, and go out as ours do: begun before the end of a
 * burst, answered when a chunk has been looked at. No terms, processes, monitors or time-outs.
 *
 * `listen` makes it the server, which counts; `connect` the client.
 */
import { type AddressInfo, connect as connectTo, createServer, type Socket } from 'node:net';
import { answerCommands } from './commands.ts';
import { callCommands } from './load.ts';

const PREFIX_BYTES = 4;
/** The number of the call and, in the answer, the count end the message. */
const NUMBER_BYTES = 4;
const AHEAD_BYTES = 2048;
/** More than are ever under way. */
const PLACES = 4096;

/** A message whose last bytes are left to be filled. */
function template(bytes: number, fill: number): Buffer {
  const message = Buffer.alloc(bytes, fill);
  message.writeUInt32BE(bytes - PREFIX_BYTES);
  return message;
}

/** One end: writes copies of one message, and reads copies of another. */
class End {
  readonly #socket: Socket;
  readonly #sent: Buffer;
  readonly #expected: Buffer;
  readonly #onMessage: (chunk: Buffer, numbersAt: number) => void;
  #out = Buffer.alloc(64 * 1024);
  #length = 0;
  #aheadBytes = AHEAD_BYTES;
  #isReacting = false;
  #isScheduled = false;
  #rest: Buffer = Buffer.alloc(0);

  constructor(
    socket: Socket,
    sent: Buffer,
    expected: Buffer,
    onMessage: (chunk: Buffer, numbersAt: number) => void,
  ) {
    this.#socket = socket;
    this.#sent = sent;
    this.#expected = expected;
    this.#onMessage = onMessage;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#isReacting = true;
      this.#onData(chunk);
      this.#isReacting = false;
      this.#flush();
    });
  }

  send(first: number, second: number): void {
    const end = this.#length + this.#sent.length;
    if (end > this.#out.length) this.#flush();
    this.#out.set(this.#sent, this.#length);
    this.#length += this.#sent.length;
    this.#out.writeUInt32BE(first, this.#length - 2 * NUMBER_BYTES);
    this.#out.writeUInt32BE(second, this.#length - NUMBER_BYTES);
    if (this.#length >= this.#aheadBytes && this.#socket.writableLength === 0) this.#flush();
    else if (!this.#isReacting && !this.#isScheduled) {
      this.#isScheduled = true;
      process.nextTick(this.#flush);
    }
  }

  readonly #flush = (): void => {
    this.#isScheduled = false;
    if (this.#length === 0) return;
    this.#aheadBytes = this.#length < this.#aheadBytes ? AHEAD_BYTES : this.#aheadBytes * 2;
    this.#socket.write(this.#out.subarray(0, this.#length));
    if (this.#socket.writableLength > 0) this.#out = Buffer.alloc(this.#out.length);
    this.#length = 0;
  };

  #onData(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const size = this.#expected.length;
    const fixed = size - 2 * NUMBER_BYTES;
    let at = 0;
    for (; at + size <= bytes.length; at += size) {
      for (let i = 0; i < fixed; i += 1) {
        if (bytes[at + i] !== this.#expected[i]) throw new Error('expected other bytes');
      }
      this.#onMessage(bytes, at + fixed);
    }
    this.#rest = bytes.subarray(at);
  }
}

interface Sizes {
  /** of a call and its answer together, with their prefixes */
  readonly bytesPerCall: number;
}

/** Calls are a little longer than answers, as ours are. */
function templates({ bytesPerCall }: Sizes): { readonly call: Buffer; readonly answer: Buffer } {
  const callBytes = Math.round(bytesPerCall * 0.54);
  return { call: template(callBytes, 1), answer: template(bytesPerCall - callBytes, 2) };
}

async function listen(sizes: Sizes): Promise<number> {
  const { call, answer } = templates(sizes);
  let count = 0;
  const server = createServer((socket) => {
    const end: End = new End(socket, answer, call, (chunk, at) => {
      count += 1;
      end.send(chunk.readUInt32BE(at), count);
    });
    socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

let client: End | undefined;
const waiting = new Array<((count: number) => void) | undefined>(PLACES).fill(undefined);
let next = 0;

async function connect({ port, ...sizes }: Sizes & { readonly port: number }): Promise<void> {
  const socket = connectTo(port, '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  const { call, answer } = templates(sizes);
  client = new End(socket, call, answer, (chunk, at) => {
    const place = chunk.readUInt32BE(at);
    const resolve = waiting[place];
    waiting[place] = undefined;
    resolve?.(chunk.readUInt32BE(at + NUMBER_BYTES));
  });
}

const call = (): Promise<number> =>
  new Promise((resolve) => {
    next = (next + 1) % PLACES;
    waiting[next] = resolve;
    client?.send(next, 0);
  });

answerCommands({
  listen,
  connect,
  ...callCommands(call),
});
