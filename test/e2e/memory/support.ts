/** A gateway that remembers: what role `memory` is asked and answers is scripted apart from the conversation. */
import type { ModelCall, ScriptedReply } from '../../fakes/model-server.ts';
import { until } from '../support/gateway.ts';
import { type EventRow, type Scenario, type ScenarioOptions, startScenario } from '../support/scenario.ts';
import { type Place, textOf, type WebClient } from '../support/web-client.ts';

export type Remembering = Scenario & {
  /** Lines of the configuration that give the roles their models. */
  readonly roles: string;
  /** The calls of the conversation itself, side questions included; not what follows a turn. */
  mainCalls(): ModelCall[];
  memoryCalls(): ModelCall[];
  /** What a reflection makes of the turn it is asked about; default: nothing. */
  reflects(script: (call: ModelCall) => object): void;
  reflectionCalls(): ModelCall[];
  /** What the conversation answers; default: "fine". */
  answers(script: (call: ModelCall) => ScriptedReply): void;
  /** What role `memory` makes of an exchange that holds these words. */
  decides(words: string, decision: object | string | ScriptedReply): void;
  /** What it answers when it is to summarize the older part of a conversation. */
  summarizes(script: (call: ModelCall) => ScriptedReply): void;
  summaryCalls(): ModelCall[];
  /** Says something and waits until it has been weighed for memory; resolves to the log of the turn. */
  tell(who: WebClient, place: Place, text: string): Promise<EventRow[]>;
  /** Says something and returns the prompt that the model was given for it. */
  promptFor(who: WebClient, place: Place, text: string): Promise<string>;
  memories(): Promise<
    { id: string; scope: string; owner: string; name: string; body: string; source: string }[]
  >;
};

export const toStore = (summary: string, more: object = {}) => ({
  shouldStore: true,
  summary,
  scope: 'user',
  type: 'fact',
  importance: 0.5,
  metadata: {},
  ...more,
});

const WEIGHED = new Set(['memory.decided', 'memory.failed']);

export async function startRemembering(
  /** `more` roles, after a comma. */
  options: ScenarioOptions & { more?: string } = {},
): Promise<Remembering> {
  const roles = `  roles: { memory: { model: memory-model }, btw: { model: aside-model }${options.more ?? ''} }`;
  const s = await startScenario({ memory: true, ...options, model: roles });
  const decisions = new Map<string, object | string | ScriptedReply>();
  let main: (call: ModelCall) => ScriptedReply = () => ({ text: 'fine' });
  let reflection: (call: ModelCall) => object = () => ({ abstain: true });
  const isMemory = (call: ModelCall) => call.model === 'memory-model';
  const isReflection = (call: ModelCall) => call.model === 'reflection-model';
  const isSummary = (call: ModelCall) => isMemory(call) && call.text.includes('source="conversation"');
  let summary: (call: ModelCall) => ScriptedReply = () => ({ text: 'a summary' });
  s.model.script((call) => {
    if (isReflection(call)) return { text: JSON.stringify(reflection(call)) };
    if (!isMemory(call)) return main(call);
    if (isSummary(call)) return summary(call);
    // The exchange is what comes after the entries that are known already.
    const exchange = call.question.slice(call.question.indexOf('source="message of'));
    const words = [...decisions.keys()].findLast((key) => exchange.includes(key));
    const decision = words === undefined ? { shouldStore: false } : (decisions.get(words) ?? '');
    if (typeof decision === 'string') return { text: decision };
    return 'shouldStore' in decision ? { text: JSON.stringify(decision) } : (decision as ScriptedReply);
  });
  // `Scenario` changes as the gateway is restarted, so it is extended, not copied.
  return Object.assign(s, {
    roles,
    mainCalls: () => s.model.calls.filter((call) => !isMemory(call) && !isReflection(call)),
    reflectionCalls: () => s.model.calls.filter(isReflection),
    reflects(script: typeof reflection) {
      reflection = script;
    },
    memoryCalls: () => s.model.calls.filter((call) => isMemory(call) && !isSummary(call)),
    summaryCalls: () => s.model.calls.filter(isSummary),
    summarizes(script: typeof summary) {
      summary = script;
    },
    answers(script: typeof main) {
      main = script;
    },
    decides: (words: string, decision: object | string | ScriptedReply) =>
      void decisions.set(words, decision),
    async tell(who: WebClient, place: Place, text: string) {
      await who.answerTo(place, text);
      const own = who.posts().findLast((post) => textOf(post.html) === text || post.text === text);
      return until('the turn to be weighed for memory', async () => {
        const events = await s.eventsOf(own?.id ?? '');
        return events.some((event) => WEIGHED.has(event.type)) && events;
      });
    },
    async promptFor(who: WebClient, place: Place, text: string) {
      await who.answerTo(place, text);
      const call = s.model.calls.findLast(
        (one) => !isMemory(one) && !isReflection(one) && one.question.includes(text),
      );
      if (call === undefined) throw new Error(`no call for "${text}"`);
      return call.text;
    },
    memories: () =>
      s.folder.json<Awaited<ReturnType<Remembering['memories']>>[number]>('memory', 'list', '--json'),
  });
}
