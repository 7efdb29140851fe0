/** Where figures come from: they mean nothing without it. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isInstalled } from '../../support/installed.ts';

export interface Machine {
  readonly processors: string;
  readonly memoryMb: number;
  readonly system: string;
  /** what the competitors and we run on */
  readonly versions: Readonly<Record<string, string>>;
  /** processes that wanted to run when the measurement was over, averaged over a minute */
  readonly load: number;
}

/** Asks the machine and the programs. */
export function machine(): Machine {
  const [first, ...others] = cpus();
  return {
    processors: `${others.length + 1} × ${first?.model.trim() ?? 'unknown'}`,
    memoryMb: Math.round(totalmem() / 1024 / 1024),
    system: `${type()} ${release()}`,
    versions: { 'Node.js': process.versions.node, ...packages(), ...programs() },
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  };
}

function packages(): Record<string, string> {
  const versions: Record<string, string> = {};
  for (const name of ['fastify', 'hono', '@hono/node-server', 'ioredis']) {
    const file = new URL(`../node_modules/${name}/package.json`, import.meta.url);
    const { version } = JSON.parse(readFileSync(fileURLToPath(file), 'utf8')) as {
      version: string;
    };
    versions[name] = version;
  }
  return versions;
}

const OTP_VERSION = `
  {ok, Text} = file:read_file(filename:join([code:root_dir(), "releases",
    erlang:system_info(otp_release), "OTP_VERSION"])), io:format("~s", [Text]), halt().`;

function programs(): Record<string, string> {
  const versions: Record<string, string> = {};
  if (isInstalled('erl')) {
    versions['Erlang/OTP'] = output('erl', ['-noshell', '-eval', OTP_VERSION]);
  }
  if (isInstalled('redis-server')) {
    versions.Redis = /v=([\d.]+)/.exec(output('redis-server', ['--version']))?.[1] ?? 'unknown';
  }
  return versions;
}

function output(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8' }).trim();
}
