/**
 * The count and its button. Each press is one increment with a key of its own, so that it can be tried again
 * when its answer is lost, and still counts once.
 *
 * @import { State } from './state.js'
 */
import { formatCount } from './format.js';

/** How long after what is spoken something is spoken again: a count may change many times a second. */
const SPEAK_MS = 3000;
const ATTEMPTS = 4;
const PAUSE_MS = 400;

export class Counter {
  #count = /** @type {HTMLElement} */ (document.getElementById('count'));
  #owner = /** @type {HTMLElement} */ (document.getElementById('owner'));
  #spoken = /** @type {HTMLElement} */ (document.getElementById('spoken-count'));
  #problem = /** @type {HTMLElement} */ (document.getElementById('problem'));
  #button = /** @type {HTMLButtonElement} */ (document.getElementById('increment'));
  /** @type {number | undefined} */
  #speaking;
  #running = 0;

  /** @param {(json: string) => void} onCounted receives the body of each answer */
  constructor(onCounted) {
    this.#button.addEventListener('click', () => this.#increment(onCounted));
  }

  /** @param {State} state */
  show({ count, owner }) {
    const text = count === undefined ? '–' : formatCount(count);
    if (this.#count.textContent !== text) {
      this.#count.textContent = text;
      this.#count.dataset.length = text.length > 14 ? 'long' : text.length > 7 ? 'medium' : 'short';
      this.#speakSoon();
    }
    const words = owner === undefined ? 'no owner: requests wait for one' : `owned by ${owner}`;
    if (this.#owner.textContent !== words) this.#owner.textContent = words;
  }

  #speakSoon() {
    this.#speaking ??= setTimeout(() => {
      this.#speaking = undefined;
      this.#spoken.textContent = `Count: ${this.#count.textContent}`;
    }, SPEAK_MS);
  }

  /** @param {(json: string) => void} onCounted */
  async #increment(onCounted) {
    this.#problem.textContent = '';
    this.#running += 1;
    this.#button.setAttribute('aria-busy', 'true');
    try {
      onCounted(await post(newKey()));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#problem.textContent = `It is not known whether this was counted: ${why}.`;
    } finally {
      this.#running -= 1;
      if (this.#running === 0) this.#button.removeAttribute('aria-busy');
    }
  }
}

/** @param {string} key @returns {Promise<string>} the body of the answer */
async function post(key) {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await attemptOf(key);
    if (answer.text !== undefined) return answer.text;
    if (attempt === ATTEMPTS || !answer.retry) throw new Error(answer.problem);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * attempt));
  }
}

/** @param {string} key */
async function attemptOf(key) {
  try {
    const headers = { 'idempotency-key': key };
    const response = await fetch('/counter/increment', { method: 'POST', headers });
    if (response.ok) return { text: await response.text() };
    return { retry: response.status >= 500, problem: `the answer was ${response.status}` };
  } catch {
    return { retry: true, problem: 'the node cannot be reached' };
  }
}

/** As `crypto.randomUUID` would make one, which is there on secure addresses only. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
