import { connect, type Socket } from 'node:net';
import { aliveName, hostOf } from '../../node-name.ts';
import { lookUp } from '../epmd/client.ts';
import { ConnectionError } from '../errors.ts';

/**
 * Opens a byte stream to the node with this name.
 *
 * @param timeoutMs for each step: the look-up, then the connection
 * @returns a connected socket, whose errors are ignored until its owner listens to 'error'
 * @throws {DistributionError} a {@link ConnectionError} or an `EpmdError`; when `signal` aborts
 *   nothing stays open
 */
export type Dial = (node: string, timeoutMs: number, signal: AbortSignal) => Promise<Socket>;

/** How the TCP port of another node is found. */
export type PortSource =
  /** the port mapper of the node's host is asked */
  | { readonly epmdPort: number }
  /** every node of the cluster listens on the same one, as with OTP's `-erl_epmd_port` */
  | { readonly commonPort: number };

/** Dials over TCP. */
export function tcpDial(source: PortSource): Dial {
  return async (node, timeoutMs, signal) => {
    const host = hostOf(node);
    const tcpPort =
      'commonPort' in source
        ? source.commonPort
        : await askMapper(node, source.epmdPort, timeoutMs, signal);
    return openSocket(node, host, tcpPort, timeoutMs, signal);
  };
}

async function askMapper(
  node: string,
  epmdPort: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<number> {
  const host = hostOf(node);
  const entry = await lookUp({ host, epmdPort, name: aliveName(node), timeoutMs, signal });
  if (entry !== undefined) return entry.tcpPort;
  const message = `no node ${aliveName(node)} is registered with epmd at ${host}:${epmdPort}`;
  throw new ConnectionError('unknown_node', message, { node });
}

function openSocket(
  node: string,
  host: string,
  tcpPort: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: tcpPort, noDelay: true });
    const fail = (cause: unknown, why: string): void => {
      settle();
      socket.destroy();
      const message = `cannot reach ${node} at ${host}:${tcpPort}: ${why}`;
      reject(new ConnectionError('unreachable', message, { node, cause }));
    };
    // Stays: an error of a socket given up, or not taken over yet, must not end the process.
    socket.on('error', () => {});
    const onError = (error: Error): void => fail(error, error.message);
    const onAbort = (): void => fail(signal.reason, 'the attempt was given up');
    const timer = setTimeout(() => fail(undefined, `no answer for ${timeoutMs} ms`), timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      socket.off('error', onError);
      signal.removeEventListener('abort', onAbort);
    };
    socket.once('error', onError);
    socket.once('connect', () => {
      settle();
      resolve(socket);
    });
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
