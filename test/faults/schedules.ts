/**
 * Random schedules of deaths, orderly stops, freezes and restarts under load, every fourth with network cuts.
 * Each test names its seed; one of them alone runs with `FAULT_SEED=<seed> npx tap test/faults/schedules.ts`.
 */
import t from 'tap';
import { skipWithoutNamespaces } from '../support/faults/hosts.ts';
import { playSeed } from '../support/faults/random-schedule.ts';
import { expectNoFindings, expectOrderlyStops, seedOf } from '../support/faults/run-schedule.ts';

const SCHEDULES = process.env.FAULT_SEED ? 1 : process.env.CI === 'true' ? 20 : 5;
const first = seedOf();
const noCuts = await skipWithoutNamespaces();

t.setTimeout(SCHEDULES * 60_000 + 60_000);
// Much of a schedule is waiting.
t.jobs = 3;

for (let number = 0; number < SCHEDULES; number += 1) {
  const seed = first + number;
  const cuts = seed % 4 === 0;
  const title = `every acknowledged increment counts exactly once, ${cuts ? 'with cuts, ' : ''}seed ${seed}`;
  t.test(title, { buffered: true, skip: cuts && noCuts }, async (t) => {
    const { result, cluster } = await playSeed(t, {
      ...{ seed, cuts, steps: 4, least: 3, spread: 2, clients: 1 },
      onStep: (step) => t.comment(step),
    });
    t.ok(result.acknowledged > 50, 'there was load');
    expectNoFindings(t, result, cluster);
    expectOrderlyStops(t, cluster);
  });
}
