/**
 * Named events with measurements and metadata, after Erlang's `telemetry`.
 *
 * ```ts
 * const telemetry = new Telemetry();
 * telemetry.attach('slow-calls', 'gen_server.call.stop', (_event, { durationMs = 0 }, { destination }) => {
 *   if (durationMs > 100) console.warn('slow call', destination, durationMs);
 * });
 * telemetry.execute('gen_server.call.stop', { durationMs: 140 }, { destination: 'counter' });
 * ```
 *
 * An event is a dotted path that is fixed in the source, such as `http.request.stop`: variable parts
 * belong in the metadata, because what is known of a name is kept for as long as the instance lives.
 * A handler is attached to names, to everything below a prefix (`http.*`) or to everything (`*`).
 * Handlers run synchronously in the order of their attachment, so they must be quick.
 *
 * A handler that fails never disturbs the emitter: it is detached, and `telemetry.handler.failure`
 * says so. That is deliberate: a handler that failed once would most likely fail on every event.
 *
 * Each event also goes to the `node:diagnostics_channel` named `hello_distributed:<event>`, as one
 * {@link TelemetryMessage}. Those channels belong to the whole process, an instance of this class to
 * one node; the channel's subscribers tell nodes apart by the metadata.
 *
 * This file imports nothing of ours and keeps nothing outside of its instances.
 *
 * @see https://hexdocs.pm/telemetry/telemetry.html
 */
import { type Channel, channel } from 'node:diagnostics_channel';
import { performance } from 'node:perf_hooks';

/** What was measured. Durations end in `Ms`, sizes in `Bytes`. */
export type Measurements = Readonly<Record<string, number>>;

/** The circumstances: names, outcomes, errors. Handlers read it, nobody changes it. */
export type Metadata = Readonly<Record<string, unknown>>;

/** Receives an event while its emitter waits, so it is to be quick. */
export type TelemetryHandler = (
  event: string,
  measurements: Measurements,
  metadata: Metadata,
) => void;

/** What subscribers of the `diagnostics_channel` of an event receive. */
export interface TelemetryMessage {
  readonly event: string;
  readonly measurements: Measurements;
  readonly metadata: Metadata;
}

export interface TelemetryOptions {
  /** monotonic milliseconds, for the durations of spans */
  readonly now?: () => number;
  /** milliseconds since 1970, for their starts */
  readonly systemTime?: () => number;
}

/** The name of the `diagnostics_channel` on which an event appears. */
export function telemetryChannelName(event: string): string {
  return `hello_distributed:${event}`;
}

interface Attachment {
  readonly id: string;
  readonly patterns: readonly string[];
  readonly handler: TelemetryHandler;
}

/** Everyone who listens to one event. `attachments` is never changed in place. */
interface Audience {
  attachments: readonly Attachment[];
  readonly channel: Channel;
}

const NOBODY: readonly Attachment[] = [];

export class Telemetry {
  readonly #attachments = new Map<string, Attachment>();
  readonly #audiences = new Map<string, Audience>();
  readonly #now: () => number;
  readonly #systemTime: () => number;

  constructor(options: TelemetryOptions = {}) {
    this.#now = options.now ?? (() => performance.now());
    this.#systemTime = options.systemTime ?? Date.now;
  }

  /**
   * Attaches a handler.
   *
   * @param id names the attachment, for {@link detach} and for the failure event
   * @param event a name, `prefix.*`, `*`, or several of these
   * @throws {TypeError} if the id is in use or a pattern is not one of these forms
   */
  attach(id: string, event: string | readonly string[], handler: TelemetryHandler): void {
    if (this.#attachments.has(id)) {
      throw new TypeError(`telemetry handler "${id}" is attached already; detach it first`);
    }
    const patterns = typeof event === 'string' ? [event] : [...event];
    patterns.forEach(assertPattern);
    this.#attachments.set(id, { id, patterns, handler });
    this.#refresh();
  }

  /** Removes an attachment. An event that is being delivered may still reach its handler. */
  detach(id: string): void {
    if (this.#attachments.delete(id)) this.#refresh();
  }

  /** True if somebody listens, so that an emitter may skip the building of metadata. */
  hasHandlers(event: string): boolean {
    const audience = this.#audience(event);
    return audience.attachments.length > 0 || audience.channel.hasSubscribers;
  }

  /** Tells every listener of `event`. Never throws; returns at once if there is none. */
  execute(event: string, measurements: Measurements = {}, metadata: Metadata = {}): void {
    const { attachments, channel } = this.#audience(event);
    for (const attachment of attachments) this.#deliver(attachment, event, measurements, metadata);
    // Node reports a failing subscriber as an uncaught exception of its own, never to the publisher.
    if (channel.hasSubscribers) channel.publish({ event, measurements, metadata });
  }

  /**
   * Runs `fn` between `<event>.start` and `<event>.stop`, or `<event>.exception` if it throws or
   * rejects. Start measures `systemTimeMs`, the other two `durationMs`; an exception's metadata has
   * the `error`. A promise ends the span when it settles. What `fn` passes to its argument joins the
   * metadata of the closing event.
   *
   * @returns what `fn` returns; what it throws is thrown on unchanged
   */
  span<T>(event: string, metadata: Metadata, fn: (annotate: (extra: Metadata) => void) => T): T {
    const [start, stop, exception] = [`${event}.start`, `${event}.stop`, `${event}.exception`];
    if (!(this.hasHandlers(start) || this.hasHandlers(stop) || this.hasHandlers(exception))) {
      return fn(ignoreAnnotation);
    }
    let annotated = metadata;
    const startedAt = this.#now();
    const close = () => ({ durationMs: this.#now() - startedAt });
    const fail = (error: unknown) => this.execute(exception, close(), { ...annotated, error });
    this.execute(start, { systemTimeMs: this.#systemTime() }, metadata);
    let result: T;
    try {
      result = fn((extra) => {
        annotated = { ...annotated, ...extra };
      });
    } catch (error) {
      fail(error);
      throw error;
    }
    if (!(result instanceof Promise)) {
      this.execute(stop, close(), annotated);
      return result;
    }
    // The caller gets the promise of `fn` itself; ours only watches it and never rejects.
    result.then(() => this.execute(stop, close(), annotated), fail);
    return result;
  }

  #deliver(
    attachment: Attachment,
    event: string,
    measurements: Measurements,
    metadata: Metadata,
  ): void {
    try {
      const result: unknown = attachment.handler(event, measurements, metadata);
      // An async function is assignable to a handler; its rejection must not end the process.
      if (result instanceof Promise) {
        result.catch((error: unknown) => this.#handlerFailed(attachment, event, error));
      }
    } catch (error) {
      this.#handlerFailed(attachment, event, error);
    }
  }

  #handlerFailed(attachment: Attachment, event: string, error: unknown): void {
    // Async failures may come late, when the id is already someone else's.
    if (this.#attachments.get(attachment.id) !== attachment) return;
    this.detach(attachment.id);
    this.execute('telemetry.handler.failure', {}, { handlerId: attachment.id, event, error });
  }

  #audience(event: string): Audience {
    let audience = this.#audiences.get(event);
    if (audience === undefined) {
      audience = {
        attachments: this.#attachmentsOf(event),
        channel: channel(telemetryChannelName(event)),
      };
      this.#audiences.set(event, audience);
    }
    return audience;
  }

  #attachmentsOf(event: string): readonly Attachment[] {
    const found = [...this.#attachments.values()].filter(({ patterns }) =>
      patterns.some((pattern) => matches(pattern, event)),
    );
    return found.length === 0 ? NOBODY : found;
  }

  #refresh(): void {
    for (const [event, audience] of this.#audiences) {
      audience.attachments = this.#attachmentsOf(event);
    }
  }
}

const PATTERN = /^(\*|[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?)$/;

function assertPattern(pattern: string): void {
  if (!PATTERN.test(pattern)) {
    throw new TypeError(`expected an event such as "a.b", "a.*" or "*", got "${pattern}"`);
  }
}

function matches(pattern: string, event: string): boolean {
  if (pattern === '*') return true;
  if (pattern.endsWith('.*')) return event.startsWith(pattern.slice(0, -1));
  return pattern === event;
}

function ignoreAnnotation(): void {}
