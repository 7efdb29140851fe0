/**
 * The story that is played on the platform, step by step. Clients use the application through the router all the
 * while; at the end of each step everything is looked at:
 *
 * - every instance sees all others, by their right names, and nobody else, and one owns the counter;
 * - the counter of every instance is what its clients were acknowledged, exactly, and no answer contradicts another
 *   (see `faults/checker.ts`);
 * - every request was answered, never with a 5xx, but those that the killed instance had been given; these were sent
 *   again with the same key;
 * - no instance ended by itself, each that was stopped ended with 0 in time, and none needed more memory than it has.
 *
 * The first step that is not as it should be is the last one.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { check } from '../faults/checker.ts';
import { type Absence, nowMs } from '../faults/history.ts';
import { type ClientOptions, Load } from '../faults/load.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { Container } from './container.ts';
import { STOP_TIMEOUT_MS } from './container.ts';
import { countProblems, lastProblems, meshProblems } from './inspection.ts';
import { type Platform, seconds } from './platform.ts';
import { type Deployment, memoryLimit } from './platform-environment.ts';
import { findingProblems, loadFigures, type StepResult, serverErrorProblems } from './report.ts';
import type { Router } from './router.ts';

export interface StoryOptions {
  readonly platform: Platform;
  readonly router: Router;
  /** two builds of the same sources: what runs at first, and what is deployed later */
  readonly deployments: readonly [Deployment, Deployment];
  /** at most, when nothing is being deployed */
  readonly instances: number;
  readonly loadMs: number;
  readonly random: SeededRandom;
  readonly say: (text: string) => void;
}

/** How clients see the platform. */
const ROUTER = 'router';
/** For the others to notice who is there and who is not. */
const MESH_TIMEOUT_MS = 15_000;
/** Before the action of a step and after it, so that clients are there at both times. */
const LEAD_MS = 300;
/**
 * The longest pause of a client between two requests. While instances come and go there are twice as many processes,
 * and a load that leaves no processor free would only show how slow a busy machine is: that is the step of load.
 */
const PAUSE_MS = 100;

interface Step {
  readonly title: string;
  readonly clients: readonly ClientOptions[];
  readonly pauseMs: number;
  /** whether one instance owns the counter all the while, so that no number may repeat or go back */
  readonly steady?: boolean;
  /** @returns an absence for which clients are prepared */
  readonly act: () => Promise<Absence | undefined>;
}

const clients = (keyed: number, plain: number, readers: number): readonly ClientOptions[] => [
  ...Array.from({ length: keyed }, () => ({ type: 'keyed' as const })),
  ...Array.from({ length: plain }, () => ({ type: 'plain' as const })),
  ...Array.from({ length: readers }, () => ({ type: 'reader' as const })),
];

const SOME_CLIENTS = clients(4, 4, 4);
const MANY_CLIENTS = clients(12, 12, 8);
/** A client whose connection breaks knows nothing of its increment, unless it has a key. */
const PREPARED_CLIENTS = clients(8, 0, 4);

/** How many instances there are between one and all. */
export function middle(instances: number): number {
  return Math.ceil((instances + 1) / 2);
}

export class Story {
  readonly results: StepResult[] = [];
  readonly #options: StoryOptions;
  #count = 0;
  #brokenSeen = 0;

  constructor(options: StoryOptions) {
    this.#options = options;
  }

  /** Plays all steps, or up to the first one that is not as it should be. @returns whether all were */
  async play(): Promise<boolean> {
    await this.#first();
    for (const step of this.#steps()) {
      if (this.results.some(({ problems }) => problems.length > 0)) return false;
      await this.#play(step);
    }
    if (this.results.some(({ problems }) => problems.length > 0)) return false;
    await this.#end();
    return this.results.every(({ problems }) => problems.length === 0);
  }

  #steps(): readonly Step[] {
    const { platform, instances, loadMs, deployments } = this.#options;
    const between = middle(instances);
    const usual = { clients: SOME_CLIENTS, pauseMs: PAUSE_MS };
    const grow = (to: number): Step => ({
      ...usual,
      title: `scale to ${to}`,
      act: async () => {
        await platform.grow(to - platform.instances.length, deployments[0]);
        return undefined;
      },
    });
    return [
      grow(between),
      {
        ...{ title: 'load', clients: MANY_CLIENTS, pauseMs: 2, steady: true },
        act: () => idle(loadMs),
      },
      ...(instances > between ? [grow(instances)] : []),
      {
        ...usual,
        title: 'rolling deployment',
        act: async () => {
          await platform.deploy(deployments[1]);
          return undefined;
        },
      },
      { title: 'crash', clients: PREPARED_CLIENTS, pauseMs: 30, act: () => this.#crash() },
      { ...usual, title: 'scale to 1', act: () => this.#shrinkToOne() },
    ];
  }

  /** The first instance: there is nobody to ask before it is ready. */
  async #first(): Promise<void> {
    const { platform, deployments } = this.#options;
    const step = { clients: SOME_CLIENTS, pauseMs: PAUSE_MS, act: () => idle(LEAD_MS) };
    await this.#attempt('1 instance', async () => {
      await platform.grow(1, deployments[0]);
      return await this.#underLoad('1 instance', { title: '1 instance', ...step });
    });
  }

  async #play(step: Step): Promise<void> {
    await this.#attempt(step.title, () => this.#underLoad(step.title, step));
  }

  /** The platform takes the last one away. */
  async #end(): Promise<void> {
    const { platform } = this.#options;
    await this.#attempt('stop', async () => {
      await platform.shrink(platform.instances);
      return { problems: this.#instanceProblems(platform.all) };
    });
  }

  async #attempt(
    title: string,
    act: () => Promise<Omit<StepResult, 'title' | 'durationMs'>>,
  ): Promise<void> {
    const { say, platform } = this.#options;
    say(`--- ${title}`);
    const fromMs = nowMs();
    let result: Omit<StepResult, 'title' | 'durationMs'>;
    try {
      result = await act();
    } catch (error) {
      const failed = this.#instanceProblems(platform.all);
      result = { problems: [error instanceof Error ? error.message : String(error), ...failed] };
    }
    this.results.push({ title, durationMs: nowMs() - fromMs, ...result });
    for (const problem of result.problems) say(`NOT AS PROMISED: ${problem}`);
  }

  async #underLoad(title: string, step: Step): Promise<Omit<StepResult, 'title' | 'durationMs'>> {
    const { platform, router, random, say } = this.#options;
    const load = new Load({
      targets: [{ name: ROUTER, url: router.url, isUp: true }],
      clients: step.clients,
      random,
      pauseMs: step.pauseMs,
      name: title.replaceAll(' ', '-'),
    }).start();
    let absence: Absence | undefined;
    let mesh: readonly string[];
    try {
      await delay(LEAD_MS);
      absence = await step.act();
      const fromMs = nowMs();
      mesh = await lastProblems(() => this.#meshProblems(), { timeoutMs: MESH_TIMEOUT_MS });
      if (mesh.length === 0) say(`one cluster ${seconds(nowMs() - fromMs)} later`);
      await delay(LEAD_MS);
    } finally {
      await load.stop();
    }
    const { operations } = load;
    const figures = loadFigures(operations);
    const initial = this.#count;
    this.#count += figures.increments;
    const counts = await countProblems(platform.instances, this.#count);
    for (const instance of platform.instances) instance.measure();
    const findings = check({
      ...{ operations, initial, final: this.#count, splits: [], excused: [] },
      eras: step.steady ? [{ name: title, fromMs: 0, toMs: Number.POSITIVE_INFINITY }] : [],
      absences: absence === undefined ? [] : [absence],
    });
    return {
      instances: platform.instances.length,
      load: figures,
      ...(counts.length === 0 ? { count: this.#count } : {}),
      problems: [
        ...mesh,
        ...counts,
        ...serverErrorProblems(operations),
        ...findingProblems(findings),
        ...this.#brokenProblems(absence),
        ...this.#instanceProblems(platform.all),
      ],
    };
  }

  async #crash(): Promise<Absence> {
    const { platform, say } = this.#options;
    const owner = platform.owner();
    say(`${owner.name} owns the counter, and is killed`);
    const fromMs = nowMs();
    await platform.crash(owner);
    return { node: ROUTER, type: 'killed', fromMs, toMs: nowMs() };
  }

  /** The owner goes first; then all but one, at the same time. */
  async #shrinkToOne(): Promise<undefined> {
    const { platform, say } = this.#options;
    const owner = platform.owner();
    say(`${owner.name} owns the counter, and goes first`);
    await platform.shrink([owner]);
    await platform.shrink(platform.instances.slice(1));
  }

  async #meshProblems(): Promise<readonly string[]> {
    const { platform, deployments } = this.#options;
    const { config } = deployments[0];
    const problems = await meshProblems(platform.instances, config.env.NODE_NAME ?? config.name);
    if (problems.length > 0) return problems;
    try {
      platform.owner();
      return [];
    } catch (error) {
      return [error instanceof Error ? error.message : String(error)];
    }
  }

  /** Connections that broke, but those of the killed instance. */
  #brokenProblems(absence: Absence | undefined): readonly string[] {
    const { router } = this.#options;
    const broken = router.broken.slice(this.#brokenSeen);
    this.#brokenSeen = router.broken.length;
    const excused = (atMs: number): boolean =>
      absence !== undefined && atMs >= absence.fromMs && atMs <= absence.toMs;
    return broken
      .filter(({ atMs }) => !excused(atMs))
      .map(({ instance, reason }) => `${instance} broke a connection: ${reason}`);
  }

  #instanceProblems(instances: readonly Container[]): readonly string[] {
    const { platform, deployments } = this.#options;
    const limit = memoryLimit(deployments[0].config);
    return [
      ...instances.flatMap(({ name, hasFailed, log, peakMemoryMb }) => [
        ...(hasFailed ? [`${name} has ended by itself`] : []),
        ...log.serverErrors.slice(0, 1).map((line) => `${name} logged ${line}`),
        ...(peakMemoryMb > limit
          ? [`${name} had ${peakMemoryMb.toFixed(0)} MB, of ${limit} MB that it may have`]
          : []),
      ]),
      ...platform.stops
        .filter(({ exit, durationMs }) => exit !== 0 || durationMs >= STOP_TIMEOUT_MS)
        .map(({ name, exit, durationMs }) => {
          return `${name} ended with ${exit}, ${seconds(durationMs)} after SIGTERM`;
        }),
    ];
  }
}

async function idle(ms: number): Promise<undefined> {
  await delay(ms);
}
