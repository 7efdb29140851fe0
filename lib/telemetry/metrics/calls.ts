/** Calls that this node makes to servers, here and on other nodes. */
import type { Instruments, Metering } from './instruments.ts';
import { LabelValues } from './label-values.ts';
import { Observations } from './observations.ts';

/** Seconds: from an idle server of our own to the usual time-out and beyond. */
const BUCKETS: readonly number[] = [
  0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 10,
];
/** The codes of a `CallError`, and `aborted`. */
const MAX_REASONS = 20;

/** Counts, durations, and failures by reason. */
export const callMetrics: Metering = (instruments: Instruments) => {
  const durations = new Observations(BUCKETS);
  instruments.readHistogram(
    {
      name: 'hello_distributed_call_duration_seconds',
      help: 'From the request to the reply or the failure of a gen_server call; the count is that of calls.',
    },
    () => [durations],
  );
  const failures = instruments.counter({
    name: 'hello_distributed_call_failures_total',
    help: 'Calls without a reply, by reason: the code of the error, or aborted by the caller.',
    labels: ['reason'],
  });
  instruments.readCounter(
    {
      name: 'hello_distributed_calls_total',
      help: 'Calls that have ended, with a reply or without.',
    },
    () => [[{}, durations.count]],
  );
  const reasons = new LabelValues(MAX_REASONS);
  return {
    'gen_server.call.stop': (_event, { durationMs = 0 }, { outcome }) => {
      durations.observe(durationMs / 1000);
      if (outcome !== 'reply') failures.inc({ reason: reasons.of(outcome) });
    },
  };
};
