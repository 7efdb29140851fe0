import { BlockList, isIP } from 'node:net';

/** Whether a host part of a node name, or an IP address, stays on this machine. */
export function isLoopback(host: string): boolean {
  const address = withoutMapping(host);
  const family = isIP(address);
  if (family === 0) return address.toLowerCase() === 'localhost';
  const loopback = new BlockList();
  loopback.addSubnet('127.0.0.0', 8);
  loopback.addAddress('::1', 'ipv6');
  return loopback.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/** Loopback alone, or all of a machine's addresses, in either address family. */
export type ListenHost = '127.0.0.1' | '0.0.0.0' | '::1' | '::';

/** Where to listen for those who go by a host part: loopback or anywhere, in its address family. */
export function listenHostFor(host: string): ListenHost {
  if (isIP(host) === 6) return isLoopback(host) ? '::1' : '::';
  return isLoopback(host) ? '127.0.0.1' : '0.0.0.0';
}

/** Whether a connection comes from this machine: over loopback, or from the address it came to. */
export function isLocalPeer(peerAddress: string, ownAddress: string): boolean {
  return isLoopback(peerAddress) || withoutMapping(peerAddress) === withoutMapping(ownAddress);
}

/** A dual-stack socket shows IPv4 peers as `::ffff:127.0.0.1`. */
function withoutMapping(address: string): string {
  return address.toLowerCase().startsWith('::ffff:') && address.includes('.')
    ? address.slice('::ffff:'.length)
    : address;
}
