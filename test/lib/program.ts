import t from 'tap';
import { runProgram } from '../../lib/program.ts';

// This file has a process of its own, so these arguments reach nobody else.
t.test('tells its version and a wrong configuration, each with its exit code', async (t) => {
  const { argv } = process;
  t.teardown(() => {
    process.argv = argv;
  });
  const out = t.capture(process.stdout, 'write', () => true);
  const err = t.capture(process.stderr, 'write', () => true);
  process.argv = [...argv.slice(0, 2), '--version'];
  const version = await runProgram();
  process.argv = [...argv.slice(0, 2), '--port', 'many'];
  const wrong = await runProgram();
  const [told] = out().map(({ args }) => String(args[0]));
  const [problem] = err().map(({ args }) => String(args[0]));
  // What the assertions themselves write must get through.
  out.restore();
  err.restore();
  t.equal(version, 0);
  t.match(told, /^hello-distributed \d/);
  t.equal(wrong, 1);
  t.match(problem, /^cannot start: the configuration has a problem:\n {2}--port: /);
});
