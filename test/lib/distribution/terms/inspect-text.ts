import t from 'tap';
import {
  escapeText,
  inspectBinary,
  inspectCharlist,
} from '../../../../lib/distribution/terms/inspect-text.ts';

t.test('a list is text when all of it can be printed, as OTP 25.2.3 decides', async (t) => {
  t.equal(inspectCharlist([97, 98, 99], Infinity), '"abc"');
  t.equal(inspectCharlist([97, 34, 98, 92], Infinity), '"a\\"b\\\\"');
  t.equal(inspectCharlist([8, 9, 10, 11, 12, 13, 27], Infinity), '"\\b\\t\\n\\v\\f\\r\\e"');
  t.equal(inspectCharlist([233], Infinity), '"é"');
  t.equal(inspectCharlist([0x1f600], Infinity), '"😀"');
  for (const code of [0, 7, 127, 128, 159, 0xd800, 0xfffe, 0x110000, -1, 1.5]) {
    t.equal(inspectCharlist([code], Infinity), undefined, `${code} is no character`);
  }
  t.equal(inspectCharlist([97, 1], Infinity), undefined);
  t.equal(inspectCharlist([], Infinity), undefined, 'an empty list is no text');
  t.equal(inspectCharlist([97, [98]], Infinity), undefined, 'nor is a list of lists');
});

t.test('a binary is text when all of it can be printed, as OTP 25.2.3 decides', async (t) => {
  const cases: readonly (readonly [number[], string])[] = [
    [[97, 98, 99], '<<"abc">>'],
    [[], '<<>>'],
    [[1, 2, 3], '<<1,2,3>>'],
    [[195, 169], '<<"é"/utf8>>'],
    [[233], '<<"é">>'],
    [[255, 254], '<<"ÿþ">>'],
    [[97, 10], '<<"a\\n">>'],
    [[97, 34, 98], '<<"a\\"b">>'],
    [[128], '<<128>>'],
    [[194, 128], '<<194,128>>'],
    [[237, 160, 128], '<<237,160,128>>'],
  ];
  for (const [bytes, text] of cases) t.equal(inspectBinary(Uint8Array.from(bytes), Infinity), text);
});

t.test('a long binary is not cut within a character', async (t) => {
  const text = inspectBinary(Buffer.from('é'.repeat(1_000)), 10);
  t.match(text, /^<<"é+"\/utf8>>$/);
  t.ok(text.length < 60, 'no more is looked at than can be shown');
});

t.test('only the quote around a text is escaped', async (t) => {
  t.equal(escapeText(`'"`, '"'), `'\\"`);
  t.equal(escapeText(`'"`, "'"), `\\'"`);
  t.equal(escapeText('\u0001\u0080', '"'), '\\001\\200');
});
