import { runInNewContext } from 'node:vm';
import t from 'tap';
import { formatError, formatValue, PlainText } from '../../../lib/console/format.ts';
import {
  atom,
  binary,
  CallError,
  float,
  ProcessExit,
  TermError,
  tuple,
} from '../../../lib/distribution/index.ts';

t.test('shows terms in Erlang notation, and the rest as it is', async (t) => {
  const cases: [unknown, string][] = [
    [[atom('node1@127.0.0.1')], "['node1@127.0.0.1']"],
    [tuple(atom('ok'), [1, 2n], binary('x'), float(1)), '{ok,[1,2],<<"x">>,1.0}'],
    [[], '[]'],
    [[104, 105], '"hi"'],
    ['text', '"text"'],
    ['', '""'],
    ['a\u0000', '"a\\u0000"'],
    [true, 'true'],
    [undefined, 'undefined'],
    [null, 'null'],
    [Number.NaN, 'NaN'],
    [[true, 'x', atom('a'), [undefined]], '[true,"x",a,[undefined]]'],
    [{ a: 1 }, '{ a: 1 }'],
    [new PlainText('as\nit is'), 'as\nit is'],
    [runInNewContext('[1,2]'), '[1,2]'],
  ];
  for (const [value, text] of cases) t.equal(formatValue(value), text);
});

t.test('shows an array that contains itself', async (t) => {
  const array: unknown[] = [1];
  array.push(array);
  t.match(formatValue(array), /Circular/);
});

t.test('shows an error on one line', async (t) => {
  const cases: [unknown, string][] = [
    [new CallError('noproc', 'expected x'), '** (exit) noproc: expected x'],
    [new CallError('timeout', 'no reply'), '** (exit) timeout: no reply'],
    [new CallError('exit', 'x ended', { exitReason: tuple(atom('bad'), 1) }), '** (exit) {bad,1}'],
    [new CallError('bad_reply', 'odd'), '** (CallError) odd'],
    [new ProcessExit(atom('killed')), '** (exit) killed'],
    [new TermError('unencodable', 'no term'), '** (TermError) no term'],
    [new TypeError('one\n  two'), '** (TypeError) one two'],
    [runInNewContext('new RangeError("far")'), '** (RangeError) far'],
    [3, '** (throw) 3'],
    [undefined, '** (throw) undefined'],
  ];
  for (const [error, text] of cases) t.equal(formatError(error), text);
});
