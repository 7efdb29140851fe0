/**
 * Source text -> its value, in a scope that lasts: variables stay, `await` may stand anywhere, and a
 * name may be declared anew, as in a browser's console. It is the same machinery, V8's "REPL mode",
 * which Node.js offers through `node:inspector`; no port is opened for it.
 *
 * The code runs in a context of its own, so that its globals are not the program's. It can reach
 * whatever the program can, so it is only for those who may do that anyway.
 */
import { Session as Inspector, type Runtime } from 'node:inspector';
import { type Context, createContext } from 'node:vm';

/** What came of a piece of source. */
export type Evaluation =
  | { readonly type: 'value'; readonly value: unknown }
  | { readonly type: 'thrown'; readonly error: unknown }
  /** it is no program at all, and had no effect; `error` is a SyntaxError */
  | { readonly type: 'uncompilable'; readonly error: unknown };

/** What the language's own library lacks and everybody expects. */
const GLOBALS = {
  ...{ AbortController, AbortSignal, Buffer, TextDecoder, TextEncoder, URL, URLSearchParams },
  ...{ clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout },
  ...{ console, fetch, performance, process, queueMicrotask, structuredClone },
  // Bytes are told by their class, so both sides have the same.
  Uint8Array,
};

/** Objects of one evaluation, which the inspector holds until it is told otherwise. */
const OBJECT_GROUP = 'evaluation';
const HAND_OVER = 'handOver';

/** `replMode` is missing in the types of Node.js. */
type EvaluateParameters = Runtime.EvaluateParameterType & { readonly replMode: true };

export class Evaluator {
  readonly #inspector = new Inspector();
  /** held here, because the inspector knows the context by its id and does not keep it alive */
  readonly #context: Context;
  readonly #contextId: number;
  /** the inspector's id of an object whose method `take` hands a value over to us */
  readonly #receiverId: string;
  #taken: unknown;

  /** @param scope the names that the code sees, beside JavaScript's own */
  constructor(scope: Readonly<Record<string, unknown>>) {
    this.#inspector.connect();
    const take = (value: unknown): void => {
      this.#taken = value;
    };
    this.#context = createContext({ ...GLOBALS, ...scope, [HAND_OVER]: { take } });
    this.#contextId = this.#idOfNewest();
    this.#receiverId = this.#receiver();
    delete this.#context[HAND_OVER];
  }

  /** Ends it. Code that is running goes on, but nobody hears of it. */
  close(): void {
    this.#inspector.disconnect();
  }

  /** Runs the source as a program of its own. Resolves at its end, so possibly never. */
  async run(source: string): Promise<Evaluation> {
    const { result, exceptionDetails, isImmediate } = await this.#evaluate(source);
    try {
      if (exceptionDetails === undefined) return { type: 'value', value: this.#take(result) };
      const { exception = result } = exceptionDetails;
      // A program that has begun ends, as it is asynchronous, in a later turn.
      const isSyntax = isImmediate && exception.className === 'SyntaxError';
      return { type: isSyntax ? 'uncompilable' : 'thrown', error: this.#take(exception) };
    } finally {
      this.#inspector.post('Runtime.releaseObjectGroup', { objectGroup: OBJECT_GROUP });
    }
  }

  #evaluate(expression: string): Promise<Runtime.EvaluateReturnType & { isImmediate: boolean }> {
    const parameters: EvaluateParameters = {
      expression,
      contextId: this.#contextId,
      replMode: true,
      awaitPromise: true,
      objectGroup: OBJECT_GROUP,
    };
    return new Promise((resolve, reject) => {
      let isImmediate = true;
      this.#inspector.post('Runtime.evaluate', parameters, (error, evaluated) => {
        if (error) reject(new Error(error.message));
        else resolve({ ...evaluated, isImmediate });
      });
      isImmediate = false;
    });
  }

  /** The value itself, of which the inspector only gives a description. */
  #take({ objectId, type, value, unserializableValue }: Runtime.RemoteObject): unknown {
    const argument: Runtime.CallArgument = {
      ...(objectId === undefined ? {} : { objectId }),
      ...(unserializableValue === undefined ? {} : { unserializableValue }),
      ...(type === 'undefined' || value === undefined ? {} : { value }),
    };
    this.#inspector.post('Runtime.callFunctionOn', {
      objectId: this.#receiverId,
      functionDeclaration: 'function (value) { this.take(value); }',
      arguments: [argument],
    });
    const taken = this.#taken;
    this.#taken = undefined;
    return taken;
  }

  /** The id of the context made last: ids ascend, and all contexts are announced at once. */
  #idOfNewest(): number {
    let newest = 0;
    this.#inspector.on('Runtime.executionContextCreated', ({ params }) => {
      newest = Math.max(newest, params.context.id);
    });
    this.#inspector.post('Runtime.enable');
    this.#inspector.post('Runtime.disable');
    this.#inspector.removeAllListeners('Runtime.executionContextCreated');
    return newest;
  }

  #receiver(): string {
    let id: string | undefined;
    const parameters: Runtime.EvaluateParameterType = {
      expression: HAND_OVER,
      contextId: this.#contextId,
    };
    this.#inspector.post(
      'Runtime.evaluate',
      parameters,
      (_error, evaluated?: Runtime.EvaluateReturnType) => {
        id = evaluated?.result.objectId;
      },
    );
    if (id === undefined) throw new Error('this Node.js has no inspector to evaluate with');
    return id;
  }
}
