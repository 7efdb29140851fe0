/**
 * Server-sent events for any number of readers.
 *
 * Every event is serialised once, and kept in one ring for all readers: a reader is a place in that ring,
 * so that it costs no buffer of its own. The ring is bounded by events and by bytes. A reader whose
 * place has left the ring, because its client was too slow, comes to its end; the client asks again.
 *
 * An event's id is `INCARNATION/NUMBER`. The incarnation names the node and its start, so that an id that
 * comes back tells whether the ring still has all that came after it. If so, a reader resumes there;
 * otherwise it begins with the event `snapshot`, which holds all there is to know.
 *
 * Readers that wait for something to happen get a comment every `keepAliveMs`.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
import { type Clock, systemClock } from '../clock.ts';

export interface EventStreamOptions {
  /** names the node and this start of it; without line breaks */
  readonly incarnation: string;
  /** what a reader has to know that knows nothing, as JSON; every change of it is published as an event */
  readonly snapshot: () => string;
  readonly clock?: Clock;
  /** how many events are kept; default 512 */
  readonly maxEvents?: number;
  /** how many bytes of events are kept; default 512 KiB */
  readonly maxBytes?: number;
  /** how many readers there may be; default 2000 */
  readonly maxReaders?: number;
  /** default 15 s */
  readonly keepAliveMs?: number;
  /** after what time clients shall ask again; default 1 s */
  readonly retryMs?: number;
}

const DEFAULTS = {
  clock: systemClock,
  maxEvents: 512,
  maxBytes: 512 * 1024,
  maxReaders: 2000,
  keepAliveMs: 15_000,
  retryMs: 1000,
} as const;

type Chunk = IteratorResult<Uint8Array, undefined>;

const DONE: Chunk = { done: true, value: undefined };
const encoder = new TextEncoder();
const KEEP_ALIVE = encoder.encode(': keep-alive\n\n');

export class EventStream {
  readonly #options: Required<EventStreamOptions>;
  /** the events with the numbers `#first` to `#next - 1`; as a ring, since an array's `shift` copies */
  readonly #ring: (Uint8Array | undefined)[];
  #first = 1;
  #next = 1;
  #bytes = 0;
  #snapshot: { readonly at: number; readonly chunk: Uint8Array } | undefined;
  readonly #readers = new Set<Reader>();
  #cancelKeepAlive: (() => void) | undefined;
  #closed = false;

  constructor(options: EventStreamOptions) {
    this.#options = { ...DEFAULTS, ...options };
    this.#ring = new Array(this.#options.maxEvents);
  }

  /** How many readers there are. */
  get readers(): number {
    return this.#readers.size;
  }

  /** @param json the data of the event, on one line */
  publish(type: string, json: string): void {
    if (this.#closed) return;
    const chunk = this.#encode(type, json, this.#next);
    if (this.#next - this.#first === this.#options.maxEvents) this.#forget();
    this.#ring[this.#next % this.#options.maxEvents] = chunk;
    this.#next += 1;
    this.#bytes += chunk.byteLength;
    // The newest is kept, however large it is.
    while (this.#bytes > this.#options.maxBytes && this.#next - this.#first > 1) this.#forget();
    for (const reader of this.#readers) reader.wake();
  }

  /**
   * A new reader, from the event after `lastEventId` on if there are all, otherwise from a snapshot on. It
   * begins to count as one when it is first asked for a chunk.
   *
   * @returns `undefined` when there are too many, or when the stream is closed
   */
  open(lastEventId?: string): AsyncIterableIterator<Uint8Array, undefined> | undefined {
    if (this.#closed || this.#readers.size >= this.#options.maxReaders) return undefined;
    return new Reader({
      begin: (reader) => this.#begin(reader, lastEventId),
      chunk: (number) => (number < this.#next ? this.#at(number) : undefined),
      end: (reader) => this.#end(reader),
    });
  }

  /** Ends all readers, and the keeping alive. */
  close(): void {
    this.#closed = true;
    this.#cancelKeepAlive?.();
    this.#cancelKeepAlive = undefined;
    for (const reader of [...this.#readers]) reader.end();
  }

  /** @returns where the reader goes on, and what it is told first */
  #begin(reader: Reader, lastEventId: string | undefined): Start | undefined {
    if (this.#closed) return undefined;
    this.#readers.add(reader);
    if (this.#cancelKeepAlive === undefined) this.#keepAlive();
    const preamble = `retry: ${this.#options.retryMs}\n\n`;
    const after = this.#numberOf(lastEventId);
    if (after !== undefined && after >= this.#first - 1 && after < this.#next) {
      return { next: after + 1, chunk: encoder.encode(preamble) };
    }
    return {
      next: this.#next,
      chunk: Buffer.concat([encoder.encode(preamble), this.#snapshotChunk()]),
    };
  }

  #end(reader: Reader): void {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    this.#cancelKeepAlive?.();
    this.#cancelKeepAlive = undefined;
  }

  #keepAlive(): void {
    const { clock, keepAliveMs } = this.#options;
    this.#cancelKeepAlive = clock.setTimer(keepAliveMs, () => {
      for (const reader of this.#readers) reader.comment(KEEP_ALIVE);
      this.#keepAlive();
    });
  }

  /** One for all who come between two events, such as everybody after a restart of this node. */
  #snapshotChunk(): Uint8Array {
    const at = this.#next - 1;
    if (this.#snapshot?.at !== at) {
      this.#snapshot = { at, chunk: this.#encode('snapshot', this.#options.snapshot(), at) };
    }
    return this.#snapshot.chunk;
  }

  #encode(type: string, json: string, number: number): Uint8Array {
    const id = `${this.#options.incarnation}/${number}`;
    return encoder.encode(`id: ${id}\nevent: ${type}\ndata: ${json}\n\n`);
  }

  #numberOf(id: string | undefined): number | undefined {
    const prefix = `${this.#options.incarnation}/`;
    if (id === undefined || !id.startsWith(prefix)) return undefined;
    const digits = id.slice(prefix.length);
    return /^\d{1,15}$/.test(digits) ? Number(digits) : undefined;
  }

  /** @returns `gone` when the ring has lost it */
  #at(number: number): Uint8Array | 'gone' {
    if (number < this.#first) return 'gone';
    return this.#ring[number % this.#options.maxEvents] ?? 'gone';
  }

  #forget(): void {
    const at = this.#first % this.#options.maxEvents;
    this.#bytes -= this.#ring[at]?.byteLength ?? 0;
    this.#ring[at] = undefined;
    this.#first += 1;
  }
}

interface Start {
  readonly next: number;
  readonly chunk: Uint8Array;
}

interface Source {
  begin(reader: Reader): Start | undefined;
  /** `undefined`: not there yet */
  chunk(number: number): Uint8Array | 'gone' | undefined;
  end(reader: Reader): void;
}

/** One client's place in the ring. `next` is to be asked one at a time. */
class Reader implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #source: Source;
  #next: number | undefined;
  #waiter: ((chunk: Chunk) => void) | undefined;
  #ended = false;

  constructor(source: Source) {
    this.#source = source;
  }

  next(): Promise<Chunk> {
    if (this.#ended) return Promise.resolve(DONE);
    const chunk = this.#take();
    if (chunk !== undefined) return Promise.resolve(chunk);
    return new Promise((resolve) => {
      this.#waiter = resolve;
    });
  }

  return(): Promise<Chunk> {
    this.end();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** There is a new event. */
  wake(): void {
    if (this.#waiter === undefined) return;
    const chunk = this.#take();
    if (chunk !== undefined) this.#settle(chunk);
  }

  /** Something to say to whoever waits; all others have something on its way to them. */
  comment(chunk: Uint8Array): void {
    this.#settle({ done: false, value: chunk });
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#source.end(this);
    this.#settle(DONE);
  }

  #take(): Chunk | undefined {
    if (this.#next === undefined) {
      const start = this.#source.begin(this);
      this.#next = start?.next;
      if (start !== undefined) return { done: false, value: start.chunk };
      this.end();
      return DONE;
    }
    const chunk = this.#source.chunk(this.#next);
    if (chunk === undefined) return undefined;
    if (chunk === 'gone') {
      this.end();
      return DONE;
    }
    this.#next += 1;
    return { done: false, value: chunk };
  }

  #settle(chunk: Chunk): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.(chunk);
  }
}
