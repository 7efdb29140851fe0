/**
 * Containers may be nested this deep in a decoded, encoded, compared or keyed term. The functions
 * are recursive because that is the fastest form for the small terms of everyday; the cap
 * keeps them from the end of the JavaScript stack: 1000 nested maps, the worst kind, take some 550 of
 * the 984 KB that Node gives by default.
 */
export const MAX_TERM_DEPTH = 1000;

/** What a decoder accepts from a peer; all are checked before anything is allocated. */
export interface TermLimits {
  /** nested containers, at most {@link MAX_TERM_DEPTH} */
  readonly maxDepth: number;
  /** terms in one message, each list element and byte of a string counted: a one-byte term costs us up to 40 bytes */
  readonly maxTerms: number;
  /** magnitude of one integer; the conversion of larger ones takes more than linear time */
  readonly maxBigIntBytes: number;
}

/** The limits where none are given, beyond anything that an honest peer sends. */
export const DEFAULT_TERM_LIMITS: TermLimits = {
  maxDepth: MAX_TERM_DEPTH,
  maxTerms: 8_388_608,
  maxBigIntBytes: 65_536,
};
