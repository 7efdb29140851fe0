/**
 * Random schedules of deaths, orderly stops and freezes under load. Each test names its seed; one of them
 * alone runs with `FAULT_SEED=<seed> npx tap test/faults/schedules.ts`.
 */
import t from 'tap';
import { FaultCluster } from '../support/faults/cluster.ts';
import {
  CLIENTS,
  expectNoFindings,
  expectOrderlyStops,
  runSchedule,
  seedOf,
} from '../support/faults/run-schedule.ts';
import { describeStep, generateSchedule } from '../support/faults/schedule.ts';
import { seededRandom } from '../support/seeded-random.ts';

const SCHEDULES = process.env.FAULT_SEED ? 1 : process.env.CI === 'true' ? 20 : 5;
const first = seedOf();

t.setTimeout(SCHEDULES * 60_000);
// Much of a schedule is waiting.
t.jobs = 3;

for (let number = 0; number < SCHEDULES; number += 1) {
  const seed = first + number;
  const title = `every acknowledged increment counts exactly once, seed ${seed}`;
  t.test(title, { buffered: true }, async (t) => {
    const random = seededRandom(seed);
    const size = 3 + random.below(2);
    const steps = generateSchedule(random, {
      ...{ size, steps: 4 },
      types: ['kill', 'kill', 'stop', 'freeze', 'kill_during_stop'],
    });
    for (const step of steps) t.comment(describeStep(step));
    const cluster = await FaultCluster.start(t, { size });
    const result = await runSchedule({ cluster, seed, clients: CLIENTS }, steps);
    t.ok(result.acknowledged > 50, 'there was load');
    expectNoFindings(t, result, cluster);
    expectOrderlyStops(t, cluster);
  });
}
