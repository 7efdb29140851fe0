/**
 * A deployment without any network, for tests of the check: instances in turn, one counter, and the answers of
 * the real handlers' form. Tests make it lie.
 */
import type { Fetch } from '../../lib/check/visitor.ts';

const FORM = { 'content-type': 'application/json; charset=utf-8', 'x-request-id': 'id' };

/** Replaces an answer. @returns `undefined` to leave it */
export type Lie = (request: Request, answer: Response) => Response | undefined | Promise<Response>;

export class FakeDeployment {
  nodes = ['a@h'];
  count = 2n ** 60n;
  lie: Lie = () => undefined;
  /** what a request counts */
  step = 1n;
  readonly requests: Request[] = [];
  readonly #keys = new Map<string, string>();
  #turn = 0;

  readonly fetch: Fetch = async (url, init) => {
    const request = new Request(url, init);
    this.requests.push(request);
    const node = this.nodes[this.#turn++ % this.nodes.length] ?? '';
    const answer = this.#answer(request, node);
    const { 'x-request-id': _, ...form } = FORM;
    const id = request.headers.get('x-request-id');
    const kept = id === null ? answer : json(answer, { ...form, 'x-request-id': id });
    return (await this.lie(request, kept)) ?? kept;
  };

  #answer({ method, url, headers }: Request, node: string): Response {
    const { pathname } = new URL(url);
    const noStore = { 'cache-control': 'no-store' };
    switch (`${method} ${pathname}`) {
      case 'GET /':
        return body({ message: 'Hello', node, timestamp: '2026-01-31T12:00:00.000Z' });
      case 'GET /health':
        return body({ status: 'ok', node }, 200, noStore);
      case 'GET /ready':
        return body({ status: 'ready', node, checks: { http: 'up' } }, 200, noStore);
      case 'GET /counter':
        return text(`{"count":${this.count},"node":"${node}"}`);
      case 'HEAD /counter':
        return new Response(null, { headers: FORM });
      case 'POST /counter/increment':
        return this.#increment(headers.get('idempotency-key') ?? '', node);
      case 'GET /nodes': {
        const others = this.nodes.filter((each) => each !== node);
        return body({
          ...{ current_node: node, connected_nodes: others, all_nodes: [node, ...others] },
          total_nodes: this.nodes.length,
        });
      }
      case 'DELETE /counter':
      case 'GET /counter/increment':
        return refusal(405, { allow: 'GET, HEAD' });
      default:
        return refusal(404);
    }
  }

  #increment(key: string, node: string): Response {
    if (key.includes(' ')) return refusal(400);
    const known = this.#keys.get(key);
    if (known !== undefined) return text(known);
    this.count += this.step;
    const answer = `{"count":${this.count},"node":"${node}","message":"Counter incremented"}`;
    this.#keys.set(key, answer);
    return text(answer);
  }
}

/** A JSON answer. */
export function body(value: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(value), { status, headers: { ...FORM, ...headers } });
}

/** An answer with this text. */
export function text(value: string): Response {
  return new Response(value, { headers: FORM });
}

function refusal(status: number, headers: Record<string, string> = {}): Response {
  return body({ errors: { detail: 'no' } }, status, headers);
}

function json(answer: Response, headers: Record<string, string>): Response {
  const all = { ...Object.fromEntries(answer.headers), ...headers };
  return new Response(answer.body, { status: answer.status, headers: all });
}
