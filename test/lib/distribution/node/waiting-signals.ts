import t from 'tap';
import { SignalScale, WaitingSignals } from '../../../../lib/distribution/node/waiting-signals.ts';
import type { Signal } from '../../../../lib/distribution/process/signals.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import type { Term } from '../../../../lib/distribution/terms/term.ts';

const from = new Pid('a@h', 1, 0, 1);
const to = new Pid('b@h', 1, 0, 1);
const send = (message: Term): Signal => ({ type: 'send', from, to, message });

t.test('a signal weighs what it takes on a connection, however large', async (t) => {
  const scale = new SignalScale();
  const empty = scale.bytesOf(send(new Uint8Array(0)));
  t.ok(empty > 20 && empty < 200, `${empty} bytes`);
  t.equal(scale.bytesOf(send(new Uint8Array(1_000))), empty + 1_000);
  const large = scale.bytesOf(send(new Uint8Array(10_000_000)));
  t.ok(large > 10_000_000 && large < 10_100_000, `${large} bytes`);
  t.equal(scale.bytesOf(send(new Uint8Array(0))), empty, 'and each as if it were the first');
});

t.test('what is no term has no weight, and everything else goes on', async (t) => {
  const scale = new SignalScale();
  const good = scale.bytesOf(send(1));
  t.throws(() => scale.bytesOf(send(Number.NaN)), { code: 'unencodable' });
  t.equal(scale.bytesOf(send(1)), good);
});

t.test('there is room for so many signals, and so many bytes', async (t) => {
  const signals = [1, 2, 3, 4].map(send);
  const byNumber = new WaitingSignals({ maxWaitingSignals: 2, maxQueuedBytes: 100 });
  t.same(
    signals.map((signal) => byNumber.add(signal, 1)),
    [false, false, true, false],
    'the first without room is told',
  );
  t.same(byNumber.all, signals.slice(0, 2));
  t.equal(byNumber.limit, '2 signals');

  const byBytes = new WaitingSignals({ maxWaitingSignals: 9, maxQueuedBytes: 100 });
  t.same(
    [60, 41, 1, 1].map((bytes, at) => byBytes.add(signals[at]!, bytes)),
    [false, true, false, false],
  );
  t.same(byBytes.all, signals.slice(0, 1), 'a small one does not get in behind one that did not');
  t.equal(byBytes.limit, '100 bytes');
});
