/**
 * The operating system's process, which all nodes in it share. The names are those that Prometheus and
 * the libraries for Node.js use, so that common dashboards fit. The library's own collectors are not
 * used: they start a performance observer and a monitor that nobody can stop.
 */
import type { Instruments, Metering } from './instruments.ts';

/** Where the figures come from; `process` has them all. */
export type ProcessFigures = Pick<
  NodeJS.Process,
  'memoryUsage' | 'cpuUsage' | 'uptime' | 'version'
> & {
  /** milliseconds since 1970 */
  readonly now: () => number;
};

const MICROSECONDS = 1e6;

/** @param figures read when somebody asks for the metrics; the event loop's delay comes with its event */
export function processMetrics(figures: ProcessFigures): Metering {
  return (instruments: Instruments) => {
    const memory = (name: string, help: string, of: (usage: NodeJS.MemoryUsage) => number): void =>
      instruments.readGauge({ name, help }, () => {
        const usage = readable(figures.memoryUsage);
        return usage === undefined ? [] : [[{}, of(usage)]];
      });
    memory('process_resident_memory_bytes', 'Resident memory.', ({ rss }) => rss);
    memory('nodejs_heap_size_total_bytes', 'Heap of V8.', ({ heapTotal }) => heapTotal);
    memory('nodejs_heap_size_used_bytes', 'Used heap of V8.', ({ heapUsed }) => heapUsed);
    memory(
      'nodejs_external_memory_bytes',
      'Memory outside of the heap.',
      ({ external }) => external,
    );

    const cpu = (name: string, help: string, of: (usage: NodeJS.CpuUsage) => number): void =>
      instruments.readCounter({ name, help }, () => [[{}, of(figures.cpuUsage()) / MICROSECONDS]]);
    cpu('process_cpu_seconds_total', 'Processor time.', ({ user, system }) => user + system);
    cpu('process_cpu_user_seconds_total', 'Processor time of the program.', ({ user }) => user);
    cpu(
      'process_cpu_system_seconds_total',
      'Processor time of the system.',
      ({ system }) => system,
    );

    const startedAt = figures.now() / 1000 - figures.uptime();
    instruments.readGauge(
      { name: 'process_start_time_seconds', help: 'Start of the process, seconds since 1970.' },
      () => [[{}, startedAt]],
    );
    instruments.readGauge(
      {
        name: 'nodejs_version_info',
        help: 'Always 1; the version of Node.js.',
        labels: ['version'],
      },
      () => [[{ version: figures.version }, 1]],
    );

    const delay = (which: string, help: string) =>
      instruments.gauge({
        name: `nodejs_eventloop_lag_${which}_seconds`,
        help: `${help} delay of the event loop over the last 10 s.`,
      });
    const [mean, p50, p99, max] = [
      delay('mean', 'Mean'),
      delay('p50', 'Median'),
      delay('p99', '99th percentile of the'),
      delay('max', 'Greatest'),
    ];
    return {
      'vm.event_loop_delay': (_event, { meanMs = 0, p50Ms = 0, p99Ms = 0, maxMs = 0 }) => {
        mean.set(meanMs / 1000);
        p50.set(p50Ms / 1000);
        p99.set(p99Ms / 1000);
        max.set(maxMs / 1000);
      },
    };
  };
}

/** Nothing when it cannot be read: that takes a file descriptor, and the other figures shall be told even so. */
function readable(read: () => NodeJS.MemoryUsage): NodeJS.MemoryUsage | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
