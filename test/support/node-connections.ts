/** {@link Connections} over real loopback sockets, without a port mapper and without processes. */
import type { Socket } from 'node:net';
import type { NodeEvent } from '../../lib/distribution/node/cluster-node.ts';
import {
  type ConnectionLimits,
  Connections,
  type Refusal,
} from '../../lib/distribution/node/connections.ts';
import type { Dial } from '../../lib/distribution/node/dial.ts';
import { DEFAULT_LIMITS } from '../../lib/distribution/node/local-node.ts';
import { controlOf, signalForms } from '../../lib/distribution/node/signal-codec.ts';
import type { Signal } from '../../lib/distribution/process/signals.ts';
import { Pid } from '../../lib/distribution/terms/pid.ts';
import { Reference } from '../../lib/distribution/terms/reference.ts';
import type { Term } from '../../lib/distribution/terms/term.ts';
import { PASS_THROUGH_FLAGS } from '../../lib/distribution/wire/flags.ts';
import { MessageEncoder } from '../../lib/distribution/wire/message-encoder.ts';
import { dialTo, RawPeer, type RawSelf, serve } from './sockets.ts';

interface Teardown {
  teardown(fn: () => unknown): void;
}

export interface NodeUnderTest {
  readonly name: string;
  readonly port: number;
  readonly connections: Connections;
  /** everything that happened, in order: `nodeup x`, `unreachable x`, `signal x …`, `refused out x nok` */
  readonly log: string[];
  readonly events: NodeEvent[];
  readonly refusals: Refusal[];
  readonly faults: unknown[];
  readonly signals: Signal[];
  /** the node's ends of the sockets that it has accepted */
  readonly accepted: readonly Socket[];
  /** a socket to this node, to be driven by hand */
  raw(): Promise<RawPeer>;
  /** sockets of this node's server that are open */
  openSockets(): Promise<number>;
}

export interface NodeOptions {
  readonly limits?: Partial<ConnectionLimits>;
  readonly flags?: bigint;
  readonly cookie?: string;
  /** where other nodes listen; a node that is not listed cannot be reached */
  readonly ports?: Map<string, number>;
  readonly dial?: Dial;
  readonly onSignal?: (peer: string, signal: Signal) => void;
  readonly onUnreachable?: (node: string) => void;
}

/** Starts a node's connections. Everything ends with the test. */
export async function startConnections(
  t: Teardown,
  name: string,
  options: NodeOptions = {},
): Promise<NodeUnderTest> {
  const { limits, flags = PASS_THROUGH_FLAGS, cookie = 'oreo', ports = new Map() } = options;
  const log: string[] = [];
  const events: NodeEvent[] = [];
  const refusals: Refusal[] = [];
  const faults: unknown[] = [];
  const signals: Signal[] = [];
  const accepted: Socket[] = [];
  const connections: Connections = new Connections({
    identity: { name, creation: 5, flags, cookieFor: () => cookie },
    limits: { ...DEFAULT_LIMITS, ...limits },
    nobody: new Pid(name, 0, 0, 5),
    dial:
      options.dial ??
      ((node) => {
        const port = ports.get(node);
        return port === undefined ? Promise.reject(new Error('no such node')) : dialTo(port);
      }),
    onSignal(peer, signal) {
      signals.push(signal);
      log.push(`signal ${peer} ${signal.type}`);
      options.onSignal?.(peer, signal);
    },
    onUnreachable(node) {
      log.push(`unreachable ${node}`);
      options.onUnreachable?.(node);
    },
    onRefused(refusal) {
      refusals.push(refusal);
      log.push(`refused ${refusal.direction} ${refusal.node} ${refusal.error.code}`);
    },
    onFault: (error) => faults.push(error),
  });
  connections.onNodeEvent((event) => {
    events.push(event);
    const reason = event.type === 'nodedown' ? ` ${event.reason}` : '';
    log.push(`${event.type} ${event.node}${reason}`);
  });
  const server = await serve((socket) => {
    accepted.push(socket);
    connections.accept(socket);
  });
  ports.set(name, server.port);
  const raws: RawPeer[] = [];
  t.teardown(async () => {
    connections.close();
    for (const { socket } of raws) socket.destroy();
    await server.close();
  });
  return {
    ...{ name, port: server.port, connections, log, events, refusals, faults, signals },
    accepted,
    async raw() {
      const peer = new RawPeer(await dialTo(server.port));
      raws.push(peer);
      return peer;
    },
    openSockets: () =>
      new Promise((resolve, reject) => {
        server.server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
      }),
  };
}

/** A peer that tests play by hand. */
export function rawSelf(name: string, cookie = 'oreo', flags = PASS_THROUGH_FLAGS): RawSelf {
  return { name, cookie, flags, creation: 9 };
}

/** The frames of signals, in the form of a connection with these flags. */
export function framesOf(flags: bigint, ...signals: readonly Signal[]): Buffer {
  const encoder = new MessageEncoder(flags);
  return Buffer.concat(
    signals.flatMap((signal) => {
      const { control, payload } = controlOf(signal, signalForms(flags));
      return encoder.encode(control, payload);
    }),
  );
}

/** A message from a process of one node to a process of another. */
export function message(from: string, to: string, term: Term, sender = 1): Signal {
  return {
    type: 'send',
    from: new Pid(from, sender, 0, 9),
    to: new Pid(to, 2, 0, 5),
    message: term,
  };
}

/** A request of a process of one node to monitor a process of another. */
export function monitorOf(from: string, node: string): Signal {
  return {
    type: 'monitor',
    from: new Pid(from, 1, 0, 5),
    target: new Pid(node, 2, 0, 9),
    ref: new Reference(from, 5, [1, 2, 3]),
  };
}
