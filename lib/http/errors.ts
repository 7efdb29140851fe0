/** What goes wrong with a request before or beside its handler, and with the listening socket. */

/**
 * Why a request is not answered as asked. Statuses are decided elsewhere, by {@link ErrorResponses}.
 *
 * - `malformed_request`: not HTTP, no single `Host`, a path that is not percent-encoded UTF-8
 * - `unauthorized`: the client has not shown who it is
 * - `not_found`, `method_not_allowed`: no such route, or not with this method
 * - `request_timeout`: the client was too slow to send its request
 * - `body_too_large`, `headers_too_large`: beyond the server's limits
 * - `expectation_failed`: an `Expect` other than `100-continue`
 * - `client_disconnected`: nobody is left to answer
 * - `client_too_slow`: the client took nothing of a streamed response for too long, and was cut off
 * - `internal`: the fault is ours
 */
export type HttpErrorCode =
  | 'malformed_request'
  | 'unauthorized'
  | 'not_found'
  | 'method_not_allowed'
  | 'request_timeout'
  | 'body_too_large'
  | 'headers_too_large'
  | 'expectation_failed'
  | 'client_disconnected'
  | 'client_too_slow'
  | 'internal';

/** Thrown while a request is read or routed. Callers branch on `code`. */
export class HttpError extends Error {
  readonly code: HttpErrorCode;
  /** further headers of the answer, such as `allow` */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: HttpErrorCode,
    message: string,
    options: { headers?: Readonly<Record<string, string>>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'HttpError';
    this.code = code;
    this.headers = options.headers ?? {};
  }
}

/** Why a server cannot listen. */
export type ListenErrorCode =
  | 'address_in_use'
  | 'address_not_available'
  | 'permission_denied'
  | 'failed';

const LISTEN_FAILURES: Readonly<Record<string, { code: ListenErrorCode; text: string }>> = {
  EADDRINUSE: {
    code: 'address_in_use',
    text: 'another program listens there; choose another port',
  },
  EADDRNOTAVAIL: {
    code: 'address_not_available',
    text: 'this machine does not have that address; choose another host',
  },
  ENOTFOUND: {
    code: 'address_not_available',
    text: 'the host name is unknown; choose another host',
  },
  EACCES: { code: 'permission_denied', text: 'permission denied; choose a port above 1023' },
};

/** The server cannot listen where it was told to; the message names the address and the remedy. */
export class ListenError extends Error {
  readonly code: ListenErrorCode;
  readonly host: string;
  readonly tcpPort: number;

  constructor(host: string, tcpPort: number, cause: Error) {
    const systemCode = 'code' in cause ? String(cause.code) : '';
    const failure = LISTEN_FAILURES[systemCode] ?? { code: 'failed', text: cause.message };
    super(`cannot listen for HTTP on ${authority(host, tcpPort)}: ${failure.text}`, { cause });
    this.name = 'ListenError';
    this.code = failure.code;
    this.host = host;
    this.tcpPort = tcpPort;
  }
}

/** `host:port`, with the brackets that an IPv6 address needs. */
export function authority(host: string, tcpPort: number): string {
  return host.includes(':') ? `[${host}]:${tcpPort}` : `${host}:${tcpPort}`;
}
