/**
 * The bodies exchanged before a connection is up (handshake version 6). Each codec is strict: a
 * length that does not fit, an unknown status or a name that no node can have is refused.
 *
 * ```
 *   send_name        initiator → acceptor   'N' flags:8 creation:4 nameLength:2 name …
 *   status           acceptor → initiator   's' text
 *   status reply     initiator → acceptor   's' "true" | "false"      (only after status "alive")
 *   challenge        acceptor → initiator   'N' flags:8 challenge:4 creation:4 nameLength:2 name …
 *   challenge reply  initiator → acceptor   'r' challenge:4 digest:16
 *   challenge ack    acceptor → initiator   'a' digest:16
 * ```
 *
 * `…` are bytes that a later version may append; they are ignored. Numbers are big-endian.
 * @see OTP "Distribution Protocol", Distribution Handshake
 */
import { isNodeName } from '../../../node-name.ts';
import { HandshakeError } from '../../errors.ts';
import { DIGEST_BYTES } from './challenge.ts';

/** Longest body accepted before the peer has proved itself. Real ones stay below 300 bytes. */
export const MAX_HANDSHAKE_MESSAGE_BYTES = 2048;

const TAG_NAME = 0x4e;
const TAG_OLD_NAME = 0x6e;
const TAG_STATUS = 0x73;
const TAG_CHALLENGE_REPLY = 0x72;
const TAG_CHALLENGE_ACK = 0x61;

/** Introduces the initiator. */
export interface SendName {
  readonly flags: bigint;
  readonly creation: number;
  readonly name: string;
}

/**
 * The acceptor's answer to a name.
 *
 * `ok`: continue. `ok_simultaneous`: continue, the acceptor gave up its own attempt. `nok`: the
 * acceptor keeps its own attempt. `not_allowed`: refused. `alive`: the acceptor believes that the
 * two are connected already and asks.
 */
export type Status = 'ok' | 'ok_simultaneous' | 'nok' | 'not_allowed' | 'alive';

const STATUSES: ReadonlySet<string> = new Set<Status>([
  'ok',
  'ok_simultaneous',
  'nok',
  'not_allowed',
  'alive',
]);

/** Introduces the acceptor and asks for the initiator's proof. */
export interface Challenge {
  readonly flags: bigint;
  readonly challenge: number;
  readonly creation: number;
  readonly name: string;
}

/** The initiator's proof, and what it asks in turn. */
export interface ChallengeReply {
  readonly challenge: number;
  readonly digest: Uint8Array;
}

/** The acceptor's proof. */
export interface ChallengeAck {
  readonly digest: Uint8Array;
}

const SEND_NAME_HEAD = 15;

/** @throws {RangeError} when the name is not a node name */
export function encodeSendName(message: SendName): Uint8Array {
  const body = withName(SEND_NAME_HEAD, message.name);
  body.writeUInt8(TAG_NAME, 0);
  body.writeBigUInt64BE(message.flags, 1);
  body.writeUInt32BE(message.creation, 9);
  return body;
}

/** @throws {HandshakeError} `invalid_message` */
export function decodeSendName(body: Uint8Array): SendName {
  const bytes = bytesOf('send_name', body);
  if (bytes[0] === TAG_OLD_NAME) {
    throw new HandshakeError(
      'invalid_message',
      "expected send_name of handshake version 6 ('N'), got that of version 5 ('n'), which nodes older than OTP 25 send",
    );
  }
  expectTag('send_name', bytes, TAG_NAME);
  expectAtLeast('send_name', bytes, SEND_NAME_HEAD);
  return {
    flags: bytes.readBigUInt64BE(1),
    creation: bytes.readUInt32BE(9),
    name: readName('send_name', bytes, SEND_NAME_HEAD),
  };
}

/** Encodes the acceptor's status: `s`, then its text. */
export function encodeStatus(status: Status): Uint8Array {
  return Buffer.from(`s${status}`, 'latin1');
}

/** @throws {HandshakeError} `invalid_message`, also for `named:`, which we never ask for */
export function decodeStatus(body: Uint8Array): Status {
  const text = readStatusText('status', body);
  if (!isStatus(text)) {
    throw new HandshakeError(
      'invalid_message',
      `expected a status of ${[...STATUSES].join(', ')}, got ${quote(text)}`,
    );
  }
  return text;
}

function isStatus(text: string): text is Status {
  return STATUSES.has(text);
}

/** The initiator's answer to `alive`: may the acceptor replace the connection it believes in? */
export function encodeStatusReply(replace: boolean): Uint8Array {
  return Buffer.from(`s${replace}`, 'latin1');
}

/** @throws {HandshakeError} `invalid_message` */
export function decodeStatusReply(body: Uint8Array): boolean {
  const text = readStatusText('status reply', body);
  if (text !== 'true' && text !== 'false') {
    throw new HandshakeError(
      'invalid_message',
      `expected the status reply true or false, got ${quote(text)}`,
    );
  }
  return text === 'true';
}

const CHALLENGE_HEAD = 19;

/** @throws {RangeError} when the name is not a node name */
export function encodeChallenge(message: Challenge): Uint8Array {
  const body = withName(CHALLENGE_HEAD, message.name);
  body.writeUInt8(TAG_NAME, 0);
  body.writeBigUInt64BE(message.flags, 1);
  body.writeUInt32BE(message.challenge, 9);
  body.writeUInt32BE(message.creation, 13);
  return body;
}

/** @throws {HandshakeError} `invalid_message` */
export function decodeChallenge(body: Uint8Array): Challenge {
  const bytes = bytesOf('challenge', body);
  expectTag('challenge', bytes, TAG_NAME);
  expectAtLeast('challenge', bytes, CHALLENGE_HEAD);
  return {
    flags: bytes.readBigUInt64BE(1),
    challenge: bytes.readUInt32BE(9),
    creation: bytes.readUInt32BE(13),
    name: readName('challenge', bytes, CHALLENGE_HEAD),
  };
}

/** Encodes the initiator's challenge and digest. Shape: `r`, challenge:4, digest:16. */
export function encodeChallengeReply(message: ChallengeReply): Uint8Array {
  const body = Buffer.alloc(5 + DIGEST_BYTES);
  body.writeUInt8(TAG_CHALLENGE_REPLY, 0);
  body.writeUInt32BE(message.challenge, 1);
  body.set(message.digest, 5);
  return body;
}

/**
 * @returns `digest` is a view of `body`
 * @throws {HandshakeError} `invalid_message`
 */
export function decodeChallengeReply(body: Uint8Array): ChallengeReply {
  const bytes = bytesOf('challenge reply', body);
  expectTag('challenge reply', bytes, TAG_CHALLENGE_REPLY);
  expectExactly('challenge reply', bytes, 5 + DIGEST_BYTES);
  return { challenge: bytes.readUInt32BE(1), digest: bytes.subarray(5) };
}

/** Encodes the acceptor's digest. Shape: `a`, digest:16. */
export function encodeChallengeAck(message: ChallengeAck): Uint8Array {
  const body = Buffer.alloc(1 + DIGEST_BYTES);
  body.writeUInt8(TAG_CHALLENGE_ACK, 0);
  body.set(message.digest, 1);
  return body;
}

/**
 * @returns `digest` is a view of `body`
 * @throws {HandshakeError} `invalid_message`
 */
export function decodeChallengeAck(body: Uint8Array): ChallengeAck {
  const bytes = bytesOf('challenge ack', body);
  expectTag('challenge ack', bytes, TAG_CHALLENGE_ACK);
  expectExactly('challenge ack', bytes, 1 + DIGEST_BYTES);
  return { digest: bytes.subarray(1) };
}

/** What a body claims to be, for messages about one that came at the wrong time. */
export function describeHandshakeMessage(body: Uint8Array): string {
  switch (body[0]) {
    case TAG_NAME:
      return "a name or challenge ('N')";
    case TAG_OLD_NAME:
      return "a name of handshake version 5 ('n')";
    case TAG_STATUS:
      return `a status (${quote(Buffer.from(body.subarray(1, 33)).toString('latin1'))})`;
    case TAG_CHALLENGE_REPLY:
      return "a challenge reply ('r')";
    case TAG_CHALLENGE_ACK:
      return "a challenge ack ('a')";
    case undefined:
      return 'an empty message';
    default:
      return `a message with tag ${body[0]}`;
  }
}

/** The body as a Buffer on the same memory, once its length is known to be sane. */
function bytesOf(message: string, body: Uint8Array): Buffer {
  if (body.length > MAX_HANDSHAKE_MESSAGE_BYTES) {
    throw new HandshakeError(
      'invalid_message',
      `expected ${message} of at most ${MAX_HANDSHAKE_MESSAGE_BYTES} bytes, got ${body.length}`,
    );
  }
  return Buffer.from(body.buffer, body.byteOffset, body.length);
}

function expectTag(message: string, bytes: Buffer, tag: number): void {
  if (bytes[0] === tag) return;
  throw new HandshakeError(
    'invalid_message',
    `expected ${message} ('${String.fromCharCode(tag)}'), got ${describeHandshakeMessage(bytes)}`,
    { offset: 0 },
  );
}

function expectAtLeast(message: string, bytes: Buffer, length: number): void {
  if (bytes.length >= length) return;
  throw new HandshakeError(
    'invalid_message',
    `expected ${message} of at least ${length} bytes, got ${bytes.length}`,
    { offset: bytes.length },
  );
}

function expectExactly(message: string, bytes: Buffer, length: number): void {
  if (bytes.length === length) return;
  throw new HandshakeError(
    'invalid_message',
    `expected ${message} of ${length} bytes, got ${bytes.length}`,
    { offset: Math.min(bytes.length, length) },
  );
}

function readStatusText(message: string, body: Uint8Array): string {
  const bytes = bytesOf(message, body);
  expectTag(message, bytes, TAG_STATUS);
  return bytes.toString('latin1', 1);
}

/** Reads the name whose 2-byte length ends at `start`. */
function readName(message: string, bytes: Buffer, start: number): string {
  const end = start + bytes.readUInt16BE(start - 2);
  expectAtLeast(message, bytes, end);
  const name = bytes.toString('latin1', start, end);
  if (!isNodeName(name)) {
    throw new HandshakeError(
      'invalid_message',
      `expected a node name such as name@host in ${message}, got ${quote(name)}`,
      { offset: start },
    );
  }
  return name;
}

/** A body of `head` bytes and the name, with the name's length already written before it. */
function withName(head: number, name: string): Buffer {
  if (!isNodeName(name)) {
    throw new RangeError(`expected a node name such as name@host, got ${quote(name)}`);
  }
  const body = Buffer.alloc(head + name.length);
  body.writeUInt16BE(name.length, head - 2);
  body.write(name, head, 'latin1');
  return body;
}

/** Text of a peer, made safe and short for a message. */
function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
