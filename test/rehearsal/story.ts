/** What of the story can be told without playing it. The rest: see `faults/broken-builds.ts`. */
import t from 'tap';
import { middle } from '../support/rehearsal/story.ts';

t.test('between one instance and all there is a step, if there is room', async (t) => {
  t.strictSame([2, 3, 4, 5, 10].map(middle), [2, 2, 3, 3, 6]);
});
