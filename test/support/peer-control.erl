%% Runs inside an Erlang or Elixir node started by a test: connects to the test's control socket
%% and evaluates what arrives there. Expressions for file:eval/1, so that nothing is compiled.
%%
%% Request (packet 4): Id:32, AsLength:16, As, FormatLength:16, Format, Source; Id 0 alone: stop.
%% Answer  (packet 4): Id:32, Status:8 (0 value, 1 exception), Text. First packet: the token.

Port = list_to_integer(os:getenv("PEER_CONTROL_PORT")),
Token = list_to_binary(os:getenv("PEER_CONTROL_TOKEN")),
Language = list_to_atom(os:getenv("PEER_CONTROL_LANGUAGE")),

Evaluate = fun
    (erlang, Source, Format, Bindings) ->
        {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Source)),
        {ok, Expressions} = erl_parse:parse_exprs(Tokens),
        {value, Value, Next} = erl_eval:exprs(Expressions, Bindings),
        Text = io_lib:format(binary_to_list(Format), [Value]),
        {unicode:characters_to_binary(Text), Next};
    (elixir, Source, _Format, Bindings) ->
        {Value, Next} = 'Elixir.Code':eval_string(Source, Bindings),
        Options = [{limit, infinity}, {printable_limit, infinity}],
        {'Elixir.Kernel':inspect(Value, Options), Next}
end,

%% One process for each name, so that self(), links, monitors and variables last between
%% evaluations. Its messages are left in the mailbox for the evaluated code to receive.
Evaluator = fun Evaluator(Control, Bindings) ->
    receive
        {'$peer_eval', Id, Source, Format} ->
            Next = try Evaluate(Language, Source, Format, Bindings) of
                {Text, New} ->
                    Control ! {'$peer_result', Id, 0, Text},
                    New
            catch
                Class:Reason ->
                    Shown = io_lib:format("~tw: ~0tp", [Class, Reason]),
                    Control ! {'$peer_result', Id, 1, unicode:characters_to_binary(Shown)},
                    Bindings
            end,
            Evaluator(Control, Next)
    end
end,

Control = fun Control(Socket, Evaluators, Pending) ->
    receive
        {tcp, Socket, <<0:32>>} ->
            init:stop(),
            Control(Socket, Evaluators, Pending);
        {tcp, Socket,
            <<Id:32, AsLength:16, As:AsLength/binary, FormatLength:16, Format:FormatLength/binary,
                Source/binary>>} ->
            Self = self(),
            {Pid, Known} = case Evaluators of
                #{As := Running} ->
                    {Running, Evaluators};
                #{} ->
                    {Started, _} = spawn_monitor(fun() -> Evaluator(Self, []) end),
                    {Started, Evaluators#{As => Started}}
            end,
            Pid ! {'$peer_eval', Id, Source, Format},
            Control(Socket, Known, Pending#{Id => Pid});
        {'$peer_result', Id, Status, Text} ->
            gen_tcp:send(Socket, <<Id:32, Status:8, Text/binary>>),
            Control(Socket, Evaluators, maps:remove(Id, Pending));
        {'DOWN', _, process, Pid, Reason} ->
            Shown = unicode:characters_to_binary(io_lib:format("evaluator exited: ~tw", [Reason])),
            [gen_tcp:send(Socket, <<Id:32, 1:8, Shown/binary>>) || {Id, P} <- maps:to_list(Pending), P =:= Pid],
            Control(
                Socket,
                maps:filter(fun(_, P) -> P =/= Pid end, Evaluators),
                maps:filter(fun(_, P) -> P =/= Pid end, Pending)
            );
        {tcp_closed, Socket} ->
            %% The test is gone, however it ended: leave nothing behind.
            erlang:halt(0, [{flush, false}])
    end
end,

spawn(fun() ->
    {ok, Socket} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {packet, 4}, {nodelay, true}]),
    ok = gen_tcp:send(Socket, Token),
    Control(Socket, #{}, #{})
end).
