/**
 * What happened in the cluster, in sentences, the latest first.
 *
 * @import { ClusterEvent, State } from './state.js'
 */
import { formatCount, formatTime, listOf } from './format.js';

const SHOWN = 20;

/** Why a connection ended, in words. */
const REASONS = /** @type {Readonly<Record<string, string>>} */ ({
  connection_closed: 'its connection was closed',
  net_tick_timeout: 'it was silent for too long',
  disconnect: 'it was disconnected',
  protocol_error: 'it did not keep to the protocol',
  send_queue_full: 'it did not read what it was sent',
  superseded: 'another connection took its place',
  shutdown: 'it was shutting down',
});

const SIGNS = /** @type {Readonly<Record<string, string>>} */ ({
  ...{ nodeup: '+', nodedown: '−', conflict: '!', take_over: '★', hand_over: '→', lost: '→' },
  ...{ merge: '∑', restart: '↻' },
});

/**
 * @param {ClusterEvent} event
 * @returns {string} one sentence without its full stop
 */
export function sentence({ type, about, detail, nodes }) {
  const [teller = ''] = nodes;
  switch (type) {
    case 'nodeup':
      return `${about} joined`;
    case 'nodedown':
      return `${about} left${detail === '' ? '' : `: ${REASONS[detail] ?? detail}`}`;
    case 'conflict':
      return `${about} had two owners`;
    case 'take_over':
      return `${about} took over the counter${detail.startsWith('free') ? `, which was ${detail}` : ''}`;
    case 'hand_over':
      return `${about} handed the counter over to ${detail}`;
    case 'lost':
      return `${about} gave up the counter to ${detail}`;
    case 'merge':
      return `${about} added ${/^\d+$/.test(detail) ? formatCount(BigInt(detail)) : detail} that were counted elsewhere`;
    case 'restart':
      return `${teller} restarted its ${about}`;
    default:
      return `${about}: ${type}`;
  }
}

/** @param {ClusterEvent} event */
function witnesses({ type, nodes }) {
  return ['nodeup', 'nodedown', 'conflict'].includes(type) ? `seen by ${listOf(nodes)}` : '';
}

export class Events {
  #list = /** @type {HTMLElement} */ (document.getElementById('events'));
  #none = /** @type {HTMLElement} */ (document.getElementById('no-events'));
  /** @type {Map<string, HTMLElement>} */
  #items = new Map();
  /** @type {State['events'] | undefined} */
  #shown;

  /** @param {State} state */
  show({ events }) {
    if (events === this.#shown) return;
    this.#shown = events;
    const latest = events.slice(-SHOWN).reverse();
    this.#none.hidden = latest.length > 0;
    const ids = new Set(latest.map(({ id }) => id));
    for (const [id, item] of this.#items) {
      if (ids.has(id)) continue;
      item.remove();
      this.#items.delete(id);
    }
    /** @type {Element | null} */
    let place = this.#list.firstElementChild;
    for (const event of latest) {
      const item = this.#itemOf(event);
      if (item === place) place = place.nextElementSibling;
      else this.#list.insertBefore(item, place);
    }
  }

  /** @param {ClusterEvent} event */
  #itemOf(event) {
    const item = this.#items.get(event.id) ?? this.#make(event);
    const seen = item.querySelector('.seen');
    const words = witnesses(event);
    if (seen !== null && seen.textContent !== words) seen.textContent = words;
    return item;
  }

  /** @param {ClusterEvent} event */
  #make(event) {
    const item = document.createElement('li');
    item.dataset.type = event.type;
    const sign = part('span', 'sign', SIGNS[event.type] ?? '·');
    sign.setAttribute('aria-hidden', 'true');
    const time = part('time', '', formatTime(event.at));
    time.setAttribute('datetime', new Date(event.at).toISOString());
    const words = part('p', 'what', sentence(event));
    item.append(sign, words, part('p', 'seen', ''), time);
    this.#items.set(event.id, item);
    return item;
  }
}

/** @param {string} name @param {string} className @param {string} text */
function part(name, className, text) {
  const made = document.createElement(name);
  if (className !== '') made.className = className;
  made.textContent = text;
  return made;
}
