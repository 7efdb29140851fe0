/** The identity that one request keeps through logs, telemetry and its response. */
import { randomFillSync } from 'node:crypto';

/** Carries the identity, in requests and responses. */
export const REQUEST_ID_HEADER = 'x-request-id';

// Characters that need no quoting in a header, a log line or a shell: an identity is copied between
// all three. 200 is also where Plug.RequestId ends; unlike it, short identities are accepted.
const ACCEPTABLE = /^[A-Za-z0-9._~+/=-]{1,200}$/;

/**
 * Keeps an acceptable identity that came with the request, and makes one otherwise.
 *
 * @param incoming the value of the request's `x-request-id`, if it has one
 * @param generate makes a fresh identity, such as {@link RequestIds}
 */
export function requestId(incoming: string | undefined, generate: () => string): string {
  return incoming !== undefined && ACCEPTABLE.test(incoming) ? incoming : generate();
}

const AT_ONCE = 128;
const UUID_BYTES = 16;
const UUID_LENGTH = 36;
const DASH = '-'.charCodeAt(0);

/**
 * Makes identities: random UUIDs (RFC 9562, version 4), many at once. Each is a part of one long text, where
 * `randomUUID` puts one together of twenty pieces, which have to be joined before it can be looked at.
 */
export class RequestIds {
  readonly #random = new Uint8Array(AT_ONCE * UUID_BYTES);
  readonly #digits = Buffer.alloc(AT_ONCE * UUID_LENGTH);
  #text = '';
  #at = 0;

  next(): string {
    if (this.#at === this.#text.length) this.#make();
    const at = this.#at;
    this.#at = at + UUID_LENGTH;
    return this.#text.slice(at, at + UUID_LENGTH);
  }

  #make(): void {
    const random = randomFillSync(this.#random);
    let to = 0;
    for (let from = 0; from < random.length; from += 1) {
      const at = from % UUID_BYTES;
      let byte = random[from] ?? 0;
      if (at === 6) byte = (byte & 0x0f) | 0x40;
      else if (at === 8) byte = (byte & 0x3f) | 0x80;
      if (at === 4 || at === 6 || at === 8 || at === 10) this.#digits[to++] = DASH;
      this.#digits[to++] = hexDigit(byte >> 4);
      this.#digits[to++] = hexDigit(byte & 0x0f);
    }
    this.#text = this.#digits.toString('latin1');
    this.#at = 0;
  }
}

/** The code of 0-9 or a-f. */
function hexDigit(value: number): number {
  return value < 10 ? 0x30 + value : 0x57 + value;
}
