import t from 'tap';
import { PeersFileDiscovery } from '../../../lib/discovery/peers-file-discovery.ts';

const TWO = '{"app.0":"10.0.0.1","app.1":"10.0.0.2"}';

t.test('names the nodes of the other instances, as the file says now', async (t) => {
  let text = TWO;
  const source = new PeersFileDiscovery('peers.json', 'app@10.0.0.1', async () => text);
  t.same(await source.discover(), ['app@10.0.0.2']);
  text = '{"app.0":"10.0.0.1","app.2":"10.0.0.3"}';
  t.same(await source.discover(), ['app@10.0.0.3']);
});

t.test('a file that cannot be used changes nothing, and is reported once', async (t) => {
  let text: string | undefined = TWO;
  const source = new PeersFileDiscovery('peers.json', 'app@10.0.0.1', async () => {
    if (text === undefined) throw new Error('ENOENT: no such file');
    return text;
  });
  await source.discover();
  text = '{"app.0":"10.0';
  await t.rejects(source.discover(), /not JSON/);
  t.same(await source.discover(), ['app@10.0.0.2'], 'what was known before');
  text = undefined;
  await t.rejects(source.discover(), /ENOENT/, 'another problem');
  t.same(await source.discover(), ['app@10.0.0.2']);
  text = TWO;
  t.same(await source.discover(), ['app@10.0.0.2']);
  text = 'x';
  await t.rejects(source.discover(), /not JSON/, 'reported again after it had been well');
});

t.test('reads the real file', async (t) => {
  const dir = t.testdir({ 'peers.json': TWO });
  const source = new PeersFileDiscovery(`${dir}/peers.json`, 'app@10.0.0.2');
  t.same(await source.discover(), ['app@10.0.0.1']);
});
