import { test } from 'tap';
import type { NamedPid } from '../../../../../lib/distribution/kernel/global/messages/protocol.ts';
import {
  compareNames,
  decodeMethod,
  encodeMethod,
  type ResolveMethod,
  resolveIt,
  resolveNames,
} from '../../../../../lib/distribution/kernel/global/resolver.ts';
import { atom } from '../../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../../lib/distribution/terms/pid.ts';
import {
  ExternalFun,
  OpaqueFun,
  type OpaqueFunParts,
  type Term,
  tuple,
} from '../../../../../lib/distribution/terms/term.ts';

const NAME = atom('x');
const small = new Pid('a@h', 99, 0, 1);
const great = new Pid('b@h', 1, 0, 1);

/** As OTP 25 sends its default: a local fun of `global`. */
function defaultFun(overrides: Partial<OpaqueFunParts> = {}): OpaqueFun {
  return new OpaqueFun({
    arity: 3,
    uniq: new Uint8Array(16),
    index: 0,
    module: 'global',
    oldIndex: 0,
    oldUniq: 112854349,
    pid: small,
    freeVariables: [],
    ...overrides,
  });
}

test('knows the methods of OTP, and its default as a local fun', async (t) => {
  const methods = ['random_exit_name', 'random_notify_name', 'notify_all_name'] as const;
  for (const method of methods) t.equal(decodeMethod(encodeMethod(method)), method);
  t.equal(decodeMethod(defaultFun()), 'random_exit_name');
  for (const unknown of [
    defaultFun({ index: 1 }),
    defaultFun({ arity: 2 }),
    defaultFun({ module: 'mine' }),
    defaultFun({ freeVariables: [1] }),
    new ExternalFun('global', 'other', 3),
    new ExternalFun('global', 'random_exit_name', 2),
    new ExternalFun('mine', 'random_exit_name', 3),
    atom('random_exit_name'),
  ]) {
    t.equal(decodeMethod(unknown), undefined);
  }
});

function resolve(method: Term, pid1: Pid, pid2: Pid): { winner: Term; done: Term[] } {
  const done: Term[] = [];
  const winner = resolveIt(method, NAME, pid1, pid2, {
    exit: (pid, reason) => done.push(tuple(atom('exit'), pid, reason)),
    send: (pid, message) => done.push(tuple(atom('send'), pid, message)),
  });
  return { winner, done };
}

test('the pid on the smaller node keeps the name, whichever comes first', async (t) => {
  for (const [pid1, pid2] of [
    [small, great],
    [great, small],
  ] as const) {
    const exit = resolve(defaultFun(), pid1, pid2);
    t.equal(exit.winner, small);
    t.same(exit.done, [tuple(atom('exit'), great, atom('kill'))]);
    const notify = resolve(encodeMethod('random_notify_name'), pid1, pid2);
    t.equal(notify.winner, small);
    t.same(notify.done, [tuple(atom('send'), great, tuple(atom('global_name_conflict'), NAME))]);
    const all = resolve(encodeMethod('notify_all_name'), pid1, pid2);
    t.same(all.winner, atom('none'));
    t.equal(all.done.length, 2);
  }
  t.equal(resolve(defaultFun({ module: 'mine' }), great, small).winner, small, 'unknown code');
});

const method = encodeMethod('random_exit_name' satisfies ResolveMethod);
const ours: NamedPid = { name: NAME, pid: great, method };
const theirs: NamedPid = { name: NAME, pid: small, method };
const conflict = { name: NAME, ours, theirs };

test('tells new names, equal ones and conflicts apart', async (t) => {
  const fresh: NamedPid = { name: atom('fresh'), pid: small, method };
  const same: NamedPid = { name: atom('same'), pid: small, method };
  const table = new Map([
    ['x', ours],
    ['same', same],
  ]);
  const found = compareNames([theirs, fresh, same], (name) => table.get(String(name)));
  t.same(found, { added: [fresh], conflicts: [conflict] });
});

test('only the smaller node decides', async (t) => {
  const comparison = { added: [], conflicts: [conflict] };
  const never = (): never => t.fail('must not be asked') as never;
  t.same(resolveNames(comparison, false, never), { operations: [], forPeer: [] });
});

test('turns the outcome of a conflict into changes on both sides', async (t) => {
  const comparison = { added: [], conflicts: [conflict] };
  const insertTheirs = { type: 'insert', ...theirs };
  const insertOurs = { type: 'insert', ...ours };
  const remove = { type: 'delete', name: NAME };
  const cases: [Term | undefined, object][] = [
    [small, { operations: [insertTheirs], forPeer: [] }],
    [great, { operations: [], forPeer: [insertOurs] }],
    [atom('none'), { operations: [remove], forPeer: [remove] }],
    [atom('nonsense'), { operations: [remove], forPeer: [remove] }],
    [undefined, { operations: [insertTheirs], forPeer: [] }],
  ];
  for (const [outcome, expected] of cases) {
    t.same(
      resolveNames(comparison, true, () => outcome),
      expected,
    );
    t.same(await resolveNames(comparison, true, async () => outcome), expected);
  }
});

test('settles conflicts one after the other, in order', async (t) => {
  const comparison = { added: [theirs], conflicts: [conflict, conflict, conflict] };
  let running = 0;
  let call = 0;
  const result = await resolveNames(comparison, true, () => {
    call += 1;
    if (call === 2) return small;
    running += 1;
    t.equal(running, 1);
    return Promise.resolve(great).finally(() => {
      running -= 1;
    });
  });
  t.equal(result.operations.length, 2);
  t.equal(result.forPeer.length, 2);
});
