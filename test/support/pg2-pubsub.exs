# What a Phoenix application's PubSub is to other nodes, on nothing but :pg: workers that are registered
# and in the group of their name, and messages {:forward_to_local, topic, message, dispatcher} between them.
# Subscribers are processes of this node; what they receive waits in their mailboxes.
defmodule PG2PubSub do
  @scope Phoenix.PubSub

  def start(name, pool_size, broadcast_pool_size) do
    with {:error, {:already_started, _}} <- :pg.start(@scope), do: :ok
    adapter = Module.concat(name, "Adapter")
    table = :ets.new(name, [:public, :bag])
    workers = for number <- 1..pool_size, do: start_worker(worker_name(adapter, number), table)
    %{adapter: adapter, table: table, workers: workers, broadcast_pool_size: broadcast_pool_size}
  end

  def stop(pubsub) do
    for worker <- pubsub.workers, do: Process.exit(worker, :kill)
    :ok
  end

  def subscribe(pubsub, topic), do: :ets.insert(pubsub.table, {topic, self()})

  def broadcast(pubsub, topic, message, dispatcher \\ Phoenix.PubSub) do
    for pid <- :pg.get_members(@scope, group(pubsub)), node(pid) != node() do
      send(pid, {:forward_to_local, topic, message, dispatcher})
    end

    :ok
  end

  def direct_broadcast(pubsub, node, topic, message, dispatcher \\ Phoenix.PubSub) do
    send({group(pubsub), node}, {:forward_to_local, topic, message, dispatcher})
    :ok
  end

  # Each sending process has a group of its own.
  def group(pubsub) do
    worker_name(pubsub.adapter, 1 + :erlang.phash2(self(), pubsub.broadcast_pool_size))
  end

  # Takes what this process has received, as many messages as are expected.
  def take(0), do: []

  def take(count) do
    receive do
      {:pubsub, message} -> [message | take(count - 1)]
    after
      10_000 -> [:nothing_more]
    end
  end

  defp worker_name(adapter, 1), do: adapter
  defp worker_name(adapter, number), do: :"#{adapter}_#{number}"

  defp start_worker(name, table) do
    caller = self()

    worker =
      spawn(fn ->
        Process.register(self(), name)
        :ok = :pg.join(@scope, name, self())
        send(caller, {:started, self()})
        loop(table)
      end)

    receive do
      {:started, ^worker} -> worker
    end
  end

  defp loop(table) do
    receive do
      {:forward_to_local, topic, message, _dispatcher} ->
        for {_, pid} <- :ets.lookup(table, topic), do: send(pid, {:pubsub, message})
    end

    loop(table)
  end
end
