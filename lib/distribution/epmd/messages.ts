/**
 * EPMD, the Erlang port mapper: the requests and responses of its protocol, as OTP speaks it since
 * release 23. Pure: bytes in, data out. {@link ./client.ts} asks, {@link ./server.ts} answers.
 *
 * A request is `length:2, body`; a response has no length in front. Names are the part of a node
 * name before `@`. All numbers are big-endian. What is decoded never refers to the input's bytes.
 *
 * @see OTP "Distribution Protocol", chapter EPMD Protocol; captures in `test/fixtures/otp-25/epmd.json`
 */
import { ByteReader } from '../bytes/reader.ts';
import { ByteWriter } from '../bytes/writer.ts';
import { EpmdError, TermError } from '../errors.ts';

export const ALIVE2_REQ = 120;
/** ALIVE2 answer with a 16-bit creation, for nodes whose highest version is below 6. */
export const ALIVE2_RESP = 121;
/** ALIVE2 answer with a 32-bit creation. */
export const ALIVE2_X_RESP = 118;
export const PORT_PLEASE2_REQ = 122;
export const PORT2_RESP = 119;
export const NAMES_REQ = 110;

/** Longest node name (the part before `@`), in characters. */
export const MAX_NAME_CHARACTERS = 255;
/** Handshake version from which on creations have 32 bits. */
const VERSION_WITH_32_BIT_CREATION = 6;
const PROTOCOL_TCP = 0;
const NODE_TYPES = { normal: 77, hidden: 72 } as const;

/** Hidden nodes are not told about each other by their peers. */
export type NodeType = keyof typeof NODE_TYPES;

/** What a node announces and the mapper hands out. */
export interface EpmdEntry {
  /** the part of the node name before `@` */
  readonly name: string;
  readonly tcpPort: number;
  /**
   * another number is a type that OTP's own C (104) and Java (110) nodes still announce; OTP's epmd
   * keeps and hands out any, and nothing depends on it
   */
  readonly nodeType: NodeType | number;
  /** handshake versions the node speaks */
  readonly highestVersion: number;
  readonly lowestVersion: number;
  /** opaque to the mapper; OTP leaves it empty */
  readonly extra: Uint8Array;
}

/** What a client may ask, as decoded by a server. */
export type EpmdRequest =
  | { readonly type: 'alive2'; readonly entry: EpmdEntry }
  | { readonly type: 'port_please2'; readonly name: string }
  | { readonly type: 'names' };

/**
 * Encodes a request with its length in front.
 *
 * Body of ALIVE2: tag 120:1, tcpPort:2, nodeType:1, protocol:1, highestVersion:2, lowestVersion:2,
 * nameLength:2, name, extraLength:2, extra. PORT_PLEASE2: tag 122:1, name. NAMES: tag 110:1.
 *
 * @throws {EpmdError} `too_long` for a name of more than 255 characters, `invalid_message` for one
 *   that is empty or holds blanks, control characters or `@`
 */
export function encodeRequest(request: EpmdRequest): Uint8Array {
  const writer = new ByteWriter(64);
  writer.u16(0);
  switch (request.type) {
    case 'alive2':
      writer.u8(ALIVE2_REQ);
      writeEntry(writer, request.entry);
      break;
    case 'port_please2':
      writer.u8(PORT_PLEASE2_REQ);
      writer.utf8(checkedName(request.name));
      break;
    case 'names':
      writer.u8(NAMES_REQ);
      break;
  }
  writer.patchU16(0, writer.length - 2);
  return writer.take();
}

/**
 * Decodes the body of a request: what follows its length.
 *
 * @throws {EpmdError} `unexpected_tag`, `truncated`, `too_long` or `invalid_message`, with `offset`
 */
export function decodeRequest(body: Uint8Array): EpmdRequest {
  return decode('request', body, (reader) => {
    const tag = reader.u8();
    switch (tag) {
      case ALIVE2_REQ:
        return { type: 'alive2', entry: readEntry(reader) };
      case PORT_PLEASE2_REQ:
        return { type: 'port_please2', name: checkedName(reader.utf8(reader.remaining)) };
      case NAMES_REQ:
        return { type: 'names' };
      default:
        throw unexpectedTag('ALIVE2_REQ, PORT_PLEASE2_REQ or NAMES_REQ', tag);
    }
  });
}

/** `result` is 0 when the name was registered. A refusal has a meaningless creation. */
export interface Alive2Response {
  readonly result: number;
  readonly creation: number;
}

/**
 * Encodes the answer to ALIVE2: tag 118:1, result:1, creation:4; or for a node whose highest
 * version is below 6: tag 121:1, result:1, creation:2.
 *
 * @param highestVersion as the request said
 */
export function encodeAlive2Response(
  { result, creation }: Alive2Response,
  highestVersion: number = VERSION_WITH_32_BIT_CREATION,
): Uint8Array {
  const writer = new ByteWriter(8);
  const wide = highestVersion >= VERSION_WITH_32_BIT_CREATION;
  writer.u8(wide ? ALIVE2_X_RESP : ALIVE2_RESP);
  writer.u8(result);
  if (wide) writer.u32(creation);
  else writer.u16(creation);
  return writer.take();
}

/**
 * Decodes the answer to ALIVE2, in either form. The connection stays open, so the caller passes
 * what has come so far.
 *
 * @returns `undefined` while the answer is incomplete
 * @throws {EpmdError} `unexpected_tag`; `invalid_message` when more than the answer has come
 */
export function decodeAlive2Response(bytes: Uint8Array): Alive2Response | undefined {
  const tag = bytes[0];
  if (tag === undefined) return undefined;
  if (tag !== ALIVE2_X_RESP && tag !== ALIVE2_RESP) {
    throw unexpectedTag('ALIVE2_X_RESP or ALIVE2_RESP', tag);
  }
  const wide = tag === ALIVE2_X_RESP;
  if (bytes.length < (wide ? 6 : 4)) return undefined;
  return decode('ALIVE2 response', bytes, (reader) => {
    reader.skip(1);
    return { result: reader.u8(), creation: wide ? reader.u32() : reader.u16() };
  });
}

/**
 * Encodes the answer to a look-up by name: tag 119:1, result:1; and for a registered name result 0
 * and tcpPort:2, nodeType:1, protocol:1, highestVersion:2, lowestVersion:2, nameLength:2, name,
 * extraLength:2, extra.
 *
 * @param entry `undefined` for an unknown name
 */
export function encodePort2Response(entry: EpmdEntry | undefined): Uint8Array {
  const writer = new ByteWriter(64);
  writer.u8(PORT2_RESP);
  writer.u8(entry === undefined ? 1 : 0);
  if (entry !== undefined) writeEntry(writer, entry);
  return writer.take();
}

/**
 * Decodes the answer to a look-up by name; the shape is at {@link encodePort2Response}.
 *
 * @param bytes everything received until the mapper closed the connection
 * @returns the entry, or `undefined` if the name is not registered
 * @throws {EpmdError} `unexpected_tag`, `truncated`, `too_long` or `invalid_message`, with `offset`
 */
export function decodePort2Response(bytes: Uint8Array): EpmdEntry | undefined {
  return decode('PORT2_RESP', bytes, (reader) => {
    const tag = reader.u8();
    if (tag !== PORT2_RESP) throw unexpectedTag('PORT2_RESP', tag);
    return reader.u8() === 0 ? readEntry(reader) : undefined;
  });
}

/** One line of the answer to NAMES. */
export interface EpmdName {
  readonly name: string;
  readonly tcpPort: number;
}

/**
 * Encodes the answer to NAMES: epmdPort:4, then for each node the line `name NAME at port PORT\n`.
 *
 * @param epmdPort the port the client connected to: `erl_epmd` takes any other for a foreign reply
 */
export function encodeNamesResponse(epmdPort: number, names: Iterable<EpmdName>): Uint8Array {
  const writer = new ByteWriter();
  writer.u32(epmdPort);
  for (const { name, tcpPort } of names) writer.utf8(`name ${name} at port ${tcpPort}\n`);
  return writer.take();
}

/**
 * Decodes the answer to NAMES. The mapper's port in it is not returned.
 *
 * @param bytes everything received until the mapper closed the connection
 * @throws {EpmdError} `truncated` when the last line has no end; `invalid_message` for another text
 */
export function decodeNamesResponse(bytes: Uint8Array): EpmdName[] {
  return decode('answer to NAMES', bytes, (reader) => {
    reader.skip(4);
    const start = reader.offset;
    const lines = reader.utf8(reader.remaining).split('\n');
    if (lines.pop() !== '') {
      throw new EpmdError('truncated', 'expected a line feed at the end of the list of names', {
        offset: bytes.length,
      });
    }
    return lines.map((line) => parseNameLine(line, start));
  });
}

function parseNameLine(line: string, offset: number): EpmdName {
  // A name cannot hold blanks, so the first " at port " is the only one.
  const match = /^name (\S+) at port (\d{1,5})$/.exec(line);
  const tcpPort = Number(match?.[2]);
  if (match === null || tcpPort > 0xffff) {
    throw new EpmdError(
      'invalid_message',
      `expected "name NAME at port PORT", got ${JSON.stringify(line)}`,
      { offset },
    );
  }
  return { name: match[1]!, tcpPort };
}

function writeEntry(writer: ByteWriter, entry: EpmdEntry): void {
  writer.u16(entry.tcpPort);
  const { nodeType } = entry;
  writer.u8(typeof nodeType === 'number' ? nodeType : NODE_TYPES[nodeType]);
  writer.u8(PROTOCOL_TCP);
  writer.u16(entry.highestVersion);
  writer.u16(entry.lowestVersion);
  const lengthAt = writer.length;
  writer.u16(0);
  writer.patchU16(lengthAt, writer.utf8(checkedName(entry.name)));
  writer.u16(entry.extra.length);
  writer.bytes(entry.extra);
}

function readEntry(reader: ByteReader): EpmdEntry {
  const tcpPort = reader.u16();
  const nodeType = readNodeType(reader);
  const protocol = reader.u8();
  if (protocol !== PROTOCOL_TCP) {
    throw invalid(`expected protocol ${PROTOCOL_TCP} (TCP), got ${protocol}`, reader.offset - 1);
  }
  const highestVersion = reader.u16();
  const lowestVersion = reader.u16();
  const name = checkedName(reader.utf8(reader.u16()));
  const extra = reader.bytes(reader.u16()).slice();
  return { name, tcpPort, nodeType, highestVersion, lowestVersion, extra };
}

function readNodeType(reader: ByteReader): NodeType | number {
  const code = reader.u8();
  if (code === NODE_TYPES.normal) return 'normal';
  return code === NODE_TYPES.hidden ? 'hidden' : code;
}

/**
 * OTP allows letters, digits, `_` and `-`. Refused here is only what would break a neighbour: a
 * line feed or blank in a name would forge lines in the answer to NAMES.
 */
function checkedName(name: string): string {
  const characters = [...name].length;
  if (characters > MAX_NAME_CHARACTERS) {
    throw new EpmdError(
      'too_long',
      `expected a name of at most ${MAX_NAME_CHARACTERS} characters, got ${characters}`,
    );
  }
  if (!/^[^\s\p{Cc}@]+$/u.test(name)) {
    throw invalid(`expected the part of a node name before @, got ${JSON.stringify(name)}`);
  }
  return name;
}

/** Runs `read` over all of `bytes`; whatever escapes is an {@link EpmdError}. */
function decode<T>(what: string, bytes: Uint8Array, read: (reader: ByteReader) => T): T {
  const reader = new ByteReader(bytes);
  try {
    const value = read(reader);
    if (reader.remaining > 0) {
      throw invalid(`expected the end of the ${what}, got more`, reader.offset);
    }
    return value;
  } catch (error) {
    if (!(error instanceof TermError)) throw error;
    throw new EpmdError(
      error.code === 'truncated' ? 'truncated' : 'invalid_message',
      `${what}: ${error.message}`,
      { ...error.context, cause: error },
    );
  }
}

function invalid(message: string, offset?: number): EpmdError {
  return new EpmdError('invalid_message', message, offset === undefined ? {} : { offset });
}

function unexpectedTag(expected: string, tag: number): EpmdError {
  return new EpmdError('unexpected_tag', `expected ${expected}, got tag ${tag}`, { offset: 0 });
}
