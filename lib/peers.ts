/**
 * The platform's peers file: which instances of this application run, and where.
 *
 * Upsun keeps `/run/peers.json` up to date: one flat object, instance name (also the host name of that
 * instance) to IPv4 address, this instance included. Every node of such a cluster has the same name
 * part and differs in its address: `hello_distributed@10.0.0.11`.
 */
import type { NetworkInterfaceInfo } from 'node:os';
import * as z from 'zod';
import { aliveName } from './node-name.ts';

const peersSchema = z.record(z.string().min(1), z.ipv4());

/** Instance name to IPv4 address. */
export type Peers = Readonly<Record<string, string>>;

/** The peers file does not have the form that the platform documents. */
export class PeersError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'PeersError';
  }
}

/**
 * Reads the text of a peers file.
 *
 * @throws {PeersError} if it is not JSON, or not an object of IPv4 addresses
 */
export function parsePeers(text: string): Peers {
  const expected = 'expected a JSON object of instance names and IPv4 addresses';
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new PeersError(`${expected}, got text that is not JSON`, { cause });
  }
  const result = peersSchema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue && issue.path.length > 0 ? ` at ${JSON.stringify(issue.path.join('.'))}` : '';
  throw new PeersError(`${expected}, got ${issue?.message ?? 'something else'}${where}`, {
    cause: result.error,
  });
}

/** The network interfaces of this machine, as `os.networkInterfaces()` gives them. */
export type NetworkInterfaces = Readonly<
  Record<string, readonly NetworkInterfaceInfo[] | undefined>
>;

/**
 * The address by which the other instances reach this one: that of the peers file's entry for our host
 * name; or else an IPv4 address of this machine, loopback aside, first of all one that the file lists.
 */
export function ownAddress(
  peers: Peers,
  hostname: string,
  interfaces: NetworkInterfaces,
): string | undefined {
  if (Object.hasOwn(peers, hostname)) return peers[hostname];
  const own = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);
  const listed = new Set(Object.values(peers));
  return own.find((address) => listed.has(address)) ?? own[0];
}

/**
 * The nodes of the other instances, in the order of their addresses' first mention.
 *
 * @param ownNode `NAME@ADDRESS`; the others have the same name part
 * @param hostname the key of our own entry, which names no other node whatever its address
 */
export function peerNodes(peers: Peers, ownNode: string, hostname: string): readonly string[] {
  const namePart = aliveName(ownNode);
  const nodes = Object.entries(peers)
    .filter(([instance]) => instance !== hostname)
    .map(([, address]) => `${namePart}@${address}`);
  return [...new Set(nodes)].filter((node) => node !== ownNode);
}
