import t from 'tap';
import {
  DFLAG_DIST_HDR_ATOM_CACHE,
  DFLAG_FRAGMENTS,
  OFFERED_FLAGS,
  PASS_THROUGH_FLAGS,
} from '../../../../lib/distribution/wire/flags.ts';
import { messageFormat } from '../../../../lib/distribution/wire/message-format.ts';

t.test('either of the two flags brings the header', async (t) => {
  const none = { header: false, atomCache: false, fragments: false };
  t.same(messageFormat(PASS_THROUGH_FLAGS), none);
  t.same(messageFormat(PASS_THROUGH_FLAGS | DFLAG_DIST_HDR_ATOM_CACHE), {
    header: true,
    atomCache: true,
    fragments: false,
  });
  t.same(messageFormat(PASS_THROUGH_FLAGS | DFLAG_FRAGMENTS), {
    header: true,
    atomCache: false,
    fragments: true,
  });
  t.same(messageFormat(OFFERED_FLAGS), { header: true, atomCache: true, fragments: true });
});
