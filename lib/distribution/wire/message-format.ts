/**
 * The three ways in which a message lies in its frames, chosen by the negotiated flags.
 *
 * ```
 *   pass-through   112, 131, control message, [131, payload]
 *   whole          131, 68, header, control message, [payload]
 *   first fragment 131, 69, sequenceId:8, fragmentId:8, header, control message, part of payload
 *   later fragment 131, 70, sequenceId:8, fragmentId:8, part of payload
 * ```
 *
 * Fragment ids count down to 1. The two forms, with and without header, never mix.
 * @see OTP "External Term Format", Distribution Header and Distribution Header for fragmented messages
 */
import { DFLAG_DIST_HDR_ATOM_CACHE, DFLAG_FRAGMENTS, hasFlag } from './flags.ts';

export const PASS_THROUGH = 112;
export const DIST_HEADER = 68;
export const DIST_FRAG_HEADER = 69;
export const DIST_FRAG_CONT = 70;

/** Bytes of a fragment's ids, both of them. */
export const FRAGMENT_IDS_BYTES = 16;

/** Messages are cut into pieces of this many bytes, as OTP does (`ERTS_DIST_FRAGMENT_SIZE`). */
export const FRAGMENT_BYTES = 64 * 1024;

export interface MessageFormat {
  /** messages begin with a distribution header */
  readonly header: boolean;
  /** headers may list atoms */
  readonly atomCache: boolean;
  /** large messages may be cut */
  readonly fragments: boolean;
}

/** The format of a connection with these negotiated flags. */
export function messageFormat(flags: bigint): MessageFormat {
  const atomCache = hasFlag(flags, DFLAG_DIST_HDR_ATOM_CACHE);
  const fragments = hasFlag(flags, DFLAG_FRAGMENTS);
  return { header: atomCache || fragments, atomCache, fragments };
}
