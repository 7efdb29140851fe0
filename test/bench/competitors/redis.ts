/** A client of Redis: ioredis with auto-pipelining, as its manual advises for many calls at a time. */
import { Redis } from 'ioredis';
import { answerCommands } from '../workers/commands.ts';
import { callCommands } from '../workers/load.ts';

const [port = ''] = process.argv.slice(2);
const redis = new Redis({ host: '127.0.0.1', port: Number(port), enableAutoPipelining: true });
await redis.set('counter', 0);

const call = (): Promise<number> => redis.incr('counter');

answerCommands(callCommands(call), () => redis.disconnect());
