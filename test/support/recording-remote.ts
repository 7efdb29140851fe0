import type {
  DeliverOptions,
  RemoteSignals,
  Signal,
} from '../../lib/distribution/process/signals.ts';

export interface RecordedSignal {
  readonly node: string;
  readonly signal: Signal;
  /** whether it would have dialled */
  readonly connect: boolean;
}

/** A network that sends nothing and remembers what it was given. */
export class RecordingRemote implements RemoteSignals {
  readonly delivered: RecordedSignal[] = [];
  /** thrown in place of taking a message */
  refusal: Error | undefined;

  deliver(node: string, signal: Signal, options: DeliverOptions = {}): void {
    if (this.refusal !== undefined && signal.type.startsWith('send')) throw this.refusal;
    this.delivered.push({ node, signal, connect: options.connect ?? true });
  }

  /** Takes what was recorded since the last time. */
  take(): RecordedSignal[] {
    return this.delivered.splice(0);
  }

  /** The types of what was recorded since the last time. */
  takeTypes(): string[] {
    return this.take().map(({ signal }) => signal.type);
  }
}
