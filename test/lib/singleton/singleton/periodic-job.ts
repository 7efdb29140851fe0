import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import {
  atom,
  type CastResult,
  type GenServer,
  isAtom,
  type Process,
  type Term,
} from '../../../../lib/distribution/index.ts';
import { Singleton, type SingletonRole } from '../../../../lib/singleton/singleton.ts';
import { TestCluster } from '../../../support/cluster.ts';
import { until } from '../../../support/until.ts';

/** Another example than notes: a job that runs every so often, on one node. */
class PeriodicJob implements SingletonRole {
  readonly #run: () => void;
  readonly #periodMs: number;

  constructor(periodMs: number, run: () => void) {
    this.#periodMs = periodMs;
    this.#run = run;
  }

  createServer(): GenServer {
    const next = (self: Process): void => {
      self.sendAfter(this.#periodMs, atom('run'));
    };
    return {
      init: next,
      handleInfo: (message, self): CastResult => {
        if (!isAtom(message, 'run')) return;
        this.#run();
        next(self);
      },
    };
  }

  exportState(): Term {
    return atom('none');
  }

  mergeState(): boolean {
    return true;
  }
}

t.test('a periodic job runs on one node only, whichever there are', async (t) => {
  const nodes = await TestCluster.start(['a', 'b', 'c']);
  t.teardown(() => nodes.stop());
  const runs: string[] = [];
  const jobs = await Promise.all(
    nodes.nodes.map((node) =>
      Singleton.start({
        node,
        name: atom('sweep'),
        memberName: 'sweep_member',
        event: 'sweep.owner',
        role: new PeriodicJob(5, () => runs.push(node.name)),
      }),
    ),
  );
  const runsOn = async (name: string) => {
    await until(() => runs.at(-1) === name, { intervalMs: 1, what: `a run on ${name}` });
    runs.length = 0;
    await delay(40);
    t.ok(runs.length >= 2, 'it goes on');
    t.strictSame([...new Set(runs)], [name], 'nowhere else');
  };
  await runsOn('a@127.0.0.1');
  await jobs[0]!.stop();
  await runsOn('b@127.0.0.1');
  await nodes.kill(nodes.nodes[1]!);
  await runsOn('c@127.0.0.1');
});
