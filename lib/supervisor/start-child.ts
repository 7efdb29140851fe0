/** The start of one child. */
import type { Child } from './child.ts';
import type { CompleteChildSpec, StartAnswer } from './child-spec.ts';
import { SupervisorError } from './errors.ts';

/**
 * Runs the start of a spec. If the supervisor is killed meanwhile nobody waits for the start any
 * more, and a child that it brings forth late is killed at once.
 *
 * @throws what the start throws, or {@link SupervisorError} `stopped` if the supervisor was killed
 * @throws {TypeError} if the start answers something that is not a child
 */
export function startChild(spec: CompleteChildSpec, killed: AbortSignal): Promise<StartAnswer> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(new SupervisorError('stopped', 'the supervisor was killed'));
    killed.addEventListener('abort', giveUp);
    invoke(spec)
      .then((answer) => {
        if (killed.aborted && answer !== 'ignore') answer.kill();
        resolve(answer);
      })
      .catch(reject)
      .finally(() => killed.removeEventListener('abort', giveUp));
  });
}

async function invoke(spec: CompleteChildSpec): Promise<StartAnswer> {
  const answer = await spec.start();
  if (answer === 'ignore' || isChild(answer)) return answer;
  throw new TypeError(
    `the start of child "${spec.id}" must answer 'ignore' or a child {exited, shutdown, kill}, ` +
      `got ${String(answer)}`,
  );
}

function isChild(value: unknown): value is Child {
  if (typeof value !== 'object' || value === null) return false;
  if (!('exited' in value && 'shutdown' in value && 'kill' in value)) return false;
  return (
    value.exited instanceof Promise &&
    typeof value.shutdown === 'function' &&
    typeof value.kill === 'function'
  );
}
