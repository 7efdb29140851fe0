/**
 * Evaluates what is typed, and decides what is worth showing: promises are awaited, declarations
 * show nothing, and source that only lacks its end asks for more.
 */
import { types } from 'node:util';
import { type Evaluation, Evaluator } from './evaluator.ts';

/** What came of a piece of source. */
export type Outcome =
  | { readonly type: 'value'; readonly value: unknown }
  /** a declaration or a comment: there is nothing to show */
  | { readonly type: 'nothing' }
  /** more lines must follow; nothing has been evaluated */
  | { readonly type: 'incomplete' }
  | { readonly type: 'error'; readonly error: unknown };

const BLANK = /^\s*(?:\/\/.*)?\s*$/;
const DECLARATION = /^\s*(?:const|let|var|(?:async\s+)?function|class)\b/;

/** For argument lists, for comments, and for comments in argument lists. */
const ADDITIONS: readonly string[] = ['\n,', '*/ (', '*/,'];

export class Session {
  readonly #evaluator: Evaluator;

  /** @param scope the names that typed code sees, beside JavaScript's own */
  constructor(scope: Readonly<Record<string, unknown>>) {
    this.#evaluator = new Evaluator(scope);
  }

  /** Ends it. What is under way goes on, but nobody hears of it. */
  close(): void {
    this.#evaluator.close();
  }

  /** Evaluates one piece of source. Never rejects. */
  async evaluate(source: string): Promise<Outcome> {
    if (BLANK.test(source)) return { type: 'nothing' };
    try {
      const evaluation = await this.#run(source);
      if (evaluation.type === 'value') return await shown(source, evaluation.value);
      if (
        evaluation.type === 'uncompilable' &&
        (await this.#isIncomplete(source, evaluation.error))
      ) {
        return { type: 'incomplete' };
      }
      return { type: 'error', error: evaluation.error };
    } catch (error) {
      return { type: 'error', error };
    }
  }

  /** What begins with a brace is meant as an object, if it can be one. */
  async #run(source: string): Promise<Evaluation> {
    if (/^\s*\{/.test(source)) {
      const object = await this.#evaluator.run(`(${source}\n)`);
      if (object.type !== 'uncompilable') return object;
    }
    return this.#evaluator.run(source);
  }

  /**
   * V8 says so of most sources that merely lack their end. For the others more is added, which can
   * never make a program of them: it says so then, unless something else is wrong.
   */
  async #isIncomplete(source: string, error: unknown): Promise<boolean> {
    if (endsTooEarly(error)) return true;
    for (const addition of ADDITIONS) {
      const continued = await this.#evaluator.run(`${source}${addition}`);
      if (continued.type === 'uncompilable' && endsTooEarly(continued.error)) return true;
    }
    return false;
  }
}

async function shown(source: string, value: unknown): Promise<Outcome> {
  const awaited: unknown = await value;
  if (awaited === undefined && DECLARATION.test(source)) return { type: 'nothing' };
  return { type: 'value', value: awaited };
}

function endsTooEarly(error: unknown): boolean {
  return /^(?:Unexpected end of input|Unterminated template)/.test(messageOf(error));
}

function messageOf(error: unknown): string {
  return types.isNativeError(error) ? error.message : '';
}
