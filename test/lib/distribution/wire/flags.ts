import t from 'tap';
import {
  DFLAG_FRAGMENTS,
  DFLAG_MANDATORY_25_DIGEST,
  DFLAG_PUBLISHED,
  DFLAG_UNLINK_ID,
  DFLAG_V4_NC,
  FLAG_NAMES,
  hasFlag,
  MANDATORY_25_FLAGS,
  MANDATORY_FLAGS,
  missingFlags,
  negotiate,
  OFFERED_FLAGS,
  PASS_THROUGH_FLAGS,
} from '../../../../lib/distribution/wire/flags.ts';

t.test('offers what OTP 25.2 and 27.3 send', async (t) => {
  t.equal(OFFERED_FLAGS, 0xd07df7fbdn);
  t.equal(PASS_THROUGH_FLAGS, 0xd075f5fbdn);
});

t.test('demands what the OTP releases demand', async (t) => {
  t.equal(MANDATORY_25_FLAGS, 0x1070f94n);
  t.equal(MANDATORY_FLAGS, 0x403070f94n);
});

t.test('names every bit once', async (t) => {
  let union = 0n;
  for (const [flag, name] of FLAG_NAMES) {
    t.equal(union & flag, 0n, name);
    union |= flag;
  }
  t.equal(new Set(FLAG_NAMES.values()).size, FLAG_NAMES.size);
  t.equal(OFFERED_FLAGS & ~union, 0n, 'nothing is offered that has no name');
});

t.test('accepts the flag sets that OTP 26 and later accept, and refuses the others', async (t) => {
  t.same(missingFlags(0x403070f94n), []);
  t.same(missingFlags(DFLAG_MANDATORY_25_DIGEST | DFLAG_V4_NC | DFLAG_UNLINK_ID), []);
  t.same(missingFlags(0x1070f94n), ['UNLINK_ID', 'V4_NC']);
  t.same(missingFlags(DFLAG_MANDATORY_25_DIGEST), ['UNLINK_ID', 'V4_NC']);
  t.same(missingFlags(MANDATORY_FLAGS & ~0x1010000n), ['UTF8_ATOMS', 'HANDSHAKE_23']);
});

t.test('negotiates what both sides have', async (t) => {
  t.equal(negotiate(OFFERED_FLAGS, OFFERED_FLAGS), OFFERED_FLAGS);
  t.equal(negotiate(OFFERED_FLAGS, PASS_THROUGH_FLAGS), PASS_THROUGH_FLAGS);
  const hidden = negotiate(OFFERED_FLAGS, OFFERED_FLAGS & ~DFLAG_PUBLISHED);
  t.notOk(hasFlag(hidden, DFLAG_PUBLISHED));
  t.equal(negotiate(OFFERED_FLAGS, 0x6d07df7fbdn), OFFERED_FLAGS, 'OTP 29 offers more');
  t.equal(negotiate(OFFERED_FLAGS, OFFERED_FLAGS | (1n << 63n)), OFFERED_FLAGS, 'unknown bits');
});

t.test('spells out the shorthand for the flags of OTP 25', async (t) => {
  const short = DFLAG_MANDATORY_25_DIGEST | DFLAG_V4_NC | DFLAG_UNLINK_ID;
  t.ok(hasFlag(negotiate(OFFERED_FLAGS, short), MANDATORY_FLAGS));
});

t.test('a combination is set only when each of its bits is', async (t) => {
  t.notOk(hasFlag(DFLAG_FRAGMENTS, DFLAG_FRAGMENTS | DFLAG_V4_NC));
});
