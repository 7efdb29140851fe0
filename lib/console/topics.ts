/**
 * PubSub in the console: what the subscribed topics bring waits, as in the mailbox of a shell, until it is
 * looked at with `flush()`.
 */
import { type Atom, atom } from '../distribution/index.ts';
import type { PubSub } from '../pubsub/pubsub.ts';
import { kindOf } from './to-term.ts';

/** So many messages wait at most; the oldest are lost first. */
const MAX_WAITING = 1000;

const OK = atom('ok');

/** The functions of a console that has its own subscriptions. */
export interface TopicBindings {
  readonly PubSub: {
    subscribe(topic: unknown): Atom;
    unsubscribe(topic: unknown): Atom;
    broadcast(topic: unknown, message: unknown): Atom;
  };
  /** takes out what has come since the last time */
  flush(): unknown[];
}

/** @param current the pubsub that runs now */
export function topicBindings(current: () => PubSub | undefined): TopicBindings {
  let waiting: unknown[] = [];
  const listener = (message: unknown): void => {
    if (waiting.length === MAX_WAITING) waiting.shift();
    waiting.push(message);
  };
  const pubsub = (): PubSub => {
    const running = current();
    if (running === undefined) throw new TypeError('expected the pubsub to run, it does not');
    return running;
  };
  return {
    PubSub: {
      subscribe: (topic) => {
        pubsub().subscribe(topicOf(topic), listener);
        return OK;
      },
      unsubscribe: (topic) => {
        pubsub().unsubscribe(topicOf(topic), listener);
        return OK;
      },
      broadcast: (topic, message) => {
        pubsub().broadcast(topicOf(topic), message);
        return OK;
      },
    },
    flush: () => {
      const messages = waiting;
      waiting = [];
      return messages;
    },
  };
}

function topicOf(topic: unknown): string {
  if (typeof topic === 'string') return topic;
  throw new TypeError(`expected a topic as a string, got ${kindOf(topic)}`);
}
