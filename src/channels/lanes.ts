/** Work in order within a place, and places beside each other: what somebody wrote first is taken in first (P3, F13). */

/** Runs the work once all earlier work of the lane has ended, however it ended. @throws what the work throws */
export type InLane = <T>(lane: string, work: () => Promise<T>) => Promise<T>;

export function createLanes(): InLane {
  /** The latest of each lane; none of them rejects. */
  const tails = new Map<string, Promise<void>>();
  return (lane, work) => {
    const mine = (tails.get(lane) ?? Promise.resolve()).then(work);
    const end = (): void => {
      if (tails.get(lane) === ended) tails.delete(lane);
    };
    const ended: Promise<void> = mine.then(end, end);
    tails.set(lane, ended);
    return mine;
  };
}
