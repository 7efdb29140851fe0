/**
 * The nodes with their figures. Rows stay where they are, so that a reader's place in the table does, too.
 *
 * @import { ClusterNode, State } from './state.js'
 */
import { formatBytes, formatDuration, formatRate } from './format.js';

const COLUMNS = ['Version', 'Runtime', 'Up for', 'Memory', 'Connections', 'Requests / s'];
const NUMBERS = new Set(['Up for', 'Memory', 'Connections', 'Requests / s']);
const UNKNOWN = '–';

export class Table {
  #body = /** @type {HTMLElement} */ (document.getElementById('rows'));
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();

  constructor() {
    // On a phone a row is drawn as a block, which would take its meaning as a row away.
    const roles = { table: 'table', 'thead, tbody': 'rowgroup', tr: 'row', th: 'columnheader' };
    for (const [selector, role] of Object.entries(roles)) {
      for (const part of document.querySelectorAll(selector)) part.setAttribute('role', role);
    }
  }

  /** @param {State} state @param {number} now milliseconds since 1970 */
  show(state, now) {
    const nodes = [...state.nodes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const [name, row] of this.#rows) {
      if (state.nodes.has(name)) continue;
      row.remove();
      this.#rows.delete(name);
    }
    nodes.forEach((node, at) => {
      const row = this.#rows.get(node.name) ?? this.#make(node.name);
      if (this.#body.children[at] !== row)
        this.#body.insertBefore(row, this.#body.children[at] ?? null);
      this.#fill(row, node, state, now + state.clockSkewMs);
    });
  }

  /** @param {string} name */
  #make(name) {
    const row = document.createElement('tr');
    row.setAttribute('role', 'row');
    const head = cell('th', 'rowheader', 'Name');
    head.setAttribute('scope', 'row');
    const tags = document.createElement('span');
    tags.className = 'tags';
    head.append(name, tags);
    row.append(head, ...COLUMNS.map((column) => cell('td', 'cell', column)));
    this.#rows.set(name, row);
    return row;
  }

  /** @param {HTMLElement} row @param {ClusterNode} node @param {State} state @param {number} now */
  #fill(row, node, state, now) {
    const { version, runtime, startedAt, memoryBytes, connections } = node;
    const load = state.nodeLoad[node.name];
    const values = [
      version ?? UNKNOWN,
      runtime ?? (node.kind === 'beam' ? 'BEAM' : UNKNOWN),
      startedAt === null ? UNKNOWN : formatDuration(now - startedAt),
      memoryBytes === null ? UNKNOWN : formatBytes(memoryBytes),
      connections === null ? UNKNOWN : String(connections),
      node.kind === 'node' ? formatRate(load?.requests ?? 0) : UNKNOWN,
    ];
    values.forEach((value, at) => {
      const target = row.children[at + 1];
      if (target !== undefined && target.textContent !== value) target.textContent = value;
    });
    const tags = [
      ...(node.name === state.owner ? ['owner'] : []),
      ...(node.kind === 'beam' ? ['BEAM'] : []),
      ...(node.name === state.self ? ['this page'] : []),
    ];
    const place = /** @type {HTMLElement} */ (row.querySelector('.tags'));
    if (place.dataset.tags === tags.join()) return;
    place.dataset.tags = tags.join();
    place.replaceChildren(
      ...tags.flatMap((tag) => {
        const made = document.createElement('span');
        made.className = `tag ${tag === 'owner' ? 'owner' : ''}`;
        made.textContent = tag;
        return [' ', made];
      }),
    );
  }
}

/** @param {string} name @param {string} role @param {string} column */
function cell(name, role, column) {
  const made = document.createElement(name);
  made.setAttribute('role', role);
  made.dataset.column = column;
  if (NUMBERS.has(column)) made.className = 'number';
  return made;
}
