/** Drafts that a killed process left are found (F8); a turn that none had in hand before asks the store for nothing. */
import { describe, expect, it, vi } from 'vitest';
import { createDrafts } from '../../../../src/channels/slack/drafts.ts';
import { createMemoryKeyValue } from '../../../fakes/memory-feed.ts';

function scene() {
  const state = createMemoryKeyValue();
  const asked = [vi.spyOn(state, 'get'), vi.spyOn(state, 'set'), vi.spyOn(state, 'delete')];
  const calls = (): number => asked.reduce((sum, one) => sum + one.mock.calls.length, 0);
  return { state, drafts: createDrafts(state), calls };
}

describe('drafts of Slack', () => {
  it('a quick answer costs the store nothing', async () => {
    const { drafts, calls } = scene();
    drafts.begin('T', true);
    expect(await drafts.get('T')).toEqual([]);
    await drafts.drop('T');
    expect(calls()).toBe(0);
  });

  it('F8: what another process left is found, also by one that had the turn before', async () => {
    const { state, drafts } = scene();
    drafts.begin('T', true);
    await drafts.drop('T');
    await createDrafts(state).set('T', ['1.1']);
    expect(await drafts.get('T')).toEqual(['1.1']);
    drafts.begin('T', false);
    expect(await drafts.get('T')).toEqual(['1.1']);
    await drafts.drop('T');
    expect(await drafts.get('T')).toEqual([]);
  });

  it('one that was made here is kept, and goes', async () => {
    const { state, drafts } = scene();
    drafts.begin('T', true);
    await drafts.set('T', ['1.1']);
    expect(await createDrafts(state).get('T')).toEqual(['1.1']);
    await drafts.drop('T');
    expect(await createDrafts(state).get('T')).toEqual([]);
  });
});
