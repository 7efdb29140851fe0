/**
 * A cluster of built programs, each a process of its own, whose members are killed, stopped, frozen and
 * started again. What clients cannot expect of them meanwhile is remembered for the checker.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../peers.ts';
import { type Program, startProgram } from '../program.ts';
import { type Absence, type Era, nowMs } from './history.ts';
import { send, type Target } from './load.ts';

interface Teardown {
  teardown(fn: () => unknown): void;
}

/** Where a member runs. */
export interface Placement {
  /** the address in its node name */
  readonly address: string;
  readonly runner?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface FaultClusterOptions {
  readonly size: number;
  /** where a port mapper listens; default a free port, so that one of the members answers */
  readonly epmdPort?: number;
  readonly cookie?: string;
  /** names of nodes that are there already and that the members find */
  readonly guests?: readonly string[];
  /** default: all on the loopback interface, where they find each other */
  readonly placements?: readonly Placement[];
  /** for every member, or for each by its index */
  readonly env?:
    | Readonly<Record<string, string>>
    | ((index: number) => Readonly<Record<string, string>>);
}

/** How an orderly stop went. */
export interface Stop {
  readonly node: string;
  readonly exit: number | NodeJS.Signals | null;
  readonly durationMs: number;
}

export class FaultCluster {
  readonly members: readonly Member[];
  /** nodes that belong to the cluster beside the members, by name */
  readonly guests: Set<string>;
  /** every orderly stop so far */
  readonly stops: Stop[] = [];

  private constructor(members: readonly Member[], guests: readonly string[]) {
    this.members = members;
    this.guests = new Set(guests);
  }

  /** Starts all members at once, and waits until they are one cluster. They end with the test. */
  static async start(
    t: Teardown,
    { size, placements, env = {}, ...options }: FaultClusterOptions,
  ): Promise<FaultCluster> {
    const epmdPort = String(options.epmdPort ?? (await mapperPort()));
    const places: readonly Placement[] =
      placements ?? Array.from({ length: size }, () => ({ address: '127.0.0.1' }));
    const names = places.map(({ address }, index) => `node${index + 1}@${address}`);
    const members = places.map((place, index) => {
      const own = typeof env === 'function' ? env(index) : env;
      return new Member(names[index]!, place.runner ?? [], {
        NODE_NAME: names[index]!,
        ERLANG_COOKIE: options.cookie ?? `faults-${epmdPort}`,
        ERL_EPMD_PORT: epmdPort,
        STOP_WITH_PARENT: 'true',
        ...(placements === undefined ? {} : { CONNECT_NODES: names.join(',') }),
        ...place.env,
        ...own,
      });
    });
    const cluster = new FaultCluster(members, options.guests ?? []);
    t.teardown(() => cluster.end());
    await Promise.all(members.map((member) => member.start()));
    await cluster.whole();
    return cluster;
  }

  get absences(): readonly Absence[] {
    return this.members.flatMap((member) => member.absences);
  }

  member(index: number): Member {
    const member = this.members[index];
    if (member === undefined) throw new Error(`the cluster has no member ${index}`);
    return member;
  }

  /** An orderly stop, remembered in {@link stops}. */
  async stop(member: Member): Promise<Stop> {
    const stop = await member.stop();
    this.stops.push(stop);
    return stop;
  }

  /**
   * Waits until all members are one cluster, and have had time to copy to each other what only one of
   * them may have held.
   */
  async whole(): Promise<void> {
    await this.apart(this.members, this.guests);
    await delay(SETTLING_MS);
  }

  /** Waits until the given nodes see each other and nobody else, and the members answer. */
  async apart(
    members: readonly Member[],
    guests: ReadonlySet<string> = new Set(),
    timeoutMs = 60_000,
  ): Promise<void> {
    let seen = '';
    await until(
      async () => {
        const views = await Promise.all(members.map((member) => member.view()));
        seen = views.map((view, i) => `${members[i]?.name} sees ${view.join(', ')}`).join('\n');
        const expected = [...members.map(({ name }) => name), ...guests].sort();
        return views.every((view) => view.join() === expected.join());
      },
      { timeoutMs, what: () => `one cluster:\n${seen}\n${this.logs()}` },
    );
    await until(
      async () => (await Promise.all(members.map(({ url }) => count(url)))).every(Number.isInteger),
      { timeoutMs: 15_000, what: () => `an answer of each node\n${this.logs()}` },
    );
  }

  /**
   * The count, when all given members say the same.
   *
   * @throws {Error} with what each says, if they do not agree within the time
   */
  async agreedCount(members: readonly Member[] = this.members): Promise<number> {
    let counts: (number | undefined)[] = [];
    await until(
      async () => {
        counts = await Promise.all(members.map(({ url }) => count(url)));
        return counts[0] !== undefined && counts.every((value) => value === counts[0]);
      },
      {
        timeoutMs: 10_000,
        what: () => `one count everywhere: ${counts.join(', ')}\n${this.logs()}`,
      },
    );
    return counts[0]!;
  }

  /** The member whose counter it is, by what all have logged; `undefined` while there is none. */
  owner(): Member | undefined {
    const latest = this.reigns().at(-1);
    if (latest?.toMs !== Number.POSITIVE_INFINITY) return undefined;
    return this.members.find(({ name }) => name === latest.name);
  }

  /** The members that are up and that were the last to hear that the counter is theirs. */
  owners(): readonly Member[] {
    return this.members.filter((member) => member.isUp && member.lastOwnerEvent() === 'taken_over');
  }

  /** Waits until no more than one member has the counter, as after a split. */
  async oneOwner(timeoutMs = 10_000): Promise<void> {
    await until(() => this.owners().length <= 1, {
      timeoutMs,
      what: () => `one owner, not ${this.owners().map(({ name }) => name)}\n${this.logs()}`,
    });
  }

  /**
   * Who owned the counter when, by what the members have logged: from the moment in which an owner is
   * sure until it gives the counter away or dies, or another one is sure.
   */
  reigns(): readonly Era[] {
    const starts = this.members
      .flatMap((member) => member.logged('taken_over').map((fromMs) => ({ member, fromMs })))
      .sort((a, b) => a.fromMs - b.fromMs);
    return starts.map(({ member, fromMs }, index) => {
      const ends = [
        ...member.logged('handed_over', 'ended', 'lost'),
        ...member.absences.filter(({ type }) => type !== 'frozen').map((absence) => absence.fromMs),
        ...(member.isAbsent === undefined ? [] : [member.isAbsent.fromMs]),
        ...starts.slice(index + 1).map((start) => start.fromMs),
      ].filter((ms) => ms > fromMs);
      return {
        name: member.name,
        fromMs: fromMs + 1,
        toMs: Math.min(...ends, Number.POSITIVE_INFINITY),
      };
    });
  }

  /** What the members logged that is worth reading: no lines of single requests. */
  logs(): string {
    return this.members
      .map(({ name, log }) => `--- ${name}\n${log.replace(ABOUT_REQUESTS, '')}`)
      .join('\n');
  }

  async end(): Promise<void> {
    await Promise.all(this.members.map((member) => member.end()));
  }
}

/** The lines about requests in a log. */
const ABOUT_REQUESTS = /^.*"(?:msg":"request|event":"request\.arrived)".*\n/gm;

/** The lines about the counter's owner in a log. */
function ownerEvents(log: string): { readonly event: string; readonly atMs: number }[] {
  return log.split('\n').flatMap((line) => {
    const event = /"event":"counter\.owner\.(\w+)"/.exec(line)?.[1];
    const time = /"time":"([^"]+)"/.exec(line)?.[1];
    return event === undefined || time === undefined ? [] : [{ event, atMs: Date.parse(time) }];
  });
}

/**
 * A free port that no system gives to whoever asks for any: while the node that answers there is dead, nobody
 * else may get it.
 */
async function mapperPort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer().listen(port);
    try {
      await once(server, 'listening');
    } catch {
      // In use.
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** After nodes see each other again: the exchange of their states is not visible from outside. */
const SETTLING_MS = 250;

async function count(url: string | undefined): Promise<number | undefined> {
  const outcome = await send(url ?? '', { method: 'GET', path: '/counter' });
  return outcome.type === 'answered' && outcome.status === 200 ? outcome.count : undefined;
}

/** One node, through all its incarnations. */
export class Member implements Target {
  readonly name: string;
  readonly absences: Absence[] = [];
  readonly #env: Readonly<Record<string, string>>;
  readonly #runner: readonly string[];
  #program: Program | undefined;
  #url: string | undefined;
  #logs = '';
  #absentFrom: { fromMs: number; type: Absence['type'] } | undefined;

  constructor(name: string, runner: readonly string[], env: Readonly<Record<string, string>>) {
    this.name = name;
    this.#runner = runner;
    this.#env = env;
  }

  get url(): string | undefined {
    return this.#url;
  }

  get isUp(): boolean {
    return this.#program !== undefined && this.#absentFrom === undefined;
  }

  /** What all incarnations have logged. */
  get log(): string {
    return this.#logs + (this.#program?.log() ?? '');
  }

  /** When it logged one of the events of the counter's owner. */
  logged(...events: readonly string[]): number[] {
    return ownerEvents(this.log)
      .filter(({ event }) => events.includes(event))
      .map(({ atMs }) => atMs);
  }

  /** What this incarnation said last about the counter's owner. */
  lastOwnerEvent(): string | undefined {
    return ownerEvents(this.#program?.log() ?? '').at(-1)?.event;
  }

  /** Since when clients cannot expect much of it, if so. */
  get isAbsent(): { readonly fromMs: number; readonly type: Absence['type'] } | undefined {
    return this.#absentFrom;
  }

  async start(): Promise<void> {
    const program = await startProgram({
      env: this.#env,
      runner: this.#runner,
      startTimeoutMs: 40_000,
    });
    this.#program = program;
    this.#url = program.url;
    this.#present();
  }

  /** SIGKILL; returns when the process is gone. @returns when the signal was sent, see {@link nowMs} */
  async kill(): Promise<number> {
    const fromMs = this.#absent('killed');
    await this.#running.kill('SIGKILL');
    this.#keepLog();
    return fromMs;
  }

  /** SIGTERM; returns when the process is gone. */
  async stop(): Promise<Stop> {
    const fromMs = this.#absent('stopping');
    const exit = await this.#running.kill('SIGTERM');
    const stop = { node: this.name, exit, durationMs: nowMs() - fromMs };
    this.#keepLog();
    return stop;
  }

  /** SIGSTOP: the sockets stay open, nobody answers. */
  freeze(): void {
    this.#absent('frozen');
    this.#running.child.kill('SIGSTOP');
  }

  /** SIGCONT. */
  thaw(): void {
    this.#running.child.kill('SIGCONT');
    this.#present();
  }

  /** The nodes that this one sees, itself included, sorted; none when it does not answer. */
  async view(): Promise<readonly string[]> {
    if (!this.isUp) return [];
    try {
      const response = await fetch(`${this.#url}/nodes`, { signal: AbortSignal.timeout(2_000) });
      const body = (await response.json()) as { all_nodes?: unknown };
      return Array.isArray(body.all_nodes) ? body.all_nodes.map(String).sort() : [];
    } catch {
      return [];
    }
  }

  /** Whatever the state: the process is gone. Idempotent. */
  async end(): Promise<void> {
    await this.#program?.kill('SIGKILL');
  }

  get #running(): Program {
    if (this.#program === undefined) throw new Error(`${this.name} is not running`);
    return this.#program;
  }

  #absent(type: Absence['type']): number {
    const fromMs = nowMs();
    this.#absentFrom = { fromMs, type };
    return fromMs;
  }

  #present(): void {
    if (this.#absentFrom === undefined) return;
    this.absences.push({ node: this.name, ...this.#absentFrom, toMs: nowMs() });
    this.#absentFrom = undefined;
  }

  #keepLog(): void {
    this.#logs = this.log;
    this.#program = undefined;
  }
}
