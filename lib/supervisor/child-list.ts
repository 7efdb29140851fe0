/**
 * The children of a supervisor in start order, running or not, and what can be asked of the list.
 * It starts and stops nothing: states are set by the supervisor.
 */
import type { Child } from './child.ts';
import type { ChildType, CompleteChildSpec } from './child-spec.ts';
import type { Reports } from './reports.ts';

/** A child as `whichChildren` shows it. */
export interface ChildInfo {
  readonly id: string;
  readonly type: ChildType;
  /** `undefined`: does not run; `restarting`: its last restart failed, and the next one is due */
  readonly child: Child | 'restarting' | undefined;
}

/** How many children there are, and of which kind. */
export interface ChildCount {
  /** children on the list */
  readonly specs: number;
  /** children that run */
  readonly active: number;
  /** how many on the list are of each type, running or not */
  readonly supervisors: number;
  readonly workers: number;
}

/**
 * Each change makes a new object. What was scheduled for an earlier state, such as the exit of an
 * incarnation that has been replaced since, is recognised by its identity and dropped.
 */
export type ChildState =
  | { readonly type: 'stopped' }
  | { readonly type: 'running'; readonly child: Child }
  | { readonly type: 'restarting' };

/** A child on the list. */
export interface Entry {
  readonly spec: CompleteChildSpec;
  state: ChildState;
}

export class ChildList {
  readonly #reports: Reports;
  #entries: readonly Entry[] = [];

  constructor(reports: Reports) {
    this.#reports = reports;
  }

  /** All of them, in start order; later changes of the list do not show in it. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** Adds a child that does not run yet, as the last one. */
  add(spec: CompleteChildSpec): Entry {
    const entry: Entry = { spec, state: { type: 'stopped' } };
    this.#entries = [...this.#entries, entry];
    return entry;
  }

  remove(entry: Entry): void {
    this.#entries = this.#entries.filter((other) => other !== entry);
  }

  /** A temporary child that has ended is forgotten. */
  removeIfTemporary(entry: Entry): void {
    if (entry.spec.restart === 'temporary') this.remove(entry);
  }

  find(id: string): Entry | undefined {
    return this.#entries.find(({ spec }) => spec.id === id);
  }

  /** @throws {SupervisorError} `not_found` */
  get(id: string): Entry {
    const entry = this.find(id);
    if (entry === undefined) throw this.#reports.error('not_found', `has no child "${id}"`, id);
    return entry;
  }

  /**
   * A child that neither runs nor is about to.
   *
   * @throws {SupervisorError} `not_found`, `running`, `restarting`
   */
  getStopped(id: string): Entry {
    const entry = this.get(id);
    const { type } = entry.state;
    if (type === 'running') {
      throw this.#reports.error(type, `still runs child "${id}"; terminate it first`, id);
    }
    if (type === 'restarting') {
      throw this.#reports.error(type, `is about to restart child "${id}"; terminate it first`, id);
    }
    return entry;
  }

  /** The children in start order. */
  which(): ChildInfo[] {
    return this.#entries.map(({ spec: { id, type }, state }) => {
      if (state.type === 'running') return { id, type, child: state.child };
      return { id, type, child: state.type === 'restarting' ? 'restarting' : undefined };
    });
  }

  count(): ChildCount {
    const supervisors = this.#entries.filter(({ spec }) => spec.type === 'supervisor').length;
    return {
      specs: this.#entries.length,
      active: this.#entries.filter(({ state }) => state.type === 'running').length,
      supervisors,
      workers: this.#entries.length - supervisors,
    };
  }
}
