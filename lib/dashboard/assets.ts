/**
 * The files of the dashboard, read once: the page and its modules, as they are in the sources (there is
 * no build step for them), and the plotting library from its package.
 *
 * Addresses of files carry a digest of all files, so that browsers may keep them for ever; the page names
 * the digest, and is asked for again each time.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** One file, ready to be sent. */
export interface Asset {
  readonly contentType: string;
  readonly body: Uint8Array;
  /** a strong entity tag, with its quotes */
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

const PAGE = 'index.html';
const OWN_FILES: readonly string[] = [
  ...[PAGE, 'style.css', 'figures.css', 'lists.css', 'phone.css', 'icon.svg'],
  ...['main.js', 'connection.js', 'state.js', 'format.js'],
  ...['counter.js', 'picture.js', 'layout.js', 'plots.js', 'events.js', 'table.js'],
];
const LIBRARY_FILES: Readonly<Record<string, string>> = {
  'uplot.js': 'uplot/dist/uPlot.iife.min.js',
  'uplot.css': 'uplot/dist/uPlot.min.css',
};

/** Stands in the page for the digest. */
const VERSION = /\{\{version\}\}/g;

/** All files of the dashboard. */
export class Assets {
  /** digest of all files, part of their addresses */
  readonly version: string;
  readonly page: Asset;
  readonly #files: ReadonlyMap<string, Asset>;

  private constructor(contents: ReadonlyMap<string, Uint8Array>) {
    const hash = createHash('sha256');
    for (const [name, content] of contents) hash.update(`${name}\0`).update(content);
    this.version = hash.digest('hex').slice(0, 12);
    const html = Buffer.from(contents.get(PAGE) ?? []).toString();
    this.page = assetOf(PAGE, Buffer.from(html.replace(VERSION, this.version)));
    const files = [...contents].filter(([name]) => name !== PAGE);
    this.#files = new Map(files.map(([name, content]) => [name, assetOf(name, content)]));
  }

  /**
   * Reads all files.
   *
   * @throws {Error} naming the file that is missing, in the sources or in the plotting library
   */
  static load(start: string = import.meta.url): Assets {
    const folder = folderOf(start);
    const { resolve } = createRequire(start);
    const own = OWN_FILES.map((name) => [name, readFileSync(new URL(name, folder))] as const);
    const library = Object.entries(LIBRARY_FILES).map(
      ([name, path]) => [name, readFileSync(resolve(path))] as const,
    );
    return new Assets(new Map([...own, ...library]));
  }

  /** A file by its name. */
  find(name: string): Asset | undefined {
    return this.#files.get(name);
  }

  /** The names of all files beside the page. */
  get names(): readonly string[] {
    return [...this.#files.keys()];
  }
}

function assetOf(name: string, body: Uint8Array): Asset {
  const digest = createHash('sha256').update(body).digest('base64url').slice(0, 22);
  const contentType = TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
  return { contentType, body, etag: `"${digest}"` };
}

/**
 * Beside the sources. The build has none of these files: in it this is three folders below the package, or
 * two, as a part of the program's one file.
 */
function folderOf(start: string): URL {
  const candidates = ['./page/', '../../../lib/dashboard/page/', '../../lib/dashboard/page/'].map(
    (path) => new URL(path, start),
  );
  const folder = candidates.find((url) => existsSync(new URL(PAGE, url)));
  if (folder !== undefined) return folder;
  throw new Error(`expected the files of the dashboard in ${candidates.map(String).join(' or ')}`);
}
