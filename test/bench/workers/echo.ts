/**
 * The limit: length-prefixed frames over `node:net`, gathered for one write per turn of the event loop,
 * without any meaning. `listen` makes it the server; `connect` the client.
 */
import { type AddressInfo, connect as connectTo, createServer, type Socket } from 'node:net';
import { answerCommands } from './commands.ts';
import { callCommands } from './load.ts';

const PREFIX_BYTES = 4;

/** Cuts frames out of chunks, and gathers frames into chunks. */
class Framed {
  readonly #socket: Socket;
  readonly #onFrame: (chunk: Buffer, from: number, to: number) => void;
  #rest: Buffer = Buffer.alloc(0);
  #gathered: Buffer[] = [];

  constructor(socket: Socket, onFrame: (chunk: Buffer, from: number, to: number) => void) {
    this.#socket = socket;
    this.#onFrame = onFrame;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#onData(chunk));
  }

  send(frame: Buffer): void {
    if (this.#gathered.push(frame) === 1) setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    const frames = this.#gathered;
    this.#gathered = [];
    this.#socket.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
  };

  #onData(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at + PREFIX_BYTES <= bytes.length) {
      const end = at + PREFIX_BYTES + bytes.readUInt32BE(at);
      if (end > bytes.length) break;
      this.#onFrame(bytes, at, end);
      at = end;
    }
    this.#rest = bytes.subarray(at);
  }
}

function framed(payloadBytes: number): Buffer {
  const frame = Buffer.alloc(PREFIX_BYTES + payloadBytes, 'x');
  frame.writeUInt32BE(payloadBytes);
  return frame;
}

async function listen(): Promise<number> {
  const server = createServer((socket) => {
    const echo: Framed = new Framed(socket, (chunk, from, to) =>
      echo.send(chunk.subarray(from, to)),
    );
    socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

let client: Framed | undefined;
let frame = framed(0);
let length = 0;
const waiting: (() => void)[] = [];
let first = 0;

async function connect(options: { readonly port: number; readonly payloadBytes: number }) {
  const socket = connectTo(options.port, '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  frame = framed(options.payloadBytes);
  client = new Framed(socket, (_chunk, from, to) => {
    length = to - from;
    waiting[first++]?.();
    if (first === waiting.length) {
      waiting.length = 0;
      first = 0;
    }
  });
}

const call = (): Promise<void> =>
  new Promise((resolve) => {
    waiting.push(resolve);
    client?.send(frame);
  });

answerCommands({
  listen,
  connect,
  ...callCommands(call),
  echoedBytes: async () => {
    await call();
    return length - PREFIX_BYTES;
  },
});
