/** A conversation that shows everything the page can show. */

import { encodeButton } from '../../src/channels/button-token.ts';
import { createPlaces, refOf } from '../../src/channels/web/places.ts';
import type { OutboundMessage } from '../../src/domain/message.ts';
import { systemClock } from '../../src/domain/runtime.ts';
import type { WebGateway } from './web-gateway.ts';

export const approvalId = 'AbCdEfGhIjKlMnOpQrStUv';

export const approvalCard: OutboundMessage = {
  kind: 'card',
  text: 'Run this command?',
  card: {
    title: 'Run this command?',
    action: { text: 'rm -r build && npm run build -- --mode production', language: 'sh' },
    facts: ['asked by Owner', 'in data/workspace', 'sandbox: bubblewrap, no network'],
    why: ['deletes files', 'runs a package script'],
    modelReason: 'The build folder holds files of an earlier version.',
    expiresAt: Date.UTC(2030, 0, 1),
  },
  buttons: [
    {
      label: 'Approve once',
      token: encodeButton({ kind: 'approval', id: approvalId, decision: 'once' }),
      style: 'primary',
    },
    {
      label: 'Always allow this',
      token: encodeButton({ kind: 'approval', id: approvalId, decision: 'always' }),
      style: 'plain',
    },
    {
      label: 'Deny',
      token: encodeButton({ kind: 'approval', id: approvalId, decision: 'deny' }),
      style: 'danger',
    },
  ],
};

export const settledCard: OutboundMessage = {
  ...approvalCard,
  card: {
    ...(approvalCard.card ?? { title: '', action: { text: '', language: '' }, facts: [], why: [] }),
    outcome: 'Approved once by Owner — exit 0 in 1.2 s',
  },
  buttons: [],
};

/** The same card, edited to the next request that comes beyond the cards of a minute. */
export const nextOnCard: OutboundMessage = {
  ...approvalCard,
  card: {
    ...(approvalCard.card ?? { title: '', facts: [], why: [] }),
    action: { text: 'git tag v2.1.0 && git push origin v2.1.0', language: 'sh' },
    why: ['changes the repository', 'sends data to another machine'],
    notes: [
      'Too many requests in a minute for a card each, so they share this one.',
      'rm -r build && npm run build -- --mode production: Approved once by Owner — exit 0 in 1.2 s',
      'mkdir -p release/notes: Approved once by Ana — exit 0 in 6 ms',
    ],
  },
  buttons: (approvalCard.buttons ?? []).map((button) => ({
    ...button,
    token: button.token.replace(approvalId, 'BbCdEfGhIjKlMnOpQrStUv'),
  })),
};

export const longAnswer: OutboundMessage = {
  kind: 'answer',
  text: `The build script **reads two files** and fails on the second. Fix the path in \`vite.config.ts\`:

\`\`\`ts
export default defineConfig({
  root: 'src/page',
  build: { outDir: '../../build', emptyOutDir: true },
});
\`\`\`

What changes:

1. The output goes next to the sources' parent, where the server looks for it.
2. Old files are removed first. See [the guide](https://vite.example/guide/build) for the reasons.

| Script | Before | After |
|---|---:|---:|
| \`npm run build\` | 14.2 s | 9.8 s |
| \`npm test\` | 31.0 s | 30.6 s |

> Nothing else reads that folder.`,
  steps: [
    { title: 'Read package.json', ok: true, durationMs: 90 },
    { title: 'Read vite.config.ts', ok: true, durationMs: 40 },
    { title: 'Run `npm run build`', ok: false, durationMs: 14_200 },
  ],
};

/** Fills the owner's private conversation; returns where. */
export async function playScene({ web, feed }: WebGateway) {
  const conversation = await createPlaces({ feed, clock: systemClock }).openDirect('web:owner');
  const here = refOf({ conversation, thread: null });
  const base = { conversation, thread: null, author: 'web:owner', authorName: 'Owner' };
  const say = (id: string, text: string, at: number) =>
    feed.add({ ...base, id, createdAt: at, body: { kind: 'message', text } });
  await say('m-first', 'Why does the build fail? It worked yesterday.', Date.now() - 120_000);
  await web.send(here, longAnswer, 'scene:answer');
  await say('m-second', 'Thanks. Please clean up and build again.', Date.now());
  await web.send(here, approvalCard, 'scene:card');
  await web.sendEphemeral(here, 'web:owner', {
    kind: 'aside',
    text: 'No. `build` is ignored by git, so nothing of yours is in it.',
    aside: { question: 'Is anything in build that I would miss?', done: true },
  });
  return { conversation, here };
}
