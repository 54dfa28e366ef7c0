/**
 * Keeps a frame that Discord should never have sent from ending the process: the gateway layer handles each one in a
 * promise nobody waits for, and a frame without the fields it counts on rejects it.
 */
import { SimpleShardingStrategy, type WebSocketManager } from '@discordjs/ws';

export function createGuardedStrategy(
  manager: WebSocketManager,
  onError: (error: unknown) => void,
): SimpleShardingStrategy {
  const strategy = new SimpleShardingStrategy(manager);
  const spawn = strategy.spawn.bind(strategy);
  strategy.spawn = async (ids) => {
    await spawn(ids);
    // Not part of its types, and the only place to stand between; a version without it is merely not guarded.
    const shards: unknown = Reflect.get(strategy, 'shards');
    if (shards instanceof Map) for (const shard of shards.values()) guard(shard, onError);
  };
  return strategy;
}

function guard(shard: object, onError: (error: unknown) => void): void {
  const take: unknown = Reflect.get(shard, 'onMessage');
  if (typeof take !== 'function') return;
  Reflect.set(shard, 'onMessage', async (...frame: unknown[]) => {
    try {
      await take.apply(shard, frame);
    } catch (error) {
      onError(error);
    }
  });
}
