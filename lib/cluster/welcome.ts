import { COUNTER_NAME } from '../counter.ts';
import { atom, inspectTerm } from '../distribution/index.ts';
import { DEFAULT_EPMD_PORT } from './options.ts';
import { HOST } from './plan.ts';

/** A node that runs, for the table. */
export interface TableRow {
  readonly name: string;
  readonly url: string;
  readonly pid: number | undefined;
}

/**
 * What is shown once the cluster is up: the nodes, and what to try with them. The cookie is shown, as
 * nobody could join without it; it is good for nothing after this run.
 */
export function welcome(
  rows: readonly TableRow[],
  { cookie, epmdPort }: { readonly cookie: string; readonly epmdPort: number },
): string {
  const [first] = rows;
  const last = rows.at(-1);
  if (first === undefined || last === undefined) return '';

  const width = (key: 'name' | 'url'): number => Math.max(...rows.map((row) => row[key].length));
  const line = (name: string, url: string, pid: string): string =>
    `  ${name.padEnd(width('name'))}  ${url.padEnd(width('url'))}  ${pid}`.trimEnd();
  const environment = epmdPort === DEFAULT_EPMD_PORT ? '' : `ERL_EPMD_PORT=${epmdPort} `;
  const peer = inspectTerm(atom(first.name));
  const counter = COUNTER_NAME.name;
  const module = counter.replace(/^Elixir\./, '');
  return [
    '',
    line('node', 'url', 'pid'),
    ...rows.map(({ name, url, pid }) => line(name, url, String(pid ?? ''))),
    '',
    `Watch: ${first.url}/dashboard`,
    '',
    'Try:',
    `  curl ${first.url}/nodes`,
    `  curl -X POST ${first.url}/counter/increment`,
    `  curl ${last.url}/counter`,
    '',
    'Join, with the cookie that was made for this run:',
    `  ${environment}erl -name erl@${HOST} -setcookie ${cookie}`,
    `    net_adm:ping(${peer}).`,
    `    gen_server:call({global, ${inspectTerm(COUNTER_NAME)}}, increment).`,
    `  ${environment}iex --name iex@${HOST} --cookie ${cookie}`,
    `    Node.connect(:"${first.name}")`,
    `    GenServer.call({:global, ${module}}, :increment)`,
    `  ${environment}npm run console -- --name console@${HOST} --port 0 --cookie ${cookie}`,
    '    Counter.increment()',
    '',
    'Ctrl-C stops all nodes.',
    '',
  ].join('\n');
}
