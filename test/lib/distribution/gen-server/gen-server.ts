import { test } from 'tap';
import { GenServerClient } from '../../../../lib/distribution/gen-server/client.ts';
import { callMessage } from '../../../../lib/distribution/gen-server/envelope.ts';
import {
  type From,
  type GenServer,
  type GenServerOptions,
  reply,
  startGenServer,
} from '../../../../lib/distribution/gen-server/gen-server.ts';
import type { Process } from '../../../../lib/distribution/process/process.ts';
import { ProcessTable } from '../../../../lib/distribution/process/process-table.ts';
import { exitMessage } from '../../../../lib/distribution/process/system-messages.ts';
import { atom, isAtom } from '../../../../lib/distribution/terms/atom.ts';
import { type Term, tuple } from '../../../../lib/distribution/terms/term.ts';
import { Telemetry } from '../../../../lib/telemetry/telemetry.ts';
import { RecordingRemote } from '../../../support/recording-remote.ts';

function setUp() {
  const processes = new ProcessTable({
    node: 'a@x',
    creation: 1,
    remote: new RecordingRemote(),
  });
  return { processes, client: new GenServerClient({ processes }) };
}

async function start(
  processes: ProcessTable,
  server: GenServer,
  options?: GenServerOptions,
): Promise<Process> {
  const started = await startGenServer(processes, server, options);
  if (started.type !== 'started') throw new Error('expected the server to start');
  return started.process;
}

const idle = { onMessage: () => {} };
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

// --- start -------------------------------------------------------------------------------------

test('start: the name is registered before init, and messages wait for its end', async (t) => {
  const { processes, client } = setUp();
  const log: string[] = [];
  const starting = start(
    processes,
    {
      async init(self) {
        log.push(`init ${self.registeredName}`);
        await tick();
        log.push('ready');
      },
      handleCast: (request) => void log.push(`cast ${request}`),
    },
    { name: 'server' },
  );
  client.cast(atom('server'), 1);
  await starting;
  await tick();
  t.same(log, ['init server', 'ready', 'cast 1']);
});

test('start: a taken name rejects with already_started and the pid', async (t) => {
  const { processes } = setUp();
  const { pid } = await start(processes, {}, { name: 'server' });
  const again = startGenServer(
    processes,
    { init: () => void t.fail('no init') },
    { name: 'server' },
  );
  await t.rejects(again, { name: 'ProcessExit', reason: tuple(atom('already_started'), pid) });
  t.equal(processes.size, 1);
});

test('start: init may ignore, now or later', async (t) => {
  const { processes } = setUp();
  t.same(await startGenServer(processes, { init: () => ({ ignore: true }) }), { type: 'ignore' });
  const later = startGenServer(processes, { init: async () => ({ ignore: true }) });
  t.same(await later, { type: 'ignore' });
  t.equal(processes.size, 0);
});

test('start: init may stop or fail; terminate does not run', async (t) => {
  const { processes } = setUp();
  const terminate = (): void => void t.fail('no terminate');
  const error = new Error('no luck');
  const stops: GenServer['init'][] = [
    () => ({ stop: atom('sorry') }),
    async () => ({ stop: atom('sorry') }),
  ];
  for (const init of stops) {
    await t.rejects(startGenServer(processes, { init: init!, terminate }, { name: 'server' }), {
      name: 'ProcessExit',
      reason: { name: 'sorry' },
    });
  }
  const failures: GenServer['init'][] = [
    () => {
      throw error;
    },
    () => Promise.reject(error),
  ];
  for (const init of failures) {
    await t.rejects(startGenServer(processes, { init: init!, terminate }), { cause: error });
  }
  t.same(processes.registered(), []);
  t.equal(processes.size, 0);
});

test('start: a process that is ended during init rejects', async (t) => {
  const { processes } = setUp();
  const starting = startGenServer(processes, { init: () => new Promise(() => {}) }, { name: 's' });
  processes.exit(processes.nobody, processes.whereis('s')!, atom('kill'));
  await t.rejects(starting, { name: 'ProcessExit', reason: { name: 'killed' } });
});

test('start: a dead parent rejects with noproc and init does not run', async (t) => {
  const { processes } = setUp();
  const parent = processes.spawnServer(idle);
  parent.stop();
  const init = (): void => void t.fail('no init');
  await t.rejects(startGenServer(processes, { init }, { link: parent.pid }), {
    name: 'ProcessExit',
    reason: { name: 'noproc' },
  });
});

// --- callbacks ---------------------------------------------------------------------------------

test('an idle server with synchronous callbacks has answered in the same tick', async (t) => {
  const { processes, client } = setUp();
  const log: string[] = [];
  await start(
    processes,
    {
      handleCall: (request) => ({ reply: tuple(atom('echo'), request) }),
      handleCast: (request) => void log.push(`cast ${request}`),
      handleInfo: (message) => void log.push(`info ${message}`),
    },
    { name: 'server' },
  );
  client.cast(atom('server'), 1);
  processes.send(processes.nobody, atom('server'), 2);
  t.same(log, ['cast 1', 'info 2']);
  t.same(await client.call(atom('server'), 3), tuple(atom('echo'), 3));
});

test('callbacks that wait are finished one after the other', async (t) => {
  const { processes, client } = setUp();
  const log: string[] = [];
  await start(
    processes,
    {
      async handleCall(request) {
        log.push(`start ${request}`);
        await tick();
        log.push(`end ${request}`);
        return { reply: request };
      },
    },
    { name: 'server' },
  );
  const replies = await Promise.all([1, 2].map((n) => client.call(atom('server'), n)));
  t.same(replies, [1, 2]);
  t.same(log, ['start 1', 'end 1', 'start 2', 'end 2']);
});

test('a reply may come later, from anywhere', async (t) => {
  const { processes, client } = setUp();
  let waiting: From | undefined;
  await start(
    processes,
    {
      handleCall(_request, from) {
        waiting = from;
        return { noReply: true };
      },
    },
    { name: 'server' },
  );
  const calling = client.call(atom('server'), 1);
  await tick();
  reply(processes, waiting!, atom('later'));
  t.match(await calling, { name: 'later' });
});

test('stop from a call: terminate runs, then the reply goes out, then the server ends', async (t) => {
  const { processes, client } = setUp();
  const log: string[] = [];
  const server = await start(
    processes,
    {
      handleCall: () => ({ stop: atom('normal'), reply: atom('bye') }),
      async terminate(reason) {
        await tick();
        log.push(`terminate ${reason}`);
      },
    },
    { name: 'server' },
  );
  const calling = client.call(atom('server'), 1).then((answer) => log.push(`reply ${answer}`));
  t.match(await server.exited, { name: 'normal' });
  await calling;
  t.same(log, ['terminate normal', 'reply bye']);
});

test('stop without a reply gives the caller the reason', async (t) => {
  const { processes, client } = setUp();
  await start(processes, { handleCall: () => ({ stop: atom('tired') }) }, { name: 'server' });
  await t.rejects(client.call(atom('server'), 1), {
    code: 'exit',
    context: { exitReason: { name: 'tired' } },
  });
});

test('stop from a cast and from an info message', async (t) => {
  const { processes, client } = setUp();
  const stopping = {
    handleCast: () => ({ stop: atom('x') }),
    handleInfo: async () => ({ stop: atom('y') }),
  };
  const one = await start(processes, stopping);
  client.cast(one.pid, 1);
  t.match(one.exitReason, { name: 'x' });
  const two = await start(processes, stopping);
  processes.send(processes.nobody, two.pid, 1);
  t.match(await two.exited, { name: 'y' });
});

test('a callback that fails ends the server: terminate runs, callers get the reason', async (t) => {
  const { processes, client } = setUp();
  const error = new RangeError('too much');
  const failures: GenServer['handleCall'][] = [
    () => {
      throw error;
    },
    () => Promise.reject(error),
  ];
  for (const handleCall of failures) {
    const reasons: Term[] = [];
    const terminate = (reason: Term): void => void reasons.push(reason);
    const server = await start(processes, { handleCall: handleCall!, terminate });
    await t.rejects(client.call(server.pid, 1), {
      code: 'exit',
      message: /RangeError: too much/,
    });
    t.same(reasons, [server.exitReason]);
    t.equal(server.crashError, error);
  }
});

test('when terminate fails too, both errors are reported', async (t) => {
  const { processes, client } = setUp();
  for (const terminate of [
    () => {
      throw new Error('second');
    },
    () => Promise.reject(new Error('second')),
  ]) {
    const server = await start(processes, {
      handleCast() {
        throw new Error('first');
      },
      terminate,
    });
    client.cast(server.pid, 1);
    await server.exited;
    t.match(server.crashError, { errors: [{ message: 'first' }, { message: 'second' }] });
  }
});

test('an error in terminate is the exit reason of a server that stops; the reply still goes out', async (t) => {
  const { processes, client } = setUp();
  const errors = [new Error('unclean'), new Error('unclean later')];
  const terminations: GenServer['terminate'][] = [
    () => {
      throw errors[0];
    },
    () => Promise.reject(errors[1]),
  ];
  for (const [index, terminate] of terminations.entries()) {
    const server = await start(processes, {
      handleCall: () => ({ stop: atom('normal'), reply: 1 }),
      terminate: terminate!,
    });
    t.equal(await client.call(server.pid, 1), 1);
    await server.exited;
    t.equal(server.crashError, errors[index]);
  }
});

test('a result that comes after the end of the server is ignored', async (t) => {
  const { processes, client } = setUp();
  const server = await start(processes, {
    async handleCall() {
      await tick();
      return { reply: 1 };
    },
    terminate: () => void t.fail('no terminate'),
  });
  const calling = client.call(server.pid, 1);
  server.stop(atom('killed'));
  await t.rejects(calling, { code: 'exit', context: { exitReason: { name: 'killed' } } });
  await tick();
  await tick();
});

// --- parents, shutdown, system messages --------------------------------------------------------

test('the end of the parent: terminate runs if the server traps exits', async (t) => {
  const { processes } = setUp();
  const parent = processes.spawnServer(idle);
  const reasons: string[] = [];
  const server: GenServer = { terminate: (reason) => void reasons.push(String(reason)) };
  const trapping = await start(processes, server, { link: parent.pid, trapExit: true });
  const plain = await start(processes, server, { link: parent.pid });
  parent.stop(atom('gone'));
  t.match([trapping.exitReason, plain.exitReason], [{ name: 'gone' }, { name: 'gone' }]);
  t.same(reasons, ['gone']);
});

test('exit messages of others are info', async (t) => {
  const { processes } = setUp();
  const messages: Term[] = [];
  const server = await start(
    processes,
    { handleInfo: (message) => void messages.push(message) },
    { trapExit: true },
  );
  const other = processes.spawnServer(idle);
  other.link(server.pid);
  other.stop(atom('oops'));
  t.same(messages, [exitMessage(other.pid, atom('oops'))]);
});

test('a request to shut down runs terminate after the messages that wait', async (t) => {
  const { processes, client } = setUp();
  const log: string[] = [];
  const server = await start(processes, {
    async handleCast(request) {
      await tick();
      log.push(`cast ${request}`);
    },
    terminate: (reason) => void log.push(`terminate ${reason}`),
  });
  client.cast(server.pid, 1);
  client.cast(server.pid, 2);
  server.shutdown();
  t.match(await server.exited, { name: 'shutdown' });
  t.same(log, ['cast 1', 'cast 2', 'terminate shutdown']);
});

test('stopping all processes runs terminate', async (t) => {
  const { processes } = setUp();
  const log: string[] = [];
  const terminate = async (): Promise<void> => {
    await tick();
    log.push('terminated');
  };
  await start(processes, { terminate });
  await processes.stop();
  t.same(log, ['terminated']);
});

test('gen_server:stop from anywhere ends the server with its reason', async (t) => {
  const { processes } = setUp();
  const server = await start(processes, {});
  const answers: Term[] = [];
  const caller = processes.spawnServer({ onMessage: (m) => void answers.push(m) });
  const tag = caller.makeRef();
  const request = tuple(atom('terminate'), atom('shutdown'));
  caller.send(server.pid, tuple(atom('system'), tuple(caller.pid, tag), request));
  t.match(server.exitReason, { name: 'shutdown' });
  t.same(answers, [tuple(tag, atom('ok'))]);
});

test('what no callback wants is dropped and reported, also other system messages', async (t) => {
  const { processes } = setUp();
  const telemetry = new Telemetry();
  const dropped: Term[] = [];
  telemetry.attach('test', 'gen_server.message.dropped', (_e, _m, { message }) =>
    dropped.push(message as Term),
  );
  const server = await start(processes, {}, { telemetry });
  const from = { pid: processes.nobody, tag: 1 };
  const messages: Term[] = [
    1,
    tuple(atom('$gen_cast'), 1),
    callMessage(from, 1),
    tuple(atom('system'), tuple(processes.nobody, 1), atom('get_state')),
    tuple(atom('$gen_call'), 1, 2),
  ];
  for (const message of messages) processes.send(processes.nobody, server.pid, message);
  t.same(dropped, messages);
  t.ok(server.isAlive);
});

test('callbacks are called on the server object', async (t) => {
  const { processes, client } = setUp();
  class Stack implements GenServer {
    readonly #items: Term[] = [];
    init(): void {
      this.#items.push(0);
    }
    handleCast(request: Term): void {
      this.#items.push(request);
    }
    handleInfo(message: Term): void {
      this.#items.push(message);
    }
    handleCall(request: Term): { reply: Term } {
      return { reply: isAtom(request, 'all') ? [...this.#items] : [] };
    }
  }
  const server = await start(processes, new Stack());
  client.cast(server.pid, 1);
  processes.send(processes.nobody, server.pid, 2);
  t.same(await client.call(server.pid, atom('all')), [0, 1, 2]);
});
