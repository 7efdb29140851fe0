import t from 'tap';
import { type NetworkInterfaces, ownAddress, parsePeers, peerNodes } from '../../lib/peers.ts';

const peers = { 'app.1': '10.0.0.11', 'app.0': '10.0.0.10', 'app.2': '10.0.0.12' };

function interfaces(...addresses: [address: string, family: 'IPv4' | 'IPv6', internal: boolean][]) {
  const eth0 = addresses.map(([address, family, internal]) => {
    const common = { address, netmask: '', mac: '', internal, cidr: null };
    return family === 'IPv6' ? { ...common, family, scopeid: 0 } : { ...common, family };
  });
  return { empty: undefined, eth0 } satisfies NetworkInterfaces;
}

t.test('parsePeers reads the documented form', async (t) => {
  t.strictSame(parsePeers(JSON.stringify(peers)), peers);
  t.strictSame(parsePeers('{}'), {});
});

t.test('parsePeers says what it expected and where it stopped', async (t) => {
  for (const text of ['', '{', 'null', '[]', '"x"', '{"app.0":1}', '{"app.0":"::1"}', '{"a":{}}']) {
    t.throws(() => parsePeers(text), { name: 'PeersError', message: /^expected a JSON object/ });
  }
  t.throws(() => parsePeers('{"app.0":"300.1.1.1"}'), { message: /"app\.0"/ });
});

t.test("ownAddress prefers the platform's word to the interfaces'", async (t) => {
  const found = interfaces(
    ['127.0.0.1', 'IPv4', true],
    ['fe80::1', 'IPv6', false],
    ['10.9.9.9', 'IPv4', false],
  );
  t.equal(ownAddress(peers, 'app.1', found), '10.0.0.11');
  t.equal(ownAddress(peers, 'elsewhere', found), '10.9.9.9');
  t.equal(ownAddress(peers, 'constructor', found), '10.9.9.9');
  t.equal(ownAddress(peers, 'elsewhere', interfaces(['127.0.0.1', 'IPv4', true])), undefined);
});

t.test('ownAddress prefers an address that the file lists', async (t) => {
  const found = interfaces(['172.17.0.1', 'IPv4', false], ['10.0.0.12', 'IPv4', false]);
  t.equal(ownAddress(peers, 'elsewhere', found), '10.0.0.12');
  t.equal(ownAddress({}, 'elsewhere', found), '172.17.0.1');
});

t.test('peerNodes names every other instance like this one', async (t) => {
  t.strictSame(peerNodes(peers, 'hello@10.0.0.10', 'app.0'), [
    'hello@10.0.0.11',
    'hello@10.0.0.12',
  ]);
  t.strictSame(peerNodes({ a: '10.0.0.1', b: '10.0.0.1' }, 'x@10.0.0.2', 'c'), ['x@10.0.0.1']);
  t.strictSame(peerNodes({}, 'x@10.0.0.2', 'c'), []);
});

t.test('peerNodes leaves ourselves out, by address and by host name', async (t) => {
  t.strictSame(peerNodes(peers, 'x@10.0.0.10', 'elsewhere'), ['x@10.0.0.11', 'x@10.0.0.12']);
  t.strictSame(peerNodes(peers, 'x@10.9.9.9', 'app.1'), ['x@10.0.0.10', 'x@10.0.0.12']);
});
