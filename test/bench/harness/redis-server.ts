import { connect } from 'node:net';
import { freePort } from '../../support/free-ports.ts';
import { until } from '../../support/until.ts';
import { Child } from './child.ts';

/** A Redis server of Debian on a free port of the loopback interface, that keeps nothing on disk. */
export class RedisServer {
  readonly port: number;
  readonly #child: Child;

  private constructor(port: number, child: Child) {
    this.port = port;
    this.#child = child;
  }

  static async start(): Promise<RedisServer> {
    const port = await freePort();
    const args = [
      ...['--port', String(port), '--bind', '127.0.0.1'],
      ...['--save', '', '--appendonly', 'no', '--daemonize', 'no'],
    ];
    const child = new Child('redis-server', 'server', 'redis-server', args, { stdio: 'ignore' });
    await until(() => answers(port), { what: `Redis listening on port ${port}` });
    return new RedisServer(port, child);
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
