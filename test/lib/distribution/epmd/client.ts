import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { listNames, lookUp, register } from '../../../../lib/distribution/epmd/client.ts';
import {
  encodeAlive2Response,
  encodePort2Response,
} from '../../../../lib/distribution/epmd/messages.ts';
import { freePort } from '../../../support/free-ports.ts';
import { until } from '../../../support/until.ts';

const host = '127.0.0.1';
const timeoutMs = 5_000;

/** A mapper that does what the test says with each request. */
async function mapper(
  t: Test,
  answer: (socket: Socket, request: Buffer) => void,
): Promise<{ epmdPort: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.once('data', (request) => answer(socket, request));
  });
  server.listen(0, host);
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { epmdPort: (server.address() as AddressInfo).port, sockets };
}

const entry = {
  name: 'alpha',
  tcpPort: 4711,
  nodeType: 'normal',
  highestVersion: 6,
  lowestVersion: 5,
  extra: new Uint8Array(0),
} as const;
const registration = { name: 'alpha', tcpPort: 4711, nodeType: 'normal', timeoutMs } as const;

t.test('looks up a node, the answer coming byte by byte', async (t) => {
  const { epmdPort } = await mapper(t, async (socket, request) => {
    t.equal(request.toString('latin1'), '\0\x06zalpha');
    for (const byte of encodePort2Response(entry)) {
      socket.write(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    socket.end();
  });
  t.match(await lookUp({ host, epmdPort, name: 'alpha', timeoutMs }), {
    name: 'alpha',
    tcpPort: 4711,
    nodeType: 'normal',
  });
});

t.test('an unknown name is undefined', async (t) => {
  const { epmdPort } = await mapper(t, (socket) => socket.end(encodePort2Response(undefined)));
  t.equal(await lookUp({ host, epmdPort, name: 'alpha', timeoutMs }), undefined);
});

t.test('lists names', async (t) => {
  const { epmdPort } = await mapper(t, (socket) => {
    socket.end('\0\0\x11\x11name a at port 1\nname b at port 2\n');
  });
  t.same(await listNames({ host, epmdPort, timeoutMs }), [
    { name: 'a', tcpPort: 1 },
    { name: 'b', tcpPort: 2 },
  ]);
});

t.test('registers, says when the registration is lost, once', async (t) => {
  const { epmdPort, sockets } = await mapper(t, (socket) => {
    socket.write(encodeAlive2Response({ result: 0, creation: 77 }));
  });
  const kept = await register({ epmdPort, ...registration });
  t.equal(kept.creation, 77);
  const lost: string[] = [];
  const remove = kept.onLost(() => lost.push('removed'));
  remove();
  kept.onLost((error) => lost.push(error.code));
  sockets[0]!.end();
  await until(() => lost.length > 0);
  t.same(lost, ['closed']);
  kept.onLost((error) => lost.push(`late ${error.code}`));
  t.same(lost, ['closed', 'late closed']);
});

t.test('a registration closed by its owner is not lost', async (t) => {
  const { epmdPort, sockets } = await mapper(t, (socket) => {
    socket.write(encodeAlive2Response({ result: 0, creation: 77 }));
  });
  const kept = await register({ epmdPort, ...registration });
  kept.onLost(() => t.fail('lost'));
  const closed = once(sockets[0]!, 'close');
  kept.close();
  kept.close();
  await closed;
});

t.test('a mapper that goes on talking ends the registration', async (t) => {
  const { epmdPort, sockets } = await mapper(t, (socket) => {
    socket.write(encodeAlive2Response({ result: 0, creation: 77 }));
  });
  const kept = await register({ epmdPort, ...registration });
  const lost = new Promise((resolve) => kept.onLost(resolve));
  sockets[0]!.write('x');
  t.match(await lost, { code: 'closed' });
});

t.test('a duplicate is name_taken, another refusal refused', async (t) => {
  for (const [result, code] of [
    [1, 'name_taken'],
    [2, 'refused'],
  ] as const) {
    const { epmdPort, sockets } = await mapper(t, (socket) => {
      socket.write(encodeAlive2Response({ result, creation: 99 }));
    });
    await t.rejects(register({ epmdPort, ...registration }), { name: 'EpmdError', code });
    await until(() => sockets[0]!.destroyed);
  }
});

t.test('nothing listening is unreachable, with its cause', async (t) => {
  const epmdPort = await freePort();
  const unreachable = { code: 'unreachable', cause: { code: 'ECONNREFUSED' } };
  await t.rejects(lookUp({ host, epmdPort, name: 'alpha', timeoutMs }), unreachable);
  await t.rejects(listNames({ host, epmdPort, timeoutMs }), unreachable);
  await t.rejects(register({ epmdPort, ...registration }), unreachable);
});

t.test('silence is a timeout, and the socket is closed', async (t) => {
  const { epmdPort, sockets } = await mapper(t, () => {});
  let fire = () => {};
  const clock = {
    now: () => 0,
    setTimer: (delayMs: number, callback: () => void) => {
      t.equal(delayMs, timeoutMs);
      fire = callback;
      return () => {};
    },
  };
  const looked = lookUp({ host, epmdPort, name: 'alpha', timeoutMs, clock });
  await until(() => sockets.length === 1);
  fire();
  await t.rejects(looked, { code: 'timeout' });
  await until(() => sockets[0]!.destroyed);
});

t.test('an abort rejects with closed, before and during the call', async (t) => {
  const { epmdPort, sockets } = await mapper(t, () => {});
  const reason = new Error('stop');
  const aborted = { code: 'closed', cause: reason };
  const call = { host, epmdPort, timeoutMs };
  await t.rejects(listNames({ ...call, signal: AbortSignal.abort(reason) }), aborted);
  t.equal(sockets.length, 0);
  const controller = new AbortController();
  const listed = listNames({ ...call, signal: controller.signal });
  await until(() => sockets.length === 1);
  controller.abort(reason);
  await t.rejects(listed, aborted);
  await until(() => sockets[0]!.destroyed);
});

t.test('answers cut at every length are never accepted', async (t) => {
  const answer = encodePort2Response(entry);
  let length = 0;
  const { epmdPort } = await mapper(t, (socket) => socket.end(answer.subarray(0, length)));
  for (; length < answer.length; length++) {
    const looked = lookUp({ host, epmdPort, name: 'alpha', timeoutMs });
    await t.rejects(looked, { code: /truncated|invalid_message/ }, `${length} bytes`);
  }
});

t.test('a mapper that closes before its answer to ALIVE2 is complete', async (t) => {
  const answer = encodeAlive2Response({ result: 0, creation: 77 });
  let length = 0;
  const { epmdPort } = await mapper(t, (socket) => socket.end(answer.subarray(0, length)));
  for (; length < answer.length; length++) {
    await t.rejects(register({ epmdPort, ...registration }), { code: 'closed' }, `${length} bytes`);
  }
});

t.test('wrong answers', async (t) => {
  let answer = Buffer.alloc(0);
  const { epmdPort } = await mapper(t, (socket) => socket.end(answer));
  answer = Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n');
  await t.rejects(lookUp({ host, epmdPort, name: 'alpha', timeoutMs }), { code: 'unexpected_tag' });
  await t.rejects(register({ epmdPort, ...registration }), {
    code: 'unexpected_tag',
    message: new RegExp(`^epmd at 127\\.0\\.0\\.1:${epmdPort} does not answer as .*got tag 72`),
    context: { offset: 0 },
  });
  answer = Buffer.from(encodePort2Response({ ...entry, name: 'other' }));
  await t.rejects(lookUp({ host, epmdPort, name: 'alpha', timeoutMs }), {
    code: 'invalid_message',
  });
  answer = Buffer.alloc(5_000, 119);
  await t.rejects(lookUp({ host, epmdPort, name: 'alpha', timeoutMs }), { code: 'too_long' });
});

t.test('a mapper that never stops talking', async (t) => {
  const { epmdPort } = await mapper(t, (socket) => {
    const more = () => {
      while (!socket.destroyed && socket.write(Buffer.alloc(65_536, 10)));
    };
    socket.on('drain', more);
    more();
  });
  await t.rejects(listNames({ host, epmdPort, timeoutMs }), { code: 'too_long' });
});

t.test('a name that cannot be registered opens no connection', async (t) => {
  const { epmdPort, sockets } = await mapper(t, () => {});
  const long = { ...registration, name: 'a'.repeat(256) };
  await t.rejects(register({ epmdPort, ...long }), { code: 'too_long' });
  t.equal(sockets.length, 0);
});
