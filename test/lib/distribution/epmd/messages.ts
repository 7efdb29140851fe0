import { readFileSync } from 'node:fs';
import t from 'tap';
import {
  decodeAlive2Response,
  decodeNamesResponse,
  decodePort2Response,
  decodeRequest,
  type EpmdEntry,
  encodeAlive2Response,
  encodeNamesResponse,
  encodePort2Response,
  encodeRequest,
} from '../../../../lib/distribution/epmd/messages.ts';
import { EpmdError } from '../../../../lib/distribution/errors.ts';

interface Exchange {
  readonly request: string;
  readonly response: string;
}
type Captured =
  | 'alive2'
  | 'alive2Hidden'
  | 'alive2Duplicate'
  | 'alive2OldVersion'
  | 'portPlease2'
  | 'portPlease2Hidden'
  | 'portPlease2Unknown'
  | 'names'
  | 'unknownRequest';
const captured = JSON.parse(
  readFileSync(new URL('../../../fixtures/otp-25/epmd.json', import.meta.url), 'utf8'),
) as Record<Captured, Exchange> & { epmdPort: number };

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Buffer.from(text, 'hex');
const body = (request: string) => bytes(request).subarray(2);
const entry = (more: Partial<EpmdEntry> = {}): EpmdEntry => ({
  name: 'alpha',
  tcpPort: 4711,
  nodeType: 'normal',
  highestVersion: 6,
  lowestVersion: 5,
  extra: new Uint8Array(0),
  ...more,
});

t.test('requests of OTP decode and encode to the same bytes', async (t) => {
  for (const key of [
    'alive2',
    'alive2Hidden',
    'alive2OldVersion',
    'portPlease2',
    'names',
  ] as const) {
    const { request } = captured[key];
    t.equal(hex(encodeRequest(decodeRequest(body(request)))), request, key);
  }
  t.match(decodeRequest(body(captured.alive2.request)), {
    type: 'alive2',
    entry: { name: 'alpha', nodeType: 'normal', highestVersion: 6, lowestVersion: 5 },
  });
  t.same(decodeRequest(body(captured.portPlease2.request)), { type: 'port_please2', name: 'beta' });
});

t.test('responses of epmd decode and encode to the same bytes', async (t) => {
  const registered = decodeAlive2Response(bytes(captured.alive2.response))!;
  t.equal(registered.result, 0);
  t.ok(registered.creation >= 4);
  t.equal(hex(encodeAlive2Response(registered, 6)), captured.alive2.response);

  const duplicate = decodeAlive2Response(bytes(captured.alive2Duplicate.response));
  t.same(duplicate, { result: 1, creation: 99 });

  const old = decodeAlive2Response(bytes(captured.alive2OldVersion.response))!;
  t.ok(old.creation >= 1 && old.creation <= 3);
  t.equal(hex(encodeAlive2Response(old, 5)), captured.alive2OldVersion.response);

  const found = decodePort2Response(bytes(captured.portPlease2.response))!;
  t.match(found, { name: 'beta', nodeType: 'normal', highestVersion: 6, lowestVersion: 5 });
  t.equal(hex(encodePort2Response(found)), captured.portPlease2.response);
  t.equal(decodePort2Response(bytes(captured.portPlease2Unknown.response)), undefined);
  t.equal(hex(encodePort2Response(undefined)), captured.portPlease2Unknown.response);

  const names = decodeNamesResponse(bytes(captured.names.response));
  t.same(
    names.map(({ name }) => name),
    ['beta', 'alpha'],
  );
  t.equal(hex(encodeNamesResponse(captured.epmdPort, names)), captured.names.response);
});

t.test('hidden nodes, names in any script and extra bytes round trip', async (t) => {
  const value = entry({ nodeType: 'hidden', name: 'żółw-😀_1', extra: Uint8Array.of(1, 2, 3) });
  t.same(decodePort2Response(encodePort2Response(value)), value);
  t.same(decodeRequest(encodeRequest({ type: 'alive2', entry: value }).subarray(2)), {
    type: 'alive2',
    entry: value,
  });
});

t.test('extra bytes are a copy', async (t) => {
  const encoded = encodePort2Response(entry({ extra: Uint8Array.of(7) }));
  const decoded = decodePort2Response(encoded)!;
  encoded.fill(0);
  t.same([...decoded.extra], [7]);
});

t.test('every message cut at any length is truncated or invalid, never accepted', async (t) => {
  const alive2 = body(captured.alive2.request);
  for (let length = 0; length < alive2.length; length++) {
    const cut = alive2.subarray(0, length);
    t.throws(() => decodeRequest(cut), { name: 'EpmdError', code: /truncated|invalid_message/ });
  }
  const port2 = bytes(captured.portPlease2.response);
  for (let length = 0; length < port2.length; length++) {
    const cut = port2.subarray(0, length);
    t.throws(() => decodePort2Response(cut), { code: /truncated|invalid_message/ }, `${length}`);
  }
  const names = bytes(captured.names.response);
  const lineEnds = [4, names.indexOf(10) + 1];
  for (let length = 0; length < names.length; length++) {
    if (lineEnds.includes(length)) continue;
    t.throws(() => decodeNamesResponse(names.subarray(0, length)), { code: 'truncated' });
  }
});

t.test('an answer to ALIVE2 is awaited byte by byte', async (t) => {
  for (const text of [captured.alive2.response, captured.alive2OldVersion.response]) {
    const all = bytes(text);
    for (let length = 0; length < all.length; length++) {
      t.equal(decodeAlive2Response(all.subarray(0, length)), undefined);
    }
    t.throws(() => decodeAlive2Response(Buffer.concat([all, bytes('00')])), {
      code: 'invalid_message',
    });
  }
});

t.test('other tags are refused', async (t) => {
  t.throws(() => decodeRequest(body(captured.unknownRequest.request)), { code: 'unexpected_tag' });
  t.throws(() => decodeAlive2Response(bytes('77')), { code: 'unexpected_tag' });
  t.throws(() => decodePort2Response(bytes('7600')), { code: 'unexpected_tag' });
});

t.test('bytes after the end of a message are refused', async (t) => {
  const refused = { code: 'invalid_message' };
  t.throws(() => decodeRequest(bytes('6e00')), refused);
  t.throws(() => decodeRequest(bytes(`${captured.alive2.request.slice(4)}00`)), refused);
  t.throws(() => decodePort2Response(bytes(`${captured.portPlease2.response}00`)), refused);
  t.throws(() => decodePort2Response(bytes('770100')), refused);
});

t.test('names have limits', async (t) => {
  const look = (name: string) => encodeRequest({ type: 'port_please2', name });
  t.doesNotThrow(() => look('é'.repeat(255)));
  t.throws(() => look('é'.repeat(256)), { code: 'too_long' });
  for (const name of ['', 'a b', 'a\nname x at port 1', 'a@b', 'a\0', '\u0085']) {
    t.throws(() => look(name), { code: 'invalid_message' }, JSON.stringify(name));
    t.throws(() => decodeRequest(Buffer.from(`z${name}`)), { code: 'invalid_message' });
  }
  t.throws(() => decodeRequest(bytes('7aff')), { code: 'invalid_message' }, 'not UTF-8');
});

t.test('the node types of C nodes (104) and Java nodes (110) are kept', async (t) => {
  for (const nodeType of [104, 110]) {
    const request = `78 1267 ${nodeType.toString(16)} 00 0006 0005 0004 6a617661 0000`;
    const decoded = decodeRequest(bytes(request.replaceAll(' ', '')));
    t.same(decoded, { type: 'alive2', entry: entry({ name: 'java', nodeType }) });
    const { entry: registered } = decoded as { entry: EpmdEntry };
    const answer = `77 00 ${request.slice(3)}`.replaceAll(' ', '');
    t.equal(hex(encodePort2Response(registered)), answer);
    t.same(decodePort2Response(bytes(answer)), registered);
  }
});

t.test('an unknown protocol is refused', async (t) => {
  const encoded = encodePort2Response(entry());
  const changed = (at: number, value: number) => Uint8Array.from(encoded).fill(value, at, at + 1);
  t.throws(() => decodePort2Response(changed(5, 1)), { code: 'invalid_message' });
});

t.test('a list of names holds well-formed lines alone', async (t) => {
  t.same(decodeNamesResponse(bytes('00001111')), []);
  const lines = ['name a at port 70000\n', 'name a at port\n', 'a at port 1\n', '\n'];
  for (const line of lines) {
    const text = Buffer.concat([bytes('00001111'), Buffer.from(line)]);
    t.throws(() => decodeNamesResponse(text), { code: 'invalid_message' }, JSON.stringify(line));
  }
});

t.test('mutated messages raise EpmdError alone', async (t) => {
  const decoders = [decodeRequest, decodeAlive2Response, decodePort2Response, decodeNamesResponse];
  // A linear congruential generator: the same mutations on every run.
  let state = 1;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const seeds = [
    body(captured.alive2.request),
    bytes(captured.alive2.response),
    bytes(captured.portPlease2.response),
    bytes(captured.names.response),
  ];
  const escaped: unknown[] = [];
  for (let round = 0; round < 5_000; round++) {
    const mutated = Uint8Array.from(seeds[round % seeds.length]!);
    for (let changes = 1 + random(3); changes > 0; changes--) {
      mutated[random(mutated.length)] = random(256);
    }
    for (const decode of decoders) {
      try {
        decode(mutated);
      } catch (error) {
        if (!(error instanceof EpmdError)) escaped.push(error);
      }
    }
  }
  t.same(escaped, []);
});
