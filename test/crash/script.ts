/** What the model says in a conversation that is killed: it runs the command, then answers, whatever came of it. */
import type { Script } from '../fakes/model-server.ts';

export const scriptOf =
  (command: string, answer: string): Script =>
  (call) => {
    if (call.tools === undefined && call.text.includes('"shouldStore"'))
      return { text: '{"shouldStore": false}' };
    if (call.tools === undefined && call.text.includes('"abstain"')) return { text: '{"abstain": true}' };
    const acted = call.messages.some((message) => message.role === 'tool');
    if (acted || call.tools === undefined) return { text: answer };
    return { toolCalls: [{ name: 'shell', args: { command } }] };
  };
