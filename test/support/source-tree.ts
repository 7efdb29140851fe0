/** The project's own files as text, for tests about the tree itself. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds `package.json`. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What the benchmarks have of their own: packages and compiled code. */
const BUILT_OR_INSTALLED = /(^|[\\/])(node_modules|dist)[\\/]/;

/** One import or re-export. */
export interface Import {
  /** as written, or for a relative one the path from the root */
  readonly target: string;
  readonly relative: boolean;
  /** erased when the file runs: `import type`, or every name marked `type` */
  readonly typeOnly: boolean;
}

/** The text of a file. @param path from the root */
export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Paths from the root of the TypeScript files below some folders, in alphabetical order. */
export function sourceFiles(...folders: readonly string[]): string[] {
  return folders
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts') && !BUILT_OR_INSTALLED.test(name))
        .map((name) => posix.join(folder, name.replaceAll('\\', '/'))),
    )
    .sort();
}

// The formatter starts each statement at the margin, where neither comments nor texts begin.
const STATEMENT = /^(?:import|export)\s(?:(?<clause>[^;'"]*?)\sfrom\s)?'(?<target>[^']+)'/gm;
const EXPRESSION = /\bimport\('(?<target>[^']+)'\)/g;

/** Every import of a file, in order. */
export function importsOf(path: string): Import[] {
  const text = textOf(path);
  const found: Import[] = [];
  for (const { groups } of text.matchAll(STATEMENT)) {
    found.push(importOf(path, groups?.target ?? '', isTypeOnly(groups?.clause)));
  }
  for (const { groups } of text.matchAll(EXPRESSION)) {
    found.push(importOf(path, groups?.target ?? '', false));
  }
  return found;
}

function importOf(path: string, written: string, typeOnly: boolean): Import {
  const relative = written.startsWith('.');
  const target = relative ? posix.join(dirname(path), written) : written;
  return { target, relative, typeOnly };
}

function isTypeOnly(clause: string | undefined): boolean {
  if (clause === undefined) return false;
  if (/^type\s/.test(clause)) return true;
  const names = /^\{(.*)\}$/s.exec(clause)?.[1];
  if (names === undefined) return false;
  const list = names.split(',').map((name) => name.trim());
  return list.every((name) => name === '' || name.startsWith('type '));
}

/** A file with everything that runs with it. */
export function reachableFrom(path: string, reached = new Set<string>()): ReadonlySet<string> {
  if (reached.has(path)) return reached;
  reached.add(path);
  for (const { relative, target, typeOnly } of importsOf(path)) {
    if (relative && !typeOnly) reachableFrom(target, reached);
  }
  return reached;
}

/** Code without comments. Text in quotes stays. */
export function codeOf(path: string): string {
  return textOf(path)
    .replace(/^\s*\/\*[\s\S]*?\*\//gm, '')
    .replace(/(^|\s)\/\/ .*$/gm, '');
}

/** Lines of the given files that match, as `path:line: text`. */
export function linesMatching(paths: readonly string[], pattern: RegExp, read = textOf): string[] {
  return paths.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : [])),
  );
}
