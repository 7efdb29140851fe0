import { test } from 'tap';
import {
  CallError,
  ConnectionError,
  DistributionError,
  EpmdError,
  FrameError,
  HandshakeError,
  ProcessError,
  TermError,
} from '../../../lib/distribution/errors.ts';

const errors = [
  new TermError('truncated', 'expected 4 bytes, got 3', { offset: 7 }),
  new FrameError('invalid_header', 'expected a tag, got 0', { operation: 2 }),
  new HandshakeError('bad_cookie', 'the digests differ', { phase: 'awaiting_challenge_ack' }),
  new EpmdError('refused', 'the name is refused'),
  new ConnectionError('closed', 'the peer closed', { node: 'a@h' }),
  new CallError('exit', 'the server ended', { exitReason: ['boom'] }),
  new ProcessError('bad_name', 'expected a name'),
];

test('each class is told by its name, and all are errors of the distribution', async (t) => {
  const names = errors.map(({ name }) => name);
  t.strictSame(names, [
    ...['TermError', 'FrameError', 'HandshakeError', 'EpmdError', 'ConnectionError'],
    ...['CallError', 'ProcessError'],
  ]);
  for (const error of errors) t.ok(error instanceof DistributionError && error instanceof Error);
});

test('an error carries its code and its context', async (t) => {
  t.match(errors[0], { code: 'truncated', message: /got 3/, context: { offset: 7 } });
  t.match(errors[5], { code: 'exit', context: { exitReason: ['boom'] } });
  t.strictSame(errors[3]?.context, {}, 'an empty one when there is nothing to tell');
});

test('the cause is where every tool looks for it, and absent when there is none', async (t) => {
  const cause = new Error('ECONNREFUSED');
  t.equal(new EpmdError('unreachable', 'no mapper', { cause }).cause, cause);
  t.notOk('cause' in new EpmdError('unreachable', 'no mapper'));
});
