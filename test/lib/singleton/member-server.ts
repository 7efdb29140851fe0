import t, { type Test } from 'tap';
import {
  atom,
  type From,
  isTuple,
  type Pid,
  type Term,
  tuple,
} from '../../../lib/distribution/index.ts';
import { MemberServer } from '../../../lib/singleton/member-server.ts';
import type { Members } from '../../../lib/singleton/members.ts';
import {
  BAD_STATE,
  DONE,
  encodeRequest,
  type MemberRequest,
  okValue,
  okWithOwner,
} from '../../../lib/singleton/messages.ts';
import { Rivals } from '../../../lib/singleton/rivals.ts';
import { settle } from '../../support/fake-clock.ts';
import { memberRig, pidOf } from '../../support/member-rig.ts';

const A = pidOf('a@h');

async function start(t: Test) {
  const rig = await memberRig(t);
  const log: string[] = [];
  const members = {
    joined: (pid: Pid) => void log.push(`joined ${pid.node}`),
    leaving: (node: string) => void log.push(`leaving ${node}`),
    down: () => void log.push('down'),
  } as unknown as Members;
  const { context, gate, states, tenure, backup } = rig;
  const rivals = new Rivals(context, { gate, members, states, tenure });
  const server = new MemberServer(context, { members, states, rivals, tenure, backup });
  const answers: Term[] = [];
  const client = rig.processes.spawnServer({ onMessage: (message) => void answers.push(message) });
  /** As a call of a process on `a@h`, whose late answers come to us. */
  const ask = (request: MemberRequest) => {
    const from = { pid: client.pid, tag: client.makeRef() } as From;
    const asking = { ...from, pid: client.pid };
    return server.handleCall(encodeRequest(request), asking);
  };
  return { ...rig, server, log, answers, ask };
}

t.test('tells what it knows, and whether its owner serves', async (t) => {
  const { ask, known, tenure, process } = await start(t);
  known.push(3);
  t.strictSame(ask({ type: 'collect' }), { reply: okWithOwner([3], undefined) });
  const { process: owner } = await tenure.take('free');
  t.strictSame(ask({ type: 'merge', state: [4], owner: undefined }), {
    reply: okWithOwner([3, 4], owner.pid),
  });
  t.strictSame(ask({ type: 'hello', member: A, owner: undefined }), {
    reply: okWithOwner(process.pid, owner.pid),
  });
});

t.test('keeps what it is given, unless it is about to go', async (t) => {
  const { ask, known, end } = await start(t);
  t.strictSame(ask({ type: 'replicate', state: [5] }), { reply: DONE });
  end.isLeaving = true;
  t.strictSame(ask({ type: 'replicate', state: [6] }), { reply: BAD_STATE });
  t.strictSame(ask({ type: 'take_over', state: [6] }), { reply: BAD_STATE });
  t.strictSame(known, [5]);
});

t.test('what is not understood is refused, whatever it is', async (t) => {
  const { ask, server, process } = await start(t);
  const nonsense = atom('nonsense');
  for (const type of ['replicate', 'take_over'] as const) {
    t.strictSame(ask({ type, state: nonsense }), { reply: BAD_STATE });
  }
  t.strictSame(ask({ type: 'merge', state: nonsense, owner: undefined }), { reply: BAD_STATE });
  t.strictSame(ask({ type: 'leaving', node: 'a@h', state: nonsense }), { reply: BAD_STATE });
  t.strictSame(server.handleCall(nonsense, { pid: A } as From), { reply: BAD_STATE });
  process.stop(atom('shutdown'));
  t.strictSame(ask({ type: 'collect' }), { reply: BAD_STATE });
});

t.test('takes over with the state, and says who owns it now', async (t) => {
  const { ask, answers, log, known, tenure } = await start(t);
  t.strictSame(ask({ type: 'take_over', state: [8] }), { noReply: true });
  await settle();
  t.strictSame(known, [8]);
  const [answer] = answers;
  if (answer === undefined || !isTuple(answer, 2)) return t.fail('expected an answer');
  t.strictSame(okValue(answer.elements[1]!), tenure.servingPid);
  t.match(log, [/^leaving /]);
});

t.test('what one that leaves has is kept by another too, before it may go', async (t) => {
  const { ask, answers, log, known, callTo } = await start(t);
  t.strictSame(ask({ type: 'leaving', node: 'a@h', state: [9] }), { noReply: true });
  await settle();
  t.strictSame(known, [9]);
  t.strictSame(log, ['leaving a@h']);
  t.equal(answers.length, 0);
  t.match(callTo('a@h').request, { type: 'replicate', state: [9] });
  callTo('a@h').answer(DONE);
  await settle();
  t.equal(answers.length, 1);
});

t.test('the end of a member is passed on', async (t) => {
  const { server, log } = await start(t);
  server.handleInfo(tuple(atom('DOWN'), 1, atom('process'), A, atom('normal')));
  server.handleInfo(atom('other'));
  t.strictSame(log, ['down']);
});
