/**
 * Capability bits that two nodes exchange in the handshake. A capability is used on a connection
 * when both sides offered it. Unknown bits are ignored.
 *
 * Source: OTP `dist.hrl` and `dist.h`, checked on the wire with OTP 25.2, 27.3 and 29.1. Bits
 * 0x2 and 0x40 are obsolete, 0x8000, 0x200000 and 1 << 36 are internal to the emulator.
 */

/** Visible: the peers run `global`, `pg` and the full mesh with us. */
export const DFLAG_PUBLISHED = 0x1n;
/** References of more than one word. */
export const DFLAG_EXTENDED_REFERENCES = 0x4n;
/** Monitors over the distribution (operations 19 to 21 and 28). */
export const DFLAG_DIST_MONITOR = 0x8n;
/** Funs have their own tag. */
export const DFLAG_FUN_TAGS = 0x10n;
/** Monitors may name a process by its registered name. */
export const DFLAG_DIST_MONITOR_NAME = 0x20n;
/** Closures travel as NEW_FUN_EXT. */
export const DFLAG_NEW_FUN_TAGS = 0x80n;
/** Pids and ports use more than 15 bits of their numbers. */
export const DFLAG_EXTENDED_PIDS_PORTS = 0x100n;
/** `fun m:f/a` travels as EXPORT_EXT. */
export const DFLAG_EXPORT_PTR_TAG = 0x200n;
/** Bitstrings travel as BIT_BINARY_EXT. */
export const DFLAG_BIT_BINARIES = 0x400n;
/** Floats travel as eight IEEE 754 bytes. */
export const DFLAG_NEW_FLOATS = 0x800n;
/** Requests of the I/O protocol may carry `unicode`. */
export const DFLAG_UNICODE_IO = 0x1000n;
/** Messages begin with a distribution header whose atoms are cached per connection. */
export const DFLAG_DIST_HDR_ATOM_CACHE = 0x2000n;
/** SMALL_ATOM_EXT may appear. */
export const DFLAG_SMALL_ATOM_TAGS = 0x4000n;
/** Atoms travel as UTF-8. */
export const DFLAG_UTF8_ATOMS = 0x10000n;
/** Maps. */
export const DFLAG_MAP_TAG = 0x20000n;
/** Creations have 32 bits. */
export const DFLAG_BIG_CREATION = 0x40000n;
/** Messages to a pid name their sender (operations 22 and 23). */
export const DFLAG_SEND_SENDER = 0x80000n;
/** Trace tokens may hold any term as label. */
export const DFLAG_BIG_SEQTRACE_LABELS = 0x100000n;
/** Exit reasons travel as payload (operations 24 to 28). */
export const DFLAG_EXIT_PAYLOAD = 0x400000n;
/** Large messages are cut into fragments. */
export const DFLAG_FRAGMENTS = 0x800000n;
/** The handshake of version 6. */
export const DFLAG_HANDSHAKE_23 = 0x1000000n;
/** Unlinking is acknowledged (operations 35 and 36). */
export const DFLAG_UNLINK_ID = 0x2000000n;
/** Shorthand: everything that OTP 25 demands is present. Bit 26 on the wire; the manual says 36. */
export const DFLAG_MANDATORY_25_DIGEST = 0x4000000n;
/** Processes can be spawned by request (operations 29 to 32). */
export const DFLAG_SPAWN = 1n << 32n;
/** The peer is to choose our name; never offered by us. */
export const DFLAG_NAME_ME = 1n << 33n;
/** Pids and ports of 32 and 64 bits, references of up to five words. */
export const DFLAG_V4_NC = 1n << 34n;
/** Messages may be addressed to aliases (operations 33 and 34); without it peers drop them. */
export const DFLAG_ALIAS = 1n << 35n;
/** Operation 37 takes the place of 33 for aliases and carries priority signals; since OTP 28. */
export const DFLAG_ALTACT_SIG = 1n << 37n;
/** RECORD_EXT may appear; since OTP 29. */
export const DFLAG_NATIVE_RECORDS = 1n << 38n;

/** Each bit under the name that log lines use. */
export const FLAG_NAMES: ReadonlyMap<bigint, string> = new Map([
  [DFLAG_PUBLISHED, 'PUBLISHED'],
  [DFLAG_EXTENDED_REFERENCES, 'EXTENDED_REFERENCES'],
  [DFLAG_DIST_MONITOR, 'DIST_MONITOR'],
  [DFLAG_FUN_TAGS, 'FUN_TAGS'],
  [DFLAG_DIST_MONITOR_NAME, 'DIST_MONITOR_NAME'],
  [DFLAG_NEW_FUN_TAGS, 'NEW_FUN_TAGS'],
  [DFLAG_EXTENDED_PIDS_PORTS, 'EXTENDED_PIDS_PORTS'],
  [DFLAG_EXPORT_PTR_TAG, 'EXPORT_PTR_TAG'],
  [DFLAG_BIT_BINARIES, 'BIT_BINARIES'],
  [DFLAG_NEW_FLOATS, 'NEW_FLOATS'],
  [DFLAG_UNICODE_IO, 'UNICODE_IO'],
  [DFLAG_DIST_HDR_ATOM_CACHE, 'DIST_HDR_ATOM_CACHE'],
  [DFLAG_SMALL_ATOM_TAGS, 'SMALL_ATOM_TAGS'],
  [DFLAG_UTF8_ATOMS, 'UTF8_ATOMS'],
  [DFLAG_MAP_TAG, 'MAP_TAG'],
  [DFLAG_BIG_CREATION, 'BIG_CREATION'],
  [DFLAG_SEND_SENDER, 'SEND_SENDER'],
  [DFLAG_BIG_SEQTRACE_LABELS, 'BIG_SEQTRACE_LABELS'],
  [DFLAG_EXIT_PAYLOAD, 'EXIT_PAYLOAD'],
  [DFLAG_FRAGMENTS, 'FRAGMENTS'],
  [DFLAG_HANDSHAKE_23, 'HANDSHAKE_23'],
  [DFLAG_UNLINK_ID, 'UNLINK_ID'],
  [DFLAG_MANDATORY_25_DIGEST, 'MANDATORY_25_DIGEST'],
  [DFLAG_SPAWN, 'SPAWN'],
  [DFLAG_NAME_ME, 'NAME_ME'],
  [DFLAG_V4_NC, 'V4_NC'],
  [DFLAG_ALIAS, 'ALIAS'],
  [DFLAG_ALTACT_SIG, 'ALTACT_SIG'],
  [DFLAG_NATIVE_RECORDS, 'NATIVE_RECORDS'],
]);

/** What OTP 25 demands of a peer, and what MANDATORY_25_DIGEST stands for. */
export const MANDATORY_25_FLAGS: bigint =
  DFLAG_EXTENDED_REFERENCES |
  DFLAG_FUN_TAGS |
  DFLAG_NEW_FUN_TAGS |
  DFLAG_EXTENDED_PIDS_PORTS |
  DFLAG_EXPORT_PTR_TAG |
  DFLAG_BIT_BINARIES |
  DFLAG_NEW_FLOATS |
  DFLAG_UTF8_ATOMS |
  DFLAG_MAP_TAG |
  DFLAG_BIG_CREATION |
  DFLAG_HANDSHAKE_23;

/**
 * What we demand of a peer: what OTP 26 to 29 demand. OTP 25 asks for less but offers all of it,
 * and the two additions carry our pids and our unlinking.
 */
export const MANDATORY_FLAGS: bigint = MANDATORY_25_FLAGS | DFLAG_V4_NC | DFLAG_UNLINK_ID;

/** What we offer without distribution headers: every message is one frame, atoms in full. */
export const PASS_THROUGH_FLAGS: bigint =
  MANDATORY_FLAGS |
  DFLAG_PUBLISHED |
  DFLAG_DIST_MONITOR |
  DFLAG_DIST_MONITOR_NAME |
  DFLAG_UNICODE_IO |
  DFLAG_SMALL_ATOM_TAGS |
  DFLAG_SEND_SENDER |
  DFLAG_BIG_SEQTRACE_LABELS |
  DFLAG_EXIT_PAYLOAD |
  DFLAG_MANDATORY_25_DIGEST |
  DFLAG_SPAWN |
  DFLAG_ALIAS;

/** What we offer: exactly what OTP 25.2 and 27.3 send. */
export const OFFERED_FLAGS: bigint =
  PASS_THROUGH_FLAGS | DFLAG_DIST_HDR_ATOM_CACHE | DFLAG_FRAGMENTS;

/** Spells out the shorthand MANDATORY_25_DIGEST. Source: OTP `expand_mandatory_25_flag/1`. */
function expand(flags: bigint): bigint {
  return hasFlag(flags, DFLAG_MANDATORY_25_DIGEST) ? flags | MANDATORY_25_FLAGS : flags;
}

/** Whether every bit of `flag` is set. */
export function hasFlag(flags: bigint, flag: bigint): boolean {
  return (flags & flag) === flag;
}

/** The capabilities to use on a connection: those that both sides have. */
export function negotiate(ours: bigint, theirs: bigint): bigint {
  return expand(ours) & expand(theirs);
}

/** Names of the demanded flags that a peer lacks, for the log line; empty when it is acceptable. */
export function missingFlags(
  theirs: bigint,
  demanded: bigint = MANDATORY_FLAGS,
): readonly string[] {
  const missing = demanded & ~expand(theirs);
  return [...FLAG_NAMES].filter(([flag]) => hasFlag(missing, flag)).map(([, name]) => name);
}
