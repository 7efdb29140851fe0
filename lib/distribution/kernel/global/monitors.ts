import type { Pid } from '../../terms/pid.ts';
import type { Reference } from '../../terms/reference.ts';

/**
 * What the lock and name tables need of the server process that owns them. `monitor` dials the
 * pid's node when it is not connected; its answer, `DOWN`, comes to the server later, never
 * during the call.
 */
export interface Monitors {
  monitor(pid: Pid): Reference;
  demonitor(ref: Reference): void;
}
