/** How the tools that only look something up are judged. */
import type { Assessment } from '../tool.ts';

export const lookup = (question: string, text: string, title: string): Assessment => ({
  decision: 'allow',
  risk: 'low',
  reasons: ['only reads'],
  alwaysKey: null,
  display: { question, text, language: 'text', title },
});
