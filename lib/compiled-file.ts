/**
 * A file of code that brings along what V8 has compiled of it, so that a start need not compile it anew:
 *
 * ```
 * program.bundle.js         one expression, a function of CompiledFunction's parameters
 * program.bundle.js.cache   SHA-256 of what follows and what it belongs to, then V8's own form
 * ```
 *
 * V8 takes compiled code only of its own version and flags, but looks neither at the text of the file (only
 * its length counts) nor for damage; the digest does. Whatever does not fit is left unused, and the code
 * compiled as always: nothing but time depends on it.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

const DIGEST = 'sha256';
const DIGEST_BYTES = 32;

/** What the file evaluates to. It puts what it has to offer into `module.exports`. */
export type CompiledFunction = (
  exports: unknown,
  require: NodeJS.Require,
  module: { exports: unknown },
  importMetaUrl: string,
) => void;

export class CompiledFile {
  readonly #url: URL;
  readonly #source: string;
  readonly #script: Script;
  /** whether V8 took what had been compiled before */
  readonly cacheUsed: boolean;

  private constructor(url: URL, source: string) {
    this.#url = url;
    this.#source = source;
    const cachedData = cachedDataOf(url, source);
    this.#script = new Script(source, {
      filename: fileURLToPath(url),
      ...(cachedData === undefined ? {} : { cachedData }),
    });
    this.cacheUsed = cachedData !== undefined && this.#script.cachedDataRejected === false;
  }

  /** @returns `undefined` if there is no such file */
  static open(url: URL): CompiledFile | undefined {
    const source = ifThere(() => readFileSync(url, 'utf8'));
    return source === undefined ? undefined : new CompiledFile(url, source);
  }

  /** Runs the code. @returns what it exports */
  run<Exports>(): Exports {
    const module = { exports: {} };
    const body = this.#script.runInThisContext() as CompiledFunction;
    body(module.exports, createRequire(this.#url), module, this.#url.href);
    return module.exports as Exports;
  }

  /** Keeps what is compiled by now, functions that have run included, for whoever opens the file next. */
  writeCache(): void {
    const cachedData = this.#script.createCachedData();
    const digest = digestOf(this.#source, cachedData);
    writeFileSync(cacheOf(this.#url), Buffer.concat([digest, cachedData]));
  }
}

/** What was compiled of this very source by this very release of Node.js; `undefined`: nothing. */
function cachedDataOf(url: URL, source: string): Buffer | undefined {
  const cache = ifReadable(() => readFileSync(cacheOf(url)));
  if (cache === undefined) return undefined;
  const cachedData = cache.subarray(DIGEST_BYTES);
  const digest = digestOf(source, cachedData);
  return digest.equals(cache.subarray(0, DIGEST_BYTES)) ? cachedData : undefined;
}

function digestOf(source: string, cachedData: Uint8Array): Buffer {
  return createHash(DIGEST)
    .update(`${process.version} ${process.arch} ${source.length}\n`)
    .update(source)
    .update(cachedData)
    .digest();
}

function cacheOf(url: URL): URL {
  return new URL(`${url.href}.cache`);
}

/** @returns `undefined` if there is no such file, or if it is none, or not for us to read */
function ifReadable<Content>(read: () => Content): Content | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** @returns `undefined` if there is no such file */
function ifThere<Content>(read: () => Content): Content | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
