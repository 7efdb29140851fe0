import t from 'tap';
import { setUpMetrics } from '../../support/metrics-under-test.ts';
import { lintMetrics, parseMetrics, seriesValue } from '../../support/prometheus-text.ts';
import { textOf } from '../../support/source-tree.ts';

const REQUEST = { method: 'GET', route: '/', status: 200 };

t.test('everything that is told can be parsed and breaks no convention', async (t) => {
  const connection = { peer: 'b@h', bytesReceived: 1, bytesWritten: 2, bytesQueued: 3 };
  const { telemetry, metrics, read } = setUpMetrics({
    node: {
      name: 'quoted "a\\b"\n@h',
      version: '1.2.3',
      clusterNodes: () => 2,
      connections: () => [connection],
      processes: () => 7,
      mailboxes: () => ({ messages: 4, longest: 3 }),
    },
  });
  telemetry.execute('http.request.stop', { durationMs: 3 }, REQUEST);
  telemetry.execute('http.request.refused', {}, { code: 'malformed_request' });
  telemetry.execute('gen_server.call.stop', { durationMs: 1 }, { outcome: 'timeout' });
  telemetry.execute('counter.owner.taken_over', { durationMs: 12 }, { cause: 'free' });
  telemetry.execute('counter.owner.handed_over', { durationMs: 5 }, { peer: 'b@h' });
  telemetry.execute('supervisor.child.restarted', {}, { supervisor: 's', childId: 'c' });
  telemetry.execute('distribution.node.down', {}, { reason: 'net_tick_timeout' });
  telemetry.execute('distribution.handshake.refused', {}, { code: 'bad_cookie' });
  telemetry.execute('vm.event_loop_delay', { meanMs: 1, p50Ms: 1, p99Ms: 2, maxMs: 3 });
  t.equal(metrics.contentType, 'text/plain; version=0.0.4; charset=utf-8');
  const families = await read();
  t.strictSame(lintMetrics(families), []);
  t.strictSame(
    [...families.values()].filter(({ series }) => series.length === 0),
    [],
    'all of them have a series by now',
  );
  const labels = { node: 'quoted "a\\b"\n@h', version: '1.2.3' };
  t.equal(seriesValue(families, 'hello_distributed_info', labels), 1);
});

t.test('the README names every metric, with its type, and no other', async (t) => {
  const { metrics } = setUpMetrics();
  const families = parseMetrics(await metrics.text());
  const [, section = ''] = /\n## Metrics\n([\s\S]*?)\n## /.exec(textOf('README.md')) ?? [];
  const rows = [...section.matchAll(/^\| (`.+?) \| (\w+) \|/gm)];
  const documented = rows.flatMap(([, names = '', type]) => {
    let first = '';
    return [...names.matchAll(/`([^`]+)`/g)].flatMap(([, name = '']) => {
      first ||= name;
      return spelledOut(name, first, [...families.keys()]).map((each) => `${each} ${type}`);
    });
  });
  const told = [...families.values()].map(({ name, type }) => `${name} ${type}`);
  t.strictSame(documented.sort(), told.sort());
});

/** The names that a cell of the README stands for: `a_{b,c}` is two; `…_d` begins as the one before it. */
function spelledOut(name: string, before: string, known: readonly string[]): string[] {
  const [, head = '', choices, tail = ''] = /^(.*?)(?:\{(.+)\}(.*))?$/.exec(name) ?? [];
  if (choices !== undefined) return choices.split(',').map((choice) => `${head}${choice}${tail}`);
  if (!name.startsWith('…')) return [name];
  const parts = before.split('_');
  const names = parts.map((_, at) => `${parts.slice(0, at).join('_')}${name.slice(1)}`);
  return [names.find((each) => known.includes(each)) ?? name];
}

t.test('the parser of this test rejects what a scraper would', async (t) => {
  const head = '# HELP a_total A.\n# TYPE a_total counter\n';
  for (const [text, problem] of [
    ['a_total 1\n', /TYPE before/],
    [`${head}a_total 1`, /last line/],
    [`${head}a_total x\n`, /a number/],
    [`${head}a_total -1\n`, /counts -1/],
    [`${head}a_total 1\na_total 2\n`, /same series/],
    [`${head}a_total{x="1",x="2"} 2\n`, /same label/],
    [`${head}a_total{x="1} 2\n`, /a label/],
    [`${head}b_total 1\n`, /another family/],
    [`${head}${head}`, /one HELP/],
    ['# TYPE a_total counter\n', /HELP before/],
    ['# HELP h_seconds H.\n# TYPE h_seconds histogram\nh_seconds_bucket{le="1"} 1\n', /\+Inf/],
  ] as const) {
    t.throws(() => parseMetrics(text), problem, text);
  }
  const bad = parseMetrics('# HELP a_ms_counter A.\n# TYPE a_ms_counter counter\na_ms_counter 1\n');
  t.equal(lintMetrics(bad).length, 3);
});

t.test('two nodes in one process have metrics of their own', async (t) => {
  const [one, two] = [setUpMetrics(), setUpMetrics()];
  one.telemetry.execute('http.request.stop', { durationMs: 1 }, REQUEST);
  const labels = { method: 'GET', route: '/', status: '200' };
  t.equal(seriesValue(await one.read(), 'http_requests_total', labels), 1);
  t.equal(seriesValue(await two.read(), 'http_requests_total', labels), undefined);
});

t.test('nothing is listened to after the end, and what was counted stays', async (t) => {
  const { telemetry, metrics, read } = setUpMetrics();
  telemetry.execute('distribution.node.up');
  metrics.stop();
  for (const event of ['http.request.stop', 'gen_server.call.stop', 'distribution.node.up']) {
    t.notOk(telemetry.hasHandlers(event), event);
  }
  telemetry.execute('distribution.node.up');
  t.equal(seriesValue(await read(), 'hello_distributed_nodeups_total'), 1);
});

t.test('what comes with an event that lacks everything disturbs no other metric', async (t) => {
  const { telemetry, read } = setUpMetrics();
  const failures: unknown[] = [];
  telemetry.attach('failures', 'telemetry.handler.failure', (_event, _measured, { error }) => {
    failures.push(error);
  });
  for (const event of [
    ...['http.request.stop', 'http.request.refused', 'gen_server.call.stop', 'counter.merged'],
    ...['counter.owner.taken_over', 'counter.owner.handed_over', 'supervisor.child.restarted'],
    ...['distribution.node.down', 'distribution.handshake.refused', 'vm.event_loop_delay'],
  ]) {
    telemetry.execute(event);
  }
  t.strictSame(failures, []);
  t.strictSame(lintMetrics(await read()), []);
});

t.test('fifty peers are read within a few milliseconds', async (t) => {
  const connections = Array.from({ length: 50 }, (_, at) => ({
    ...{ peer: `peer${at}@h`, bytesReceived: at, bytesWritten: at, bytesQueued: 0 },
  }));
  const { metrics } = setUpMetrics({
    node: {
      name: 'a@h',
      version: '1',
      clusterNodes: () => 51,
      connections: () => connections,
      processes: () => 1,
      mailboxes: () => ({ messages: 0, longest: 0 }),
    },
  });
  await metrics.text();
  const before = process.cpuUsage();
  for (let round = 0; round < 100; round += 1) await metrics.text();
  const { user, system } = process.cpuUsage(before);
  const milliseconds = (user + system) / 1000 / 100;
  t.comment(`${milliseconds.toFixed(2)} ms of processor time`);
  t.ok(milliseconds < 20, `${milliseconds} ms`);
});
