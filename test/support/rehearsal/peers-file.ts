/**
 * `/run/peers.json` as the platform keeps it: one flat object, instance name to address, in no particular order.
 *
 * Whether it is rewritten in place or replaced is written nowhere, so here it is now the one, now the other. In place,
 * a reader may find it empty, or its first half.
 */
import { closeSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import type { SeededRandom } from '../seeded-random.ts';

/** Instance name to IPv4 address. */
export type PeerAddresses = ReadonlyMap<string, string>;

/** The text of the file, its entries in random order. */
export function peersText(peers: PeerAddresses, random: SeededRandom): string {
  const entries = shuffled([...peers], random);
  const lines = entries.map(([name, address]) => `${JSON.stringify(name)}: "${address}"`);
  return `{ ${lines.join(', ')} }\n`;
}

/** Writes the file the one way or the other. */
export function writePeersFile(path: string, text: string, random: SeededRandom): void {
  if (random.below(2) === 0) replace(path, text);
  else rewrite(path, text);
}

/** Readers find the old text or the new one. */
export function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

/** Readers find the old text, nothing, a part of the new one, or all of it. */
export function rewrite(path: string, text: string): void {
  const half = Math.ceil(text.length / 2);
  const file = openSync(path, 'w');
  try {
    writeSync(file, text.slice(0, half));
    writeSync(file, text.slice(half));
  } finally {
    closeSync(file);
  }
}

/** A copy in random order. */
export function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const rest = [...items];
  return items.map(() => rest.splice(random.below(rest.length), 1)[0]!);
}
