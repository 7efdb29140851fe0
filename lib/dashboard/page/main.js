/** The page: events make the state, and the state is shown, at most once a frame. */
import { connect } from './connection.js';
import { Counter } from './counter.js';
import { Events } from './events.js';
import { Picture } from './picture.js';
import { Plots } from './plots.js';
import { counted, EMPTY, next } from './state.js';
import { Table } from './table.js';

const WORDS = { connecting: 'Connecting', live: 'Live', reconnecting: 'Reconnecting' };

let state = EMPTY;
let isScheduled = false;

const picture = new Picture();
const plots = new Plots();
const events = new Events();
const table = new Table();
const counter = new Counter((json) => {
  state = counted(state, json);
  schedule();
});

function schedule() {
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(() => {
    isScheduled = false;
    show();
  });
}

function show() {
  counter.show(state);
  picture.show(state);
  plots.show(state, performance.now());
  events.show(state);
  table.show(state, Date.now());
  byId('self').textContent = state.self ?? '–';
}

connect({
  onEvent: (type, json) => {
    state = next(state, type, json, Date.now());
    schedule();
  },
  onState: (connection) => {
    byId('connection').dataset.state = connection;
    const text = byId('connection-text');
    if (text.textContent !== WORDS[connection]) text.textContent = WORDS[connection];
  },
});

byId('address').textContent = location.origin;

/** @param {string} id */
function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
