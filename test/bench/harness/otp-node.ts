import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isInstalled } from '../../support/installed.ts';
import { type Peer, startErl } from '../../support/peers.ts';
import { type Part, pin } from './cpus.ts';
import { BUILT } from './worker.ts';

const MODULE = fileURLToPath(new URL('../peers/bench.erl', import.meta.url));
const EBIN = `${BUILT}ebin`;

/** Why no OTP node can be started, if so. */
export const otpMissing: string | undefined =
  isInstalled('erl') && isInstalled('erlc')
    ? undefined
    : 'erl and erlc (Debian: erlang-base) are not installed';

export interface OtpNodeOptions {
  readonly part: Part;
  readonly name: string;
  readonly cookie: string;
  readonly epmdPort: number;
}

/** An OTP node with one scheduler on the processor of its part, and the compiled module `bench` loaded. */
export async function startOtpNode({ part, ...options }: OtpNodeOptions): Promise<Peer> {
  compile();
  const peer = await startErl({
    ...options,
    // The busy-waiting that OTP does by default, which the nodes of the tests are started without.
    args: ['-pa', EBIN, '+S', '1:1', '+sbwt', 'medium', '+sbwtdcpu', 'short', '+sbwtdio', 'short'],
  });
  if (peer.osPid !== undefined) pin(part, peer.osPid);
  return peer;
}

/** Unless that has been done: another run may be using it. */
function compile(): void {
  mkdirSync(EBIN, { recursive: true });
  const compiled = statSync(join(EBIN, 'bench.beam'), { throwIfNoEntry: false });
  if (compiled !== undefined && compiled.mtimeMs > statSync(MODULE).mtimeMs) return;
  execFileSync('erlc', ['-o', EBIN, MODULE]);
}
