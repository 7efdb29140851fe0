/**
 * Clients that use a cluster without a pause, and remember every request.
 *
 * - `plain` clients increment without a key and never retry;
 * - `keyed` clients increment with an `Idempotency-Key`, and ask again, on any node, until they are
 *   answered; now and then once more after that;
 * - `reader` clients read.
 */
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '../seeded-random.ts';
import { type Attempt, nowMs, type Operation, type Outcome } from './history.ts';

/** A node as its clients see it. */
export interface Target {
  readonly name: string;
  /** where it serves, or did when last seen; `undefined` before its first start */
  readonly url: string | undefined;
  /** whether somebody who looks before asking would ask it */
  readonly isUp: boolean;
}

export interface ClientOptions {
  readonly type: 'plain' | 'keyed' | 'reader';
  /** the only node that it asks; default any that is up */
  readonly pinnedTo?: string;
}

export interface LoadOptions {
  readonly targets: readonly Target[];
  readonly clients: readonly ClientOptions[];
  readonly random: SeededRandom;
  /** between two operations of a client: up to this; default 10 */
  readonly pauseMs?: number;
  /** a client's patience with one request, above the service's own call time-out; default 8,000 */
  readonly patienceMs?: number;
  /** default 0 operations before the first: the prefix that makes keys unique among several loads */
  readonly name?: string;
}

export class Load {
  readonly operations: Operation[] = [];
  readonly #options: LoadOptions;
  readonly #clients: Promise<void>[] = [];
  readonly #stopping = new AbortController();
  #hasStopped = false;
  #keys = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  start(): this {
    for (const [index, client] of this.#options.clients.entries()) {
      this.#clients.push(this.#run(`${client.type}${index}`, client));
    }
    return this;
  }

  /**
   * Begins no further operation, and waits for those under way. Keyed ones go on until they are
   * answered, so all nodes they ask should be up by now.
   */
  async stop(drainMs = 20_000): Promise<readonly Operation[]> {
    this.#hasStopped = true;
    const timer = setTimeout(() => this.#stopping.abort(), drainMs);
    await Promise.all(this.#clients);
    clearTimeout(timer);
    return this.operations;
  }

  /** How many operations have been acknowledged so far. */
  get size(): number {
    return this.operations.length;
  }

  async #run(name: string, client: ClientOptions): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      while (!this.#hasStopped) {
        this.operations.push(await this.#operate(name, client, agent));
        const { random, pauseMs = 10 } = this.#options;
        await delay(random.below(pauseMs + 1));
      }
    } finally {
      agent.destroy();
    }
  }

  async #operate(name: string, client: ClientOptions, agent: Agent): Promise<Operation> {
    const type = client.type === 'reader' ? 'read' : 'increment';
    const key = client.type === 'keyed' ? this.#nextKey(name) : undefined;
    const attempts: Attempt[] = [];
    do {
      if (attempts.length > 0) await delay(20 + this.#options.random.below(60));
      attempts.push(await this.#attempt(type, key, client.pinnedTo, agent));
    } while (key !== undefined && !isAnswered(attempts.at(-1)) && !this.#stopping.signal.aborted);
    if (key !== undefined && this.#options.random.below(10) === 0) {
      attempts.push(await this.#attempt(type, key, client.pinnedTo, agent));
    }
    return { client: name, type, key, attempts };
  }

  async #attempt(
    type: Operation['type'],
    key: string | undefined,
    pinnedTo: string | undefined,
    agent: Agent,
  ): Promise<Attempt> {
    const target = this.#choose(pinnedTo);
    let sentMs: number | undefined;
    const fromMs = nowMs();
    const outcome = await send(target.url ?? '', {
      method: type === 'read' ? 'GET' : 'POST',
      path: type === 'read' ? '/counter' : '/counter/increment',
      key,
      agent,
      patienceMs: this.#options.patienceMs ?? 8_000,
      onSent: () => {
        sentMs = nowMs();
      },
    });
    return { node: target.name, fromMs, sentMs, toMs: nowMs(), outcome };
  }

  #choose(pinnedTo: string | undefined): Target {
    const { targets, random } = this.#options;
    const started = targets.filter(({ url }) => url !== undefined);
    if (pinnedTo !== undefined) return started.find(({ name }) => name === pinnedTo)!;
    const up = started.filter(({ isUp }) => isUp);
    const among = up.length === 0 ? started : up;
    return among[random.below(among.length)]!;
  }

  #nextKey(client: string): string {
    this.#keys += 1;
    return `${this.#options.name ?? 'load'}-${client}-${this.#keys}`;
  }
}

function isAnswered(attempt: Attempt | undefined): boolean {
  return attempt?.outcome.type === 'answered' && attempt.outcome.status < 500;
}

export interface RequestOptions {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly key?: string | undefined;
  readonly agent?: Agent;
  readonly patienceMs?: number;
  /** the request has left this process */
  readonly onSent?: () => void;
}

/** One request; never rejects. */
export function send(url: string, options: RequestOptions): Promise<Outcome> {
  const { method, path, key, agent, patienceMs = 8_000, onSent = () => undefined } = options;
  return new Promise((resolve) => {
    let connected = false;
    const sent = request(new URL(path, url), {
      method,
      ...(agent === undefined ? {} : { agent }),
      headers: key === undefined ? {} : { 'idempotency-key': key },
    });
    const timer = setTimeout(() => sent.destroy(new Error('patience')), patienceMs);
    const settle = (outcome: Outcome): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    const fail = (error: Error & { code?: string }): void => {
      const code = error.code ?? error.message;
      settle({ type: connected || sent.reusedSocket ? 'lost' : 'refused', code });
    };
    sent.on('socket', (socket) => {
      if (!socket.connecting) connected = true;
      else socket.once('connect', () => (connected = true));
    });
    sent.on('finish', onSent);
    sent.on('error', fail);
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('error', fail);
      response.on('end', () =>
        settle({ type: 'answered', status: response.statusCode ?? 0, count: countOf(text) }),
      );
    });
    sent.end();
  });
}

function countOf(text: string): number | undefined {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== 'object' || body === null || !('count' in body)) return undefined;
    return typeof body.count === 'number' ? body.count : undefined;
  } catch {
    return undefined;
  }
}
