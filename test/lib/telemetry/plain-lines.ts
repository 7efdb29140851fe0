import t from 'tap';
import { LOG_EVENTS, type LogEvent } from '../../../lib/telemetry/log-events.ts';
import { attachLogger, createLogger } from '../../../lib/telemetry/logger.ts';
import { PlainLines } from '../../../lib/telemetry/plain-lines.ts';
import { type Measurements, type Metadata, Telemetry } from '../../../lib/telemetry/telemetry.ts';

const TIME = '1970-01-01T00:00:00.000Z';
const bindings = { node: 'a"b@h' };
const SECRETS = new Set(['cookie']);
const lines = () => new PlainLines({ bindings, time: () => TIME, secrets: SECRETS });
const STOP = LOG_EVENTS.find(({ event }) => event === 'http.request.stop')!;

/** The line that the logging library writes of the same: it has to, where there is a term to be printed. */
function libraryLine(measurements: Measurements, metadata: Metadata): string {
  const written: string[] = [];
  const destination = { write: (line: string) => written.push(line) };
  const logger = createLogger({ bindings, destination, now: () => new Date(0) });
  logger.plain.lines.line = () => undefined;
  const telemetry = new Telemetry();
  attachLogger(telemetry, logger);
  telemetry.execute(STOP.event, measurements, metadata);
  return written.join('');
}

t.test('a line is the very one that the library writes', async (t) => {
  const path = '/a"\\\n\u0000\u007f\u00e4\u2028\ud83d\ude00\ud800 b';
  const request = { method: 'GET', path, route: undefined, requestId: 'r-1', aborted: false };
  for (const status of [200, Number.NaN, Number.POSITIVE_INFINITY, 1e21, -0.5]) {
    for (const durationMs of [0, 1.5, 0.123456789, 1e9 + 0.0004, 12_345.6789]) {
      const metadata = { ...request, status, error: undefined };
      const level = status >= 500 ? 'error' : 'info';
      const line = lines().line(level, STOP, { durationMs }, metadata);
      t.equal(line, libraryLine({ durationMs }, metadata));
    }
  }
  t.equal(lines().line('info', STOP, {}, request), libraryLine({}, request));
});

t.test('durations are told to the microsecond', async (t) => {
  const line = lines().line('info', STOP, { durationMs: 0.123456789 }, {});
  t.match(JSON.parse(line ?? ''), { durationMs: 0.123 });
});

t.test('what is not plain is left to the library', async (t) => {
  const line = (event: LogEvent, metadata: Metadata) => lines().line('info', event, {}, metadata);
  for (const value of [new Error('no'), 'thrown', null, 0]) {
    t.equal(line(STOP, { error: value }), undefined, `error: ${String(value)}`);
  }
  for (const value of [{}, [], null, 1n, Symbol('s'), () => 1]) {
    t.equal(line(STOP, { path: value }), undefined, typeof value);
  }
  const form = { event: 'a.b', level: 'info', message: 'm' } as const;
  t.equal(line({ ...form, fields: ['cookie'] }, { cookie: 'S3CRET' }), undefined);
  t.equal(line({ ...form, fields: ['event'] }, { event: 'c' }), undefined);
  t.equal(
    line({ ...form, fields: ['path'] }, { path: '/', cookie: 'S3CRET' }),
    `{"level":"info","time":"${TIME}","node":"a\\"b@h","path":"/","event":"a.b","msg":"m"}\n`,
  );
});
