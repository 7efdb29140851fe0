import t from 'tap';
import { HandshakeError } from '../../../../../lib/distribution/errors.ts';
import * as messages from '../../../../../lib/distribution/wire/handshake/messages.ts';
import { mutate, seededRandom } from '../../../../support/seeded-random.ts';

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hex = (body: Uint8Array) => Buffer.from(body).toString('hex');
const ascii = (text: string) => Buffer.from(text, 'latin1').toString('hex');

// Exchanged with OTP 27.3.4, cookie `secret`; without the 2-byte frame length.
const SEND_NAME = `4e 0000000d075f5fbd 11223344 000c ${ascii('ts@127.0.0.1')}`;
const CHALLENGE = `4e 0000000d07df7fbd b698d582 00237ee2 000b ${ascii('b@127.0.0.1')}`;
const REPLY = '72 00000001 f7cdf0e0e6cc3aeb1e7898311d8aa0da';
const ACK = '61 e52d98c459819a11775936d8dfbb7929';

t.test('send_name: as on the wire, both ways', async (t) => {
  const message = { flags: 0xd075f5fbdn, creation: 0x11223344, name: 'ts@127.0.0.1' };
  t.same(messages.decodeSendName(bytes(SEND_NAME)), message);
  t.equal(hex(messages.encodeSendName(message)), hex(bytes(SEND_NAME)));
});

t.test('challenge: as on the wire, both ways', async (t) => {
  const message = {
    flags: 0xd07df7fbdn,
    challenge: 3063469442,
    creation: 0x237ee2,
    name: 'b@127.0.0.1',
  };
  t.same(messages.decodeChallenge(bytes(CHALLENGE)), message);
  t.equal(hex(messages.encodeChallenge(message)), hex(bytes(CHALLENGE)));
});

t.test('challenge reply and ack: as on the wire, both ways', async (t) => {
  const reply = messages.decodeChallengeReply(bytes(REPLY));
  t.equal(reply.challenge, 1);
  t.equal(hex(reply.digest), 'f7cdf0e0e6cc3aeb1e7898311d8aa0da');
  t.equal(hex(messages.encodeChallengeReply(reply)), hex(bytes(REPLY)));
  const ack = messages.decodeChallengeAck(bytes(ACK));
  t.equal(hex(ack.digest), 'e52d98c459819a11775936d8dfbb7929');
  t.equal(hex(messages.encodeChallengeAck(ack)), hex(bytes(ACK)));
});

t.test('status and status reply, both ways', async (t) => {
  for (const status of ['ok', 'ok_simultaneous', 'nok', 'not_allowed', 'alive'] as const) {
    t.equal(hex(messages.encodeStatus(status)), ascii(`s${status}`));
    t.equal(messages.decodeStatus(bytes(ascii(`s${status}`))), status);
  }
  for (const reply of [true, false]) {
    t.equal(hex(messages.encodeStatusReply(reply)), ascii(`s${reply}`));
    t.equal(messages.decodeStatusReply(bytes(ascii(`s${reply}`))), reply);
  }
});

t.test('refuses an unknown status, a name given by the peer, and an unknown reply', async (t) => {
  for (const text of ['s', 'sOK', 'sok ', 'snamed:\0\x03a@b\0\0\0\x01']) {
    t.throws(() => messages.decodeStatus(bytes(ascii(text))), { code: 'invalid_message' }, text);
  }
  for (const text of ['s', 'sok', 'strue ', 'sTrue']) {
    t.throws(() => messages.decodeStatusReply(bytes(ascii(text))), { code: 'invalid_message' });
  }
});

t.test('ignores what a later version may append to a name', async (t) => {
  t.equal(messages.decodeSendName(bytes(`${SEND_NAME} 010203`)).name, 'ts@127.0.0.1');
  t.equal(messages.decodeChallenge(bytes(`${CHALLENGE} 00`)).name, 'b@127.0.0.1');
});

t.test('refuses trailing bytes where the length is fixed', async (t) => {
  t.throws(() => messages.decodeChallengeReply(bytes(`${REPLY} 00`)), { code: 'invalid_message' });
  t.throws(() => messages.decodeChallengeAck(bytes(`${ACK} 00`)), { code: 'invalid_message' });
});

t.test('refuses the form of handshake version 5, saying so', async (t) => {
  const old = bytes(`6e 0005 07df7fbd ${ascii('a@b')}`);
  t.throws(() => messages.decodeSendName(old), { code: 'invalid_message', message: /version 5/ });
});

t.test('refuses messages longer than the limit', async (t) => {
  const long = Buffer.concat([bytes(SEND_NAME), new Uint8Array(2048)]);
  t.throws(() => messages.decodeSendName(long), { code: 'invalid_message', message: /2048/ });
  t.throws(() => messages.decodeStatus(long), { code: 'invalid_message' });
});

t.test('refuses what is no name of a node', async (t) => {
  t.throws(() => messages.decodeSendName(bytes(`4e ${'00'.repeat(12)} 0001 61`)), {
    code: 'invalid_message',
    message: /node name/,
  });
  t.throws(() => messages.encodeSendName({ flags: 0n, creation: 1, name: 'no-host' }), RangeError);
});

const DECODERS: readonly (readonly [string, string, (body: Uint8Array) => unknown])[] = [
  ['send_name', SEND_NAME, messages.decodeSendName],
  ['challenge', CHALLENGE, messages.decodeChallenge],
  ['challenge reply', REPLY, messages.decodeChallengeReply],
  ['challenge ack', ACK, messages.decodeChallengeAck],
  ['status', ascii('salive'), messages.decodeStatus],
  ['status reply', ascii('strue'), messages.decodeStatusReply],
];

t.test('refuses every message cut short, at every length', async (t) => {
  for (const [name, example, decode] of DECODERS) {
    const whole = bytes(example);
    for (let length = 0; length < whole.length; length += 1) {
      t.throws(() => decode(whole.subarray(0, length)), HandshakeError, `${name}, ${length} bytes`);
    }
  }
});

t.test('lets only HandshakeError escape, whatever the bytes', async (t) => {
  const random = seededRandom(3);
  for (const [name, example, decode] of DECODERS) {
    for (let round = 0; round < 2000; round += 1) {
      const mutated = mutate(bytes(example), random);
      try {
        decode(mutated);
      } catch (error) {
        if (!(error instanceof HandshakeError)) t.fail(`${name}: ${hex(mutated)} threw ${error}`);
      }
    }
  }
});

t.test('never quotes a message at full length', async (t) => {
  const long = bytes(ascii(`s${'x'.repeat(2000)}`));
  t.ok(messages.describeHandshakeMessage(long).length < 100);
  try {
    messages.decodeStatus(long);
    t.fail('should have thrown');
  } catch (error) {
    t.ok(error instanceof HandshakeError && error.message.length < 250);
  }
  for (const tag of ['', '4e', '6e', '72', '61', 'ff']) {
    t.type(messages.describeHandshakeMessage(bytes(tag)), 'string');
  }
});
