/**
 * The least that `node:http` can do: a fixed answer with given headers. Settings come by the environment:
 * PORT, HEADERS (a JSON object) and BODY.
 */
import { createServer } from 'node:http';

const { PORT = '0', HEADERS = '{}', BODY = '' } = process.env;
const headers = JSON.parse(HEADERS) as Record<string, string>;

createServer((_request, response) => {
  response.writeHead(200, headers);
  response.end(BODY);
}).listen(Number(PORT), '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
