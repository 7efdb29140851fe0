/**
 * The counter's state on disk: one file per node, replaced as a whole.
 *
 * ```json
 * {"format":"hello-distributed counter","version":1,"sha256":"…","state":{…}}
 * ```
 *
 * Written to a temporary file, flushed, renamed over the old one, and the directory flushed: after a crash
 * there is either the old file or the new one. Whoever asks while a write is under way shares the next.
 *
 * A start reads the files of every node in the directory, since a node may come back under another name;
 * states merge, so a file too many does no harm. A file that cannot be used is kept aside, never
 * overwritten.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import { isCount } from './count.ts';
import { Certainty, isCertainty } from './key-table.ts';
import type { CounterSnapshot } from './state.ts';

/** A file that was not used, and where it is kept. */
export interface RefusedFile {
  readonly path: string;
  readonly keptAs: string;
  readonly error: CounterDiskError;
}

/** The state could not be read or written; the message names the file. */
export class CounterDiskError extends Error {
  readonly path: string;

  constructor(path: string, problem: string, cause?: unknown) {
    super(`the counter's file ${path}: ${problem}`, cause === undefined ? undefined : { cause });
    this.name = 'CounterDiskError';
    this.path = path;
  }
}

export interface CounterDiskOptions {
  readonly directory: string;
  readonly nodeName: string;
  /** what there is to be written */
  readonly snapshot: () => CounterSnapshot;
  /** milliseconds since 1970, for the names of files kept aside */
  readonly now?: () => number;
}

const FORMAT = 'hello-distributed counter';
const VERSION = 1;
const FILE_NAME = /^counter-.*\.json$/;

const count = z
  .union([z.number(), z.string().regex(/^\d+$/).transform(BigInt)])
  .refine((value) => isCount(value));
const natural = z.int().nonnegative();
// A file of an earlier release does not say; what it has was answered.
const certainty = z.custom<Certainty>(isCertainty).default(Certainty.TOLD);
const stateSchema = z.object({
  watermarkDay: natural,
  base: count,
  sessions: z.array(
    z.tuple([z.string(), z.object({ seq: natural, share: count, counted: natural, value: count })]),
  ),
  keys: z.array(z.tuple([z.string(), z.object({ value: count, expiresAt: natural, certainty })])),
});
const fileSchema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  sha256: z.string(),
  state: z.unknown(),
});

export class CounterDisk {
  readonly path: string;
  readonly #options: CounterDiskOptions;
  #writing: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(options: CounterDiskOptions) {
    this.#options = options;
    const name = encodeURIComponent(options.nodeName);
    this.path = join(options.directory, `counter-${name}.json`);
  }

  /**
   * Reads what nodes have left in the directory, which is made if it does not exist.
   *
   * @throws {CounterDiskError} when the directory cannot be used, or a bad file not be kept aside
   */
  async load(): Promise<{ snapshots: CounterSnapshot[]; refused: RefusedFile[] }> {
    const { directory } = this.#options;
    const snapshots: CounterSnapshot[] = [];
    const refused: RefusedFile[] = [];
    for (const name of await this.#list(directory)) {
      const path = join(directory, name);
      try {
        snapshots.push(decode(path, await readText(path)));
      } catch (error) {
        if (!(error instanceof CounterDiskError)) throw error;
        refused.push({ path, keptAs: await this.#keepAside(path, error), error });
      }
    }
    return { snapshots, refused };
  }

  /**
   * Resolves when what is known now is on disk.
   *
   * @throws {CounterDiskError} when it cannot be written
   */
  flush(): Promise<void> {
    if (this.#writing === undefined) return this.#begin();
    // The write under way began before: only the next one is sure to have it.
    this.#next ??= this.#writing.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  #begin(): Promise<void> {
    this.#next = undefined;
    const writing = this.#write().finally(() => {
      if (this.#writing === writing) this.#writing = undefined;
    });
    this.#writing = writing;
    return writing;
  }

  async #write(): Promise<void> {
    const temporary = `${this.path}.tmp`;
    try {
      const file = await open(temporary, 'w', 0o600);
      try {
        await file.writeFile(encode(this.#options.snapshot()));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.path);
      const directory = await open(this.#options.directory, 'r');
      try {
        await directory.sync();
      } finally {
        await directory.close();
      }
    } catch (error) {
      throw new CounterDiskError(this.path, `cannot be written: ${describe(error)}`, error);
    }
  }

  async #list(directory: string): Promise<string[]> {
    try {
      await makeDirectory(directory);
      return (await readdir(directory)).filter((name) => FILE_NAME.test(name)).sort();
    } catch (error) {
      const problem = `the directory ${directory} cannot be used: ${describe(error)}`;
      throw new CounterDiskError(this.path, problem, error);
    }
  }

  async #keepAside(path: string, cause: CounterDiskError): Promise<string> {
    const kept = new Set(await readdir(this.#options.directory));
    const first = `${path}.corrupt-${(this.#options.now ?? Date.now)()}`;
    // Nothing that was kept aside before is overwritten.
    let keptAs = first;
    for (let n = 2; kept.has(basename(keptAs)); n += 1) keptAs = `${first}-${n}`;
    try {
      await rename(path, keptAs);
      return keptAs;
    } catch (error) {
      throw new CounterDiskError(path, `${cause.message}, nor be kept aside`, error);
    }
  }
}

/**
 * Makes a directory and those above it. Node's own `recursive` never ends where the kernel says that what is
 * above does not exist although it does, as below `/proc`.
 */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    // Whether it is a directory shows when it is read.
    if (hasCode(error, 'EEXIST')) return;
    const above = dirname(path);
    if (!hasCode(error, 'ENOENT') || above === path) throw error;
    await makeDirectory(above);
    await mkdir(path).catch((again: unknown) => {
      // Another node may make the same directory.
      if (!hasCode(again, 'EEXIST')) throw again;
    });
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new CounterDiskError(path, `cannot be read: ${describe(error)}`, error);
  }
}

function encode(state: CounterSnapshot): string {
  const text = JSON.stringify(state, (_, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
  const head = JSON.stringify({ format: FORMAT, version: VERSION, sha256: digest(text) });
  return `${head.slice(0, -1)},"state":${text}}\n`;
}

function decode(path: string, text: string): CounterSnapshot {
  const file = fileSchema.safeParse(parseJson(path, text));
  if (!file.success) {
    throw new CounterDiskError(path, 'expected a counter of version 1, got another JSON value');
  }
  if (digest(JSON.stringify(file.data.state)) !== file.data.sha256) {
    throw new CounterDiskError(path, 'the checksum is that of other content, it was changed');
  }
  const state = stateSchema.safeParse(file.data.state);
  if (!state.success) throw new CounterDiskError(path, 'the state does not have its shape');
  return state.data;
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CounterDiskError(path, 'expected JSON, it is torn or something else', error);
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
