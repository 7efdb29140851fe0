/** What every endpoint must answer, whatever the number of instances. */
import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { CheckFailure, digits, expectHeader, expectStatus, type Visitor } from './visitor.ts';

/** One thing that must hold. */
export interface Check {
  readonly title: string;
  /**
   * @returns what there is to say about it
   * @throws {CheckFailure} if it does not hold
   */
  readonly run: (visitor: Visitor) => Promise<string>;
}

const hello = z.object({ message: z.string(), node: z.string(), timestamp: z.iso.datetime() });
/** The body of `GET /counter`. */
export const counter = z.object({ count: digits, node: z.string() });
/** The body of `GET /nodes`. */
export const nodes = z.object({
  current_node: z.string(),
  connected_nodes: z.array(z.string()),
  all_nodes: z.array(z.string()),
  total_nodes: z.int().positive(),
});
const health = z.object({ status: z.literal('ok'), node: z.string() });
const readiness = z.object({
  status: z.literal('ready'),
  node: z.string(),
  checks: z.record(z.string(), z.string()),
});
const failure = z.object({ errors: z.object({ detail: z.string() }) });

/** Every endpoint, and every kind of refusal that a stranger may see. */
export const ENDPOINTS: readonly Check[] = [
  {
    title: 'GET / says hello',
    async run(visitor) {
      const { body } = await visitor.json('/', hello);
      return `from ${body.node}`;
    },
  },
  {
    title: 'a request keeps its id',
    async run(visitor) {
      const id = randomUUID();
      const answer = await visitor.ask('/', { headers: { 'x-request-id': id } });
      expectHeader(answer, 'x-request-id', new RegExp(`^${id}$`));
      return id;
    },
  },
  {
    title: 'GET /health and GET /ready say that it is well',
    async run(visitor) {
      const { answer } = await visitor.json('/health', health);
      const { body, answer: ready } = await visitor.json('/ready', readiness);
      for (const each of [answer, ready]) expectHeader(each, 'cache-control', /\bno-store\b/);
      return Object.entries(body.checks)
        .map((check) => check.join(' '))
        .join(', ');
    },
  },
  {
    title: 'GET /counter tells the count',
    async run(visitor) {
      const { body } = await visitor.json('/counter', counter);
      return `${body.count}, told by ${body.node}`;
    },
  },
  {
    title: 'GET /nodes tells the cluster',
    async run(visitor) {
      const { body } = await visitor.json('/nodes', nodes);
      const all = [body.current_node, ...body.connected_nodes];
      const isSame = body.all_nodes.join() === all.join() && body.total_nodes === all.length;
      if (isSame && new Set(all).size === all.length) return all.join(', ');
      throw new CheckFailure(`GET /nodes: it contradicts itself: ${JSON.stringify(body)}`);
    },
  },
  {
    title: 'HEAD answers as GET, without a body',
    async run(visitor) {
      const answer = await visitor.ask('/counter', { method: 'HEAD' });
      expectStatus(answer, 200);
      expectHeader(answer, 'content-type', /^application\/json/);
      if (answer.text === '') return 'HEAD /counter';
      throw new CheckFailure(
        `HEAD /counter: expected no body, got ${answer.text.length} characters`,
      );
    },
  },
  {
    title: 'what is not there, not allowed or not understood is refused',
    async run(visitor) {
      await visitor.json(`/${randomUUID()}`, failure, { status: 404 });
      const { answer } = await visitor.json('/counter', failure, { method: 'DELETE', status: 405 });
      expectHeader(answer, 'allow', /\bGET\b/);
      await visitor.json('/counter/increment', failure, { status: 405 });
      const headers = { 'idempotency-key': 'not one key' };
      await visitor.json('/counter/increment', failure, { method: 'POST', headers, status: 400 });
      return '404, 405 with Allow, 400';
    },
  },
  {
    title: 'pages for operators are closed to strangers',
    async run(visitor) {
      const isNear = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(visitor.url).hostname);
      const seen: string[] = [];
      for (const path of ['/dashboard', '/metrics']) {
        const answer = await visitor.ask(path, { asStranger: true });
        // On the same machine, a service that is not in production keeps them open.
        expectStatus(answer, 401, 404, ...(isNear ? [200] : []));
        if (answer.status === 401) expectHeader(answer, 'www-authenticate', /^Basic /);
        seen.push(`${path} ${answer.status}`);
      }
      return seen.join(', ');
    },
  },
];
