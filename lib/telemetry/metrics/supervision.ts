/** What supervisors had to do. */
import type { Instruments, Metering } from './instruments.ts';
import { LabelValues } from './label-values.ts';

/** Children are named in the source; what is named otherwise shall not grow for ever. */
const MAX_CHILDREN = 100;

/** Restarts by supervisor and child. */
export const supervisionMetrics: Metering = (instruments: Instruments) => {
  const restarts = instruments.counter({
    name: 'hello_distributed_restarts_total',
    help: 'Children that were started again, by supervisor and child.',
    labels: ['supervisor', 'child'],
  });
  const supervisors = new LabelValues(MAX_CHILDREN);
  const children = new LabelValues(MAX_CHILDREN);
  return {
    'supervisor.child.restarted': (_event, _measured, { supervisor, childId }) =>
      restarts.inc({ supervisor: supervisors.of(supervisor), child: children.of(childId) }),
  };
};
