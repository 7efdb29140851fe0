/** At most so many characters. */
const MAX_LENGTH = 255;

// What a structured field calls a string: printable ASCII between quotes, with \" and \\ for these two.
const QUOTED = /^"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"$/;
const VISIBLE = /^[\x21-\x7e]+$/;

/** What a request says about its idempotency: nothing, a key, or something that is no key. */
export type IdempotencyKey =
  | { readonly type: 'none'; readonly key?: undefined }
  | { readonly type: 'key'; readonly key: string }
  | { readonly type: 'invalid'; readonly key?: undefined };

const NONE: IdempotencyKey = { type: 'none' };

/**
 * Reads what the header `Idempotency-Key` says, if it is there: 1 to 255 visible ASCII characters, as they are
 * or in double quotes, which mean the same key.
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 */
export function idempotencyKey(value: string | undefined): IdempotencyKey {
  if (value === undefined) return NONE;
  const key = QUOTED.test(value) ? value.slice(1, -1).replace(/\\(["\\])/g, '$1') : value;
  return VISIBLE.test(key) && key.length <= MAX_LENGTH ? { type: 'key', key } : { type: 'invalid' };
}
