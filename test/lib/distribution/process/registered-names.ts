import { test } from 'tap';
import { RegisteredNames } from '../../../../lib/distribution/process/registered-names.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';

const pid = new Pid('a@x', 1, 0, 1);
const other = new Pid('a@x', 2, 0, 1);

test('a name leads to its process and back', (t) => {
  const names = new RegisteredNames();
  names.register('counter', pid);
  t.equal(names.whereis('counter'), pid);
  t.equal(names.nameOf(pid), 'counter');
  t.same(names.list(), ['counter']);
  t.equal(names.unregister('counter'), true);
  t.equal(names.unregister('counter'), false);
  t.equal(names.nameOf(pid), undefined);
  t.end();
});

test('a name has one process, a process one name, and undefined is no name', (t) => {
  const names = new RegisteredNames();
  names.register('counter', pid);
  t.throws(() => names.register('counter', other), { code: 'name_taken' });
  t.throws(() => names.register('other', pid), { code: 'already_registered' });
  t.throws(() => names.register('undefined', other), { code: 'bad_name' });
  t.end();
});

test('the end of a process frees its name', (t) => {
  const names = new RegisteredNames();
  names.register('counter', pid);
  names.release(other);
  names.release(pid);
  t.equal(names.whereis('counter'), undefined);
  names.register('counter', other);
  t.end();
});
