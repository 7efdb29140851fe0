import { escapeText } from './inspect-text.ts';

/** Source: OTP 25 `erl_scan:reserved_word/1`. */
const RESERVED_WORDS: ReadonlySet<string> = new Set(
  (
    'after and andalso band begin bnot bor bsl bsr bxor case catch cond div end fun if let not ' +
    'of or orelse receive rem try when xor'
  ).split(' '),
);

/** Letters are those of Latin-1, without × and ÷. Source: OTP `io_lib:quote_atom/2`. */
const PLAIN_ATOM = /^[a-zß-öø-ÿ][a-zA-Z0-9_@À-ÖØ-öø-ÿ]*$/;

/** The atom as it is written in Erlang source: `ok`, `'Elixir.Counter'`, `'node1@127.0.0.1'`. */
export function inspectAtom(name: string): string {
  if (PLAIN_ATOM.test(name) && !RESERVED_WORDS.has(name)) return name;
  return `'${escapeText(name, "'")}'`;
}
