%% The OTP side of the benchmarks: a counting gen_server, and the load of many processes that call one.
-module(bench).
-behaviour(gen_server).
-export([serve/0, answers/1, load/2, latency/1, sink/0, blast/3]).
-export([init/1, handle_call/3, handle_cast/2]).

%% Starts the server and makes it known to all nodes.
serve() ->
    {ok, Pid} = gen_server:start({local, counter}, ?MODULE, 0, []),
    yes = global:register_name(counter, Pid),
    ok.

init(Count) -> {ok, Count}.
handle_call(increment, _From, Count) -> {reply, Count + 1, Count + 1}.
handle_cast(_Request, Count) -> {noreply, Count}.

%% The replies of so many calls, one after the other.
answers(Count) -> [call() || _ <- lists:seq(1, Count)].

%% Calls per second of so many processes.
load(InFlight, DurationMs) ->
    Self = self(),
    T0 = erlang:monotonic_time(microsecond),
    Deadline = T0 + DurationMs * 1000,
    [spawn_link(fun() -> Self ! {done, repeat(Deadline, 0)} end) || _ <- lists:seq(1, InFlight)],
    Done = lists:sum([receive {done, N} -> N end || _ <- lists:seq(1, InFlight)]),
    Done * 1000000 / (erlang:monotonic_time(microsecond) - T0).

%% The median time of a call in milliseconds, one at a time.
latency(DurationMs) ->
    Times = lists:sort(times(erlang:monotonic_time(nanosecond), DurationMs * 1000000, 0, [])),
    lists:nth(length(Times) div 2 + 1, Times) / 1000000.

call() -> gen_server:call({global, counter}, increment).

repeat(Deadline, Done) ->
    call(),
    case erlang:monotonic_time(microsecond) < Deadline of
        true -> repeat(Deadline, Done + 1);
        false -> Done + 1
    end.

times(_Before, Left, Spent, Times) when Spent > Left -> Times;
times(Before, Left, Spent, Times) ->
    call(),
    After = erlang:monotonic_time(nanosecond),
    times(After, Left, Spent + (After - Before), [After - Before | Times]).

%% Takes large binaries, and tells their sender when all of them have come; answers calls beside.
sink() ->
    register(sink, spawn(fun() -> sink(0, 0) end)),
    {ok, _} = gen_server:start({local, pong}, ?MODULE, 0, []),
    ok.

sink(Expected, Received) ->
    receive
        {expect, _From, Bytes} -> sink(Bytes, 0);
        {chunk, From, Chunk} when Received + byte_size(Chunk) =:= Expected ->
            From ! received,
            sink(0, 0);
        {chunk, _From, Chunk} -> sink(Expected, Received + byte_size(Chunk))
    end.

%% Sends so many binaries of so many bytes, while another process calls every millisecond.
%% Megabytes per second; the median and the worst time of a call in milliseconds.
blast(Node, Count, Bytes) ->
    Chunk = binary:copy(<<7>>, Bytes),
    Self = self(),
    Caller = spawn_link(fun() -> Self ! {times, beside(Node, [])} end),
    T0 = erlang:monotonic_time(microsecond),
    {sink, Node} ! {expect, self(), Count * Bytes},
    [{sink, Node} ! {chunk, self(), Chunk} || _ <- lists:seq(1, Count)],
    receive received -> ok end,
    Rate = Count * Bytes / (erlang:monotonic_time(microsecond) - T0),
    Caller ! over,
    Times = receive {times, All} -> lists:sort(All) end,
    {Rate, lists:nth(length(Times) div 2 + 1, Times) / 1000, lists:last(Times) / 1000}.

beside(Node, Times) ->
    Before = erlang:monotonic_time(microsecond),
    gen_server:call({pong, Node}, increment, infinity),
    Time = erlang:monotonic_time(microsecond) - Before,
    receive over -> [Time | Times] after 1 -> beside(Node, [Time | Times]) end.
