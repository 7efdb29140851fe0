/** Schedules of faults keep to what the promise covers, and come again from their seed. */
import t from 'tap';
import { generateSchedule, type Step, type StepType } from '../support/faults/schedule.ts';
import { seededRandom } from '../support/seeded-random.ts';

const TYPES: readonly StepType[] = ['kill', 'stop', 'freeze', 'kill_during_stop', 'cut'];

const schedule = (seed: number, size: number): readonly Step[] =>
  generateSchedule(seededRandom(seed), { size, steps: 20, types: TYPES });

t.test('the same seed gives the same schedule, another one another', async (t) => {
  t.strictSame(schedule(1, 3), schedule(1, 3));
  t.notSame(schedule(1, 3), schedule(2, 3));
});

t.test('every type of step comes up', async (t) => {
  const types = new Set(schedule(5, 4).map(({ type }) => type));
  t.strictSame([...types].sort(), [...TYPES].sort());
});

t.test('somebody always stays', async (t) => {
  for (let seed = 1; seed < 200; seed += 1) {
    const size = 2 + (seed % 4);
    for (const step of schedule(seed, size)) {
      if (step.type === 'stop') {
        t.ok(step.nodes.length > 0 && step.nodes.length < size);
        t.equal(new Set(step.nodes).size, step.nodes.length);
      } else if (step.type === 'kill_during_stop') {
        t.not(step.node, step.killed);
      }
    }
  }
});

t.test('every node is on one side of a cut, and there are at least two sides', async (t) => {
  for (let seed = 1; seed < 200; seed += 1) {
    const size = 2 + (seed % 4);
    for (const step of schedule(seed, size)) {
      if (step.type !== 'cut') continue;
      t.ok(step.sides.length >= 2);
      t.strictSame(
        step.sides.flat().sort(),
        Array.from({ length: size }, (_, node) => node),
      );
      t.ok(step.sides.every((side) => side.length > 0));
    }
  }
});
