import { test } from 'tap';
import {
  badReply,
  callingSelf,
  callTimeout,
  noSuchServer,
  serverDown,
} from '../../../../lib/distribution/gen-server/call-errors.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { tuple } from '../../../../lib/distribution/terms/term.ts';

const remote = { name: 'counter', node: 'b@x' };

test('each error names the server, its node, and the exit reason of OTP', (t) => {
  t.match(serverDown(remote, atom('noproc')), {
    code: 'noproc',
    message: 'expected counter on b@x to be alive, there is no such process',
    context: { node: 'b@x', exitReason: { name: 'noproc' } },
  });
  t.match(serverDown(new Pid('b@x', 7, 0, 1), atom('noconnection')), {
    code: 'noconnection',
    message: /the node of <b@x\.7\.0>/,
    context: { exitReason: tuple(atom('nodedown'), atom('b@x')) },
  });
  t.match(serverDown(atom('counter'), atom('tired')), {
    code: 'exit',
    message: 'counter ended during the call: tired',
    context: { exitReason: { name: 'tired' } },
  });
  t.match(callTimeout(remote, 99.6), { code: 'timeout', message: /within 100 ms/ });
  t.match(noSuchServer({ global: atom('counter') }), {
    code: 'noproc',
    message: /the global name counter/,
  });
  t.match(callingSelf(atom('me')), { code: 'calling_self', message: 'me calls itself' });
  t.match(badReply(remote), { code: 'bad_reply', message: /counter on b@x/ });
  t.end();
});

test('the message of an error stays short, whatever the exit reason holds', (t) => {
  const { message } = serverDown(remote, new Uint8Array(10_000));
  t.ok(message.length < 300);
  t.end();
});
