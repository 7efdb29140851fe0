/** How a member leaves: what it has goes to others first. */
import { Pid } from '../distribution/index.ts';
import type { Backup } from './backup.ts';
import type { MemberContext } from './context.ts';
import type { Members } from './members.ts';
import { okValue } from './messages.ts';
import type { States } from './states.ts';
import type { Owner } from './tenure.ts';

/**
 * Gives the name, with the state, to another member. What arrives meanwhile waits, and goes to the
 * successor; without one it is answered here, and the owner ends.
 */
export async function handOver(
  context: MemberContext,
  members: Members,
  states: States,
  owner: Owner,
): Promise<void> {
  const { role, node, name } = context.options;
  const { handOffMs } = context.timing;
  const startedAtMs = context.clock.now();
  // The one that gave it to us may not have come to give us the name. And the one that takes it may have handed
  // it over in turn before we come to that: then whoever has it then is the one that serves.
  const holders = [owner.process.pid, context.whereis()];
  const takesFrom = (holder: Pid | undefined): boolean =>
    holder === undefined || holders.some((pid) => pid?.equals(holder));
  owner.server.hold();
  await context.within(role.suspend?.() ?? Promise.resolve(), handOffMs);
  for (const peer of members.names()) {
    // Given up meanwhile: there is no time left.
    if (!context.process.isAlive) return;
    const answer = await context.call(
      peer,
      { type: 'take_over', state: states.export() },
      handOffMs,
    );
    const successor = answer === undefined ? undefined : okValue(answer);
    if (!(successor instanceof Pid)) continue;
    await owner.server.forward(successor);
    await context.within(node.global.passName(name, successor, takesFrom), handOffMs);
    context.emit('handed_over', { durationMs: context.clock.now() - startedAtMs }, { peer });
    return;
  }
  await owner.server.release();
  owner.process.shutdown();
  await context.within(owner.process.exited, handOffMs);
}

/**
 * What only this node and the owner know must not stay with the owner alone: the one that hears it first, the
 * owner if that is quick, keeps it on another node too before it answers.
 */
export async function leave(context: MemberContext, backup: Backup, states: States): Promise<void> {
  const request = { type: 'leaving', node: context.nodeName, state: states.export() } as const;
  const kept = backup.keep(request, context.whereis()?.node);
  await context.within(kept, 2 * context.timing.handOffMs);
}
