import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { Assets } from '../../../lib/dashboard/assets.ts';

const SOURCE = new URL('../../../lib/dashboard/assets.ts', import.meta.url).href;
const BUILT = new URL('../../../dist/lib/dashboard/assets.js', import.meta.url).href;

const textOf = (asset: { readonly body: Uint8Array } | undefined) =>
  Buffer.from(asset?.body ?? []).toString();

t.test('the page names files that are there, at addresses that carry the digest', async (t) => {
  const assets = Assets.load();
  t.match(assets.version, /^[0-9a-f]{12}$/);
  const html = textOf(assets.page);
  t.notMatch(html, /\{\{/);
  const named = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address = '']) => address);
  t.ok(named.length >= 5);
  for (const address of named) {
    const [, version, file = ''] = /^\/dashboard\/([^/]+)\/([^/]+)$/.exec(address) ?? [];
    t.equal(version, assets.version, address);
    t.ok(assets.find(file), address);
  }
});

t.test('every module imports only files that are there, and every file is used', async (t) => {
  const assets = Assets.load();
  const used = new Set(
    [...textOf(assets.page).matchAll(/\/dashboard\/[^/]+\/([^"]+)"/g)].map(([, file]) => file),
  );
  for (const name of assets.names.filter((file) => file.endsWith('.js') && file !== 'uplot.js')) {
    for (const [, target = ''] of textOf(assets.find(name)).matchAll(/from '\.\/([^']+)'/g)) {
      t.ok(assets.find(target), `${name} imports ${target}`);
      used.add(target);
    }
  }
  t.strictSame(
    assets.names.filter((name) => !used.has(name)),
    [],
  );
});

t.test('nothing in the page is code or style of its own, or comes from elsewhere', async (t) => {
  const assets = Assets.load();
  const html = textOf(assets.page);
  t.notMatch(html, /<style|\sstyle=|\son[a-z]+=/i);
  t.notMatch(html, /<script(?![^>]*\ssrc=)/i);
  for (const name of assets.names.filter((file) => file !== 'uplot.js')) {
    const addresses = textOf(assets.find(name)).match(/https?:\/\/[^'"\s)]+/g) ?? [];
    t.strictSame(
      addresses.filter((address) => address !== 'http://www.w3.org/2000/svg'),
      [],
      name,
    );
  }
});

t.test('all of it, the plotting library included, is less than 120 kB', async (t) => {
  const assets = Assets.load();
  const all = [assets.page, ...assets.names.map((name) => assets.find(name))];
  const bytes = all.reduce((sum, asset) => sum + (asset?.body.byteLength ?? 0), 0);
  t.ok(bytes > 60_000 && bytes < 120_000, `${bytes} bytes`);
});

t.test('the build finds the same files as the sources', async (t) => {
  t.equal(Assets.load(BUILT).version, Assets.load(SOURCE).version);
});

t.test('a program without its files says where it has looked for them', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'no-assets-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  t.throws(() => Assets.load(pathToFileURL(join(folder, 'a', 'b', 'c', 'assets.js')).href), {
    message: /expected the files of the dashboard in .*page/,
  });
});
