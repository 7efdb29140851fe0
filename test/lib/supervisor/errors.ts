import t from 'tap';
import { SupervisorError } from '../../../lib/supervisor/errors.ts';

t.test('an error has code, child and cause', async (t) => {
  const cause = new Error('port in use');
  const error = new SupervisorError('start_failed', 'text', { childId: 'endpoint', cause });
  t.match(error, { name: 'SupervisorError', code: 'start_failed', childId: 'endpoint', cause });
});

t.test('an error without a cause has no cause property', async (t) => {
  t.notOk('cause' in new SupervisorError('stopped', 'text'));
});
