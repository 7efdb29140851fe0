/**
 * The cookie of a cluster on Upsun for which nobody has set one: derived from what the platform gives to
 * all instances of a project and to nobody else, so that all of them have the same.
 *
 * `PLATFORM_PROJECT_ENTROPY` is 56 random characters, fixed for the project. It is a key already, so HKDF
 * (RFC 5869) is enough, and a slow function, as for passwords, would add nothing. What comes out says
 * nothing about what went in, which may serve other purposes in the same project.
 *
 * An Erlang or Elixir node of the project derives the same:
 *
 * ```elixir
 * entropy = System.fetch_env!("PLATFORM_PROJECT_ENTROPY")
 * key = :crypto.mac(:hmac, :sha256, "hello_distributed", entropy)
 * cookie = :crypto.mac(:hmac, :sha256, key, <<"erlang cookie", 1>>) |> Base.encode16(case: :lower)
 * ```
 */
import { hkdfSync } from 'node:crypto';

const SALT = 'hello_distributed';
const INFO = 'erlang cookie';
const BYTES = 32;

/** Below this it is not the platform's, and somebody might guess it. */
const MIN_ENTROPY_LENGTH = 32;

/** What {@link isProjectEntropy} asks for, for messages. */
export const ENTROPY_SHAPE = `at least ${MIN_ENTROPY_LENGTH} characters`;

/** Whether a text can be the platform's entropy. */
export function isProjectEntropy(text: string): boolean {
  return text.length >= MIN_ENTROPY_LENGTH;
}

/** @returns 64 hexadecimal digits, which are a cookie to every node */
export function projectCookie(entropy: string): string {
  return Buffer.from(hkdfSync('sha256', entropy, SALT, INFO, BYTES)).toString('hex');
}
