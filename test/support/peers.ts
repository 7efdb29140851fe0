/**
 * Live Erlang and Elixir nodes, and a private `epmd`, for interop tests.
 *
 * A peer is driven through a loopback socket of its own (see `peer-control.erl`), so whatever it
 * prints stays in its log. It halts by itself when that socket closes: nothing outlives the test,
 * even when the test is killed.
 *
 *     const epmd = await startEpmd(await freePort());
 *     t.teardown(() => epmd.stop());
 *     const peer = await startErl({ name: 'a@127.0.0.1', cookie: 'c', epmdPort: epmd.port });
 *     t.teardown(() => peer.stop());
 *     t.equal(await peer.eval('nodes().'), '[]');
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { isInstalled } from './installed.ts';
import { until } from './until.ts';

export { until };

/** Whether a tool is there, and the value for tap's `skip` option. */
export interface PeerTool {
  readonly available: boolean;
  /** a reason to skip, or false: in CI (`CI=true`) an absent tool makes the test fail instead */
  readonly skip: string | false;
}

/** `erl` and `epmd`. Use as `t.test('…', { skip: erlangPeer.skip }, …)`. */
export const erlangPeer: PeerTool = tool('erl', 'epmd');
/** `elixir`, with the `erl` and `epmd` it needs. */
export const elixirPeer: PeerTool = tool('elixir', 'erl', 'epmd');

function tool(...programs: string[]): PeerTool {
  const missing = programs.filter((program) => !isInstalled(program));
  const available = missing.length === 0;
  const skip = available || process.env.CI === 'true' ? false : `${missing.join(', ')} not found`;
  return { available, skip };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

export interface PrivateEpmd {
  readonly port: number;
  /** Ends it at once, as a crash would. Idempotent. */
  stop(): Promise<void>;
}

/** Starts the real `epmd` in the foreground on a port of the loopback interface. */
export async function startEpmd(port: number): Promise<PrivateEpmd> {
  // The shell ends epmd when its standard input closes, so that epmd never outlives the test.
  const script = 'epmd -address 127.0.0.1 -port "$0" & pid=$!; cat >/dev/null; kill -9 $pid; wait';
  const child = spawn('sh', ['-c', script, String(port)], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const exited = once(child, 'exit');
  const epmd: PrivateEpmd = {
    port,
    async stop() {
      child.stdin.end();
      await exited;
    },
  };
  try {
    await until(() => answers(port), { what: `epmd listening on port ${port}` });
  } catch (error) {
    await epmd.stop();
    throw error;
  }
  return epmd;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

export interface PeerOptions {
  /** the full name, `x@127.0.0.1`: `-name` is used */
  readonly name: string;
  readonly cookie: string;
  /** where an epmd, ours or OTP's, listens already: the peer never starts one */
  readonly epmdPort: number;
  /** emulator arguments without blanks inside, such as `['-hidden']`, `['-kernel', 'net_ticktime', '4']` */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly startTimeoutMs?: number;
}

export interface EvalOptions {
  readonly timeoutMs?: number;
  /**
   * Name of the process that evaluates. Each name has one lasting process with its own variables
   * and mailbox and evaluates in order; different names evaluate concurrently.
   */
  readonly as?: string;
  /** Erlang only: `io_lib:format/2` control for the value */
  readonly format?: string;
}

interface Pending {
  readonly resolve: (text: string) => void;
  readonly reject: (error: Error) => void;
}

/** One BEAM node in a process of its own. */
export class Peer {
  readonly name: string;
  /** Settles when the process has ended. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #child: ChildProcess;
  #socket: Socket | undefined;
  #received: Buffer = Buffer.alloc(0);
  #log = '';
  #ended = false;
  #nextId = 1;
  readonly #pending = new Map<number, Pending>();

  /** Use {@link startErl} or {@link startElixir}. */
  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    const collect = (chunk: string) => {
      this.#log += chunk;
    };
    child.stdout?.setEncoding('utf8').on('data', collect);
    child.stderr?.setEncoding('utf8').on('data', collect);
    this.exited = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#log += `${error}\n`;
        this.#end();
        resolve({ code: null, signal: null });
      });
      child.once('close', (code, signal) => {
        this.#end();
        resolve({ code, signal });
      });
    });
  }

  /** Operating-system process id. */
  get osPid(): number | undefined {
    return this.#child.pid;
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Everything the node printed or logged, error reports included. */
  get log(): string {
    return this.#log;
  }

  /** Takes over the control socket once the node has connected to it. */
  attach(socket: Socket): void {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#rejectPending());
  }

  /**
   * Evaluates a sequence of expressions: Erlang text (the final dot may be left out) or Elixir.
   *
   * @returns the value of the last one, printed with `~tw`, or by Elixir's `inspect`
   * @throws {Error} with class and reason when the evaluation raises, the time is up or the node ends
   */
  async eval(source: string, options: EvalOptions = {}): Promise<string> {
    const { timeoutMs = 15_000, as = 'main', format = '~tw' } = options;
    const socket = this.#socket;
    if (this.#ended || socket === undefined || socket.destroyed) {
      throw new Error(`${this.name} has ended; cannot evaluate ${source}\n${this.#log}`);
    }
    const id = this.#nextId++;
    const text = this.#dotted(source);
    const { promise, resolve, reject } = deferred();
    const timer = setTimeout(
      () => reject(new Error(`${this.name}: no value within ${timeoutMs} ms of ${source}`)),
      timeoutMs,
    );
    this.#pending.set(id, { resolve, reject });
    socket.write(packet(u32(id), counted(as), counted(format), Buffer.from(text)));
    try {
      return await promise;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${this.name}: ${source}\n  ${reason}`);
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
    }
  }

  /** Evaluates again and again until the printed value is `expected` (or matches it). */
  async evalUntil(
    source: string,
    expected: string | RegExp,
    options: EvalOptions & { withinMs?: number } = {},
  ): Promise<void> {
    let last = '';
    await until(
      async () => {
        last = await this.eval(source, options);
        return typeof expected === 'string' ? last === expected : expected.test(last);
      },
      {
        timeoutMs: options.withinMs ?? 10_000,
        what: () => `${this.name}: ${source} gives ${expected}; it gave ${last}`,
      },
    );
  }

  /** Waits until the log matches. */
  async logged(pattern: RegExp, timeoutMs = 10_000): Promise<void> {
    await until(() => pattern.test(this.#log), {
      timeoutMs,
      what: () => `${this.name} logs ${pattern}; it logged:\n${this.#log}`,
    });
  }

  /** Sends a signal to the operating-system process, such as SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    if (!this.#ended) this.#child.kill(signal);
  }

  /** SIGKILL, and waits for the end. Idempotent. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }

  /** An orderly `init:stop()`, bounded: SIGKILL after `timeoutMs`. Idempotent. */
  async stop(timeoutMs = 5_000): Promise<void> {
    if (this.#socket === undefined || this.#socket.destroyed) return this.kill();
    this.#socket.write(packet(u32(0)));
    const timer = setTimeout(() => this.signal('SIGKILL'), timeoutMs);
    await this.exited;
    clearTimeout(timer);
  }

  #dotted(source: string): string {
    // For Elixir a trailing dot would be wrong, for Erlang its absence is.
    if (this.#child.spawnfile !== 'erl') return source;
    const trimmed = source.trimEnd();
    return trimmed.endsWith('.') ? trimmed : `${trimmed}.`;
  }

  #onData(chunk: Uint8Array): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readUInt32BE(0);
      if (this.#received.length < end) return;
      const id = this.#received.readUInt32BE(4);
      const failed = this.#received.readUInt8(8) !== 0;
      const text = this.#received.toString('utf8', 9, end);
      this.#received = this.#received.subarray(end);
      const waiter = this.#pending.get(id);
      if (failed) waiter?.reject(new Error(text));
      else waiter?.resolve(text);
    }
  }

  #rejectPending(): void {
    for (const { reject } of this.#pending.values()) reject(new Error('the node ended'));
  }

  #end(): void {
    this.#ended = true;
    this.#socket?.destroy();
    this.#rejectPending();
  }
}

function deferred(): { promise: Promise<string> } & Pending {
  let resolve: (text: string) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<string>((res, rej) => {
    resolve = res;
    reject = rej;
  });
  return { promise, resolve, reject };
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function counted(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function packet(...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([u32(body.length), body]);
}

/** Emulator arguments of every peer. */
const EMULATOR_ARGS = [
  ...['-start_epmd', 'false'],
  ...['-kernel', 'inet_dist_use_interface', '{127,0,0,1}'],
  // Many emulators share few cores with the tests: do not spin while idle.
  ...['+sbwt', 'none', '+sbwtdcpu', 'none', '+sbwtdio', 'none'],
];

const CONTROL_SCRIPT = fileURLToPath(new URL('peer-control.erl', import.meta.url));

/** Starts an Erlang node. Resolves when it is distributed and evaluates. */
export function startErl(options: PeerOptions): Promise<Peer> {
  const { name, cookie, args = [] } = options;
  return startPeer('erlang', options, 'erl', [
    ...['-boot', 'no_dot_erlang', '-noinput'],
    ...['-name', name, '-setcookie', cookie],
    ...EMULATOR_ARGS,
    ...args,
    ...['-eval', `ok = file:eval(${JSON.stringify(CONTROL_SCRIPT)}).`],
  ]);
}

/** Starts an Elixir node. Resolves when it is distributed and evaluates. */
export function startElixir(options: PeerOptions): Promise<Peer> {
  const { name, cookie, args = [] } = options;
  return startPeer('elixir', options, 'elixir', [
    ...['--name', name, '--cookie', cookie],
    ...['--erl', ['-noinput', ...EMULATOR_ARGS, ...args].join(' ')],
    ...['--no-halt', '-e', `:ok = :file.eval(${JSON.stringify(CONTROL_SCRIPT)})`],
  ]);
}

async function startPeer(
  language: 'erlang' | 'elixir',
  options: PeerOptions,
  program: string,
  args: string[],
): Promise<Peer> {
  const { name, epmdPort, env = {}, startTimeoutMs = 30_000 } = options;
  const token = randomBytes(16).toString('hex');
  const control = createServer();
  const controlPort = await listen(control);
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...withoutEmulatorFlags(process.env),
      LANG: 'C.UTF-8',
      ERL_EPMD_PORT: String(epmdPort),
      // No erl_crash.dump in the working directory.
      ERL_CRASH_DUMP_SECONDS: '0',
      PEER_CONTROL_PORT: String(controlPort),
      PEER_CONTROL_TOKEN: token,
      PEER_CONTROL_LANGUAGE: language,
      ...env,
    },
  });
  const peer = new Peer(name, child);
  const onExit = () => child.kill('SIGKILL');
  process.once('exit', onExit);
  void peer.exited.then(() => process.removeListener('exit', onExit));
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), startTimeoutMs);
  try {
    const socket = await Promise.race([
      acceptControl(control, token, deadline.signal),
      peer.exited.then(() => undefined),
    ]);
    if (socket === undefined) throw new Error(`${name} ended while it started`);
    peer.attach(socket);
    return peer;
  } catch (error) {
    await peer.kill();
    throw new Error(`could not start ${program} ${args.join(' ')}\n${peer.log}`, { cause: error });
  } finally {
    clearTimeout(timer);
    deadline.abort();
    control.close();
  }
}

/** The first connection that presents the token. */
async function acceptControl(server: Server, token: string, signal: AbortSignal): Promise<Socket> {
  for (;;) {
    const [socket] = (await once(server, 'connection', { signal })) as [Socket];
    const [first] = (await once(socket, 'data', { signal })) as [Buffer];
    if (first.toString('latin1', 4) === token) return socket;
    socket.destroy();
  }
}

function withoutEmulatorFlags(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = { ...env };
  for (const key of ['ERL_FLAGS', 'ERL_AFLAGS', 'ERL_ZFLAGS', 'ELIXIR_ERL_OPTIONS', 'ERL_LIBS']) {
    delete kept[key];
  }
  return kept;
}
