import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { parsePeers } from '../../lib/peers.ts';
import {
  peersText,
  replace,
  rewrite,
  shuffled,
  writePeersFile,
} from '../support/rehearsal/peers-file.ts';
import { seededRandom } from '../support/seeded-random.ts';

const PEERS = new Map([
  ['hello_distributed.0', '10.0.0.10'],
  ['hello_distributed.1', '10.0.0.11'],
  ['hello_distributed.2', '10.0.0.12'],
]);

function temporaryFolder(t: { teardown(fn: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'hello-distributed-peers-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

t.test('the text is what the application reads, in any order', async (t) => {
  const random = seededRandom(1);
  const texts = Array.from({ length: 20 }, () => peersText(PEERS, random));
  for (const text of texts) t.strictSame(parsePeers(text), Object.fromEntries(PEERS));
  t.ok(new Set(texts).size > 1);
  t.equal(peersText(PEERS, seededRandom(5)), peersText(PEERS, seededRandom(5)), 'by the seed');
});

t.test('nobody listed is an empty object', async (t) => {
  t.strictSame(parsePeers(peersText(new Map(), seededRandom(1))), {});
});

t.test('a file that is replaced is another file, one that is rewritten the same', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'peers.json');
  replace(path, 'the first text');
  const first = statSync(path).ino;
  rewrite(path, 'short');
  t.equal(statSync(path).ino, first);
  t.equal(readFileSync(path, 'utf8'), 'short');
  replace(path, 'the third text');
  t.not(statSync(path).ino, first);
  t.equal(readFileSync(path, 'utf8'), 'the third text');
  t.strictSame(readdirSync(folder), ['peers.json'], 'nothing else is left');
});

t.test('both ways are taken', async (t) => {
  const path = join(temporaryFolder(t), 'peers.json');
  const random = seededRandom(3);
  replace(path, 'x');
  let replaced = 0;
  for (let round = 0; round < 20; round += 1) {
    const before = statSync(path).ino;
    writePeersFile(path, peersText(PEERS, random), random);
    if (statSync(path).ino !== before) replaced += 1;
  }
  t.ok(replaced > 0 && replaced < 20, `${replaced} of 20`);
});

t.test('a shuffled list has the same items, and the old list stays', async (t) => {
  const items = [1, 2, 3, 4, 5, 6];
  const other = shuffled(items, seededRandom(2));
  t.strictSame([...other].sort(), items);
  t.not(other.join(), items.join());
  t.strictSame(items, [1, 2, 3, 4, 5, 6]);
  t.strictSame(shuffled([], seededRandom(2)), []);
});
