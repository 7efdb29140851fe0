import { TermError } from '../../lib/distribution/errors.ts';
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
  /** what the encoder would take; the rest it refuses */
  isTerm: (signal: Signal) => boolean = () => true;

  deliver(node: string, signal: Signal, options: DeliverOptions = {}): void {
    if (!this.isTerm(signal)) throw new TermError('unencodable', 'expected a term');
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
