/**
 * Log lines of events that say nothing but texts, numbers and truth values, as most do: those of requests
 * among them. They are the very lines that the logging library would write, put together by hand, which
 * takes a fifth of the time.
 */
import type { LogEvent, LogLevel } from './log-events.ts';
import type { Measurements, Metadata } from './telemetry.ts';

export interface PlainLinesOptions {
  /** in every line, after its time */
  readonly bindings: Readonly<Record<string, string>>;
  /** the time now, ISO 8601 */
  readonly time: () => string;
  /** fields that are not written as they are; an event that has one of them is none of these */
  readonly secrets: ReadonlySet<string>;
}

/** What never changes in the lines of one event. */
interface Form {
  readonly fields: readonly Field[];
  readonly measurements: readonly MeasuredField[];
  readonly ending: string;
}

interface Field {
  readonly name: string;
  /** `,"name":` */
  readonly key: string;
}

interface MeasuredField extends Field {
  readonly isDuration: boolean;
}

export class PlainLines {
  readonly #options: PlainLinesOptions;
  readonly #bindings: string;
  readonly #forms = new Map<LogEvent, Form | undefined>();

  constructor(options: PlainLinesOptions) {
    this.#options = options;
    const entries = Object.entries(options.bindings);
    this.#bindings = entries.map(([name, value]) => key(name) + quoted(value)).join('');
  }

  /**
   * The line of an event, with its end.
   *
   * @returns `undefined` if it has to say something else, such as an error
   */
  line(
    level: LogLevel,
    event: LogEvent,
    measurements: Measurements,
    metadata: Metadata,
  ): string | undefined {
    const form = this.#formOf(event);
    if (form === undefined) return undefined;
    let line = `{"level":"${level}","time":"${this.#options.time()}"${this.#bindings}`;
    for (const { name, key } of form.fields) {
      const value = metadata[name];
      if (value === undefined) continue;
      // Whatever it is, it becomes the text, the place and the causes of an error.
      const text = name === 'error' ? undefined : textOf(value);
      if (text === undefined) return undefined;
      line += key + text;
    }
    for (const { name, key, isDuration } of form.measurements) {
      const value = measurements[name];
      if (value !== undefined) line += key + numberText(isDuration ? rounded(value) : value);
    }
    return line + form.ending;
  }

  #formOf(event: LogEvent): Form | undefined {
    let form = this.#forms.get(event);
    if (form === undefined && !this.#forms.has(event)) {
      form = this.#makeForm(event);
      this.#forms.set(event, form);
    }
    return form;
  }

  #makeForm({ event, fields, measurements = [], message }: LogEvent): Form | undefined {
    // An `event` among the fields gets another name, and a place of its own.
    const special = (name: string): boolean => name === 'event' || this.#options.secrets.has(name);
    if (fields.some(special)) return undefined;
    return {
      fields: fields.map((name) => ({ name, key: key(name) })),
      measurements: measurements.map((name) => ({
        ...{ name, key: key(name), isDuration: isDuration(name) },
      })),
      ending: `,"event":${quoted(event)},"msg":${quoted(message)}}\n`,
    };
  }
}

/** Durations to the microsecond: what lies behind it is noise, and takes as long to write as all the rest. */
export function roundedMeasurement(name: string, value: number): number {
  return isDuration(name) ? rounded(value) : value;
}

function isDuration(name: string): boolean {
  return name.endsWith('Ms');
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function key(name: string): string {
  return `,${JSON.stringify(name)}:`;
}

function textOf(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'number':
      return numberText(value);
    case 'boolean':
      return value ? 'true' : 'false';
    default:
      return undefined;
  }
}

function numberText(value: number): string {
  return Number.isFinite(value) ? `${value}` : 'null';
}

// Printable ASCII without the quote and the backslash.
const AS_IT_IS = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

function quoted(text: string): string {
  return AS_IT_IS.test(text) ? `"${text}"` : JSON.stringify(text);
}
