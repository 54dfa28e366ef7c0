/** The last look before an approved action runs: at what was approved, at the rules of now, at the clock. */
import { describe, expect, it } from 'vitest';
import type { Judged } from '../../../src/agent/actions.ts';
import { openedFor, refusalAtExecution } from '../../../src/agent/last-look.ts';
import { type Approval, actionDigest, type PlannedAction } from '../../../src/domain/approval.ts';
import type { EventOf } from '../../../src/domain/event.ts';
import type { Turn } from '../../../src/domain/turn.ts';

const turn = { id: 't1', user: 'web:cy' } as Turn;
const planned = {
  tool: 'act',
  args: { thing: 'a' },
  workspace: '/w',
  profile: 'default',
} satisfies PlannedAction;
const digest = actionDigest(planned);
const terms = { approvers: ['web:ben'], required: 2, secondPerson: false } as const;
const rowOf = (more: Partial<Approval> = {}) => ({ id: 'a', action: planned, digest, ...more }) as Approval;

type Case = {
  readonly approval?: Approval | undefined;
  readonly request?: Partial<EventOf<'approval.requested'>> | null;
  readonly policy?: Partial<Judged['policy']>;
  readonly files?: Readonly<Record<string, string>>;
  readonly now?: number;
  readonly agreed?: boolean;
};

function refusal({ request = {}, policy = {}, files, now = 1_000, agreed = true, ...rest }: Case) {
  const asked: unknown[] = [];
  const approval = 'approval' in rest ? rest.approval : rowOf();
  const judged = {
    action: { approval: request && { action: planned, digest, expiresAt: 1_000, ...request } },
    policy: { decision: 'ask', rule: 'rule 7', terms, ...policy },
    assessment: files === undefined ? {} : { files },
  } as unknown as Judged;
  const deps = {
    clock: { now: () => now, monotonic: () => 0 },
    agreed(...args: unknown[]) {
      asked.push(args);
      return agreed;
    },
  };
  return { text: refusalAtExecution(deps, turn, judged, approval), asked };
}

describe('an approved action', () => {
  it('E30: runs when those who approved suffice by the terms of now', () => {
    const approval = rowOf();
    const { text, asked } = refusal({ approval });
    expect(text).toBeNull();
    expect(asked).toEqual([[turn, terms, approval]]);
  });

  it('runs when it would not even be asked about any more', () => {
    expect(refusal({ policy: { decision: 'allow' }, agreed: false }).text).toBeNull();
  });

  it('A6: does not run without a record of its approval, on either side', () => {
    const text = 'Refused: there is no record of its approval.';
    expect(refusal({ approval: undefined }).text).toBe(text);
    expect(refusal({ request: null }).text).toBe(text);
    expect(refusal({ request: null, approval: undefined }).text).toBe(text);
  });

  it('E45, A6: does not run when the row or its digest is no longer what was asked about', () => {
    const text = 'Refused: the stored action is not the one that was approved (digest mismatch).';
    const altered = { ...planned, args: { thing: 'b' } };
    expect(refusal({ approval: rowOf({ action: altered }) }).text).toBe(text);
    expect(refusal({ approval: rowOf({ digest: actionDigest(altered) }) }).text).toBe(text);
    // Altered on both: the log is what counts, which nobody rewrites.
    expect(refusal({ approval: rowOf({ action: altered, digest: actionDigest(altered) }) }).text).toBe(text);
  });

  it('F7: does not run after its time, which includes its last millisecond', () => {
    expect(refusal({ now: 1_000 }).text).toBeNull();
    expect(refusal({ now: 1_001 }).text).toBe('Not run: the approval expired before it could start.');
  });

  it('F35: does not run when the rules of now forbid it, or want others to agree', () => {
    expect(refusal({ policy: { decision: 'deny' } })).toEqual({
      text: 'Refused: rule 7 forbids it by now.',
      asked: [],
    });
    expect(refusal({ agreed: false }).text).toBe(
      'Refused: by the rules of now (rule 7), those who approved are not enough. Ask again.',
    );
  });

  it('A7: does not run when a file that it runs has changed, come or gone', () => {
    const text = 'Refused: something it runs or replaces has changed since it was approved.';
    const files = { 'run.sh': 'hash' };
    const withFiles = { ...planned, files };
    const own = actionDigest(withFiles);
    const approved = {
      approval: rowOf({ action: withFiles, digest: own }),
      request: { action: withFiles, digest: own },
    };
    expect(refusal({ ...approved, files }).text).toBeNull();
    expect(refusal({ ...approved, files: { 'run.sh': 'other' } }).text).toBe(text);
    expect(refusal(approved).text).toBe(text);
    expect(refusal({ files }).text).toBe(text);
    expect(refusal({ files: {} }).text).toBeNull();
  });
});

describe('an action that runs', () => {
  /** The hosts that are open to it, of those that rules open by now. */
  const opened = (network: readonly string[], approved: string[] | null | undefined) => {
    const approval = approved === null ? null : { action: { ...planned, network: approved } };
    return openedFor({ action: { approval }, policy: { network } } as unknown as Judged);
  };

  it('A28, F35: reaches hosts that were shown to those who approved, and that rules still open', () => {
    expect(opened(['a', 'b', 'c'], ['d', 'b', 'a'])).toEqual(['a', 'b']);
    expect(opened([], ['a'])).toEqual([]);
    expect(opened(['a'], undefined)).toEqual([]);
  });

  it('A28: reaches what rules open when nobody had to be asked', () => {
    expect(opened(['a'], null)).toEqual(['a']);
  });
});
