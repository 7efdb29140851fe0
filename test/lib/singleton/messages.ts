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
  okWithOwner,
  valueWithOwner,
} from '../../../lib/singleton/messages.ts';

const PID = new Pid('a@h', 7, 0, 9);
const STATE = tuple(1, 2);
const REQUESTS: readonly MemberRequest[] = [
  { type: 'hello', member: PID, owner: undefined },
  { type: 'hello', member: PID, owner: PID },
  { type: 'collect' },
  { type: 'merge', state: STATE, owner: undefined },
  { type: 'merge', state: STATE, owner: PID },
  { type: 'owner', owner: PID },
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
    ...[tuple(atom('hello'), atom('a'), PID), tuple(atom('merge'), STATE, 1)],
    ...[tuple(1, STATE, PID), tuple(atom('owner'), 1)],
    ...[tuple(atom('leaving'), 1, STATE), tuple(1, STATE), tuple(atom('other'), STATE)],
  ];
  for (const other of others) t.equal(decodeRequest(other), undefined);
});

t.test('answers say what they are', async (t) => {
  t.equal(okValue(ok(5)), 5);
  t.equal(okValue(BAD_STATE), undefined);
  t.strictSame(valueWithOwner(okWithOwner(5, PID)), { value: 5, owner: PID });
  t.strictSame(valueWithOwner(okWithOwner(5, undefined)), { value: 5, owner: undefined });
  for (const other of [BAD_STATE, ok(5), ok(tuple(5, 5))])
    t.equal(valueWithOwner(other), undefined);
  t.ok(isDone(DONE));
  t.notOk(isDone(BAD_STATE));
});
