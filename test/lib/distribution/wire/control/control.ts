import t from 'tap';
import { FrameError } from '../../../../../lib/distribution/errors.ts';
import { atom } from '../../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../../lib/distribution/terms/reference.ts';
import { binary, type Term, Tuple, tuple } from '../../../../../lib/distribution/terms/term.ts';
import { termKey } from '../../../../../lib/distribution/terms/term-key.ts';
import {
  decodeControl,
  encodeControl,
  hasPayload,
  operationNumber,
} from '../../../../../lib/distribution/wire/control/control.ts';
import type {
  ControlMessage,
  Operation,
} from '../../../../../lib/distribution/wire/control/messages.ts';

const from = new Pid('a@127.0.0.1', 60, 0, 5);
const to = new Pid('b@127.0.0.1', 61, 0, 6);
const leader = new Pid('a@127.0.0.1', 9, 0, 5);
const ref = new Reference('a@127.0.0.1', 5, [1, 2, 3]);
const none = atom('');
const name = atom('rex');
const reason = tuple(atom('because'), 1);
const token = tuple(0, 17, from, 3, 4);
const mfa = tuple(atom('erpc'), atom('execute_call'), 4);
const parts = { module: atom('erpc'), function: atom('execute_call'), arity: 4 } as const;
const options: Term = [atom('monitor')];

/** Section 4.5 of the protocol: the tuple of every operation, its message, and its payload. */
const TABLE: readonly (readonly [Tuple, ControlMessage, boolean])[] = [
  [tuple(1, from, to), { operation: 'LINK', from, to }, false],
  [tuple(2, none, to), { operation: 'SEND', to }, true],
  [tuple(3, from, to, reason), { operation: 'EXIT', from, to, reason }, false],
  [tuple(6, from, none, name), { operation: 'REG_SEND', from, to: name }, true],
  [tuple(7, leader, to), { operation: 'GROUP_LEADER', leader, to }, false],
  [tuple(8, from, to, reason), { operation: 'EXIT2', from, to, reason }, false],
  [tuple(12, none, to, token), { operation: 'SEND_TT', to, token }, true],
  [tuple(13, from, to, token, reason), { operation: 'EXIT_TT', from, to, token, reason }, false],
  [tuple(16, from, none, name, token), { operation: 'REG_SEND_TT', from, to: name, token }, true],
  [tuple(18, from, to, token, reason), { operation: 'EXIT2_TT', from, to, token, reason }, false],
  [tuple(19, from, to, ref), { operation: 'MONITOR_P', from, target: to, ref }, false],
  [tuple(19, from, name, ref), { operation: 'MONITOR_P', from, target: name, ref }, false],
  [tuple(20, from, name, ref), { operation: 'DEMONITOR_P', from, target: name, ref }, false],
  [
    tuple(21, name, to, ref, reason),
    { operation: 'MONITOR_P_EXIT', from: name, to, ref, reason },
    false,
  ],
  [tuple(22, from, to), { operation: 'SEND_SENDER', from, to }, true],
  [tuple(23, from, to, token), { operation: 'SEND_SENDER_TT', from, to, token }, true],
  [tuple(24, from, to), { operation: 'PAYLOAD_EXIT', from, to }, true],
  [tuple(25, from, to, token), { operation: 'PAYLOAD_EXIT_TT', from, to, token }, true],
  [tuple(26, from, to), { operation: 'PAYLOAD_EXIT2', from, to }, true],
  [tuple(27, from, to, token), { operation: 'PAYLOAD_EXIT2_TT', from, to, token }, true],
  [tuple(28, name, to, ref), { operation: 'PAYLOAD_MONITOR_P_EXIT', from: name, to, ref }, true],
  [
    tuple(29, ref, from, leader, mfa, options),
    { operation: 'SPAWN_REQUEST', ref, from, groupLeader: leader, ...parts, options },
    true,
  ],
  [
    tuple(30, ref, from, leader, mfa, options, token),
    { operation: 'SPAWN_REQUEST_TT', ref, from, groupLeader: leader, ...parts, options, token },
    true,
  ],
  [
    tuple(31, ref, to, 2, from),
    { operation: 'SPAWN_REPLY', ref, to, flags: 2, result: from },
    false,
  ],
  [
    tuple(32, ref, to, 0, atom('notsup'), token),
    { operation: 'SPAWN_REPLY_TT', ref, to, flags: 0, result: atom('notsup'), token },
    false,
  ],
  [tuple(33, from, ref), { operation: 'ALIAS_SEND', from, to: ref }, true],
  [tuple(34, from, ref, token), { operation: 'ALIAS_SEND_TT', from, to: ref, token }, true],
  [tuple(35, 1, from, to), { operation: 'UNLINK_ID', id: 1, from, to }, false],
  [
    tuple(36, 2n ** 64n - 1n, from, to),
    { operation: 'UNLINK_ID_ACK', id: 2n ** 64n - 1n, from, to },
    false,
  ],
  [tuple(37, 0, from, to), { operation: 'ALTACT_SIG_SEND', flags: 0, from, to }, true],
  [tuple(37, 4, from, ref), { operation: 'ALTACT_SIG_SEND', flags: 4, from, to: ref }, true],
  [tuple(37, 9, from, name), { operation: 'ALTACT_SIG_SEND', flags: 9, from, to: name }, true],
  [tuple(37, 17, from, to), { operation: 'ALTACT_SIG_SEND', flags: 17, from, to }, true],
  [
    tuple(37, 2, from, to, token),
    { operation: 'ALTACT_SIG_SEND', flags: 2, from, to, token },
    true,
  ],
];

t.test('every operation, both ways', async (t) => {
  for (const [term, message, payload] of TABLE) {
    t.same(decodeControl(term), message, message.operation);
    t.equal(termKey(encodeControl(message)), termKey(term), message.operation);
    t.equal(operationNumber(message.operation), term.elements[0]);
    t.equal(hasPayload(message.operation), payload, `${message.operation} payload`);
  }
  const numbers = new Set(TABLE.map(([term]) => term.elements[0]));
  t.equal(numbers.size, 29, 'the table is complete');
});

t.test('refuses another arity', async (t) => {
  for (const [term, message] of TABLE) {
    const { elements } = term;
    const operation = elements[0] as number;
    t.throws(() => decodeControl(new Tuple(elements.slice(0, -1))), {
      code: 'invalid_control_message',
      context: { operation },
    });
    if (message.operation !== 'ALTACT_SIG_SEND') {
      t.throws(() => decodeControl(new Tuple([...elements, 1])), {
        code: 'invalid_control_message',
        message: new RegExp(message.operation),
      });
    }
  }
});

/** Positions at which any term may stand, by operation. */
const ANY: Partial<Record<Operation, readonly number[]>> = {
  SEND: [1],
  EXIT: [3],
  REG_SEND: [2],
  EXIT2: [3],
  SEND_TT: [1, 3],
  EXIT_TT: [3, 4],
  REG_SEND_TT: [2, 4],
  EXIT2_TT: [3, 4],
  MONITOR_P_EXIT: [4],
  SEND_SENDER_TT: [3],
  PAYLOAD_EXIT_TT: [3],
  PAYLOAD_EXIT2_TT: [3],
  SPAWN_REQUEST: [5],
  SPAWN_REQUEST_TT: [5, 6],
  SPAWN_REPLY_TT: [5],
  ALIAS_SEND_TT: [3],
  ALTACT_SIG_SEND: [4],
};

t.test('refuses an element of another kind, at every position', async (t) => {
  for (const [term, message] of TABLE) {
    for (let position = 1; position < term.arity; position += 1) {
      if (ANY[message.operation]?.includes(position)) continue;
      for (const wrong of [binary('x'), -1, 1.5, [], tuple()]) {
        const elements = [...term.elements];
        elements[position] = wrong;
        t.throws(
          () => decodeControl(new Tuple(elements)),
          {
            code: 'invalid_control_message',
            message: new RegExp(`element ${position + 1} of ${message.operation}`),
          },
          `${message.operation} ${position}`,
        );
      }
    }
  }
});

t.test('refuses a pid where a name must stand, and the reverse', async (t) => {
  const refused = [
    tuple(6, from, none, to),
    tuple(1, name, to),
    tuple(1, from, name),
    tuple(22, from, ref),
    tuple(33, from, to),
    tuple(19, from, ref, ref),
    tuple(19, from, to, to),
    tuple(7, leader, name),
    tuple(37, 4, from, to),
    tuple(37, 8, from, to),
    tuple(37, 0, from, name),
    tuple(29, ref, from, name, mfa, options),
    tuple(29, ref, from, leader, tuple(atom('m'), atom('f')), options),
    tuple(29, ref, from, leader, tuple(atom('m'), atom('f'), -1), options),
    tuple(29, ref, from, leader, tuple(atom('m'), binary('f'), 1), options),
  ];
  for (const term of refused) t.throws(() => decodeControl(term), FrameError);
});

t.test('takes unlink ids from 1 to 2^64-1', async (t) => {
  for (const id of [1, Number.MAX_SAFE_INTEGER, 2n ** 53n, 2n ** 64n - 1n]) {
    t.equal((decodeControl(tuple(35, id, from, to)) as { id: unknown }).id, id);
  }
  for (const id of [0, -1, 2n ** 64n, -(2n ** 60n)]) {
    t.throws(() => decodeControl(tuple(35, id, from, to)), {
      code: 'invalid_control_message',
      context: { operation: 35 },
    });
  }
});

t.test('ignores unknown flags and elements of operation 37', async (t) => {
  t.same(decodeControl(tuple(37, 0x8000_0020, from, to, 1, 2)), {
    operation: 'ALTACT_SIG_SEND',
    flags: 0x8000_0020,
    from,
    to,
  });
});

t.test('refuses operations that do not exist, and what is no control message', async (t) => {
  for (const operation of [0, 5, 9, 17, 38, 255, 2 ** 31]) {
    t.throws(() => decodeControl(tuple(operation, from, to)), {
      code: 'invalid_control_message',
      context: { operation },
    });
  }
  t.throws(() => decodeControl(tuple(4, from, to)), {
    code: 'invalid_control_message',
    message: /UNLINK_ID/,
    context: { operation: 4 },
  });
  for (const term of [tuple(), tuple(-1), tuple(2n ** 64n), tuple(1.5), tuple(atom('a'))]) {
    t.throws(() => decodeControl(term), { code: 'invalid_control_message' });
  }
  for (const term of [1, atom('link'), [1, from, to], binary('x')]) {
    t.throws(() => decodeControl(term), { message: /a tuple/ });
  }
});

t.test('never tells a message what a peer wrote into it', async (t) => {
  try {
    decodeControl(tuple(1, binary('private'), to));
    t.fail('should have thrown');
  } catch (error) {
    t.ok(error instanceof FrameError && !error.message.includes('private'));
  }
});
