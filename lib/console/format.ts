/** How the console shows results and errors: in Erlang shell notation, as far as that goes. */
import { inspect, types } from 'node:util';
import {
  CallError,
  inspectTerm,
  isTermObject,
  ProcessExit,
  type Term,
} from '../distribution/index.ts';

/** A result that is shown as it is, such as the text of `help()`. */
export class PlainText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Deeper than anybody looks; an array may contain itself. */
const MAX_DEPTH = 50;

/**
 * A result. Terms are shown as the Erlang shell shows them; what only JavaScript knows as it is:
 * `true`, `undefined`, and objects as Node.js inspects them.
 */
export function formatValue(value: unknown): string {
  return value instanceof PlainText ? value.text : format(value, 0);
}

function format(value: unknown, depth: number): string {
  if (isTerm(value, depth)) return inspectTerm(value);
  if (typeof value === 'string') return formatString(value);
  if (Array.isArray(value) && depth < MAX_DEPTH) {
    return `[${value.map((item) => format(item, depth + 1)).join(',')}]`;
  }
  return inspect(value);
}

function isTerm(value: unknown, depth: number): value is Term {
  if (typeof value === 'number') return Number.isFinite(value);
  if (Array.isArray(value)) {
    return depth < MAX_DEPTH && value.every((item) => isTerm(item, depth + 1));
  }
  return typeof value === 'bigint' || value instanceof Uint8Array || isTermObject(value);
}

function formatString(text: string): string {
  const asCharlist = inspectTerm(Array.from(text, (character) => character.codePointAt(0)!));
  return asCharlist.startsWith('"') ? asCharlist : JSON.stringify(text);
}

/** An error as one line: `** (exit) noproc: …` for calls that failed, else `** (TypeError) …`. */
export function formatError(error: unknown): string {
  if (error instanceof ProcessExit) return `** (exit) ${inspectTerm(error.reason)}`;
  if (error instanceof CallError && error.code !== 'bad_reply') return formatCallError(error);
  // Not instanceof: errors of typed code are of another realm.
  if (types.isNativeError(error)) return `** (${error.name}) ${oneLine(error.message)}`;
  return `** (throw) ${oneLine(formatValue(error))}`;
}

function formatCallError({ code, context, message }: CallError): string {
  // The message of `exit` says the reason once more, shortened.
  if (code === 'exit') return `** (exit) ${formatValue(context.exitReason)}`;
  return `** (exit) ${code}: ${oneLine(message)}`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ');
}
