/** Work in order within a place, and places beside each other: what somebody wrote first is taken in first (P3, F13). */

/** Runs the work once all earlier work of the lane has ended, however it ended. @throws what the work throws */
export type InLane = <T>(lane: string, work: () => Promise<T>) => Promise<T>;

export function createLanes(): InLane {
  /** The latest of each lane; none of them rejects. */
  const tails = new Map<string, Promise<unknown>>();
  return (lane, work) => {
    const mine = (tails.get(lane) ?? Promise.resolve()).then(work);
    const ended = mine
      .catch(() => undefined)
      .then(() => {
        if (tails.get(lane) === ended) tails.delete(lane);
      });
    tails.set(lane, ended);
    return mine;
  };
}
