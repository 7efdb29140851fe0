import t from 'tap';
import { atom, Pid, type Term, tuple } from '../../../lib/distribution/index.ts';
import { decodeExternal } from '../../../lib/distribution/terms/decode.ts';
import { encodeExternal } from '../../../lib/distribution/terms/encode.ts';
import {
  BAD_STATE,
  DONE,
  decodeRequest,
  encodeRequest,
  isDone,
  type MemberRequest,
  ok,
  okValue,
} from '../../../lib/singleton/messages.ts';

const PID = new Pid('a@h', 7, 0, 9);
const STATE = tuple(1, 2);
const REQUESTS: readonly MemberRequest[] = [
  { type: 'hello', member: PID },
  { type: 'collect' },
  { type: 'merge', state: STATE },
  { type: 'replicate', state: STATE },
  { type: 'take_over', state: STATE },
  { type: 'leaving', node: 'a@h', state: STATE },
];

t.test('every request survives the wire', async (t) => {
  for (const request of REQUESTS) {
    const wire: Term = decodeExternal(encodeExternal(encodeRequest(request)));
    t.strictSame(encodeRequest(decodeRequest(wire)!), encodeRequest(request), request.type);
  }
});

t.test('anything else is none', async (t) => {
  const others: Term[] = [
    ...[atom('collect'), tuple(), tuple(atom('merge')), tuple(atom('hello'), atom('a'))],
    ...[tuple(atom('leaving'), 1, STATE), tuple(1, STATE), tuple(atom('other'), STATE)],
  ];
  for (const other of others) t.equal(decodeRequest(other), undefined);
});

t.test('answers say what they are', async (t) => {
  t.equal(okValue(ok(5)), 5);
  t.equal(okValue(BAD_STATE), undefined);
  t.ok(isDone(DONE));
  t.notOk(isDone(BAD_STATE));
});
