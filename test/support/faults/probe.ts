/** Asks one node again and again, to see when it answers and when it does not. */
import { setTimeout as delay } from 'node:timers/promises';
import { nowMs } from './history.ts';
import { type RequestOptions, send, type Target } from './load.ts';

/** An answer. */
export interface Answer {
  readonly askedMs: number;
  readonly answeredMs: number;
  readonly status: number | undefined;
  readonly count: number | undefined;
}

/** One request, with when it was asked and answered. */
export async function ask(target: Target, options: RequestOptions): Promise<Answer> {
  const askedMs = nowMs();
  const outcome = await send(target.url ?? '', options);
  const answered = outcome.type === 'answered' ? outcome : undefined;
  return { askedMs, answeredMs: nowMs(), status: answered?.status, count: answered?.count };
}

/**
 * The first good answer to a request that was asked after a moment. Requests are asked anew each few
 * milliseconds without waiting for each other, as those of many clients are.
 *
 * @returns that answer, and every other answer that came before it
 */
export async function firstAnswer(
  target: Target,
  options: RequestOptions,
  { everyMs = 5, timeoutMs = 30_000 } = {},
): Promise<{ readonly first: Answer; readonly failures: readonly Answer[] }> {
  const failures: Answer[] = [];
  let first: Answer | undefined;
  const asked: Promise<void>[] = [];
  const deadline = nowMs() + timeoutMs;
  while (first === undefined) {
    if (nowMs() > deadline) throw new Error(`no answer of ${target.name} within ${timeoutMs} ms`);
    asked.push(
      ask(target, options).then((answer) => {
        if (answer.status !== 200) failures.push(answer);
        else first ??= answer;
      }),
    );
    await delay(everyMs);
  }
  await Promise.all(asked);
  return { first, failures };
}

/** Of some durations. */
export interface Spread {
  readonly median: number;
  readonly worst: number;
}

export function spreadOf(durations: readonly number[]): Spread {
  const sorted = [...durations].sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)] ?? 0, worst: sorted.at(-1) ?? 0 };
}
