/**
 * When to send a tick and when the peer counts as gone. Pure: the connection calls {@link look}
 * four times per `netTickTimeMs` and does what it says.
 *
 * A stalled event loop misses looks instead of making them up, so bytes that arrived meanwhile are
 * counted before the peer is given up. Source: OTP `dist_util.erl`, `send_tick/2`.
 */

/** Looks per `netTickTimeMs`; silence during this many looks ends the connection. */
export const TICK_INTENSITY = 4;

/** Byte counters of a connection, ever increasing. */
export interface Traffic {
  readonly bytesReceived: number;
  readonly bytesWritten: number;
  /** bytes accepted from us that the socket has not taken yet */
  readonly bytesQueued: number;
}

/** What was seen at the last look. */
export interface TickState {
  readonly bytesReceived: number;
  readonly bytesWritten: number;
  readonly silentLooks: number;
}

/** Before the first look. */
export const INITIAL_TICK_STATE: TickState = { bytesReceived: 0, bytesWritten: 0, silentLooks: 0 };

/** What a look came to. */
export interface Look {
  readonly state: TickState;
  readonly action: 'none' | 'tick' | 'timeout';
}

/** Compares the traffic with that of the last look. */
export function look(state: TickState, traffic: Traffic): Look {
  const heard = traffic.bytesReceived !== state.bytesReceived;
  const silentLooks = heard ? 0 : state.silentLooks + 1;
  const next = {
    bytesReceived: traffic.bytesReceived,
    bytesWritten: traffic.bytesWritten,
    silentLooks,
  };
  if (silentLooks >= TICK_INTENSITY) return { state: next, action: 'timeout' };
  const idle = traffic.bytesWritten === state.bytesWritten && traffic.bytesQueued === 0;
  return { state: next, action: idle ? 'tick' : 'none' };
}
