/** The platform's side of `.upsun/config.yaml`: what is in that file, and what it does with it. */
import { parse } from 'yaml';
import { z } from 'zod';
import { textOf } from './source-tree.ts';

/** The one file that tells the platform about this application. */
export const CONFIG_FILE = '.upsun/config.yaml';

const configSchema = z.object({
  applications: z.object({
    hello_distributed: z.object({
      type: z.string(),
      container_profile: z.string().default('HIGH_CPU'),
      variables: z.object({ env: z.record(z.string(), z.string()) }),
      hooks: z.object({ build: z.string() }),
      web: z.object({ commands: z.object({ start: z.string(), post_start: z.string() }) }),
      workers: z
        .record(z.string(), z.object({ commands: z.object({ start: z.string() }) }))
        .optional(),
    }),
  }),
  routes: z.record(z.string(), z.object({ type: z.string(), upstream: z.string().optional() })),
});

/** The parts of the file that matter to a test. */
export interface UpsunConfig {
  readonly name: string;
  readonly type: string;
  /** memory for each CPU; by default that of Node.js images */
  readonly profile: string;
  /** variables of the build and of every instance */
  readonly env: Readonly<Record<string, string>>;
  readonly build: string;
  readonly start: string;
  readonly postStart: string;
  /** start command of each worker */
  readonly workers: Readonly<Record<string, string>>;
  /** the application to which each route leads; none for one that redirects */
  readonly upstreams: readonly string[];
}

/** @throws {ZodError} if the text is not a configuration of our application */
export function readUpsunConfig(text: string = textOf(CONFIG_FILE)): UpsunConfig {
  const { applications, routes } = configSchema.parse(parse(text));
  const application = applications.hello_distributed;
  const workers = Object.entries(application.workers ?? {});
  return {
    name: 'hello_distributed',
    type: application.type,
    profile: application.container_profile,
    env: application.variables.env,
    build: application.hooks.build,
    start: application.web.commands.start,
    postStart: application.web.commands.post_start,
    workers: Object.fromEntries(workers.map(([name, { commands }]) => [name, commands.start])),
    upstreams: Object.values(routes).flatMap(({ upstream }) => upstream?.split(':')[0] ?? []),
  };
}

/**
 * The text with the example of a worker in force: the commented lines from `workers:` to the end of that
 * comment lose their `# `.
 *
 * @throws {Error} if there is no such example
 */
export function withWorkers(text: string = textOf(CONFIG_FILE)): string {
  const lines = text.split('\n');
  const first = lines.findIndex((line) => /^ +# workers:$/.test(line));
  if (first < 0) throw new Error(`expected a commented line "workers:" in ${CONFIG_FILE}`);
  const behind = lines.findIndex((line, at) => at > first && !/^ +# /.test(line));
  return lines
    .map((line, at) => (at >= first && at < behind ? line.replace('# ', '') : line))
    .join('\n');
}
