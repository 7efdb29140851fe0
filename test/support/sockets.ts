/** Loopback sockets for tests that drive one end of a connection by hand. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { FrameParser, frame } from '../../lib/distribution/wire/frame.ts';
import { HandshakeAcceptor } from '../../lib/distribution/wire/handshake/acceptor.ts';
import type { HandshakePeer } from '../../lib/distribution/wire/handshake/handshake.ts';
import { HandshakeInitiator } from '../../lib/distribution/wire/handshake/initiator.ts';
import { until } from './until.ts';

/** A server on a free loopback port, which a test has to close. */
export interface TestServer {
  readonly port: number;
  readonly server: Server;
  close(): Promise<void>;
}

/** Listens as the node's own listener does: sockets come paused and without Nagle's delay. */
export async function serve(onSocket: (socket: Socket) => void): Promise<TestServer> {
  const server = createServer({ noDelay: true, pauseOnConnect: true }, onSocket);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    server,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** A connected socket. */
export async function dialTo(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  return socket;
}

/** Both ends of one TCP connection; the near one is paused, as an accepted socket is. */
export async function socketPair(): Promise<{ near: Socket; far: Socket }> {
  let accept: (socket: Socket) => void = () => {};
  const accepted = new Promise<Socket>((resolve) => {
    accept = resolve;
  });
  const { port, server } = await serve((socket) => accept(socket));
  const far = await dialTo(port);
  const near = await accepted;
  server.close();
  return { near, far };
}

export interface RawSelf {
  readonly name: string;
  readonly flags: bigint;
  readonly creation: number;
  readonly cookie: string;
}

/**
 * The peer's end of a connection, driven step by step: messages of the handshake are read and
 * written one at a time, and what follows the handshake can be put into the same segment.
 */
export class RawPeer {
  readonly socket: Socket;
  readonly parser = new FrameParser({ prefixBytes: 2, maxFrameBytes: 65_535 });
  #closed = false;
  #ended = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => this.parser.push(chunk));
    socket.on('error', () => {});
    socket.on('end', () => {
      this.#ended = true;
    });
    socket.on('close', () => {
      this.#closed = true;
    });
    socket.resume();
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Whether the other side has closed its direction. */
  get isEnded(): boolean {
    return this.#ended;
  }

  async closed(): Promise<void> {
    await until(() => this.#closed, { what: 'the socket to close' });
  }

  /**
   * The next frame.
   *
   * @throws {Error} `closed` when the socket closes before there is one
   */
  async read(): Promise<Uint8Array> {
    let body: Uint8Array | undefined;
    await until(
      () => {
        body = this.parser.next();
        return body !== undefined || this.#closed;
      },
      { what: 'a frame' },
    );
    if (body === undefined) throw new Error('closed');
    return body;
  }

  /** The next message as text, for statuses. */
  async readText(): Promise<string> {
    return Buffer.from(await this.read()).toString('latin1');
  }

  /** Sends a message of the handshake, with `glued` bytes in the same segment. */
  write(body: Uint8Array, glued: Uint8Array = new Uint8Array(0)): void {
    this.socket.write(Buffer.concat([frame(body, 2), glued]));
  }

  /**
   * Runs the initiator's side until it is established, or fails.
   *
   * @param alive the answer to a status of `alive`
   * @param glued bytes to send in one segment with the challenge reply
   * @throws the handshake's error
   */
  async initiate(
    self: RawSelf,
    peerName: string,
    {
      alive = true,
      glued,
      beforeReply,
    }: { alive?: boolean; glued?: Uint8Array; beforeReply?: () => void } = {},
  ): Promise<HandshakePeer> {
    const handshake = new HandshakeInitiator({
      self,
      peerName,
      cookie: self.cookie,
      challenge: 11,
    });
    let effects = handshake.start();
    for (;;) {
      for (const effect of effects) {
        if (effect.type === 'send') {
          const replies = handshake.phase === 'awaiting_challenge_ack';
          if (replies) beforeReply?.();
          this.write(effect.body, replies ? glued : undefined);
        } else if (effect.type === 'ask_alive') {
          effects = handshake.answerAlive(alive);
          for (const answer of effects) if (answer.type === 'send') this.write(answer.body);
          if (!alive) throw new Error('answered false');
        } else if (effect.type === 'established') {
          this.parser.usePrefix(4, 2 ** 27);
          return effect.peer;
        } else {
          throw effect.error;
        }
      }
      effects = handshake.receive(await this.read());
    }
  }

  /**
   * Runs the acceptor's side until it is established, or fails.
   *
   * @param glued bytes to send in one segment with the ack
   */
  async accept(
    self: RawSelf,
    { status = 'ok', glued }: { status?: 'ok' | 'ok_simultaneous'; glued?: Uint8Array } = {},
  ): Promise<HandshakePeer> {
    const handshake = new HandshakeAcceptor({ self, challenge: 12 });
    for (;;) {
      let effects = handshake.receive(await this.read());
      for (let at = 0; at < effects.length; at += 1) {
        const effect = effects[at]!;
        if (effect.type === 'send') {
          this.write(effect.body);
        } else if (effect.type === 'ask_table') {
          effects = handshake.decide({ status, cookie: self.cookie });
          at = -1;
        } else if (effect.type === 'verified') {
          const [ack] = handshake.complete();
          if (ack?.type === 'send') this.write(ack.body, glued);
          this.parser.usePrefix(4, 2 ** 27);
          return effect.peer;
        } else if (effect.type === 'failed') {
          throw effect.error;
        }
      }
    }
  }
}
