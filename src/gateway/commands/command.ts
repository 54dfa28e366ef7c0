/** What a chat command is given, and what it has to say. */

import type { Btw } from '../../agent/btw.ts';
import type { Remember } from '../../agent/memory/keep.ts';
import type { ModelClient } from '../../agent/model/client.ts';
import type { Catalog } from '../../agent/skills/catalog.ts';
import type { ChannelAdapter } from '../../channels/adapter.ts';
import type { InboundMessage, OutboundMessage, UserId } from '../../domain/message.ts';
import type { Clock, Logger } from '../../domain/runtime.ts';
import type { SessionKey } from '../../domain/session.ts';
import type { Store } from '../../store/store.ts';
import type { Role } from '../access.ts';
import type { Approvals } from '../approvals.ts';
import type { Reviews } from '../reviews.ts';
import type { Stopper } from '../stopper.ts';

export type CommandDeps = {
  readonly store: Store;
  readonly approvals: Approvals;
  readonly stopper: Stopper;
  readonly btw: Btw;
  readonly models: (profile: string) => ModelClient;
  readonly historyMessages: (profile: string) => number;
  /** Absolute path of the workspace of a profile. */
  readonly workspace: (profile: string) => string;
  readonly remember: Remember;
  readonly catalog: () => Catalog;
  readonly reviews: Reviews;
  /** All accounts of the person whom one belongs to. */
  readonly accountsOf: (account: UserId) => readonly UserId[];
  /** What is tried where the place has no private answers, in this order. */
  readonly btwFallback: () => readonly ('direct' | 'public' | 'refuse')[];
  readonly adapter: (channel: string) => ChannelAdapter | undefined;
  readonly clock: Clock;
  readonly log: Logger;
};

export type CommandContext = {
  readonly message: InboundMessage;
  readonly argument: string;
  readonly session: SessionKey;
  readonly profile: string;
  readonly roles: readonly Role[];
  /** Tells the asker only, as far as the platform can. */
  reply(text: string, kind?: OutboundMessage['kind']): Promise<void>;
};

export type ChatCommand = {
  readonly name: string;
  /** How the argument is written, for completion and help: "QUESTION". Empty: none. */
  readonly argument: string;
  /** One line for people. */
  readonly about: string;
  /** Resolves once what it decides is durable. May throw AppError; the gateway turns it into words. */
  run(deps: CommandDeps, context: CommandContext): Promise<void>;
};
