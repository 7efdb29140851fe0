import { spawnSync } from 'node:child_process';
import t from 'tap';
import {
  attachLogger,
  createLogger,
  type LoggerOptions,
  serializeError,
} from '../../../lib/telemetry/logger.ts';
import { Telemetry } from '../../../lib/telemetry/telemetry.ts';

function setUp(options: LoggerOptions = {}) {
  const written: string[] = [];
  const logger = createLogger({
    bindings: { node: 'a@h' },
    destination: { write: (line) => written.push(line) },
    now: () => new Date(0),
    ...options,
  });
  const telemetry = new Telemetry();
  const lines = () => written.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { logger, telemetry, written, lines };
}

t.test('a line is one JSON object with level, time, bindings and message', async (t) => {
  const { logger, written } = setUp();
  logger.info({ count: 1 }, 'two\nlines');
  t.same(written, [
    '{"level":"info","time":"1970-01-01T00:00:00.000Z","node":"a@h","count":1,"msg":"two\\nlines"}\n',
  ]);
});

t.test('the level decides what is written', async (t) => {
  const { logger, lines } = setUp({ level: 'warn' });
  logger.info('no');
  logger.warn('yes');
  t.match(lines(), [{ level: 'warn', msg: 'yes' }]);
  const silent = setUp({ level: 'silent' });
  silent.logger.fatal('no');
  t.same(silent.written, []);
});

t.test('cookies and credentials are redacted', async (t) => {
  const { logger, written } = setUp();
  const secrets = {
    cookie: 'S3CRET',
    authorization: 'S3CRET',
    password: 'S3CRET',
    'set-cookie': 'S3CRET',
  };
  logger.info({ ...secrets }, 'top');
  logger.info({ config: { ...secrets } }, 'nested');
  logger.info({ request: { headers: { ...secrets } } }, 'twice nested');
  t.notMatch(written.join(''), /S3CRET/);
  t.equal(written.join('').match(/\[redacted\]/g)?.length, 12);
});

t.test('by default lines go to standard output, errors at once', async (t) => {
  const script = `
    import { createLogger } from './lib/telemetry/logger.ts';
    createLogger().error('the end');
    process.kill(process.pid, 'SIGKILL');
  `;
  const args = ['--import=tsx', '--input-type=module', '--eval', script];
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  t.match(stdout, /^\{"level":"error",.*"msg":"the end"\}\n$/);
});

t.test('a request is one info line', async (t) => {
  const { logger, telemetry, lines } = setUp();
  attachLogger(telemetry, logger);
  const request = { method: 'GET', path: '/counter', route: '/counter', requestId: 'r1' };
  telemetry.execute('http.request.start', {}, request);
  telemetry.execute('http.request.stop', { durationMs: 1.5 }, { ...request, status: 200 });
  t.same(lines(), [
    {
      level: 'info',
      time: '1970-01-01T00:00:00.000Z',
      node: 'a@h',
      event: 'http.request.stop',
      ...request,
      status: 200,
      durationMs: 1.5,
      msg: 'request',
    },
  ]);
});

t.test('a failed request is an error line with its causes', async (t) => {
  const { logger, telemetry, lines } = setUp();
  attachLogger(telemetry, logger);
  const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
  const error = new TypeError('no counter', { cause });
  const request = { path: '/', error };
  telemetry.execute('http.request.exception', { durationMs: 1 }, { ...request, inStop: true });
  telemetry.execute('http.request.stop', { durationMs: 1 }, { ...request, status: 500 });
  t.equal(lines().length, 1, 'one line says all');
  t.match(lines(), [
    {
      level: 'error',
      err: {
        type: 'TypeError',
        message: 'no counter',
        stack: /TypeError: no counter/,
        cause: { code: 'ECONNREFUSED', message: 'refused' },
      },
    },
  ]);
});

t.test(
  'a request without an answer in time is a warning, a fault behind the answer an error',
  async (t) => {
    const { logger, telemetry, lines } = setUp();
    attachLogger(telemetry, logger);
    const error = new Error('why');
    telemetry.execute('http.request.stop', { durationMs: 1 }, { status: 503, error });
    telemetry.execute(
      'http.request.stop',
      { durationMs: 1 },
      { status: 200, aborted: true, error },
    );
    telemetry.execute('http.request.exception', { durationMs: 1 }, { error, inStop: false });
    const [warn, ...errors] = ['warn', 'error', 'error'].map((level) => ({ level, err: {} }));
    t.match(lines(), [warn, ...errors]);
  },
);

t.test('refusals that races and absent nodes bring about are no warnings', async (t) => {
  const { logger, telemetry, lines } = setUp();
  attachLogger(telemetry, logger);
  for (const code of ['nok', 'already_connected', 'unknown_node', 'unreachable', 'closed']) {
    telemetry.execute('distribution.handshake.refused', {}, { peer: 'c@h', code });
  }
  telemetry.execute('distribution.handshake.refused', {}, { peer: 'c@h', code: 'missing_flags' });
  t.match(lines(), [{ level: 'warn', code: 'missing_flags' }]);
  t.equal(lines().length, 1);
});

t.test('each kind of event has its level', async (t) => {
  const { logger, telemetry, lines } = setUp();
  attachLogger(telemetry, logger);
  const error = new Error('why');
  const failed = { type: 'error', error };
  telemetry.execute('distribution.node.up', {}, { node: 'a@h', peer: 'b@h', visible: true });
  telemetry.execute('distribution.node.down', {}, { peer: 'b@h', reason: 'net_tick_timeout' });
  telemetry.execute(
    'distribution.handshake.refused',
    {},
    { peer: 'c@h', code: 'bad_cookie', error },
  );
  telemetry.execute('global.name.conflict', {}, { name: 'counter' });
  telemetry.execute('counter.merged', { added: 5, total: 9 }, { peer: 'b@h' });
  telemetry.execute('process.crashed', {}, { error });
  telemetry.execute('supervisor.child.exited', {}, { childId: 'x', reason: failed });
  telemetry.execute('supervisor.child.restarted', {}, { childId: 'x' });
  telemetry.execute('supervisor.intensity_exceeded', { intensity: 3, periodMs: 5000 }, {});
  t.match(lines(), [
    { level: 'info', msg: 'nodeup', peer: 'b@h' },
    { level: 'info', msg: 'nodedown', reason: 'net_tick_timeout' },
    { level: 'warn', peer: 'c@h', code: 'bad_cookie', err: { message: 'why' } },
    { level: 'warn', name: 'counter' },
    { level: 'info', msg: 'counted elsewhere, merged', peer: 'b@h', added: 5, total: 9 },
    { level: 'error', err: { message: 'why' } },
    { level: 'error', childId: 'x', reason: { type: 'error', err: { message: 'why' } } },
    { level: 'info', childId: 'x' },
    { level: 'fatal', intensity: 3, periodMs: 5000 },
  ]);
});

t.test('no key occurs twice in a line', async (t) => {
  const { logger, telemetry, written } = setUp();
  attachLogger(telemetry, logger);
  telemetry.execute('distribution.node.up', {}, { node: 'a@h', peer: 'b@h' });
  telemetry.attach('bad', 'x.y', () => {
    throw new Error('no');
  });
  telemetry.execute('x.y');
  t.equal(written[0]?.match(/"node":/g)?.length, 1);
  t.equal(written[1]?.match(/"event":/g)?.length, 1);
  t.match(JSON.parse(written[1] ?? ''), {
    event: 'telemetry.handler.failure',
    handlerId: 'bad',
    failedEvent: 'x.y',
  });
});

t.test('values without a JSON form are printed by the given printer', async (t) => {
  const { logger, telemetry, lines } = setUp();
  attachLogger(telemetry, logger, { print: (value) => `printed ${typeof value}` });
  telemetry.execute('global.name.conflict', {}, { name: 1n, pid: new Map(), other: ['x', null] });
  t.match(lines(), [{ name: 'printed bigint', pid: 'printed object', other: ['x', null] }]);
  const plain = setUp();
  attachLogger(plain.telemetry, plain.logger);
  plain.telemetry.execute('global.name.conflict', {}, { name: 1n, pid: new Map([[1, 2]]) });
  t.match(plain.lines(), [{ name: '1n', pid: 'Map(1) { 1 => 2 }' }]);
});

t.test('an event without a line costs its emitter nothing, except at debug', async (t) => {
  const info = setUp();
  attachLogger(info.telemetry, info.logger);
  t.notOk(info.telemetry.hasHandlers('gen_server.call.stop'));
  t.notOk(info.telemetry.hasHandlers('global.name.registered'));
  t.ok(info.telemetry.hasHandlers('http.request.stop'));

  const debug = setUp({ level: 'debug' });
  attachLogger(debug.telemetry, debug.logger);
  debug.telemetry.execute('some.thing', { n: 1 }, { error: new Error('no'), level: 'x' });
  t.match(debug.lines(), [
    {
      level: 'debug',
      event: 'some.thing',
      msg: 'some.thing',
      measurements: { n: 1 },
      metadata: { level: 'x', err: { message: 'no' } },
    },
  ]);
});

t.test('a level that depends on the event is checked when it happens', async (t) => {
  const { logger, telemetry, written } = setUp({ level: 'error' });
  attachLogger(telemetry, logger);
  telemetry.execute('supervisor.child.stopped', {}, { outcome: 'exited' });
  telemetry.execute('supervisor.child.stopped', {}, { outcome: 'abandoned' });
  t.equal(written.length, 1);
});

t.test('detaching ends it', async (t) => {
  const { logger, telemetry, written } = setUp();
  const detach = attachLogger(telemetry, logger);
  detach();
  telemetry.execute('distribution.node.up');
  t.same(written, []);
  t.doesNotThrow(() => attachLogger(telemetry, logger));
});

t.test(
  'an error is serialised without its other properties, its causes within a limit',
  async (t) => {
    const error = Object.assign(new Error('outer'), { cookie: 'S3CRET' });
    t.notMatch(JSON.stringify(serializeError(error)), /S3CRET/);
    error.cause = error;
    t.equal(JSON.stringify(serializeError(error)).match(/"cause"/g)?.length, 8);
    t.same(serializeError('text'), { message: 'text' });
    t.match(serializeError(new Error('x', { cause: 7 })), {
      type: 'Error',
      cause: { message: '7' },
    });
  },
);
