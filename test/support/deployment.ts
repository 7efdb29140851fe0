/**
 * What the platform does with a tree, on this machine: it copies the sources, builds them with the commands of
 * `.upsun/config.yaml` and the environment of a build, makes the tree read-only, and starts an instance in it,
 * which finds `/run` and its host name as there. Needs Linux and the right to make mount namespaces.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative, sep } from 'node:path';
import { Command } from './checkout.ts';
import { ROOT } from './source-tree.ts';
import { readUpsunConfig } from './upsun.ts';

const NAMESPACES = ['--mount', '--uts'];

/** What makes namespaces here: as root, or as a user who becomes root in them; `undefined`: nothing does. */
const UNSHARE = [
  ['unshare', ...NAMESPACES],
  ['unshare', '--map-root-user', ...NAMESPACES],
].find(([program = '', ...args]) => {
  const script = 'mount --bind /tmp /tmp && printf x > /proc/sys/kernel/hostname';
  return spawnSync(program, [...args, 'sh', '-c', script], { stdio: 'ignore' }).status === 0;
});

/** A reason to skip, or false; in CI a machine that cannot do it makes the test fail instead. */
export const deploymentSkip: string | false =
  UNSHARE !== undefined || process.env.CI === 'true'
    ? false
    : 'no right to make mount namespaces here (or not Linux)';

/** What the platform gives to one project alone. */
export const ENTROPY = 'QW7Y4ZTHXN2JVLC5MDKPAS3RGE6UIOB1F8W0XHTYLQNZ5JVRAC2MKDPE';

/** What the platform tells the build and every instance. */
const PLATFORM = {
  PLATFORM_APPLICATION_NAME: 'hello_distributed',
  PLATFORM_PROJECT: 'abcdefgh1234567',
  PLATFORM_PROJECT_ENTROPY: ENTROPY,
  PLATFORM_TREE_ID: '8f1c0a',
};

/** The public address of every deployment here. */
export const PUBLIC_URL = 'https://main-abc.eu-5.platformsh.site';

const ROUTES = {
  [`${PUBLIC_URL}/`]: { primary: true, id: null, type: 'upstream', upstream: 'hello_distributed' },
  'https://www.main-abc.eu-5.platformsh.site/': { primary: null, id: null, type: 'redirect' },
};

export interface InstanceOptions {
  /** content of files in `/run`, by name */
  readonly run: Readonly<Record<string, string>>;
  readonly hostname: string;
  /** beside what the platform and the file set */
  readonly env?: Readonly<Record<string, string>>;
  /** default: the start command of the file */
  readonly command?: string;
}

/** A tree that has been built as the file says. */
export class Deployment {
  readonly #root = mkdtempSync(join(tmpdir(), 'hello-deployment-'));
  readonly #commands: Command[] = [];
  /** what became of the sources */
  readonly app = join(this.#root, 'app');
  readonly config = readUpsunConfig();

  constructor() {
    const unwanted = /(^|\/)(node_modules|dist|coverage|\.tap|\.git)(\/|$)/;
    cpSync(ROOT, this.app, {
      recursive: true,
      filter: (path) => !unwanted.test(relative(ROOT, path).replaceAll(sep, '/')),
    });
    mkdirSync(join(this.#root, 'home'));
  }

  /** Runs the build to its end. */
  async build(): Promise<Command> {
    const { env, build } = this.config;
    const settings = { ...npmSettings(), ...PLATFORM, ...env, PATH: path(), CI: 'true' };
    const command = this.#run(['sh', '-c', build], settings);
    await command.exited;
    return command;
  }

  /** Starts an instance, with a port of its own for the platform's proxy. */
  start(port: number, options: InstanceOptions): Command {
    if (UNSHARE === undefined) throw new Error('expected the right to make mount namespaces');
    const home = join(this.#root, 'home');
    const run = mkdtempSync(join(this.#root, 'run-'));
    for (const [name, text] of Object.entries(options.run)) writeFileSync(join(run, name), text);
    // Port 80 of an instance is the platform's proxy: what asks for it is led to the program itself.
    writeFileSync(join(home, '.curlrc'), `connect-to = "localhost:80:127.0.0.1:${port}"\n`);
    const env: Record<string, string> = {
      ...{ PATH: path(), HOME: home, PORT: String(port), ...PLATFORM },
      ...{ PLATFORM_APP_DIR: this.app, PLATFORM_BRANCH: 'main', PLATFORM_ENVIRONMENT: 'main' },
      PLATFORM_ROUTES: Buffer.from(JSON.stringify(ROUTES)).toString('base64'),
      ...this.config.env,
      ...options.env,
    };
    const script = `
      set -eu
      mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"
      mount --bind "$2" /run
      # The command of that name takes no underscore, as the platform has.
      printf %s "$3" > /proc/sys/kernel/hostname
      cd "$1"
      exec sh -c "$4"`;
    const command = options.command ?? this.config.start;
    const args = [this.app, run, options.hostname, command];
    return this.#run([...UNSHARE, 'sh', '-c', script, 'instance', ...args], env);
  }

  /** Runs a command beside an instance, as `post_start` is. */
  async runBeside(command: string): Promise<Command> {
    const env = { PATH: path(), HOME: join(this.#root, 'home') };
    const running = this.#run(['sh', '-c', command], env);
    await running.exited;
    return running;
  }

  /** Every file of the tree with its size and the time of its last change. */
  files(): ReadonlyMap<string, string> {
    const names = readdirSync(this.app, { recursive: true, encoding: 'utf8' });
    return new Map(
      names.map((name) => {
        const { size, mtimeMs } = statSync(join(this.app, name), { bigint: true });
        return [name, `${size} ${mtimeMs}`];
      }),
    );
  }

  /** Ends what still runs, and removes everything. */
  async remove(): Promise<void> {
    for (const command of this.#commands) command.signalGroup('SIGKILL');
    await Promise.all(this.#commands.map(({ exited }) => exited));
    rmSync(this.#root, { recursive: true, force: true });
  }

  /** `env -i` replaces itself by the program, and keeps what the test runner adds to every process away. */
  #run(line: readonly string[], env: Readonly<Record<string, string>>): Command {
    const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const child = spawn('env', ['-i', ...assignments, ...line], {
      cwd: this.app,
      // A process group of its own: what hangs is ended whole.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const command = new Command(line.join(' '), child);
    this.#commands.push(command);
    return command;
  }
}

/** Where programs are: the release of Node.js that the file names first, if the machine has it. */
function path(): string {
  const major = /\d+$/.exec(readUpsunConfig().type)?.[0];
  const releases = (process.env.NODE_RELEASES ?? '').split(delimiter);
  const release = releases.find((node) => node.includes(`${sep}${major}${sep}`));
  const folder = dirname(release ?? process.execPath);
  return [folder, process.env.PATH ?? ''].join(delimiter);
}

/** How npm reaches its registry on this machine, and nothing else of how the tests were started. */
function npmSettings(): Record<string, string> {
  const ofThisRun =
    /^npm_config_(local_prefix|global_prefix|prefix|node_gyp|user_agent|init_module)$/i;
  const wanted = /^(HOME|npm_config_\w+|\w+_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+)$/i;
  const settings: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && wanted.test(name) && !ofThisRun.test(name)) settings[name] = value;
  }
  return settings;
}
