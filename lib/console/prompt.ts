/** The console at a terminal: a prompt with history, completion, and lines typed ahead. */
import { clearLine, createInterface, cursorTo, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Bindings } from './bindings.ts';
import type { Conversation } from './conversation.ts';

export interface PromptOptions {
  readonly conversation: Conversation;
  readonly nodeName: string;
  readonly bindings: Bindings;
  readonly input: Readable;
  readonly output: Writable;
}

const HINT = '(to stop the node, press Ctrl-C again, or Ctrl-D, or type .exit)';

/**
 * ```
 *   reading ── line ──▶ evaluating ── done ──▶ reading
 *      │ Ctrl-C twice, Ctrl-D, .exit   │ Ctrl-C: done, unheard
 *      ▼                               ▼
 *    closed                         reading
 * ```
 *
 * Lines that come during an evaluation wait for their turn.
 */
export class Prompt {
  /** Settles when the user leaves, or {@link close} was called. */
  readonly closed: Promise<void>;
  readonly #options: PromptOptions;
  readonly #interface: Interface;
  readonly #waiting: string[] = [];
  #evaluation: AbortController | undefined;
  #hasHinted = false;
  #isClosed = false;

  constructor(options: PromptOptions) {
    this.#options = options;
    const { input, output, bindings } = options;
    this.#interface = createInterface({
      ...{ input, output, terminal: true, historySize: 1_000, removeHistoryDuplicates: true },
      completer: (line: string) => complete(line, bindings),
    });
    this.closed = new Promise((resolve) => {
      this.#interface.once('close', () => {
        this.#isClosed = true;
        this.#evaluation?.abort();
        resolve();
      });
    });
    this.#interface.on('line', (line) => this.#onLine(line));
    this.#interface.on('SIGINT', () => this.#onInterrupt());
    this.#show();
  }

  /** Writes a line, such as one of the log, above what is being typed. */
  writeAbove(text: string, output: Writable = this.#options.output): void {
    if (this.#isClosed || this.#evaluation !== undefined) {
      output.write(text);
      return;
    }
    const terminal = this.#options.output;
    cursorTo(terminal, 0);
    clearLine(terminal, 0);
    output.write(text);
    this.#interface.prompt(true);
  }

  close(): void {
    try {
      this.#interface.close();
    } catch {
      // The terminal is gone. The interface wants to restore it before it says that it has closed.
      this.#interface.emit('close');
    }
  }

  #show(): void {
    const { conversation, nodeName } = this.#options;
    const prompt = `hello(${nodeName})${conversation.count}> `;
    this.#interface.setPrompt(
      conversation.isPending ? `${'...'.padStart(prompt.length - 1)} ` : prompt,
    );
    this.#interface.prompt();
  }

  #onLine(line: string): void {
    this.#hasHinted = false;
    this.#waiting.push(line);
    if (this.#evaluation === undefined) void this.#evaluateWaiting();
  }

  async #evaluateWaiting(): Promise<void> {
    const { conversation, output } = this.#options;
    for (;;) {
      const line = this.#waiting.shift();
      if (line === undefined || this.#isClosed) break;
      if (line.trim() === '.exit') return this.close();
      const evaluation = new AbortController();
      this.#evaluation = evaluation;
      await conversation.line(line, evaluation.signal);
      if (evaluation.signal.aborted && !this.#isClosed) output.write('** (interrupted)\n');
    }
    this.#evaluation = undefined;
    if (!this.#isClosed) this.#show();
  }

  #onInterrupt(): void {
    if (this.#evaluation !== undefined) {
      this.#waiting.length = 0;
      this.#evaluation.abort();
    } else if (this.#options.conversation.isPending || this.#interface.line !== '') {
      this.#options.conversation.cancel();
      this.#newLine('');
    } else if (this.#hasHinted) {
      this.close();
    } else {
      this.#hasHinted = true;
      this.#newLine(`${HINT}\n`);
    }
  }

  /** Leaves what has been typed where it is, and starts anew below it. */
  #newLine(text: string): void {
    this.#options.output.write(`\n${text}`);
    this.#interface.write(null, { ctrl: true, name: 'e' });
    this.#interface.write(null, { ctrl: true, name: 'u' });
    this.#show();
  }
}

/** Completes names in scope, and what they have: `No` -> `Node`, `Node.c` -> `Node.connect`. */
export function complete(line: string, bindings: Bindings): [string[], string] {
  const [typed = '', owner, member = ''] = /(?:(\w+)\.)?(\w*)$/.exec(line) ?? [];
  const names = owner === undefined ? bindings : bindings[owner];
  if (typeof names !== 'object' || names === null) return [[], typed];
  const prefix = owner === undefined ? '' : `${owner}.`;
  const found = Object.keys(names).filter((name) => name.startsWith(member));
  return [found.map((name) => `${prefix}${name}`), typed];
}
