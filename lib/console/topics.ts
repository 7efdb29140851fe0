/**
 * PubSub in the console: what the subscribed topics bring waits, as in the mailbox of a shell, until it is
 * looked at with `flush()`. The subscriptions outlive the pubsub that they were made with: the supervisor starts
 * another one where that has ended, and nobody at a prompt would notice.
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

/** The pubsub of an application, which may be started anew. */
export interface CurrentPubSub {
  /** the one that runs now */
  readonly pubsub: PubSub | undefined;
  /** calls the listener with each one that is started from now on */
  onPubSub(listener: (pubsub: PubSub) => void): void;
}

/** Topics of the pubsub that runs, whichever that is. */
export function topicBindings(application: CurrentPubSub): TopicBindings {
  /** each topic as often as it was subscribed to */
  let topics: readonly string[] = [];
  let waiting: unknown[] = [];
  const listener = (message: unknown): void => {
    if (waiting.length === MAX_WAITING) waiting.shift();
    waiting.push(message);
  };
  const pubsub = (): PubSub => {
    const running = application.pubsub;
    if (running === undefined) throw new TypeError('expected the pubsub to run, it does not');
    return running;
  };
  application.onPubSub((started) => {
    for (const topic of topics) started.subscribe(topic, listener);
  });
  return {
    PubSub: {
      subscribe: (topic) => {
        pubsub().subscribe(topicOf(topic), listener);
        topics = [...topics, topicOf(topic)];
        return OK;
      },
      unsubscribe: (topic) => {
        pubsub().unsubscribe(topicOf(topic), listener);
        topics = topics.filter((each) => each !== topic);
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
