/**
 * The router of the platform: one address for all, behind which every request goes to one of the instances that are
 * ready, drawn at random.
 *
 * It tells clients nothing that no instance said: if the connection to an instance ends before the response, so does
 * that of the client. It does not ask another instance, since it cannot know what the first one has done. The one
 * response of its own is 503 while no instance is ready.
 */
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { nowMs } from '../faults/history.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { pass } from './proxy.ts';

/** A request whose instance went away before it had answered. */
export interface BrokenRequest {
  readonly instance: string;
  readonly atMs: number;
  readonly reason: string;
}

interface Instance {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly agent: Agent;
  underWay: number;
}

export class Router {
  /** every request without a whole response, since the start */
  readonly broken: BrokenRequest[] = [];
  /** how many requests came while no instance was ready */
  unserved = 0;
  readonly #instances: Instance[] = [];
  readonly #random: SeededRandom;
  readonly #server = createServer((request, response) => void this.#route(request, response));

  private constructor(random: SeededRandom) {
    this.#random = random;
    // Connections stay for as long as clients like, so that none is closed while a request is on its way.
    this.#server.keepAliveTimeout = 0;
  }

  /** Listens on any free port of the loopback interface. */
  static async start(random: SeededRandom): Promise<Router> {
    const router = new Router(random);
    await new Promise<void>((resolve, reject) => {
      router.#server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return router;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Names of the instances that get requests. */
  get instances(): readonly string[] {
    return this.#instances.map(({ name }) => name);
  }

  /** How many requests an instance has been given and has not answered. */
  underWay(name: string): number {
    return this.#instances.find((instance) => instance.name === name)?.underWay ?? 0;
  }

  /** From now on the instance gets requests. */
  add(name: string, host: string, port: number): void {
    const agent = new Agent({ keepAlive: true });
    this.#instances.push({ name, host, port, agent, underWay: 0 });
  }

  /** From now on it gets none. Those under way go on. */
  remove(name: string): void {
    const at = this.#instances.findIndex((instance) => instance.name === name);
    const [instance] = at < 0 ? [] : this.#instances.splice(at, 1);
    if (instance?.underWay === 0) instance.agent.destroy();
  }

  /** Closes everything. */
  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    for (const { name } of [...this.#instances]) this.remove(name);
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#instances.length === 0) {
      this.unserved += 1;
      response.writeHead(503).end('no instance is ready\n');
      return;
    }
    const instance = this.#instances[this.#random.below(this.#instances.length)]!;
    instance.underWay += 1;
    const passed = await pass(request, response, instance, forwarded(request));
    instance.underWay -= 1;
    if (instance.underWay === 0 && !this.#instances.includes(instance)) instance.agent.destroy();
    if (passed.type !== 'unanswered' && passed.type !== 'torn') return;
    response.destroy();
    const reason = `${passed.type}: ${passed.error.message}`;
    this.broken.push({ instance: instance.name, atMs: nowMs(), reason });
  }
}

function forwarded({ socket }: IncomingMessage): Readonly<Record<string, string>> {
  return {
    'x-forwarded-proto': 'https',
    'x-client-ip': socket.remoteAddress ?? '',
    'x-client-ssl': 'on',
    'x-original-route': 'https://{default}/',
  };
}
