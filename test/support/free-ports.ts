/** TCP ports for those who have to know one before they listen: nobody else gets it meanwhile. */
import { randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Below the ports that the system hands out by itself, so that nobody who asks for any free port, nor
 * an outgoing connection, gets the one that a test has set aside and not yet bound.
 */
const PORTS = { first: 10_240, count: 20_000 };
const RESERVATIONS = join(tmpdir(), 'hello-distributed-ports');
const reserved = new Set<string>();

/**
 * A TCP port of the loopback interface on which nothing listens. It is this process's until that ends:
 * tests that run at the same time, in this run or another, get others.
 */
export async function freePort(): Promise<number> {
  mkdirSync(RESERVATIONS, { recursive: true });
  for (;;) {
    const port = PORTS.first + randomInt(PORTS.count);
    if (reserve(join(RESERVATIONS, String(port))) && (await isFree(port))) return port;
  }
}

/** The first of some such ports in a row. */
export async function freePorts(count: number): Promise<number> {
  mkdirSync(RESERVATIONS, { recursive: true });
  for (;;) {
    const first = PORTS.first + randomInt(PORTS.count - count);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const isOurs = (port: number): boolean => reserve(join(RESERVATIONS, String(port)));
    if (ports.every(isOurs) && (await Promise.all(ports.map(isFree))).every(Boolean)) return first;
  }
}

/** Takes the file for this process, unless a process that lives has it. */
function reserve(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
  } catch {
    if (isHeld(file)) return false;
    rmSync(file, { force: true });
    return reserve(file);
  }
  if (reserved.size === 0) {
    process.once('exit', () => reserved.forEach((each) => void rmSync(each, { force: true })));
  }
  reserved.add(file);
  return true;
}

function isHeld(file: string): boolean {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    // Empty: its owner is just writing it.
    return pid === 0 || process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
