/** What the rows that are run on every channel need of one. */
import type { FakeModel } from '../../fakes/model-server.ts';
import type { GatewayFolder } from './gateway.ts';
import type { EventRow, TurnRow } from './scenario.ts';

/** A platform with two people who may approve. */
export type Room = {
  readonly model: FakeModel;
  readonly folder: GatewayFolder;
  turns(): Promise<TurnRow[]>;
  /** The log of the turn that answers a message. */
  eventsOf(message: string): Promise<EventRow[]>;
  /** A new place both people are in, opened by what the first says to the agent. */
  open(text: string): Promise<Talk>;
  /** kill -9, then a new process. */
  restart(): Promise<void>;
  close(): Promise<void>;
};

export type Talk = {
  /** The message that opened it. */
  readonly id: string;
  /** The first person goes on. */
  say(text: string): Promise<unknown> | unknown;
  /** Waits for a message of the agent without buttons that contains the text. */
  heard(text: string): Promise<unknown>;
  /** Waits for the open card with this action. */
  card(action: string): Promise<Card>;
  /** The first person decides by typed text. */
  approve(id: string, decision: string): Promise<unknown>;
  /** The first person stops the work, by typed text. */
  stop(): Promise<unknown> | unknown;
  /** Waits for the platform's sign that somebody is at it: "is typing", a status. */
  signOfLife(): Promise<unknown>;
  /** Waits for the button that stops the work; the first person presses it. */
  pressStop(): Promise<unknown>;
  /** The second person asks aside; waits for what they alone are shown, which contains the text. */
  aside(question: string, answer: string): Promise<unknown>;
};

export type Card = {
  press(label: string, by: 'first' | 'second'): Promise<unknown> | unknown;
  /** Waits until it has no buttons and contains the text. */
  settled(text: string): Promise<unknown>;
};
