/**
 * Every path and method of the service. `HEAD` is answered wherever `GET` is; everything else is 404
 * or 405. The router that serves this table is `lib/http/router.ts`.
 */
import type { Route } from '../lib/http/router.ts';
import { guarded } from './access-guard.ts';
import type { HandlerContext } from './context.ts';
import { counterIncrement } from './counter-increment.ts';
import { counterShow } from './counter-show.ts';
import { dashboard, dashboardFile } from './dashboard.ts';
import { events } from './events.ts';
import { health } from './health.ts';
import { hello } from './hello.ts';
import { metrics } from './metrics.ts';
import { nodes } from './nodes.ts';
import { ready } from './ready.ts';

/** Every endpoint of the service. */
export const routes: readonly Route<HandlerContext>[] = [
  { method: 'GET', path: '/', handler: hello },
  { method: 'GET', path: '/counter', handler: counterShow },
  { method: 'POST', path: '/counter/increment', handler: counterIncrement },
  { method: 'GET', path: '/nodes', handler: nodes },
  { method: 'GET', path: '/health', handler: health },
  { method: 'GET', path: '/ready', handler: ready },
  guarded({ method: 'GET', path: '/metrics', handler: metrics }),
  guarded({ method: 'GET', path: '/events', handler: events }),
  guarded({ method: 'GET', path: '/dashboard', handler: dashboard }),
  guarded({ method: 'GET', path: '/dashboard/:version/:file', handler: dashboardFile }),
];

export { type AccessPolicy, type CounterView, createContext } from './context.ts';
export { errorResponses } from './responses.ts';
