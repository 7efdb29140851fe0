/**
 * The cookie: the secret that every node of a cluster shares. Given explicitly, or, as Erlang does it,
 * kept in a file in the user's home that is made when it is first needed.
 *
 * No message of this file ever holds a cookie.
 */
import { randomInt, randomUUID } from 'node:crypto';
import { chmodSync, linkSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';

export interface Cookie {
  readonly cookie: string;
  /**
   * `explicit`: somebody chose it for this cluster. `file`: it belongs to the user, whose unrelated
   * Erlang nodes have it too, so it must not be taken as a wish to join them.
   */
  readonly source: 'explicit' | 'file';
}

/** Why a cookie file is of no use: others may read it, it holds no cookie, or it cannot be read. */
export type CookieErrorCode = 'bad_permissions' | 'bad_content' | 'unreadable';

/** The cookie file cannot be used; the message names the file and the remedy. */
export class CookieError extends Error {
  readonly code: CookieErrorCode;

  constructor(code: CookieErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'CookieError';
    this.code = code;
  }
}

/** How to make a good one, for messages that ask for one. */
export const COOKIE_ADVICE = 'make one with: openssl rand -hex 32';

/** What a cookie must look like, for messages. */
export const COOKIE_SHAPE = '1 to 255 printable Latin-1 characters';

const COOKIE = /^[\x20-\x7e\xa0-\xff]{1,255}$/;

/** Cookies go over the wire as Latin-1 bytes of an atom, hence the alphabet and the length. */
export function isCookie(text: string): boolean {
  return COOKIE.test(text);
}

// Found in tutorials, sample configurations and this project's own walk-through.
const PLACEHOLDERS: ReadonlySet<string> = new Set([
  'change_this_to_a_secure_random_string',
  'change_me',
  'change-me',
  'changeit',
  'changeme',
  'cookie',
  'default',
  'erlang',
  'erlang_cookie',
  'hello_distributed',
  'monster',
  'mycookie',
  'my_cookie',
  'nocookie',
  'password',
  'secret',
  'secret_cookie',
  'secretcookie',
  'test',
  'your_cookie_here',
]);

/** True for cookies that everybody knows: good enough to try things out, never for production. */
export function isPlaceholderCookie(cookie: string): boolean {
  return PLACEHOLDERS.has(cookie.trim().toLowerCase());
}

export interface CookieOptions {
  /** from a flag or a variable; it has been checked */
  readonly explicit?: string | undefined;
  /** where Erlang looks, in this order; the first is made if none exists */
  readonly files: readonly string[];
  /** a random integer from 0 to `limit - 1` */
  readonly random?: (limit: number) => number;
}

/**
 * Finds the cookie of this node, and makes one if the user has none.
 *
 * @throws {CookieError} if there is a file that cannot be read, is accessible to others (Erlang
 *   refuses those too) or holds no cookie, or if there is no place for one
 */
export function resolveCookie(options: CookieOptions): Cookie {
  if (options.explicit !== undefined) return { cookie: options.explicit, source: 'explicit' };
  for (const file of options.files) {
    const cookie = readCookieFile(file);
    if (cookie !== undefined) return { cookie, source: 'file' };
  }
  const [file] = options.files;
  if (file === undefined) throw unusable('unreadable', 'expected a place for the cookie, got none');
  return { cookie: createCookieFile(file, options.random ?? randomInt), source: 'file' };
}

/** @returns `undefined` if there is no such file */
function readCookieFile(file: string): string | undefined {
  let text: string;
  let mode: number;
  try {
    mode = statSync(file).mode;
    text = readFileSync(file, 'latin1');
  } catch (cause) {
    if (isSystemError(cause, 'ENOENT')) return undefined;
    throw unusable('unreadable', `cannot read the cookie file ${file}`, cause);
  }
  if ((mode & 0o077) !== 0) {
    throw unusable(
      'bad_permissions',
      `the cookie file ${file} must be accessible by its owner only, but has mode ` +
        `${(mode & 0o777).toString(8).padStart(4, '0')}; run: chmod 400 ${file}`,
    );
  }
  // As Erlang reads it: what follows the line is ignored if it is blank, and the line is not trimmed.
  const line = /^([\x20-\x7e]+)[\r\n ]*$/.exec(text)?.[1];
  if (line === undefined || !isCookie(line)) {
    throw unusable(
      'bad_content',
      `expected the cookie file ${file} to hold one line of 1 to 255 printable ASCII characters`,
    );
  }
  return line;
}

const LENGTH = 20;

/**
 * Makes the file complete under another name and then links it: of several nodes that start at once,
 * one wins and the others read what it wrote, never half of it.
 */
function createCookieFile(file: string, random: (limit: number) => number): string {
  const letters = Array.from({ length: LENGTH }, () => String.fromCharCode(65 + random(26)));
  const cookie = letters.join('');
  const draft = `${file}.${randomUUID()}`;
  try {
    writeFileSync(draft, cookie, { flag: 'wx', mode: 0o400 });
    // The mode above is subject to the umask.
    chmodSync(draft, 0o400);
    try {
      linkSync(draft, file);
    } finally {
      unlinkSync(draft);
    }
    return cookie;
  } catch (cause) {
    const existing = isSystemError(cause, 'EEXIST') ? readCookieFile(file) : undefined;
    if (existing !== undefined) return existing;
    throw unusable('unreadable', `cannot create the cookie file ${file}`, cause);
  }
}

function unusable(code: CookieErrorCode, message: string, cause?: unknown): CookieError {
  const reason = cause instanceof Error ? ` (${cause.message})` : '';
  return new CookieError(code, `${message}${reason}; or give a cookie with --cookie`, { cause });
}

function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
