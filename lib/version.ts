/** The version of the program, from its package. */
import { readFileSync } from 'node:fs';
import * as z from 'zod';

const NAME = 'hello-distributed';
const packageSchema = z.object({ name: z.string(), version: z.string() });

/**
 * The version in the nearest `package.json` of this package: one folder up from the sources, two from
 * the build.
 *
 * @throws {Error} if the program has been moved away from its package
 */
export function packageVersion(start: string = import.meta.url): string {
  for (const up of ['..', '../..']) {
    try {
      const text = readFileSync(new URL(`${up}/package.json`, start), 'utf8');
      const { name, version } = packageSchema.parse(JSON.parse(text));
      if (name === NAME) return version;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
  throw new Error(`expected the package.json of ${NAME} above ${start}, found none`);
}

/** The text of `--version`. */
export function versionText(): string {
  return `${NAME} ${packageVersion()} (Node.js ${process.version})`;
}
