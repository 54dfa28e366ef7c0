/** From settings to endpoints: the real client where there is somewhere to call, the demo model where there is not. */
import type { ModelRole } from '../../domain/event.ts';
import type { Endpoint } from './client.ts';
import { createDemoEndpoint } from './demo.ts';
import type { OpenAiOptions } from './openai.ts';

export type EndpointSettings = Omit<OpenAiOptions, 'price'> & {
  readonly price: OpenAiOptions['price'] | null;
};

/** In order of preference, for each role. */
export type RoleEndpoints = (role: ModelRole) => readonly [Endpoint, ...Endpoint[]];

/**
 * @param of the settings of a role: its own, then the fallbacks.
 * @param isDemo whether settings name no endpoint that could answer.
 */
export function createEndpoints(
  of: (role: ModelRole) => readonly [EndpointSettings, ...EndpointSettings[]],
  isDemo: (settings: EndpointSettings) => boolean,
): RoleEndpoints {
  const known = new Map<ModelRole, readonly [Endpoint, ...Endpoint[]]>();
  const toEndpoint = (settings: EndpointSettings): Endpoint =>
    isDemo(settings) ? createDemoEndpoint() : lazyOpenAi(settings);
  return (role) => {
    const found = known.get(role);
    if (found !== undefined) return found;
    const [first, ...fallbacks] = of(role);
    const made = [toEndpoint(first), ...fallbacks.map(toEndpoint)] as const;
    known.set(role, [...made]);
    return made;
  };
}

/** The SDK is loaded with the first call: it would double the time to start. */
function lazyOpenAi(settings: EndpointSettings): Endpoint {
  const options: OpenAiOptions = { ...settings, price: settings.price ?? { input: 0, output: 0 } };
  let opened: Promise<Endpoint> | undefined;
  return {
    model: options.model,
    price: options.price,
    async complete(request) {
      opened ??= import('./openai.ts').then(({ createOpenAiEndpoint }) => createOpenAiEndpoint(options));
      return (await opened).complete(request);
    },
  };
}
