import { test } from 'tap';
import { Mailbox } from '../../../../lib/distribution/process/mailbox.ts';
import { ProcessExit } from '../../../../lib/distribution/process/process-exit.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import type { Term } from '../../../../lib/distribution/terms/term.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const even = (message: Term): boolean => typeof message === 'number' && message % 2 === 0;

test('gives messages in the order in which they came', async (t) => {
  const mailbox = new Mailbox();
  for (const message of [1, 2, 3]) mailbox.push(message);
  t.equal(mailbox.length, 3);
  t.same([mailbox.shift(), await mailbox.receive(), mailbox.shift()], [1, 2, 3]);
  t.equal(mailbox.shift(), undefined);
  t.equal(mailbox.length, 0);
});

test('takes the first message that matches and leaves the others in order', async (t) => {
  const mailbox = new Mailbox();
  for (const message of [1, 2, 3, 4, 5]) mailbox.push(message);
  t.equal(await mailbox.receive({ match: even }), 2);
  t.equal(
    mailbox.take((message) => message === 5),
    5,
  );
  t.equal(
    mailbox.take((message) => message === 9),
    undefined,
  );
  mailbox.push(6);
  t.same([mailbox.shift(), mailbox.shift(), mailbox.shift(), mailbox.shift()], [1, 3, 4, 6]);
});

test('hands a message to the first waiting receive that accepts it', async (t) => {
  const mailbox = new Mailbox();
  const forEven = mailbox.receive({ match: even });
  const forAny = mailbox.receive();
  mailbox.push(1);
  mailbox.push(2);
  mailbox.push(3);
  t.equal(await forAny, 1);
  t.equal(await forEven, 2);
  t.equal(mailbox.length, 1);
  t.equal(mailbox.waiting, 0);
});

test('rejects with timeout at the deadline and keeps no timer', async (t) => {
  const clock = new FakeClock();
  const mailbox = new Mailbox(clock);
  const late = mailbox.receive({ timeoutMs: 100 });
  clock.step(99);
  t.equal(mailbox.waiting, 1);
  clock.step(1);
  await t.rejects(late, { code: 'timeout' });
  const early = mailbox.receive({ timeoutMs: 100 });
  mailbox.push(1);
  t.equal(await early, 1);
  t.equal(clock.pending, 0);
});

test('with a time-out of 0 only looks at what is there', async (t) => {
  const mailbox = new Mailbox(new FakeClock());
  await t.rejects(mailbox.receive({ timeoutMs: 0 }), { code: 'timeout' });
  mailbox.push(1);
  t.equal(await mailbox.receive({ timeoutMs: 0 }), 1);
});

test('closing rejects every waiting and later receive and drops messages', async (t) => {
  const clock = new FakeClock();
  const mailbox = new Mailbox(clock);
  const waiting = [mailbox.receive(), mailbox.receive({ timeoutMs: 10 })];
  const exit = new ProcessExit(atom('shutdown'));
  mailbox.close(exit);
  for (const receive of waiting) await t.rejects(receive, exit);
  mailbox.push(1);
  t.equal(mailbox.length, 0);
  await t.rejects(mailbox.receive(), exit);
  t.equal(clock.pending, 0);
});

test('a match that throws rejects its own receive and no other', async (t) => {
  const mailbox = new Mailbox();
  const failing = mailbox.receive({
    match: () => {
      throw new TypeError('bad match');
    },
  });
  const other = mailbox.receive();
  mailbox.push(1);
  await t.rejects(failing, { message: 'bad match' });
  t.equal(await other, 1);
});

test('takes constant time per message, also from a long mailbox', (t) => {
  const mailbox = new Mailbox();
  const count = 200_000;
  const startMs = performance.now();
  for (let i = 0; i < count; i += 1) mailbox.push(i);
  for (let i = 0; i < count; i += 1) mailbox.shift();
  t.ok(performance.now() - startMs < 2_000);
  t.equal(mailbox.length, 0);
  t.end();
});
