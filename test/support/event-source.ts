/** A client of server-sent events, as browsers have one, that keeps what it was told. */
import { type ClientRequest, get, type IncomingHttpHeaders } from 'node:http';

export interface ReceivedEvent {
  readonly id: string;
  readonly type: string;
  readonly data: string;
}

export class EventSourceClient {
  readonly events: ReceivedEvent[] = [];
  readonly headers: IncomingHttpHeaders;
  /** comments and other fields, one a line */
  readonly lines: string[] = [];
  /** settles when the stream has ended; `complete` as it should, `broken` by the end of the connection */
  readonly ended: Promise<'complete' | 'broken'>;
  readonly #request: ClientRequest;
  readonly #waiters = new Set<() => void>();
  #rest = '';

  private constructor(request: ClientRequest, response: import('node:http').IncomingMessage) {
    this.#request = request;
    this.headers = response.headers;
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.#read(text));
    this.ended = new Promise((resolve) => {
      response.once('close', () => resolve(response.complete ? 'complete' : 'broken'));
      response.on('error', () => response.destroy());
    });
  }

  /** Connects, and resolves when the response has begun. */
  static open(url: string, lastEventId?: string): Promise<EventSourceClient> {
    return new Promise((resolve, reject) => {
      const headers = {
        accept: 'text/event-stream',
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
      };
      const request = get(url, { agent: false, headers }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`expected 200: ${response.statusCode}`));
        request.off('error', reject).on('error', () => request.destroy());
        resolve(new EventSourceClient(request, response));
      }).once('error', reject);
    });
  }

  get lastEventId(): string {
    return this.events.at(-1)?.id ?? '';
  }

  /** The first event of a type that matches, now or later. */
  async event(type: string, matches: (data: string) => boolean = () => true): Promise<string> {
    for (;;) {
      const found = this.events.find((event) => event.type === type && matches(event.data));
      if (found !== undefined) return found.data;
      await new Promise<void>((resolve, reject) => {
        this.#waiters.add(resolve);
        void this.ended.then(() => reject(new Error(`the stream ended before its event ${type}`)));
      });
    }
  }

  close(): void {
    this.#request.destroy();
  }

  #read(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) this.#block(block);
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
  }

  #block(block: string): void {
    const fields: Record<string, string> = {};
    for (const line of block.split('\n')) {
      const [, name = '', value = ''] = /^(id|event|data): (.*)$/.exec(line) ?? [];
      if (name === '') this.lines.push(line);
      else fields[name] = value;
    }
    const { id = '', event, data = '' } = fields;
    if (event !== undefined) this.events.push({ id, type: event, data });
  }
}
