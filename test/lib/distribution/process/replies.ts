import { test } from 'tap';
import type { Process } from '../../../../lib/distribution/process/process.ts';
import { Replies } from '../../../../lib/distribution/process/replies.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import { type Term, tuple } from '../../../../lib/distribution/terms/term.ts';
import { collector, idle, processTable } from '../../../support/process-table.ts';

test('finds the slot of a reference while it is open, and those of one caller', (t) => {
  const replies = new Replies();
  const waiting = (id: number) => ({
    caller: { pid: new Pid('a@x', id, 0, 1) },
    onMessage: () => {},
    onExit: () => {},
  });
  const [first, second] = [waiting(1), waiting(2)];
  const [one, two] = [new Reference('a@x', 1, [1, 0, 0]), new Reference('a@x', 1, [2, 0, 0])];
  replies.open(one, first);
  replies.open(two, second);
  t.equal(replies.size, 2);
  t.equal(replies.find(new Reference('a@x', 1, [1, 0, 0])), first);
  t.equal(replies.find(new Reference('a@x', 2, [1, 0, 0])), undefined);
  t.same(replies.of(second.caller), [second]);
  t.equal(replies.close(one), true);
  t.equal(replies.close(one), false);
  t.equal(replies.find(one), undefined);
  t.equal(replies.size, 1);
  t.end();
});

test('a request takes the messages with its reference, past the mailbox, until it ends', (t) => {
  const { processes } = processTable();
  const watched = processes.spawnServer(idle);
  const { process, messages } = collector(processes);
  const taken: Term[] = [];
  const slot = {
    caller: process,
    onMessage: (m: Term) => void taken.push(m),
    onExit: () => t.fail('alive'),
  };
  const ref = process.beginRequest(slot);
  process.monitor(watched.pid, { ref });
  watched.send(process.pid, tuple(ref, 1));
  watched.send(process.pid, tuple(process.makeRef(), 2));
  watched.send(ref, tuple(ref, 3));
  watched.stop();
  t.equal(taken.length, 3);
  t.equal(messages.length, 1);
  t.equal(process.pending.requests, 1);
  t.equal(processes.sizes.aliases, 1);
  process.endRequest(ref);
  process.endRequest(ref);
  t.equal(process.pending.requests, 0);
  t.equal(processes.sizes.aliases, 0);
  processes.send(processes.nobody, ref, tuple(ref, 4));
  processes.send(processes.nobody, process.pid, tuple(ref, 5));
  t.equal(taken.length, 3);
  t.equal(messages.length, 2);
  process.stop();
  t.end();
});

test('a request is told when the process that waits has ended', (t) => {
  const { processes } = processTable();
  const process = processes.spawnServer(idle);
  const other = processes.spawnServer(idle);
  const ends: Term[] = [];
  const slot = (caller: Process) => ({
    caller,
    onMessage: () => t.fail('nothing was sent'),
    onExit: (reason: Term) => {
      ends.push(reason);
      caller.endRequest(ref);
    },
  });
  const ref = process.beginRequest(slot(process));
  const others = other.beginRequest(slot(other));
  process.stop(atom('done'));
  t.match(ends, [{ name: 'done' }]);
  t.equal(processes.sizes.aliases, 1);
  other.endRequest(others);
  t.equal(processes.sizes.aliases, 0);
  t.end();
});
