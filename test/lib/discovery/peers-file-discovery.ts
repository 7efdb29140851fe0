import { renameSync, rmSync, writeFileSync } from 'node:fs';
import t from 'tap';
import {
  PeersFileDiscovery,
  type PeersFileDiscoveryOptions,
} from '../../../lib/discovery/peers-file-discovery.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const TWO = '{"app.0":"10.0.0.1","app.1":"10.0.0.2"}';
const THREE = '{"app.0":"10.0.0.1","app.1":"10.0.0.2","app.2":"10.0.0.3"}';
const GRACE_MS = 1000;

function missing(): Error {
  return Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' });
}

/** A file that the test writes; `undefined`: there is none. */
function scripted(options: Partial<PeersFileDiscoveryOptions> = {}) {
  const clock = new FakeClock();
  const file: { text: string | undefined } = { text: TWO };
  const problems: string[] = [];
  const letGo: string[] = [];
  const source = new PeersFileDiscovery({
    ...{ path: 'peers.json', ownName: 'app@10.0.0.1', hostname: 'app.0', expected: true },
    ...{ graceMs: GRACE_MS, clock },
    async read() {
      if (file.text === undefined) throw missing();
      return file.text;
    },
    onProblem: ({ message }) => problems.push(message),
    onLetGo: (node) => letGo.push(node),
    ...options,
  });
  return { source, file, clock, problems, letGo };
}

t.test('names the nodes of the other instances, as the file says now', async (t) => {
  const { source, file } = scripted();
  t.same(await source.discover(), ['app@10.0.0.2']);
  file.text = THREE;
  t.same(await source.discover(), ['app@10.0.0.2', 'app@10.0.0.3']);
});

t.test('a file that cannot be used changes nothing, and is reported once', async (t) => {
  const { source, file, problems, clock, letGo } = scripted();
  const known = await source.discover();
  for (const text of ['', '{"app.0":"10.0', '[]', '{"app.1":"::1"}', undefined, '\u0000', '{']) {
    file.text = text;
    for (let round = 0; round < 3; round += 1) {
      await clock.advance(GRACE_MS);
      t.strictSame(await source.discover(), known, `${text}`);
    }
  }
  t.strictSame(
    problems.map((problem) => /not JSON|got .*|ENOENT/.exec(problem)?.[0]),
    [
      'got text that is not JSON',
      'got Invalid input: expected record, received array',
      'got Invalid IPv4 address at "app.1"',
      'ENOENT',
    ],
    'each problem once',
  );
  t.strictSame(letGo, []);

  file.text = TWO;
  t.strictSame(await source.discover(), known);
  file.text = '';
  await source.discover();
  t.equal(problems.length, 5, 'told again after it had been well');
});

t.test('a node that vanishes is let go after the grace time', async (t) => {
  const { source, file, clock, letGo } = scripted();
  file.text = THREE;
  await source.discover();
  file.text = TWO;
  t.strictSame(await source.discover(), ['app@10.0.0.2', 'app@10.0.0.3']);
  await clock.advance(GRACE_MS - 1);
  t.strictSame(await source.discover(), ['app@10.0.0.2', 'app@10.0.0.3']);
  t.strictSame(letGo, []);
  await clock.advance(1);
  t.strictSame(await source.discover(), ['app@10.0.0.2']);
  t.strictSame(await source.discover(), ['app@10.0.0.2']);
  t.strictSame(letGo, ['app@10.0.0.3'], 'told once');
});

t.test('a node that comes back within the grace time has never left', async (t) => {
  const { source, file, clock, letGo } = scripted();
  await source.discover();
  file.text = '{}';
  await source.discover();
  await clock.advance(GRACE_MS - 1);
  file.text = TWO;
  t.strictSame(await source.discover(), ['app@10.0.0.2']);
  await clock.advance(GRACE_MS);
  t.strictSame(await source.discover(), ['app@10.0.0.2']);
  t.strictSame(letGo, []);
  file.text = '{}';
  t.strictSame(await source.discover(), ['app@10.0.0.2'], 'a grace time of its own');
});

t.test('a file that comes later is used from then on', async (t) => {
  const { source, file, problems } = scripted();
  file.text = undefined;
  t.strictSame(await source.discover(), []);
  t.match(problems, ['ENOENT']);
  file.text = TWO;
  t.strictSame(await source.discover(), ['app@10.0.0.2']);
});

t.test('a file that nobody has promised may be missing without a word', async (t) => {
  const { source, file, problems } = scripted({ expected: false });
  file.text = undefined;
  t.strictSame(await source.discover(), []);
  t.strictSame(problems, []);
  file.text = TWO;
  t.strictSame(await source.discover(), ['app@10.0.0.2']);
  file.text = undefined;
  t.strictSame(await source.discover(), ['app@10.0.0.2']);
  t.match(problems, ['ENOENT'], 'it has been there');
});

t.test('what cannot be read is told with its reason', async (t) => {
  const { source, problems } = scripted({
    read: () => Promise.reject(Object.assign(new Error('EACCES: denied'), { code: 'EACCES' })),
    expected: false,
  });
  t.strictSame(await source.discover(), []);
  t.strictSame(problems, ['EACCES: denied']);
});

t.test('entries that name ourselves, by address or by host name, are nobody', async (t) => {
  const { source, file } = scripted();
  file.text = '{"app.0":"10.9.9.9","other":"10.0.0.1"}';
  t.strictSame(await source.discover(), []);
});

t.test('reads the real file, replaced as a whole or written in place', async (t) => {
  const dir = t.testdir({ 'peers.json': TWO });
  const path = `${dir}/peers.json`;
  const options = { ownName: 'app@10.0.0.1', hostname: 'app.0', expected: false, graceMs: 0 };
  const source = new PeersFileDiscovery({ path, ...options });
  t.same(await source.discover(), ['app@10.0.0.2']);

  writeFileSync(`${dir}/new`, THREE);
  renameSync(`${dir}/new`, path);
  t.same(await source.discover(), ['app@10.0.0.2', 'app@10.0.0.3'], 'another file');

  writeFileSync(path, TWO);
  t.same(await source.discover(), ['app@10.0.0.2'], 'the same file, truncated and written');

  writeFileSync(path, THREE.slice(0, 20));
  t.same(await source.discover(), ['app@10.0.0.2'], 'half of it');
  rmSync(path);
  t.same(await source.discover(), ['app@10.0.0.2'], 'none');
  writeFileSync(path, THREE);
  t.same(await source.discover(), ['app@10.0.0.2', 'app@10.0.0.3'], 'again');
});
