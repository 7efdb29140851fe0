/** What a supervisor says of itself: its events and its errors, all of which bear its name. */
import type { Telemetry } from '../telemetry/telemetry.ts';
import { describeError } from './child.ts';
import type { CompleteChildSpec } from './child-spec.ts';
import { SupervisorError, type SupervisorErrorCode } from './errors.ts';

export class Reports {
  readonly #supervisor: string;
  readonly #telemetry: Telemetry | undefined;

  constructor(supervisor: string, telemetry: Telemetry | undefined) {
    this.#supervisor = supervisor;
    this.#telemetry = telemetry;
  }

  /** An error of this supervisor: `what` follows its name. */
  error(
    code: SupervisorErrorCode,
    what: string,
    childId?: string,
    cause?: unknown,
  ): SupervisorError {
    return new SupervisorError(code, `supervisor "${this.#supervisor}" ${what}`, {
      ...(childId === undefined ? {} : { childId }),
      ...(cause === undefined ? {} : { cause }),
    });
  }

  /** The error `start_failed` of a child. */
  startError({ id }: CompleteChildSpec, cause: unknown): SupervisorError {
    const what = `could not start child "${id}": ${describeError(cause)}`;
    return this.error('start_failed', what, id, cause);
  }

  /** An event about a child. */
  emit(
    event: string,
    { id, type, restart }: CompleteChildSpec,
    measurements: Readonly<Record<string, number>> = {},
    metadata: Readonly<Record<string, unknown>> = {},
  ): void {
    this.#telemetry?.execute(event, measurements, {
      supervisor: this.#supervisor,
      childId: id,
      childType: type,
      restart,
      ...metadata,
    });
  }
}
