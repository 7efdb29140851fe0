import { freePort } from '../../support/free-ports.ts';
import { isInstalled } from '../../support/installed.ts';
import { type PrivateEpmd, startEpmd } from '../../support/peers.ts';

/** OTP's `epmd` on a port of its own; where it is not installed, only the port, on which our nodes answer in its place. */
export async function startMapper(): Promise<PrivateEpmd> {
  const port = await freePort();
  return isInstalled('epmd') ? startEpmd(port) : { port, stop: async () => {} };
}
