import { readFileSync } from 'node:fs';
import { FrameParser } from '../../lib/distribution/wire/frame.ts';

/** What one side of a captured connection sent. */
export interface CapturedDirection {
  readonly bytes: Uint8Array;
  /** bodies of the handshake messages */
  readonly handshake: readonly Uint8Array[];
  /** bodies of the frames behind it, ticks left out */
  readonly frames: readonly Uint8Array[];
}

export interface CapturedConnection {
  readonly initiator: CapturedDirection;
  readonly acceptor: CapturedDirection;
}

const LAST_HANDSHAKE_TAGS: readonly (number | undefined)[] = [0x72, 0x61];

/** The connections of `test/fixtures/otp-25/distribution-NAME.json`, made by record-distribution.ts. */
export function distributionCapture(name: string): readonly CapturedConnection[] {
  const url = new URL(`../fixtures/otp-25/distribution-${name}.json`, import.meta.url);
  const { connections } = JSON.parse(readFileSync(url, 'utf8')) as {
    connections: { initiatorToAcceptor: string; acceptorToInitiator: string }[];
  };
  return connections.map((connection) => ({
    initiator: direction(connection.initiatorToAcceptor),
    acceptor: direction(connection.acceptorToInitiator),
  }));
}

function direction(hex: string): CapturedDirection {
  const bytes = Buffer.from(hex, 'hex');
  const parser = new FrameParser({ prefixBytes: 2, maxFrameBytes: 1024 * 1024 });
  parser.push(bytes);
  const handshake: Uint8Array[] = [];
  const frames: Uint8Array[] = [];
  let into = handshake;
  for (let body = parser.next(); body !== undefined; body = parser.next()) {
    if (body.length > 0) into.push(body);
    if (into === handshake && LAST_HANDSHAKE_TAGS.includes(body[0])) {
      into = frames;
      parser.usePrefix(4, 1024 * 1024);
    }
  }
  return { bytes, handshake, frames };
}
