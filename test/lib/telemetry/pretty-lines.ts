import t from 'tap';
import { createLogger } from '../../../lib/telemetry/logger.ts';
import { prettyLines } from '../../../lib/telemetry/pretty-lines.ts';

function setUp(colorize = false) {
  const written: string[] = [];
  const destination = prettyLines({ write: (line) => written.push(line) }, { colorize });
  const now = () => new Date(0);
  const logger = createLogger({ destination, bindings: { node: 'a@h' }, level: 'debug', now });
  return { written, logger, destination };
}

t.test('a line has time, level, message and fields; the node comes last', async (t) => {
  const { written, logger } = setUp();
  const request = { event: 'http.request.stop', method: 'GET', path: '/counter', status: 200 };
  logger.info({ ...request, durationMs: 1.23456 }, 'request');
  t.equal(written.length, 1);
  t.match(
    written[0],
    /^\[\d\d:\d\d:\d\d\.000\] INFO: request method=GET path=\/counter status=200 durationMs=1\.235 node=a@h\n$/,
  );
});

t.test('an error is told on the same line, with its place and its causes', async (t) => {
  const { written, logger } = setUp();
  const cause = Object.assign(new Error('refused\nby peer'), { code: 'ECONNREFUSED' });
  logger.error({ err: new TypeError('no counter', { cause }) }, 'request failed');
  const [line = ''] = written;
  t.equal(line.split('\n').length, 2, 'one line and its end');
  t.match(line, /ERROR: request failed err="TypeError: no counter at /);
  t.match(line, /caused by Error: refused\\nby peer \(ECONNREFUSED\) at /);
});

t.test('no value leaves its line or steers the terminal', async (t) => {
  const { written, logger } = setUp();
  const nasty = 'a\nb\r\u001b[2J\u009b2J\u2028c"d\u202e\u2066\u{e0041}';
  logger.warn({ path: nasty, list: [nasty], [nasty]: 1 }, 'request');
  const line = written.join('');
  t.equal(line.indexOf('\n'), line.length - 1);
  // Between the space and the tilde, and the end of the line.
  t.match(line, /^[ -~]+\n$/);
  t.match(line, 'path="a\\nb\\r\\u001b[2J\\u009b2J\\u2028c\\"d\\u202e\\u2066\\udb40\\udc41"');
});

t.test('secrets are blotted out here too', async (t) => {
  const { written, logger } = setUp();
  logger.info({ config: { cookie: 'S3CRET' } }, 'nested');
  t.match(written.join(''), 'redacted');
  t.notMatch(written.join(''), 'S3CRET');
});

t.test('levels have colours where that is wanted', async (t) => {
  const { written, logger } = setUp(true);
  logger.warn('careful');
  t.match(written.join(''), '\u001b[33mWARN');
});

t.test('what is no line of the log is passed on', async (t) => {
  const { written, destination } = setUp();
  destination.write('not JSON');
  t.strictSame(written, ['not JSON\n']);
});
