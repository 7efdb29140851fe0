import { test } from 'tap';
import { reportIgnored } from '../../../../lib/distribution/kernel/ignored-message.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { Telemetry } from '../../../../lib/telemetry/telemetry.ts';

test('reports who ignored what', async (t) => {
  const telemetry = new Telemetry();
  const reports: unknown[] = [];
  telemetry.attach('t', 'distribution.message.ignored', (_e, _m, data) => reports.push(data));
  reportIgnored(telemetry, 'a@h')('rex', atom('x'));
  reportIgnored(undefined, 'a@h')('rex', atom('x'));
  t.same(reports, [{ node: 'a@h', receiver: 'rex', message: atom('x') }]);
});
