/**
 * A TCP relay that can leave one side in the dark about the end of the other, as a power cut or an
 * unplugged cable does: `sever()` stops passing anything on, also that a side has closed.
 */

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Relay {
  readonly port: number;
  /** connections passed on so far */
  readonly count: number;
  /** From now on nothing crosses the connections that are there; new ones work. */
  sever(): void;
  /** Ends the connections that are there, on both sides. */
  cut(): void;
  close(): Promise<void>;
}

/** @param targetPort where connections go; asked for each of them */
export async function startRelay(targetPort: () => number): Promise<Relay> {
  const pairs = new Set<{ severed: boolean }>();
  const sockets = new Set<Socket>();
  let count = 0;
  const pass = (from: Socket, to: Socket, pair: { severed: boolean }): void => {
    sockets.add(from);
    from.on('data', (chunk) => {
      if (!pair.severed) to.write(chunk);
    });
    from.on('error', () => from.destroy());
    from.on('close', () => {
      sockets.delete(from);
      if (!pair.severed) to.destroy();
    });
  };
  const server = createServer((socket) => {
    count += 1;
    const pair = { severed: false };
    pairs.add(pair);
    const target = connect(targetPort(), '127.0.0.1');
    for (const each of [socket, target]) each.setNoDelay(true);
    pass(socket, target, pair);
    pass(target, socket, pair);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    get count() {
      return count;
    },
    sever() {
      for (const pair of pairs) pair.severed = true;
      pairs.clear();
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
