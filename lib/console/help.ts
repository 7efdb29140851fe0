/** The text of `help()` in the console. */
export const HELP = `\
Node.self()                            the name of this node
Node.list()                            the nodes that it is connected with
Node.connect('node1@127.0.0.1')        true, or false if that node cannot be reached
Node.disconnect('node1@127.0.0.1')
Node.ping('node1@127.0.0.1')           pong or pang
Global.registeredNames()
Global.whereis('name')                 the pid that has the name, or undefined
GenServer.call(destination, request, timeoutMs)
GenServer.cast(destination, request)
Counter.get()
Counter.increment()
PubSub.subscribe('counter')            its messages wait for flush()
PubSub.unsubscribe('counter')
PubSub.broadcast('topic', {key: 1})    to the subscribers of all nodes
flush()                                what has come since the last time

A destination is a pid, a local name, {name: 'x', node: 'node1@127.0.0.1'} or {global: 'x'}.
Terms:  atom('ok')  tuple(atom('ok'), 1)  list(1, 2)  improper(1, 2, tail)  binary('text')
        float(1)  map({key: 1})  map([[1, 2]])  pid('<node1@127.0.0.1.83.0>')
Numbers are integers, or floats if they have a fraction; true and false are atoms.

Everything else is JavaScript. Promises are awaited, by themselves or with await.
exit(), .exit, Ctrl-D, or Ctrl-C twice stop the node.`;
