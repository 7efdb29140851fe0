import type { Pid } from '../terms/pid.ts';
import type { Reference } from '../terms/reference.ts';
import { MultiMap } from './multi-map.ts';
import { ReferenceMap } from './reference-map.ts';

/**
 * When an alias ends by itself:
 * `explicit_unalias` never, `reply` with the first message through it, `demonitor` together with the
 * monitor of the same reference, `reply_demonitor` with whichever of these comes first (a message
 * through it removes the monitor too).
 */
export type AliasMode = 'explicit_unalias' | 'reply' | 'demonitor' | 'reply_demonitor';

interface Alias {
  readonly ref: Reference;
  readonly pid: Pid;
  readonly mode: AliasMode;
}

/** Active process aliases: references that can be sent to. Pure bookkeeping. */
export class Aliases {
  readonly #aliases = new ReferenceMap<Alias>();
  readonly #byPid = new MultiMap<Alias>();

  get size(): number {
    return this.#aliases.size;
  }

  add(ref: Reference, pid: Pid, mode: AliasMode): void {
    const alias = { ref, pid, mode };
    this.#aliases.set(ref, alias);
    this.#byPid.add(pid.key, alias);
  }

  find(ref: Reference): Alias | undefined {
    return this.#aliases.get(ref);
  }

  /** @returns whether the alias was active */
  remove(ref: Reference): boolean {
    const alias = this.#aliases.delete(ref);
    if (alias === undefined) return false;
    this.#byPid.delete(alias.pid.key, alias);
    return true;
  }

  /** The monitor with this reference is gone. */
  monitorEnded(ref: Reference): void {
    const mode = this.find(ref)?.mode;
    if (mode === 'demonitor' || mode === 'reply_demonitor') this.remove(ref);
  }

  /** `pid` has ended. */
  removeAll(pid: Pid): void {
    for (const alias of this.#byPid.take(pid.key)) this.#aliases.delete(alias.ref);
  }
}
