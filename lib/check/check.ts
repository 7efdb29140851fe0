/** The check of a running deployment: everything that must hold, in order, and the report on it. */
import { type Check, ENDPOINTS } from './endpoints.ts';
import { incrementsCheck } from './increments.ts';
import { instancesCheck } from './instances.ts';
import type { CheckOptions } from './options.ts';
import { CheckFailure, type Fetch, Visitor } from './visitor.ts';

/** What the check needs of its surroundings. */
export interface CheckTools {
  /** one line of the report */
  readonly say: (line: string) => void;
  readonly fetch?: Fetch;
}

/**
 * Runs all checks. One that fails does not keep the others from running, unless nobody answers at all.
 *
 * @returns whether all is well
 */
export async function checkDeployment(options: CheckOptions, tools: CheckTools): Promise<boolean> {
  const { url, timeoutMs, authorization, instances } = options;
  const { say, fetch } = tools;
  const visitor = new Visitor({
    url,
    timeoutMs,
    authorization,
    ...(fetch === undefined ? {} : { fetch }),
  });
  const checks: readonly Check[] = [
    ...ENDPOINTS,
    instancesCheck(instances),
    incrementsCheck(options),
  ];
  say(`checking ${url}`);
  let failed = 0;
  for (const [at, { title, run }] of checks.entries()) {
    try {
      say(`ok    ${title}: ${await run(visitor)}`);
    } catch (error) {
      if (!(error instanceof CheckFailure)) throw error;
      failed += 1;
      say(`FAIL  ${title}: ${error.message}`);
      if (at === 0 && error.code === 'no_answer') {
        say(`nobody answers: the other ${checks.length - 1} checks are left out`);
        return false;
      }
    }
  }
  say(
    failed === 0
      ? `all ${checks.length} checks are well`
      : `${failed} of ${checks.length} checks failed`,
  );
  return failed === 0;
}
