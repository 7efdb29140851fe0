import t from 'tap';
import { endWithTerminals, openTerminals } from '../../lib/terminal.ts';

t.test('tells which standard streams are terminals', async (t) => {
  t.same(
    openTerminals((fd) => fd === 2),
    [2],
  );
  t.same(
    openTerminals(() => false),
    [],
  );
});

t.test('ends by SIGHUP where a terminal is gone, and only there', async (t) => {
  const ended: unknown[] = [];
  const self = { pid: 7, kill: (...args: unknown[]) => ended.push(args) };
  endWithTerminals([0, 1, 2], self, () => true);
  endWithTerminals([], self, () => false);
  t.same(ended, []);
  endWithTerminals([0, 1], self, (fd) => fd === 0);
  t.same(ended, [[7, 'SIGHUP']]);
});
