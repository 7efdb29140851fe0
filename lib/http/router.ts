/**
 * Finds the handler of a request. itty-router matches paths; this adds what HTTP asks of a server:
 * 404 and 405 with `Allow`, `HEAD`, and an answer to every failure of a handler.
 *
 * Paths are compared segment by segment, percent-decoded, and empty segments do not count, as in
 * Plug: `/counter`, `/counter/`, `//counter` and `/%63ounter` are one path. Dot segments are resolved
 * as the URL standard says. A path that is not percent-encoded UTF-8 is malformed.
 *
 * `OPTIONS` is no exception: a route that does not list it answers 405, and `Allow` says what there
 * is. Without CORS nothing more could be offered to a preflight.
 *
 * A route may have a guard, which answers in the place of the route where it likes, for every method.
 */
import { type IRequest, IttyRouter } from 'itty-router';
import { HttpError } from './errors.ts';
import type {
  ErrorResponses,
  HandlerResult,
  HttpRequest,
  RequestHandler,
  RequestScope,
} from './messages.ts';

/** The values of `:name` segments of the path, percent-decoded. */
export type RouteParams = Readonly<Record<string, string>>;

/** `HEAD` is answered wherever `GET` is, so it is no method of its own here. */
export type RouteMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One line of the table of routes. */
export interface Route<Context> {
  readonly method: RouteMethod;
  /** segments separated by `/`; `:name` stands for any one segment */
  readonly path: string;
  /** asked first, whatever the method; what it gives is the answer instead of the handler's, or of a 405 */
  readonly guard?: (context: Context) => HandlerResult | undefined;
  readonly handler: (
    request: HttpRequest,
    context: Context,
    params: RouteParams,
  ) => HandlerResult | Promise<HandlerResult>;
}

export interface RouterOptions<Context> {
  readonly routes: readonly Route<Context>[];
  readonly errors: ErrorResponses;
  /** what the handlers get, for one request */
  readonly createContext: (scope: RequestScope) => Context;
}

/** Which route it is; itty-router finds it, and the handler is called outside of it. */
type Match<Context> = { readonly route: Route<Context>; readonly params: RouteParams };

/** The path is known, the method is not. */
type Mismatch<Context> = { readonly others: readonly Route<Context>[] };

/**
 * Makes one handler of a table of routes. It never rejects: failures are noted in the scope and
 * answered.
 */
export function createRouter<Context>(options: RouterOptions<Context>): RequestHandler {
  const { errors, createContext } = options;
  const plainRoutes = plainRoutesOf(options.routes);
  const matcher = IttyRouter();
  for (const route of options.routes) {
    matcher[route.method.toLowerCase()]?.(
      route.path,
      ({ params }: IRequest): Match<Context> => ({ route, params: decodeParams(params) }),
    );
  }

  async function find(
    request: HttpRequest,
    path: string,
  ): Promise<Match<Context> | Mismatch<Context>> {
    const url = `http://localhost${path}`;
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const match: Match<Context> | undefined = await matcher.fetch({ method, url });
    if (match) return match;
    const { pathname } = new URL(url);
    // itty-router keeps the order of the table.
    const others = options.routes.filter((_, at) => matcher.routes[at]?.[1].test(pathname));
    if (others.length === 0) throw new HttpError('not_found', `no route for ${path}`);
    return { others };
  }

  /** Answers with a route that was found. */
  function answer(
    route: Route<Context>,
    params: RouteParams,
    request: HttpRequest,
    scope: RequestScope,
  ): HandlerResult | Promise<HandlerResult> {
    const context = createContext(scope);
    scope.matched(route.path);
    return route.guard?.(context) ?? route.handler(request, context, params);
  }

  async function search(
    request: HttpRequest,
    path: string,
    scope: RequestScope,
  ): Promise<HandlerResult> {
    const found = await find(request, path);
    if ('route' in found) return answer(found.route, found.params, request, scope);
    const context = createContext(scope);
    for (const { guard } of found.others) {
      const refusal = guard?.(context);
      if (refusal !== undefined) return refusal;
    }
    throw new HttpError('method_not_allowed', `no ${request.method} for ${path}`, {
      headers: { allow: allow(found.others.map(({ method }) => method)) },
    });
  }

  const fail = (error: unknown, scope: RequestScope): HandlerResult => {
    scope.failed(error);
    return errors.forError(error);
  };

  return (request, scope) => {
    try {
      const target = request.target ?? request.url;
      // Nearly every target is the path of a route as it stands.
      let plain = plainRoutes.get(target)?.[request.method];
      const path = plain === undefined ? canonicalPath(target) : target;
      plain ??= plainRoutes.get(path)?.[request.method];
      const result =
        plain === undefined
          ? search(request, path, scope)
          : answer(plain, NO_PARAMS, request, scope);
      return result instanceof Promise ? result.catch((error) => fail(error, scope)) : result;
    } catch (error) {
      return fail(error, scope);
    }
  };
}

const NO_PARAMS: RouteParams = {};

/** Routes whose path is one text, by path and method. What stands behind a pattern is left to the search. */
function plainRoutesOf<Context>(routes: readonly Route<Context>[]) {
  const plain = new Map<string, Record<string, Route<Context>>>();
  for (const route of routes) {
    if (!CANONICAL.test(route.path)) break;
    const methods = plain.get(route.path) ?? {};
    plain.set(route.path, methods);
    methods[route.method] ??= route;
    if (route.method === 'GET') methods.HEAD ??= route;
  }
  return plain;
}

/** `Allow` in the order of the table, each method once, `HEAD` after `GET`. */
function allow(methods: readonly RouteMethod[]): string {
  const all = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  return [...new Set(all)].join(', ');
}

// Nothing to decode, drop or resolve: nearly every request.
const CANONICAL = /^(?:\/[A-Za-z0-9_~-]+)+$|^\/$/;

/**
 * The path of a request in the one form that routes are compared with.
 *
 * @param url absolute, or just a path
 * @throws {HttpError} `malformed_request` if the path is not percent-encoded UTF-8
 */
export function canonicalPath(url: string): string {
  const path = rawPath(url);
  if (CANONICAL.test(path)) return path;
  try {
    const segments = path.split('/').filter((segment) => segment !== '');
    return `/${segments.map((segment) => encodeURIComponent(decodeURIComponent(segment))).join('/')}`;
  } catch (cause) {
    throw new HttpError('malformed_request', `the path ${path} is not percent-encoded UTF-8`, {
      cause,
    });
  }
}

// By hand, because `new URL` would cost as much as the rest of the routing.
function rawPath(url: string): string {
  const scheme = url.startsWith('/') ? -1 : url.indexOf('://');
  const start = scheme < 0 ? 0 : url.indexOf('/', scheme + 3);
  if (start < 0) return '/';
  const query = url.indexOf('?', start);
  const fragment = url.indexOf('#', start);
  let end = query < 0 ? url.length : query;
  if (fragment >= 0 && fragment < end) end = fragment;
  return url.slice(start, end);
}

function decodeParams(params: IRequest['params']): RouteParams {
  const decoded: Record<string, string> = {};
  for (const [name, value] of Object.entries(params)) {
    decoded[name] = decodeURIComponent(value);
  }
  return decoded;
}
