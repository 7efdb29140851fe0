/**
 * The counter of the cluster as this node knows it, and what happens to its ownership. It is not called
 * a counter in the names, which by convention do not contain the type of an instrument.
 */
import type { Instruments, Metering } from './instruments.ts';

/** What is read when somebody asks for the metrics. */
export interface CounterFigures {
  /** the greatest total that this node has learnt of */
  readonly value: number | bigint;
  /** whether the counter lives on this node */
  readonly isOwner: boolean;
}

/** Seconds: from a hand-over within milliseconds to an owner that died without a word. */
const BUCKETS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

export interface CounterMetricsOptions {
  /** called when somebody asks for the metrics */
  readonly read: () => CounterFigures;
  /** whether this, from the metadata of an event, is the global name of the counter */
  readonly isName: (name: unknown) => boolean;
}

/** The count, its owner, and all changes of the owner that this node takes part in or sees. */
export function counterMetrics({ read, isName }: CounterMetricsOptions): Metering {
  return (instruments: Instruments) => {
    instruments.readGauge(
      {
        name: 'hello_distributed_increments',
        help: 'The count as far as this node knows it; exact up to 2^53.',
      },
      () => [[{}, Number(read().value)]],
    );
    instruments.readGauge(
      {
        name: 'hello_distributed_owner',
        help: '1 on the node that owns the counter, 0 on the others.',
      },
      () => [[{}, read().isOwner ? 1 : 0]],
    );
    const changes = instruments.counter({
      name: 'hello_distributed_owner_changes_total',
      help: 'What happened to the ownership of this node: taken_over, handed_over, ended, lost.',
      labels: ['change'],
    });
    // All of them from the start, so that the first one is seen as an increase.
    for (const change of ['taken_over', 'handed_over', 'ended', 'lost']) changes.inc({ change }, 0);
    const registrations = instruments.counter({
      name: 'hello_distributed_owner_registrations_total',
      help: 'How often this node saw the name of the counter given to an owner, of whatever kind and wherever.',
    });
    const takeOvers = instruments.histogram(
      {
        name: 'hello_distributed_take_over_duration_seconds',
        help: 'From the moment the name of the counter was free until this node served it.',
      },
      BUCKETS,
    );
    const handOvers = instruments.histogram(
      {
        name: 'hello_distributed_hand_over_duration_seconds',
        help: 'From the begin of a hand-over by this node until the next owner has the name.',
      },
      BUCKETS,
    );
    const merged = instruments.counter({
      name: 'hello_distributed_merged_increments_total',
      help: 'Increments that were counted elsewhere, and of which this node learnt as the owner.',
    });
    return {
      'counter.owner.taken_over': (_event, { durationMs }) => {
        changes.inc({ change: 'taken_over' });
        // A counter that was handed over was never without an owner.
        if (durationMs !== undefined) takeOvers.observe(durationMs / 1000);
      },
      'counter.owner.handed_over': (_event, { durationMs = 0 }) => {
        changes.inc({ change: 'handed_over' });
        handOvers.observe(durationMs / 1000);
      },
      'global.name.registered': (_event, _measured, { name }) => {
        if (isName(name)) registrations.inc();
      },
      'counter.owner.ended': () => changes.inc({ change: 'ended' }),
      'counter.owner.lost': () => changes.inc({ change: 'lost' }),
      'counter.merged': (_event, { added = 0 }) => merged.inc(added),
    };
  };
}
