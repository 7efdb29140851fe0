import { test } from 'tap';
import { ByteReader } from '../../../../lib/distribution/bytes/reader.ts';
import {
  controlOf,
  isUnderstood,
  type SignalForms,
  signalForms,
  signalOf,
} from '../../../../lib/distribution/node/signal-codec.ts';
import type { Signal } from '../../../../lib/distribution/process/signals.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { decodeTerm } from '../../../../lib/distribution/terms/decode.ts';
import { EncodedTerm } from '../../../../lib/distribution/terms/encode.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import { type Term, tuple } from '../../../../lib/distribution/terms/term.ts';
import { decodeControl, hasPayload } from '../../../../lib/distribution/wire/control/control.ts';
import type { ControlMessage } from '../../../../lib/distribution/wire/control/messages.ts';
import { DFLAG_DIST_MONITOR_NAME, OFFERED_FLAGS } from '../../../../lib/distribution/wire/flags.ts';

const PEER = 'peer@h';
const from = new Pid(PEER, 101, 1, 7);
const stranger = new Pid('third@h', 101, 1, 7);
const to = new Pid('me@h', 202, 0, 9);
const nobody = new Pid('me@h', 0, 0, 9);
const alias = new Reference('me@h', 9, [1, 2, 3]);
const ref = new Reference(PEER, 7, [4, 5, 6]);
const name = atom('counter');
const message = tuple(atom('hello'), 1);
const token = tuple(1, 2);

const NEW: SignalForms = {
  ...{ sendSender: true, exitPayload: true, monitors: true, aliases: true, spawn: true },
};
const OLD: SignalForms = {
  ...{ sendSender: false, exitPayload: false, monitors: false, aliases: false, spawn: false },
};

const spawnRequest: Signal = {
  ...{ type: 'spawn_request', ref, from, groupLeader: from },
  ...{ module: 'erpc', function: 'execute_call', arity: 4 },
  ...{ options: [atom('monitor')], args: [1, 2, 3, 4] },
};

/** Every signal, with the operation that it takes in the new form and, if another, in the old one. */
const CASES: readonly { signal: Signal; operation: string; old?: string }[] = [
  { signal: { type: 'send', from, to, message }, operation: 'SEND_SENDER', old: 'SEND' },
  { signal: { type: 'send_name', from, to: name, message }, operation: 'REG_SEND' },
  { signal: { type: 'send_alias', from, to: alias, message }, operation: 'ALIAS_SEND' },
  { signal: { type: 'link', from, to }, operation: 'LINK' },
  { signal: { type: 'unlink', id: 1, from, to }, operation: 'UNLINK_ID' },
  { signal: { type: 'unlink', id: 2n ** 64n - 1n, from, to }, operation: 'UNLINK_ID' },
  { signal: { type: 'unlink_ack', id: 1, from, to }, operation: 'UNLINK_ID_ACK' },
  {
    signal: { type: 'exit_link', from, to, reason: message },
    ...{ operation: 'PAYLOAD_EXIT', old: 'EXIT' },
  },
  {
    signal: { type: 'exit', from, to, reason: atom('kill') },
    ...{ operation: 'PAYLOAD_EXIT2', old: 'EXIT2' },
  },
  {
    signal: { type: 'exit_alias', from, to: alias, reason: atom('stop') },
    operation: 'ALTACT_SIG_SEND',
  },
  { signal: { type: 'monitor', from, target: to, ref }, operation: 'MONITOR_P' },
  { signal: { type: 'monitor', from, target: name, ref }, operation: 'MONITOR_P' },
  { signal: { type: 'demonitor', from, target: to, ref }, operation: 'DEMONITOR_P' },
  { signal: { type: 'demonitor', from, target: name, ref }, operation: 'DEMONITOR_P' },
  {
    signal: { type: 'down', from, to, ref: alias, reason: atom('noproc') },
    ...{ operation: 'PAYLOAD_MONITOR_P_EXIT', old: 'MONITOR_P_EXIT' },
  },
  {
    signal: { type: 'down', from: name, to, ref: alias, reason: [] },
    ...{ operation: 'PAYLOAD_MONITOR_P_EXIT', old: 'MONITOR_P_EXIT' },
  },
  { signal: { type: 'group_leader', leader: from, to }, operation: 'GROUP_LEADER' },
  { signal: spawnRequest, operation: 'SPAWN_REQUEST' },
  { signal: { type: 'spawn_reply', ref, to, flags: 3, result: from }, operation: 'SPAWN_REPLY' },
  {
    signal: { type: 'spawn_reply', ref, to, flags: 0, result: atom('notsup') },
    operation: 'SPAWN_REPLY',
  },
];

/** The payload as the peer decodes it. */
function arrived(payload: Term | EncodedTerm | undefined): Term | undefined {
  if (!(payload instanceof EncodedTerm)) return payload;
  return decodeTerm(new ByteReader(payload.bytes));
}

test('every signal becomes the operation that the peer understands, and itself again', async (t) => {
  for (const { signal, operation, old = operation } of CASES) {
    for (const [forms, expected] of [
      [NEW, operation],
      [OLD, old],
    ] as const) {
      const { control, payload } = controlOf(signal, forms);
      const decoded = decodeControl(control);
      const what = `${signal.type} as ${expected}`;
      t.equal(decoded.operation, expected, what);
      t.equal(payload !== undefined, hasPayload(decoded.operation), `${what}: payload`);
      // SEND names no sender.
      const wanted = expected === 'SEND' ? { ...signal, from: nobody } : signal;
      t.strictSame(
        signalOf({ control: decoded, payload: arrived(payload) }, PEER, nobody),
        wanted,
        what,
      );
    }
  }
});

test('a simple peer is not sent what it does not know', async (t) => {
  const unknown = CASES.filter(({ signal }) => !isUnderstood(signal, OLD));
  const types = new Set(unknown.map(({ signal }) => signal.type));
  t.strictSame(
    [...types],
    ['send_alias', 'exit_alias', 'monitor', 'demonitor', 'down', 'spawn_request'],
  );
  const missing = CASES.filter(({ signal }) => !isUnderstood(signal, NEW));
  t.strictSame(
    missing.map(({ signal }) => signal.type),
    ['exit_alias'],
    'what we offer does not include it',
  );
  const pidsOnly = signalForms(OFFERED_FLAGS & ~DFLAG_DIST_MONITOR_NAME);
  t.equal(pidsOnly.monitors, false, 'monitors by pid alone are none, as in OTP');
});

test('a falsy payload is a payload', async (t) => {
  for (const payload of [0, 0n, []] as Term[]) {
    const signal: Signal = { type: 'send', from, to, message: payload };
    const encoded = controlOf(signal, NEW);
    const control = decodeControl(encoded.control);
    t.strictSame(signalOf({ control, payload: arrived(encoded.payload) }, PEER, nobody), signal);
  }
});

test('a message that was encoded beforehand goes as it is', async (t) => {
  const encoded = new EncodedTerm(message);
  const { control, payload } = controlOf({ type: 'send', from, to, message, encoded }, NEW);
  t.equal(payload, encoded);
  t.strictSame(
    signalOf({ control: decodeControl(control), payload: arrived(payload) }, PEER, nobody),
    { type: 'send', from, to, message },
  );
});

test('trace tokens change nothing', async (t) => {
  const args: Term[] = [1];
  const request = {
    ref,
    from,
    groupLeader: from,
    module: atom('m'),
    function: atom('f'),
    arity: 1,
  };
  const pairs: [ControlMessage, ControlMessage, Term | undefined][] = [
    [{ operation: 'SEND', to }, { operation: 'SEND_TT', to, token }, message],
    [{ operation: 'SEND_SENDER', from, to }, { operation: 'SEND_SENDER_TT', from, to, token }, 1],
    [
      { operation: 'REG_SEND', from, to: name },
      { operation: 'REG_SEND_TT', from, to: name, token },
      message,
    ],
    [
      { operation: 'ALIAS_SEND', from, to: alias },
      { operation: 'ALIAS_SEND_TT', from, to: alias, token },
      message,
    ],
    [
      { operation: 'EXIT', from, to, reason: 1 },
      { operation: 'EXIT_TT', from, to, token, reason: 1 },
      undefined,
    ],
    [
      { operation: 'EXIT2', from, to, reason: 1 },
      { operation: 'EXIT2_TT', from, to, token, reason: 1 },
      undefined,
    ],
    [{ operation: 'PAYLOAD_EXIT', from, to }, { operation: 'PAYLOAD_EXIT_TT', from, to, token }, 1],
    [
      { operation: 'PAYLOAD_EXIT2', from, to },
      { operation: 'PAYLOAD_EXIT2_TT', from, to, token },
      1,
    ],
    [
      { operation: 'SPAWN_REQUEST', ...request, options: [] },
      { operation: 'SPAWN_REQUEST_TT', ...request, options: [], token },
      args,
    ],
    [
      { operation: 'SPAWN_REPLY', ref, to, flags: 0, result: from },
      { operation: 'SPAWN_REPLY_TT', ref, to, flags: 0, result: from, token },
      undefined,
    ],
  ];
  for (const [plain, traced, payload] of pairs) {
    t.strictSame(
      signalOf({ control: traced, payload }, PEER, nobody),
      signalOf({ control: plain, payload }, PEER, nobody),
      traced.operation,
    );
  }
});

test('ALTACT_SIG_SEND is what its flags and its target say', async (t) => {
  const altact = (flags: number, target: Pid | Reference | typeof name) =>
    signalOf(
      {
        control: decodeControl(tuple(37, flags, from, target, ...(flags & 2 ? [token] : []))),
        payload: message,
      },
      ...([PEER, nobody] as const),
    );
  for (const extra of [0, 1, 2, 3, 1 << 20]) {
    t.strictSame(altact(extra, to), { type: 'send', from, to, message });
    t.strictSame(altact(4 | extra, alias), { type: 'send_alias', from, to: alias, message });
    t.strictSame(altact(8 | extra, name), { type: 'send_name', from, to: name, message });
    t.strictSame(altact(16 | extra, to), { type: 'exit', from, to, reason: message });
    const aliased = { type: 'exit_alias', from, to: alias, reason: message };
    t.strictSame(altact(20 | extra, alias), aliased);
  }
});

test('the processes of a third node may send and exit, as in OTP, and nothing else', async (t) => {
  const accepted: [ControlMessage, Term][] = [
    [{ operation: 'SEND_SENDER', from: stranger, to }, 1],
    [{ operation: 'REG_SEND', from: stranger, to: name }, 1],
    [{ operation: 'ALIAS_SEND', from: stranger, to: alias }, 1],
    [{ operation: 'PAYLOAD_EXIT2', from: stranger, to }, 1],
  ];
  for (const [control, payload] of accepted) {
    t.match(signalOf({ control, payload }, PEER, nobody), { from: stranger }, control.operation);
  }
  const refused: [ControlMessage, Term | undefined][] = [
    [{ operation: 'LINK', from: stranger, to }, undefined],
    [{ operation: 'UNLINK_ID', id: 1, from: stranger, to }, undefined],
    [{ operation: 'UNLINK_ID_ACK', id: 1, from: stranger, to }, undefined],
    [{ operation: 'EXIT', from: stranger, to, reason: 1 }, undefined],
    [{ operation: 'EXIT_TT', from: stranger, to, token, reason: 1 }, undefined],
    [{ operation: 'PAYLOAD_EXIT', from: stranger, to }, 1],
    [{ operation: 'PAYLOAD_EXIT_TT', from: stranger, to, token }, 1],
    [{ operation: 'MONITOR_P', from: stranger, target: to, ref }, undefined],
    [{ operation: 'DEMONITOR_P', from: stranger, target: to, ref }, undefined],
    [{ operation: 'MONITOR_P_EXIT', from: stranger, to, ref, reason: 1 }, undefined],
    [{ operation: 'PAYLOAD_MONITOR_P_EXIT', from: stranger, to, ref }, 1],
    [
      {
        ...{ operation: 'SPAWN_REQUEST', ref, from: stranger, groupLeader: from },
        ...{ module: atom('m'), function: atom('f'), arity: 0, options: [] },
      },
      [],
    ],
  ];
  for (const [control, payload] of refused) {
    t.throws(
      () => signalOf({ control, payload }, PEER, nobody),
      { code: 'invalid_control_message', context: { node: PEER } },
      control.operation,
    );
  }
});

test('a sender of an earlier incarnation of the peer is accepted', async (t) => {
  const earlier = new Pid(PEER, 101, 1, 6);
  t.match(
    signalOf(
      { control: { operation: 'LINK', from: earlier, to }, payload: undefined },
      PEER,
      nobody,
    ),
    { type: 'link', from: earlier },
  );
});

test('an operation without the payload that it needs is refused', async (t) => {
  for (const control of [
    { operation: 'SEND_SENDER', from, to },
    { operation: 'PAYLOAD_EXIT', from, to },
    { operation: 'PAYLOAD_MONITOR_P_EXIT', from, to, ref },
  ] as const) {
    t.throws(() => signalOf({ control, payload: undefined }, PEER, nobody), {
      code: 'invalid_control_message',
    });
  }
});

test('the forms follow from the negotiated flags', async (t) => {
  t.strictSame(signalForms(OFFERED_FLAGS), NEW);
  t.strictSame(signalForms(0n), OLD);
});
