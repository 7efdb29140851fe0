/** HTTP as a client sees it: bytes on a socket, and a server on a free port. */
import { connect, type Socket } from 'node:net';
import { errorResponses } from '../../handlers/responses.ts';
import type { RequestHandler } from '../../lib/http/messages.ts';
import { HttpServer, type HttpServerOptions } from '../../lib/http/server.ts';
import { type Measurements, type Metadata, Telemetry } from '../../lib/telemetry/telemetry.ts';

export interface RecordedEvent {
  readonly event: string;
  readonly measurements: Measurements;
  readonly metadata: Metadata;
}

/** A server for the time of one test, and everything it told its telemetry. */
export interface ServerUnderTest {
  readonly server: HttpServer;
  readonly events: RecordedEvent[];
  /** the metadata of every event with this name */
  metadata(event: string): Metadata[];
  /** resolves when that many events with this name were told */
  told(event: string, count?: number): Promise<void>;
}

interface Test {
  teardown(fn: () => unknown): void;
}

export async function startServer(
  t: Test,
  handle: RequestHandler,
  options: Partial<HttpServerOptions> = {},
): Promise<ServerUnderTest> {
  const telemetry = new Telemetry();
  const events: RecordedEvent[] = [];
  const waiters = new Set<() => void>();
  telemetry.attach('recorder', '*', (event, measurements, metadata) => {
    events.push({ event, measurements, metadata });
    for (const check of waiters) check();
  });
  const server = await HttpServer.start({
    host: '127.0.0.1',
    tcpPort: 0,
    handle,
    errors: errorResponses,
    telemetry,
    ...options,
  });
  t.teardown(async () => {
    server.kill();
    await server.exited;
  });
  const metadata = (name: string) =>
    events.filter(({ event }) => event === name).map((event) => event.metadata);
  const told = (name: string, count = 1) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (metadata(name).length < count) return;
        waiters.delete(check);
        resolve();
      };
      waiters.add(check);
      check();
    });
  return { server, events, metadata, told };
}

/** A connection that sends and receives text; what it has received is kept. */
export class RawClient {
  readonly socket: Socket;
  received = '';
  readonly closed: Promise<void>;
  readonly #waiters = new Set<() => void>();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.received += text;
      for (const check of this.#waiters) check();
    });
    // A reset is one of the ways in which a connection ends.
    socket.on('error', () => socket.destroy());
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  static async connect(t: Test, server: Pick<HttpServer, 'address'>): Promise<RawClient> {
    const { host, tcpPort } = server.address;
    const socket = connect({ host, port: tcpPort });
    const client = new RawClient(socket);
    t.teardown(() => socket.destroy());
    await new Promise((resolve) => socket.once('connect', resolve));
    return client;
  }

  send(...lines: string[]): this {
    this.socket.write(lines.join('\r\n'), 'latin1');
    return this;
  }

  /** Resolves when what was received matches; rejects if the connection ends before. */
  async until(pattern: RegExp): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      const check = () => {
        if (pattern.test(this.received)) resolve();
      };
      this.#waiters.add(check);
      void this.closed.then(() =>
        reject(new Error(`closed before ${pattern}; received: ${this.received}`)),
      );
      check();
    });
    return this.received;
  }

  /** Everything until the server closed the connection. */
  async all(): Promise<string> {
    await this.closed;
    return this.received;
  }
}

/** The statuses of all responses in a received text. */
export function statuses(received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}
