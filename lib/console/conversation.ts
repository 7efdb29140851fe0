import { formatError, formatValue } from './format.ts';
import type { Outcome, Session } from './session.ts';

export interface ConversationOptions {
  readonly session: Pick<Session, 'evaluate'>;
  /** shows a result or an error, without a line end */
  readonly print: (text: string) => void;
}

/**
 * Takes lines, one at a time, and answers: the lines of one statement are gathered until it is
 * complete, then it is evaluated and its result printed. Who calls waits for one line to be done
 * before the next, so statements run strictly one after the other.
 */
export class Conversation {
  readonly #session: Pick<Session, 'evaluate'>;
  readonly #print: (text: string) => void;
  #pending: string[] = [];
  #count = 1;
  #hasFailed = false;

  constructor({ session, print }: ConversationOptions) {
    this.#session = session;
    this.#print = print;
  }

  /** Number of the statement that comes next, or is being entered. */
  get count(): number {
    return this.#count;
  }

  /** Whether lines have come whose statement is not complete. */
  get isPending(): boolean {
    return this.#pending.length > 0;
  }

  /** Whether anything that was evaluated ended with an error. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /**
   * Resolves when the line has been dealt with. Never rejects.
   *
   * @param signal gives up waiting for a statement, which goes on unheard
   */
  async line(line: string, signal?: AbortSignal): Promise<void> {
    this.#pending.push(line);
    const source = this.#pending.join('\n');
    const outcome = await unlessAborted(this.#session.evaluate(source), signal);
    if (outcome.type === 'incomplete') return;
    this.#pending = [];
    if (outcome.type === 'nothing' && source.trim() === '') return;
    this.#count += 1;
    if (outcome.type === 'value') this.#print(formatValue(outcome.value));
    if (outcome.type === 'error') this.fail(outcome.error);
  }

  /** Forgets the lines of an incomplete statement. */
  cancel(): void {
    this.#pending = [];
  }

  /** No more lines come: what is incomplete now remains so. */
  end(): void {
    if (this.isPending) this.fail(new SyntaxError('the input ends within a statement'));
    this.cancel();
  }

  /** Reports an error, of a statement or of something that one has left behind. */
  fail(error: unknown): void {
    this.#hasFailed = true;
    this.#print(formatError(error));
  }
}

function unlessAborted(outcome: Promise<Outcome>, signal?: AbortSignal): Promise<Outcome> {
  if (signal === undefined) return outcome;
  return new Promise((resolve, reject) => {
    const interrupt = (): void => resolve({ type: 'nothing' });
    // The statement itself may have asked for the end.
    if (signal.aborted) interrupt();
    signal.addEventListener('abort', interrupt, { once: true });
    outcome.then(resolve, reject).finally(() => signal.removeEventListener('abort', interrupt));
  });
}
