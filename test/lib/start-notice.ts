import t from 'tap';
import { type NoticeChannel, noticeStarted, STARTED } from '../../lib/start-notice.ts';

t.test('says it once, over the channel', async (t) => {
  const said: string[] = [];
  const send: NoticeChannel['send'] = (message, _handle, _options, callback) => {
    said.push(message);
    callback(new Error('the parent has gone'));
    return true;
  };
  noticeStarted({ send });
  t.strictSame(said, [STARTED]);
});

t.test('says nothing without one', async () => {
  noticeStarted({});
});
