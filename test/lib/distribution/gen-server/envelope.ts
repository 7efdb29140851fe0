import { test } from 'tap';
import {
  aliasTag,
  callMessage,
  castMessage,
  decodeGenMessage,
  parseCall,
  parseCast,
  replyDestination,
  replyMessage,
} from '../../../../lib/distribution/gen-server/envelope.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import { ImproperList, type Term, tuple } from '../../../../lib/distribution/terms/term.ts';

const pid = new Pid('b@x', 1, 0, 1);
const ref = new Reference('b@x', 1, [1, 0, 0]);
const alias = new Reference('b@x', 1, [2, 0, 0]);
const tag = new ImproperList([atom('alias')], ref);
const from = { pid, tag };

test('calls, casts and replies have the shapes of gen_server', (t) => {
  t.same(aliasTag(ref), tag);
  t.same(callMessage(from, 1), tuple(atom('$gen_call'), tuple(pid, tag), 1));
  t.same(castMessage(1), tuple(atom('$gen_cast'), 1));
  t.same(replyMessage(from, 1), tuple(tag, 1));
  t.end();
});

test('the tag decides where the reply goes', (t) => {
  const list = (elements: readonly Term[], tail: Term): Term => new ImproperList(elements, tail);
  const cases: readonly (readonly [Term, Pid | Reference])[] = [
    [tag, ref],
    [list([list([atom('alias')], alias)], ref), alias],
    [tuple(ref, atom('b@x')), pid],
    [ref, pid],
    [1, pid],
    [[atom('alias'), ref], pid],
    [list([atom('alias')], atom('no_ref')), pid],
    [list([atom('other')], ref), pid],
    [list([atom('alias'), atom('alias')], ref), pid],
    [list([list([atom('alias')], 1)], ref), pid],
  ];
  for (const [term, destination] of cases) {
    t.equal(replyDestination({ pid, tag: term }), destination);
  }
  t.end();
});

test('sorts messages by their kind', (t) => {
  t.same(decodeGenMessage(callMessage(from, 1)), { type: 'call', from, request: 1 });
  t.same(decodeGenMessage(castMessage(1)), { type: 'cast', request: 1 });
  const system = tuple(atom('system'), tuple(pid, ref), atom('get_state'));
  t.same(decodeGenMessage(system), {
    type: 'system',
    from: { pid, tag: ref },
    request: atom('get_state'),
  });
  t.same(parseCall(callMessage(from, 1)), { from, request: 1 });
  t.equal(parseCall(castMessage(1)), undefined);
  t.equal(parseCast(castMessage(1)), 1);
  t.equal(parseCast(callMessage(from, 1)), undefined);
  t.end();
});

test('what only resembles a call is info', (t) => {
  const call = atom('$gen_call');
  const messages: Term[] = [
    1,
    atom('$gen_call'),
    tuple(),
    tuple(call, tuple(pid, tag)),
    tuple(call, tuple(1, tag), 1),
    tuple(call, tuple(pid), 1),
    tuple(call, pid, 1),
    tuple(atom('system'), pid, 1),
    tuple(atom('$gen_cast')),
  ];
  for (const message of messages) {
    t.same(decodeGenMessage(message), { type: 'info', message });
  }
  t.end();
});
