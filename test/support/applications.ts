/** Applications of this process, with settings of their own. */
import { Application } from '../../lib/application.ts';
import { loadConfig } from '../../lib/config.ts';
import { Telemetry } from '../../lib/telemetry/telemetry.ts';

interface Teardown {
  teardown(fn: () => unknown): void;
}

/** The configuration that an environment gives, with no files and HTTP on any free port. */
export function configure(env: Readonly<Record<string, string>> = {}) {
  return loadConfig({
    argv: [],
    env: { PORT: '0', HOST: '127.0.0.1', ...env },
    readFile: () => undefined,
  });
}

/** Remembers which children started, stopped, ended and were started again, in order. */
export function recorder() {
  const telemetry = new Telemetry();
  const children: string[] = [];
  for (const what of ['started', 'restarted', 'stopped', 'exited']) {
    telemetry.attach(
      `record-${what}`,
      `supervisor.child.${what}`,
      (_event, _measured, metadata) => {
        children.push(`${what} ${metadata.childId}`);
      },
    );
  }
  return { telemetry, children };
}

/** Starts one that stops with the test. A cookie among the settings is one that was set. */
export async function start(t: Teardown, env?: Readonly<Record<string, string>>) {
  const { telemetry, children } = recorder();
  const cookie = env?.ERLANG_COOKIE;
  const application = await Application.start({
    config: configure(env),
    cookie: cookie === undefined ? undefined : { cookie, source: 'explicit' },
    telemetry,
  });
  t.teardown(() => application.stop());
  return { application, telemetry, children };
}

/** What it answers a request with. */
export async function json(
  application: Application,
  path: string,
  init?: RequestInit,
): Promise<unknown> {
  const response = await fetch(`${application.url}${path}`, init);
  return { status: response.status, body: await response.json() };
}
