/**
 * The proxy inside of an instance: it listens on port 80 of that host, where commands of the configuration find it as
 * `localhost`, and passes on to the application's port. While nothing listens there, it answers 502.
 *
 * The socket is opened by a process on the host, and handed over to this one, which serves it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { Server as Socket } from 'node:net';
import { pass, type Upstream } from './proxy.ts';

const OPENER = `
  const server = require('node:net').createServer().listen(80, '0.0.0.0', () => {
    // Whoever listens may accept, so this process must not go on to listen. It ends when it is told that the
    // socket has arrived.
    process.once('disconnect', () => process.exit());
    process.send('front', server, {}, () => server.close());
  });`;

/** Opens the front of a host. @returns closes it, with all its connections */
export async function openFront(namespace: string, upstream: Upstream): Promise<() => void> {
  const opener = ['netns', 'exec', namespace, process.execPath, '-e', OPENER];
  const child = spawn('ip', opener, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const socket = await handedOver(child, namespace);
  const server = createServer(async (request, response) => {
    const passed = await pass(request, response, upstream);
    if (passed.type === 'unanswered') response.writeHead(502).end('Bad Gateway\n');
    if (passed.type === 'torn') response.destroy();
  }).listen(socket);
  return () => {
    server.close();
    server.closeAllConnections();
  };
}

function handedOver(child: ChildProcess, namespace: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    child.once('message', (_, handle) => {
      child.disconnect();
      resolve(handle as Socket);
    });
    child.once('exit', (code) => {
      reject(new Error(`cannot listen on port 80 of ${namespace}: it ended with ${code}`));
    });
    child.once('error', reject);
  });
}
