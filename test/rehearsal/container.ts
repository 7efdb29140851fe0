/** What of an instance can be told without one. The rest is played: see `faults/broken-builds.ts`. */
import t from 'tap';
import { asProcess } from '../support/rehearsal/container.ts';
import { middle } from '../support/rehearsal/story.ts';
import { readUpsunConfig } from '../support/upsun.ts';

t.test('a single command takes the place of the shell', async (t) => {
  t.equal(asProcess('node main.js --port "$PORT"\n'), 'exec node main.js --port "$PORT"');
});

t.test('a script, or what says exec itself, stays as it is', async (t) => {
  for (const command of ['exec node a.js', 'A=1 node a.js', 'date\nnode a.js', 'a && b', 'a | b']) {
    t.equal(asProcess(command), command);
  }
  const { start } = readUpsunConfig();
  t.equal(asProcess(start), start, 'as that of the file');
});

t.test('between one instance and all there is a step, if there is room', async (t) => {
  t.strictSame([2, 3, 4, 5, 10].map(middle), [2, 2, 3, 3, 6]);
});
