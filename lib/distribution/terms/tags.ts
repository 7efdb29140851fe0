/**
 * The tag bytes of the external term format under their documented names.
 *
 * @see OTP "External Term Format"; `erts/emulator/beam/external.h`
 */

/** First byte of every encoded term outside a distribution message. */
export const VERSION_MAGIC = 131;

export const SMALL_INTEGER_EXT = 97;
export const INTEGER_EXT = 98;
export const SMALL_BIG_EXT = 110;
export const LARGE_BIG_EXT = 111;

export const NEW_FLOAT_EXT = 70;
/** 31 bytes of text; no longer written by OTP, still read. */
export const FLOAT_EXT = 99;

export const SMALL_ATOM_UTF8_EXT = 119;
export const ATOM_UTF8_EXT = 118;
/** Latin-1 atoms of older releases. */
export const ATOM_EXT = 100;
export const SMALL_ATOM_EXT = 115;
/** Index into the atoms of the distribution header before the term. */
export const ATOM_CACHE_REF = 82;

export const SMALL_TUPLE_EXT = 104;
export const LARGE_TUPLE_EXT = 105;
export const NIL_EXT = 106;
/** A list of numbers 0 to 255, not a text type. */
export const STRING_EXT = 107;
export const LIST_EXT = 108;
export const MAP_EXT = 116;

export const BINARY_EXT = 109;
export const BIT_BINARY_EXT = 77;

export const NEW_PID_EXT = 88;
export const PID_EXT = 103;
export const NEWER_REFERENCE_EXT = 90;
export const NEW_REFERENCE_EXT = 114;
export const REFERENCE_EXT = 101;
export const V4_PORT_EXT = 120;
export const NEW_PORT_EXT = 89;
export const PORT_EXT = 102;

export const NEW_FUN_EXT = 112;
export const EXPORT_EXT = 113;

/** A closure of OTP before R8; OTP 25 and later refuse it, as we do. */
export const FUN_EXT = 117;
/** Compressed term: allowed in `binary_to_term` only, and a zip bomb; refused. */
export const COMPRESSED = 80;
/** Node-private encoding of `term_to_binary(T, [local])`; refused. */
export const LOCAL_EXT = 121;
/** Native record of OTP 29, sent only where its capability was negotiated; refused. */
export const RECORD_EXT = 67;

/** Words (u32) in a reference. Source: OTP `erl_term.h`, ERTS_MAX_REF_NUMBERS. */
export const MAX_REFERENCE_WORDS = 5;

/** Longest list that OTP writes as STRING_EXT. Source: OTP `erl_db_util`/`external.c`, MAX_STRING_LEN. */
export const MAX_STRING_LENGTH = 65535;
