/**
 * A session is one origin's run of increments: a node's, for at most a day. Its id holds all that must be
 * known of it, `ORIGIN/DAY/NONCE`. The nonce makes it new after every start, whatever the node's name.
 */

const DAY_MS = 24 * 60 * 60_000;

/** Number of the day (UTC) since 1970. */
export function dayOf(nowMs: number): number {
  return Math.floor(nowMs / DAY_MS);
}

/**
 * The day of a session that is never folded: what is seen of one owner that is none of ours is one session,
 * whoever sees it and whenever.
 */
const ENDLESS_DAY = 999_999_999;

/** The session that stands for an owner that is none of ours. */
export function foreignSession(owner: string): string {
  return sessionId(`foreign ${owner}`, ENDLESS_DAY, 'seen');
}

/** Whether a session says when it began. */
export function hasBegun(day: number): boolean {
  return day !== ENDLESS_DAY;
}

/** The id of a new session. */
export function sessionId(origin: string, day: number, nonce: string): string {
  return `${origin}/${day}/${nonce}`;
}

/** The day on which a session began; `undefined` if this is no session id. */
export function sessionDay(session: string): number | undefined {
  const nonceAt = session.lastIndexOf('/');
  const dayAt = session.lastIndexOf('/', nonceAt - 1);
  if (dayAt <= 0 || nonceAt <= dayAt + 1) return undefined;
  const text = session.slice(dayAt + 1, nonceAt);
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
