/** Which events become log lines, at which level, in which words. One table, pure. */
import type { Metadata } from './telemetry.ts';

/** The level of a line. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** How one event becomes a line. */
export interface LogEvent {
  readonly event: string;
  readonly level: LogLevel | ((metadata: Metadata) => LogLevel);
  readonly message: string;
  /** The metadata that go into the line, under their own names. An `error` appears as `err`. */
  readonly fields: readonly string[];
  /** The measurements that go into the line. */
  readonly measurements?: readonly string[];
}

const REQUEST = ['method', 'path', 'route', 'status', 'requestId'] as const;
const CHILD = ['supervisor', 'childId', 'reason', 'error'] as const;

/** Everything that is worth a line in production, and what helps when looking closer (`debug`). */
export const LOG_EVENTS: readonly LogEvent[] = [
  {
    event: 'http.request.stop',
    level: requestLevel,
    message: 'request',
    fields: [...REQUEST, 'aborted', 'error'],
    measurements: ['durationMs'],
  },
  {
    event: 'http.request.exception',
    // One line a request: what the stop tells is not told twice.
    level: ({ inStop }) => (inStop === true ? 'debug' : 'error'),
    message: 'request failed',
    fields: [...REQUEST, 'error'],
    measurements: ['durationMs'],
  },
  {
    event: 'http.request.refused',
    level: 'warn',
    message: 'request refused before it was read',
    fields: ['code', 'status', 'requestId'],
  },

  line('distribution.node.up', 'info', 'nodeup', 'peer', 'visible'),
  line('distribution.node.down', 'info', 'nodedown', 'peer', 'visible', 'reason', 'error'),
  line(
    'distribution.handshake.refused',
    refusalLevel,
    'handshake refused',
    'peer',
    'direction',
    'remoteAddress',
    'code',
    'error',
  ),
  line(
    'distribution.listener.rejected',
    'warn',
    'connection rejected: too many that have not shown the cookie',
    'remoteAddress',
  ),
  line('distribution.listener.failure', 'error', 'listener failed', 'error'),
  line('distribution.epmd.hosting', 'info', 'hosting the port mapper', 'listenHost', 'epmdPort'),
  line('distribution.epmd.registered', 'info', 'registered with the port mapper', 'creation'),
  line('distribution.epmd.lost', 'warn', 'lost the port mapper', 'error'),
  line(
    'distribution.epmd.retry_failed',
    'warn',
    'could not register with the port mapper, trying again',
    'retryInMs',
    'error',
  ),
  line('distribution.epmd.server_error', 'error', 'the hosted port mapper failed', 'error'),

  line('distribution.fault', 'error', 'fault in the distribution', 'error'),

  line('cluster.connected', 'debug', 'connected with a discovered node', 'peer'),
  line(
    'cluster.dial_failed',
    dialLevel,
    'could not connect with a discovered node, trying again',
    'peer',
    'failures',
    'retryInMs',
    'error',
  ),
  line(
    'cluster.dials_failed',
    'warn',
    'could not connect with more discovered nodes, trying again',
    'count',
    'nodes',
  ),
  line(
    'cluster.refused',
    'warn',
    'a discovered node is of no use until it is started anew',
    'peer',
    'error',
  ),
  line(
    'cluster.peers_file_unusable',
    'warn',
    'the peers file cannot be used now; what was known stays',
    'path',
    'error',
  ),
  line('cluster.let_go', 'info', 'a node is listed no more, and not dialled any longer', 'peer'),
  line('cluster.discovery_failed', 'warn', 'discovery failed', 'source', 'error'),
  {
    event: 'cluster.sync_timeout',
    level: 'warn',
    message: 'nodes have not shared their global names in time',
    fields: ['missing'],
    measurements: ['syncTimeoutMs'],
  },

  line('global.name.registered', 'debug', 'global name registered', 'name', 'pid'),
  line('global.name.unregistered', 'debug', 'global name unregistered', 'name', 'pid'),
  line('global.name.conflict', 'warn', 'global name conflict', 'name', 'pid', 'other', 'kept'),
  line('global.partition.prevented', 'warn', 'overlapping partition', 'peer', 'action'),
  line('global.session.refused', 'warn', 'global refused to synchronise', 'peer', 'reason'),
  line('global.peer.silent', 'warn', 'a global server does not answer', 'peer', 'known'),
  line('global.connect.failed', 'warn', 'node known to others is not reachable', 'peer'),

  line(
    'request.arrived',
    'info',
    'requests of another node',
    ...['peer', 'operation', 'requestIds'],
  ),

  {
    event: 'counter.owner.taken_over',
    level: 'info',
    message: 'this node owns the counter',
    fields: ['cause'],
    measurements: ['durationMs'],
  },
  {
    event: 'counter.owner.handed_over',
    level: 'info',
    message: 'the counter was handed over',
    fields: ['peer'],
    measurements: ['durationMs'],
  },
  line('counter.owner.ended', 'warn', 'the counter has ended on this node', 'reason'),
  line('counter.owner.lost', 'warn', 'another node owns the counter now', 'peer'),
  line('counter.owner.state_refused', 'error', 'a state of the counter was not understood', 'peer'),
  {
    event: 'counter.merged',
    level: 'info',
    message: 'counted elsewhere, merged',
    fields: ['peer'],
    measurements: ['added', 'total'],
  },
  line(
    'counter.disk.refused',
    'error',
    'a file of the counter could not be used, it is kept aside',
    'path',
    'keptAs',
    'error',
  ),

  line('process.crashed', 'error', 'process crashed', 'pid', 'name', 'error', 'reason'),
  line(
    'process.error_after_exit',
    'error',
    'error in a process that has ended',
    'pid',
    'name',
    'error',
    'reason',
  ),

  line('pubsub.listener.failure', 'error', 'pubsub listener failed', 'topic', 'error'),
  line('pubsub.worker.ended', 'warn', 'pubsub worker ended, and starts again', 'number'),
  line('pubsub.worker.failed', 'error', 'pubsub worker could not start again', 'number', 'error'),
  line('pubsub.pool.refused', 'warn', 'pool of a peer is larger than ours may be', 'number'),
  line(
    'live.message.refused',
    ({ refusals }) => (isRepeated(refusals) ? 'debug' : 'warn'),
    'a message to the live page was not understood',
    'topic',
    'error',
  ),
  line('live.count.unread', 'warn', 'the count could not be read for the live page', 'error'),
  line('pg.listener.failure', 'error', 'pg listener failed', 'scope', 'error'),
  line('pubsub.stream.overflow', 'warn', 'pubsub consumer is too slow', 'topic', 'overflow'),

  line('supervisor.child.started', 'debug', 'child started', 'supervisor', 'childId'),
  line('supervisor.child.restarted', 'info', 'child restarted', 'supervisor', 'childId'),
  line('supervisor.child.start_failed', 'error', 'child could not be started', ...CHILD),
  line('supervisor.child.exited', exitLevel, 'child exited', ...CHILD, 'willRestart'),
  line(
    'supervisor.child.stopped',
    stopLevel,
    'child stopped',
    ...CHILD,
    'outcome',
    'timedOut',
    'errors',
  ),
  {
    event: 'supervisor.intensity_exceeded',
    level: 'fatal',
    message: 'too many restarts, giving up',
    fields: CHILD,
    measurements: ['intensity', 'periodMs'],
  },

  line(
    'telemetry.handler.failure',
    'error',
    'telemetry handler failed',
    'handlerId',
    'event',
    'error',
  ),
  line('telemetry.poller.failure', 'error', 'measurement failed', 'event', 'error'),
];

function line(
  event: string,
  level: LogEvent['level'],
  message: string,
  ...fields: readonly string[]
): LogEvent {
  return { event, level, message, fields };
}

/** Asked every few seconds for ever, by machines: as lines they would drown the others. */
const PROBES: ReadonlySet<unknown> = new Set(['/health', '/ready', '/metrics']);

/** A counter that is not reached is the cluster's state, and no fault of this program. */
function requestLevel({ status, error, route }: Metadata): LogLevel {
  if (PROBES.has(route) && (status === 200 || status === 503)) return 'debug';
  if (status === 503) return 'warn';
  const failed = error !== undefined || (typeof status === 'number' && status >= 500);
  return failed ? 'error' : 'info';
}

/** A node that is gone is tried for ever: one warning, then silence. Of many there is one for all of them. */
function dialLevel({ failures, oneOfMany }: Metadata): LogLevel {
  return isRepeated(failures) || oneOfMany === true ? 'debug' : 'warn';
}

function isRepeated(count: unknown): boolean {
  return typeof count === 'number' && count > 1;
}

/**
 * Of two nodes that dial each other at once one attempt is refused, and a node that cannot be
 * reached is for whoever dialled to judge: neither is a warning.
 */
const ORDINARY_REFUSALS: ReadonlySet<unknown> = new Set([
  ...['nok', 'already_connected'],
  ...['unknown_node', 'unreachable', 'closed'],
]);

function refusalLevel({ code }: Metadata): LogLevel {
  return ORDINARY_REFUSALS.has(code) ? 'debug' : 'warn';
}

/** A child that was done, or was asked to end by somebody else, and is not needed again, is no error. */
function exitLevel({ reason, willRestart }: Metadata): LogLevel {
  return willRestart === true || isFailure(reason) ? 'error' : 'info';
}

function stopLevel({ outcome, reason, timedOut, errors }: Metadata): LogLevel {
  if (outcome === 'abandoned') return 'error';
  const late = timedOut === true || (Array.isArray(errors) && errors.length > 0);
  const failed = hasType(reason, 'error') || (outcome === 'exited' && hasType(reason, 'killed'));
  return late || failed ? 'warn' : 'debug';
}

function isFailure(reason: unknown): boolean {
  return hasType(reason, 'error') || hasType(reason, 'killed');
}

/** Reads the `type` of a supervisor's exit reason. */
function hasType(reason: unknown, type: string): boolean {
  return typeof reason === 'object' && reason !== null && 'type' in reason && reason.type === type;
}
