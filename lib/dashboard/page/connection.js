/**
 * The event stream, for as long as the page is open. `EventSource` returns by itself after a connection has
 * broken; this also returns after what it takes for final (an answer other than 200, such as that of
 * a proxy whose node is gone), and when nothing has come for too long, though nothing has broken.
 *
 * @typedef {'connecting' | 'live' | 'reconnecting'} ConnectionState
 */

const TYPES = ['snapshot', 'counter', 'owner', 'node', 'gone', 'event', 'load'];

/** There is an event each second; who hears none for so long hears nobody. */
const SILENCE_MS = 12_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;

/**
 * @param {{
 *   onEvent: (type: string, json: string) => void,
 *   onState: (state: ConnectionState) => void,
 * }} listeners
 */
export function connect({ onEvent, onState }) {
  let lastEventId = '';
  let pauseMs = FIRST_PAUSE_MS;
  /** @type {EventSource | undefined} */
  let source;
  /** @type {number | undefined} */
  let silence;

  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(again, SILENCE_MS);
  };

  const open = () => {
    const query = lastEventId === '' ? '' : `?lastEventId=${encodeURIComponent(lastEventId)}`;
    source = new EventSource(`/events${query}`);
    heard();
    source.onopen = () => {
      pauseMs = FIRST_PAUSE_MS;
      onState('live');
      heard();
    };
    source.onerror = () => {
      onState('reconnecting');
      if (source?.readyState === EventSource.CLOSED) again();
    };
    for (const type of TYPES) {
      source.addEventListener(type, ({ data, lastEventId: id }) => {
        lastEventId = id;
        heard();
        onEvent(type, data);
      });
    }
  };

  const again = () => {
    onState('reconnecting');
    source?.close();
    clearTimeout(silence);
    setTimeout(open, pauseMs);
    pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
  };

  open();
}
