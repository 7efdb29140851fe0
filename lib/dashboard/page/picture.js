/**
 * The cluster as a picture. Nodes that come fade in, nodes that go stay for a moment, crossed out; the
 * others move to their new places. Who asks for less motion sees the same without any.
 *
 * @import { State } from './state.js'
 * @import { Point } from './layout.js'
 */
import { listOf, shortNames } from './format.js';
import { layout, linksOf } from './layout.js';

const SVG = 'http://www.w3.org/2000/svg';
const WIDE = { width: 640, height: 340 };
/** For phones, on which the wide picture would be too small to read. */
const NARROW = { width: 340, height: 340 };
const NARROW_BELOW_PX = 480;
const MOVE_MS = 450;
const LEAVE_MS = 2500;
const HEXAGON = 'M0 -23 20 -11.5 20 11.5 0 23 -20 11.5 -20 -11.5z';

/** @typedef {{ group: SVGGElement, at: Point, from: Point, to: Point, leaving: boolean }} Drawn */

export class Picture {
  #nodes = /** @type {HTMLElement} */ (document.getElementById('nodes'));
  #links = /** @type {HTMLElement} */ (document.getElementById('links'));
  #svg = /** @type {HTMLElement} */ (document.getElementById('picture'));
  #room = WIDE;
  #text = /** @type {HTMLElement} */ (document.getElementById('picture-text'));
  #size = /** @type {HTMLElement} */ (document.getElementById('size'));
  #stillness = matchMedia('(prefers-reduced-motion: reduce)');
  /** @type {Map<string, Drawn>} */
  #drawn = new Map();
  /** @type {Map<string, { line: SVGLineElement, a: string, b: string }>} */
  #lines = new Map();
  /** @type {number | undefined} */
  #frame;
  #drawnFor = '';
  /** @type {State | undefined} */
  #state;

  constructor() {
    new ResizeObserver(() => {
      const room = this.#svg.clientWidth < NARROW_BELOW_PX ? NARROW : WIDE;
      if (room === this.#room) return;
      this.#room = room;
      this.#svg.setAttribute('viewBox', `0 0 ${room.width} ${room.height}`);
      if (this.#state !== undefined) this.show(this.#state);
    }).observe(this.#svg);
  }

  /** @param {State} state */
  show(state) {
    this.#state = state;
    const nodes = [...state.nodes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const links = linksOf(nodes);
    const signature = JSON.stringify([
      nodes.map(({ name, kind, runtime }) => [name, kind, runtime]),
      ...[links.map(({ key }) => key), state.owner, state.self, this.#room.width],
    ]);
    if (signature === this.#drawnFor) return;
    this.#drawnFor = signature;

    const names = nodes.map(({ name }) => name);
    const places = layout(names, this.#room);
    const short = shortNames(names);
    for (const node of nodes) {
      const place = places.get(node.name) ?? { x: 0, y: 0 };
      const drawn = this.#nodeAt(node.name, place);
      // Away from the links, which run to the middle.
      const isAbove = place.y < this.#room.height / 2 - 1;
      drawn.group.querySelector('.label')?.setAttribute('y', isAbove ? '-53' : '49');
      drawn.group.querySelector('.sublabel')?.setAttribute('y', isAbove ? '-37' : '65');
      this.#dress(drawn.group, {
        ...{ kind: node.kind, label: short.get(node.name) ?? node.name },
        ...{ isOwner: node.name === state.owner, isSelf: node.name === state.self },
        runtime: node.runtime ?? (node.kind === 'beam' ? 'BEAM' : ''),
      });
    }
    for (const name of this.#drawn.keys()) if (!places.has(name)) this.#leave(name);
    this.#link(links);
    this.#move();
    this.#describe(state, nodes, short, links.length);
  }

  /** @param {string} name @param {Point} to */
  #nodeAt(name, to) {
    const known = this.#drawn.get(name);
    if (known !== undefined && !known.leaving) {
      known.from = known.at;
      known.to = to;
      return known;
    }
    known?.group.remove();
    const group = element('g', { class: 'node entering' });
    group.append(
      element('circle', { class: 'pulse', r: '23' }),
      element('circle', { class: 'ring', r: '29' }),
      element('path', { class: 'shape' }),
      element('path', { class: 'cross', d: 'M-9 -9 9 9M9 -9-9 9' }),
      element('text', { class: 'label' }),
      element('text', { class: 'sublabel' }),
    );
    this.#nodes.append(group);
    // The class that hides it goes with the next frame, so that it fades in.
    requestAnimationFrame(() => group.classList.remove('entering'));
    const drawn = { group, at: to, from: to, to, leaving: false };
    this.#drawn.set(name, drawn);
    return drawn;
  }

  /**
   * @param {SVGGElement} group
   * @param {{ kind: string, label: string, runtime: string, isOwner: boolean, isSelf: boolean }} look
   */
  #dress(group, { kind, label, runtime, isOwner, isSelf }) {
    const wasOwner = group.classList.contains('owner');
    group.classList.toggle('owner', isOwner);
    group.classList.toggle('beam', kind === 'beam');
    group.classList.toggle('unknown', kind === 'unknown');
    const circle = 'M-21 0a21 21 0 1 0 42 0a21 21 0 1 0 -42 0z';
    group.querySelector('.shape')?.setAttribute('d', kind === 'beam' ? HEXAGON : circle);
    set(group, '.label', isSelf ? `${label} (this page)` : label);
    set(group, '.sublabel', isOwner ? 'owns the counter' : runtime);
    if (isOwner && !wasOwner) {
      group.classList.remove('taking-over');
      requestAnimationFrame(() => group.classList.add('taking-over'));
    }
  }

  /** @param {string} name */
  #leave(name) {
    const drawn = this.#drawn.get(name);
    if (drawn === undefined || drawn.leaving) return;
    drawn.leaving = true;
    drawn.from = drawn.at;
    drawn.to = drawn.at;
    drawn.group.classList.remove('owner', 'taking-over');
    drawn.group.classList.add('leaving');
    set(drawn.group, '.sublabel', 'gone');
    setTimeout(() => {
      drawn.group.remove();
      if (this.#drawn.get(name) === drawn) this.#drawn.delete(name);
    }, LEAVE_MS);
  }

  /** @param {readonly { key: string, a: string, b: string }[]} links */
  #link(links) {
    const keys = new Set(links.map(({ key }) => key));
    for (const [key, { line }] of this.#lines) {
      if (keys.has(key)) continue;
      line.remove();
      this.#lines.delete(key);
    }
    for (const { key, a, b } of links) {
      if (this.#lines.has(key)) continue;
      const line = element('line', { class: 'link entering' });
      this.#links.append(line);
      requestAnimationFrame(() => line.classList.remove('entering'));
      this.#lines.set(key, { line, a, b });
    }
  }

  #move() {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    const began = performance.now();
    const step = (/** @type {number} */ now) => {
      const passed = this.#stillness.matches
        ? 1
        : Math.min(1, Math.max(0, (now - began) / MOVE_MS));
      const eased = 1 - (1 - passed) ** 3;
      for (const drawn of this.#drawn.values()) {
        const { from, to, group } = drawn;
        drawn.at = { x: from.x + (to.x - from.x) * eased, y: from.y + (to.y - from.y) * eased };
        group.setAttribute('transform', `translate(${drawn.at.x} ${drawn.at.y})`);
      }
      for (const { line, a, b } of this.#lines.values()) this.#stretch(line, a, b);
      this.#frame = passed < 1 ? requestAnimationFrame(step) : undefined;
    };
    step(began);
  }

  /** @param {SVGLineElement} line @param {string} a @param {string} b */
  #stretch(line, a, b) {
    const [from, to] = [this.#drawn.get(a)?.at, this.#drawn.get(b)?.at];
    if (from === undefined || to === undefined) return;
    const ends = { x1: from.x, y1: from.y, x2: to.x, y2: to.y };
    for (const [name, value] of Object.entries(ends)) line.setAttribute(name, String(value));
  }

  /**
   * @param {State} state
   * @param {readonly { name: string, kind: string }[]} nodes
   * @param {Map<string, string>} short
   * @param {number} links
   */
  #describe(state, nodes, short, links) {
    const beams = nodes.filter(({ kind }) => kind === 'beam').length;
    const size = `${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}`;
    this.#size.textContent = beams > 0 ? `${size}, ${beams} of the BEAM` : size;
    const words = nodes.map(({ name, kind }) => {
      const remarks = [
        ...(kind === 'beam' ? ['Erlang or Elixir'] : []),
        ...(name === state.owner ? ['owns the counter'] : []),
        ...(name === state.self ? ['serves this page'] : []),
      ];
      return `${short.get(name)}${remarks.length === 0 ? '' : ` (${remarks.join(', ')})`}`;
    });
    this.#text.textContent = `${size}: ${listOf(words)}; ${links} ${links === 1 ? 'link' : 'links'}.`;
  }
}

/**
 * @template {keyof SVGElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, string>} attributes
 * @returns {SVGElementTagNameMap[Name]}
 */
function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** @param {Element} group @param {string} selector @param {string} text */
function set(group, selector, text) {
  const found = group.querySelector(selector);
  if (found !== null && found.textContent !== text) found.textContent = text;
}
