/** Supervisors over children that a test plays. */
import type { ChildSpec } from '../../lib/supervisor/child-spec.ts';
import { Supervisor, type SupervisorOptions } from '../../lib/supervisor/supervisor.ts';
import { Telemetry } from '../../lib/telemetry/telemetry.ts';
import { FakeChildren } from './fake-child.ts';
import { FakeClock, settle } from './fake-clock.ts';

/** A supervisor over the given children that records its telemetry. */
export function setUp(
  make: (children: FakeChildren) => ChildSpec[],
  options: Partial<SupervisorOptions> = {},
) {
  const children = new FakeChildren();
  const clock = new FakeClock();
  const telemetry = new Telemetry();
  const events: { event: string; measurements: unknown; metadata: Record<string, unknown> }[] = [];
  telemetry.attach('test', 'supervisor.*', (event, measurements, metadata) => {
    events.push({ event, measurements, metadata });
  });
  const start = () =>
    Supervisor.start({
      name: 'top',
      children: make(children),
      clock,
      telemetry,
      killTimeoutMs: 50,
      ...options,
    });
  return { children, clock, events, start };
}

/** Three children that start and end as they should. */
export const abc = (children: FakeChildren) => ['a', 'b', 'c'].map((id) => children.spec(id));

/** Whether a promise is still pending after everything that can happen has happened. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true;
  promise.finally(() => {
    pending = false;
  });
  await settle();
  return pending;
}

/** The ids of the children that run. */
export function running(supervisor: Supervisor): string[] {
  return supervisor
    .whichChildren()
    .filter(({ child }) => typeof child === 'object')
    .map(({ id }) => id);
}
