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

t.test('tells its address once it serves and listens for signals', async (t) => {
  const { argv, env } = process;
  t.teardown(() => {
    process.argv = argv;
    process.env = env;
  });
  process.argv = argv.slice(0, 2);
  process.env = { ...env, ENABLE_DISTRIBUTION: 'false', LOG_LEVEL: 'error', PORT: '0' };
  let status: Promise<number> | undefined;
  const code = await runProgram({
    onStart: (url) => {
      status = fetch(url).then((response) => {
        process.kill(process.pid, 'SIGTERM');
        return response.status;
      });
    },
  });
  t.equal(await status, 200);
  t.equal(code, 0);
});
