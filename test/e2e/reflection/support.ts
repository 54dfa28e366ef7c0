/** A gateway that reflects: what role `reflection` is asked and answers is scripted apart from the conversation. */
import type { ModelCall, ScriptedReply } from '../../fakes/model-server.ts';
import { until } from '../support/gateway.ts';
import { type Scenario, type ScenarioOptions, startScenario } from '../support/scenario.ts';
import type { Place, WebClient } from '../support/web-client.ts';

export type ReflectionRow = {
  readonly id: string;
  readonly turnId: string | null;
  readonly userId: string | null;
  readonly skill: string | null;
  readonly outcome: string;
  readonly state: string;
  readonly memoryChanges: number;
  readonly skillEdited: boolean;
  readonly rejected: Record<string, number>;
  readonly reasoning: string | null;
  readonly lesson: object | null;
  readonly tokensIn: number;
  readonly durationMs: number;
  readonly errorCode: string | null;
  readonly raw?: string;
  readonly snapshot: boolean;
};
/** Parts of proposals. */
export const add = (name: string, body: string) => ({
  op: 'add',
  name,
  description: name,
  type: 'fact',
  body,
});
export const memory = (...changes: object[]) => ({ reasoning: 'because', memory: changes });

export type MemoryRow = { id: string; name: string; body: string; owner: string };

export type Reflecting = Scenario & {
  readonly roles: string;
  calls(): ModelCall[];
  /** What role `reflection` makes of a turn whose message holds these words; default: it abstains. */
  learns(words: string, proposal: object | ScriptedReply): void;
  /** What the conversation itself answers to a message with these words; default: "fine". */
  answers(words: string, ...replies: ScriptedReply[]): void;
  /** Says something and waits until it has been looked back at. */
  work(who: WebClient, place: Place, text: string): Promise<ReflectionRow>;
  rows(): Promise<ReflectionRow[]>;
  memories(): Promise<MemoryRow[]>;
};

export async function startReflecting(options: ScenarioOptions = {}): Promise<Reflecting> {
  const roles = '  roles: { reflection: { model: reflection-model } }';
  const s = await startScenario({ reflection: '{ enabled: true }', model: roles, ...options });
  const proposals = new Map<string, object>();
  const plans = new Map<string, ScriptedReply[]>();
  const isReflection = (call: ModelCall) => call.model === 'reflection-model';
  const said = (text: string, keys: Iterable<string>) => [...keys].findLast((key) => text.includes(key));
  s.model.script((call) => {
    if (!isReflection(call))
      return plans.get(said(call.text, plans.keys()) ?? '')?.shift() ?? { text: 'fine' };
    const message = /<untrusted source="message of [^\n]*\n([\s\S]*?)\n<\/untrusted>/.exec(call.text)?.[1];
    const proposal = proposals.get(said(message ?? '', proposals.keys()) ?? '') ?? { abstain: true };
    const isReply = ['text', 'status', 'hold', 'html'].some((key) => key in proposal);
    return isReply ? (proposal as ScriptedReply) : { text: JSON.stringify(proposal) };
  });
  const rows = () => s.folder.json<ReflectionRow>('reflections', 'list', '--json');
  return Object.assign(s, {
    roles,
    calls: () => s.model.calls.filter(isReflection),
    learns: (words: string, proposal: object) => void proposals.set(words, proposal),
    answers: (words: string, ...replies: ScriptedReply[]) => void plans.set(words, replies),
    async work(who: WebClient, place: Place, text: string) {
      await who.answerTo(place, text);
      const own = who.posts().findLast((post) => post.text === text);
      const turn = (await s.turns()).find((one) => one.messageId === own?.id);
      return until(`the reflection on "${text}"`, async () =>
        (await rows()).find((row) => row.turnId === turn?.id),
      );
    },
    rows,
    memories: () => s.folder.json<MemoryRow>('memory', 'list', '--json'),
  });
}
