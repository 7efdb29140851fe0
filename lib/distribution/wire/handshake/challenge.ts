/**
 * The proof of the cookie: each side sends a random number and gets back a digest that only
 * someone who knows the cookie can make. Source: OTP `dist_util`, `gen_digest/2`.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

/** Length of every digest, in bytes. */
export const DIGEST_BYTES = 16;

/**
 * MD5 over the cookie's Latin-1 bytes followed by the challenge in decimal ASCII.
 *
 * @param challenge an unsigned 32-bit number
 * @returns 16 bytes
 */
export function digest(cookie: string, challenge: number): Uint8Array {
  // MD5 is what the protocol prescribes; who needs more than a shared secret uses TLS.
  return createHash('md5').update(cookie, 'latin1').update(String(challenge)).digest();
}

/** Compares two digests in a time that does not depend on where they differ. */
export function digestsEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === DIGEST_BYTES && b.length === DIGEST_BYTES && timingSafeEqual(a, b);
}
