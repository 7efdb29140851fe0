import type { Monitors } from '../../lib/distribution/kernel/global/monitors.ts';
import type { Pid } from '../../lib/distribution/terms/pid.ts';
import { Reference } from '../../lib/distribution/terms/reference.ts';

/** Monitors that only remember who is watched. */
export class FakeMonitors implements Monitors {
  readonly active = new Map<string, { readonly ref: Reference; readonly pid: Pid }>();
  #last = 0;

  monitor(pid: Pid): Reference {
    this.#last += 1;
    const ref = new Reference('self@h', 1, [this.#last, 0, 0]);
    this.active.set(ref.key, { ref, pid });
    return ref;
  }

  demonitor(ref: Reference): void {
    this.active.delete(ref.key);
  }

  /** The references under which a process is watched. */
  refsOf(pid: Pid): Reference[] {
    return [...this.active.values()].filter((entry) => entry.pid.equals(pid)).map(({ ref }) => ref);
  }
}
