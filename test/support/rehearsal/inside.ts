/**
 * The two stages of a rehearsal, in its box: `build FOLDER` and `play FOLDER`. See `box.ts` for what surrounds them,
 * and `main.ts` for the command.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nowMs } from '../faults/history.ts';
import { HostNetwork } from '../faults/hosts.ts';
import { type SeededRandom, seededRandom } from '../seeded-random.ts';
import { CONFIG_FILE, readUpsunConfig } from '../upsun.ts';
import { BuildError, copySources, pathWith, runBuildHook } from './build.ts';
import type { RehearsalOptions } from './options.ts';
import { Platform, seconds } from './platform.ts';
import { buildVariables, type Deployment } from './platform-environment.ts';
import { type StepResult, table } from './report.ts';
import { Router } from './router.ts';
import { Story } from './story.ts';

const startMs = nowMs();
const say = (text: string): void => {
  process.stdout.write(`${((nowMs() - startMs) / 1000).toFixed(1).padStart(6)} s  ${text}\n`);
};

/** What the first stage leaves to the second. */
const BUILD_RESULT = 'build.json';

function deploymentOf(options: RehearsalOptions, folder: string, generation: number): Deployment {
  const random = seededRandom(options.seed + 1);
  return {
    config: readUpsunConfig(readFileSync(join(options.app, CONFIG_FILE), 'utf8')),
    project: { id: letters(13, random), entropy: letters(56, random) },
    treeId: createHash('sha1').update(`${options.seed} ${generation}`).digest('hex'),
    folder: join(folder, 'app'),
  };
}

function letters(count: number, random: SeededRandom): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  return Array.from({ length: count }, () => alphabet[random.below(alphabet.length)]).join('');
}

async function build(options: RehearsalOptions, folder: string): Promise<number> {
  const { app, node, seed, verbose } = options;
  const deployment = deploymentOf(options, folder, 1);
  process.stdout.write(`seed ${seed}\n`);
  say(`--- build (image ${deployment.config.type}, here Node.js ${versionOf(node)})`);
  try {
    copySources(app, deployment.folder);
    mkdirSync(join(folder, 'cache'));
    const variables = { ...buildVariables(deployment), PATH: pathWith(node, process.env.PATH) };
    await runBuildHook(deployment.config.build, deployment.folder, variables, (text) => {
      if (verbose) process.stdout.write(text);
    });
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
  const durationMs = nowMs() - startMs;
  say(`built in ${seconds(durationMs)}`);
  writeFileSync(join(folder, BUILD_RESULT), JSON.stringify({ durationMs }));
  return 0;
}

function versionOf(node: string): string {
  return execFileSync(node, ['--version']).toString().trim().slice(1);
}

async function play(options: RehearsalOptions, folder: string): Promise<number> {
  const { instances, loadMs, seed, node, verbose } = options;
  const { durationMs } = JSON.parse(readFileSync(join(folder, BUILD_RESULT), 'utf8')) as {
    durationMs: number;
  };
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  // All that is made here goes with the box.
  const network = await HostNetwork.create({ teardown() {} }, 2 * instances, { outlet: true });
  const router = await Router.start(seededRandom(seed + 2));
  const platform = new Platform({
    ...{ network, router, folder, say },
    random: seededRandom(seed + 3),
    path: pathWith(node, process.env.PATH),
    onLine: ({ name }, line) => {
      if (verbose) process.stdout.write(`${name} | ${line}\n`);
    },
  });
  const story = new Story({
    ...{ platform, router, instances, loadMs, say },
    deployments: [deploymentOf(options, folder, 1), deploymentOf(options, folder, 2)],
    random: seededRandom(seed + 4),
  });
  const asPromised = await story.play();
  const built: StepResult = { title: 'build', durationMs, problems: [] };
  const peak = Math.max(...platform.all.map(({ peakMemoryMb }) => peakMemoryMb));
  const slowest = Math.max(0, ...platform.stops.map((stop) => stop.durationMs));
  process.stdout.write(
    `\n${table([built, ...story.results])}\n\n` +
      `${platform.all.length} instances were started; the most memory of one was ${peak.toFixed(0)} MB; ` +
      `the slowest stop took ${seconds(slowest)}\n` +
      `${router.broken.length} connections broke, of requests that the killed instance had\n` +
      `${asPromised ? 'everything was as promised' : 'NOT as promised, see above'}; ` +
      `again with: npm run rehearsal -- --seed ${seed}\n`,
  );
  if (!asPromised) {
    for (const { name, log } of platform.all)
      process.stdout.write(`\n--- ${name}\n${log.tail()}\n`);
  }
  return asPromised ? 0 : 1;
}

const [text = '', stage, folder = ''] = process.argv.slice(2);
const options = JSON.parse(text) as RehearsalOptions;
process.exit(await (stage === 'build' ? build : play)(options, folder));
