import { test } from 'tap';
import {
  LOST_CONNECTION_MEMORY_MS,
  type LostConnection,
  Partitions,
} from '../../../../../lib/distribution/kernel/global/partitions.ts';

const CREATION = 576460752303423488n + 7n;

function accusation(overrides: Partial<LostConnection> = {}): LostConnection {
  const base = { type: 'lost_connection', node: 'a@h', lost: 'b@h' } as const;
  return { ...base, extendedCreation: CREATION, operationId: -5n, ...overrides };
}

function partitions(now: () => number = () => 0): Partitions {
  return new Partitions('self@h', 7, 2 ** 27 - 1, now);
}

const everybody = (): boolean => true;

test('forwards an accusation once and asks the accused to go', async (t) => {
  const p = partitions();
  t.same(p.accused(accusation(), everybody), { forward: true, remove: 'b@h' });
  t.same(p.accused(accusation(), everybody), { forward: false, remove: undefined });
  t.same(p.accused(accusation({ operationId: -6n }), everybody), {
    forward: false,
    remove: undefined,
  });
  t.same(p.accused(accusation({ operationId: 1 }), everybody), { forward: true, remove: 'b@h' });
  t.same(
    p.accused(accusation({ extendedCreation: 3 }), everybody),
    { forward: true, remove: 'b@h' },
    'another incarnation counts anew',
  );
});

test('lets go of the accuser when it has lost us', async (t) => {
  t.equal(partitions().accused(accusation({ lost: 'self@h' }), everybody).remove, 'a@h');
});

test('forwards but does nothing about a node that is not known', async (t) => {
  t.same(
    partitions().accused(accusation(), () => false),
    { forward: true, remove: undefined },
  );
});

test('forgets an accusation after an hour', async (t) => {
  let nowMs = 0;
  const p = partitions(() => nowMs);
  p.accused(accusation(), everybody);
  p.accused(accusation({ lost: 'c@h' }), everybody);
  nowMs = LOST_CONNECTION_MEMORY_MS - 1;
  t.equal(p.accused(accusation(), everybody).forward, false);
  nowMs = LOST_CONNECTION_MEMORY_MS;
  t.equal(p.accused(accusation(), everybody).forward, true);
});

test('accuses only when asked to, with increasing ids and one extended creation', async (t) => {
  const p = partitions();
  t.equal(p.nodedown('b@h', false), undefined);
  const [first, second] = [p.nodedown('b@h', true), p.nodedown('c@h', true)];
  t.match(first, { node: 'self@h', lost: 'b@h' });
  t.ok(second!.operationId > first!.operationId);
  t.equal(first!.extendedCreation, second!.extendedCreation);
  t.equal(BigInt(first!.extendedCreation) % 2n ** 32n, 7n);
});

test('does not accuse a node whose removal was asked for, once', async (t) => {
  const p = partitions();
  p.markRemoving('b@h');
  t.equal(p.nodedown('b@h', true), undefined);
  t.ok(p.nodedown('b@h', true));
  p.markRemoving('b@h');
  p.nodeup('b@h');
  t.ok(p.nodedown('b@h', true), 'a new connection settles the matter');
});
