/** Problems of approvals in all profiles, their rules above all, each with its place in the file. */
import type { PolicyRule } from './agent/policy.ts';
import { lintRules, type RuleSurroundings } from './agent/rule-lint.ts';
import { validateArgs } from './agent/tools/execute.ts';
import { REVIEW } from './agent/tools/mcp/names.ts';
import type { Tools } from './agent/tools/registry.ts';
import type { LoadedConfig, Profile } from './config/load.ts';
import type { Problem } from './config/problems.ts';
import { approversFor, countPeople, rolesOf } from './gateway/access.ts';
import { accessOf, type Profiles, termsOf } from './open-profiles.ts';

export function approvalProblems(loaded: LoadedConfig, profiles: Profiles): Problem[] {
  return [...peopleProblems(loaded), ...termProblems(loaded), ...ruleProblems(loaded, profiles)];
}

/** Rules that let or ask what a tool itself never does. The tools are asked, so this is not for every start. */
export async function refusedRules(loaded: LoadedConfig, profiles: Profiles): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const names of sharingRules(loaded)) {
    const [first = 'default'] = names;
    for (const [index, rule] of rulesOf(loaded, first).entries()) {
      const reasons = await refusedEverywhere(names, profiles, rule);
      if (reasons === null) continue;
      const message = `never decides: ${rule.tool} refuses this whatever rules say (${reasons.join('; ')})`;
      problems.push(ruleProblem(loaded, first, index, null, message));
    }
  }
  return problems;
}

/** Null where the tool of one of the profiles would do it: a path outside one workspace may lie in another. */
async function refusedEverywhere(
  names: readonly string[],
  profiles: Profiles,
  { tool: name, match, decision }: PolicyRule,
): Promise<readonly string[] | null> {
  const isExact = match !== undefined && !Object.values(match).some((text) => /[*?]/.test(text));
  if (!isExact || decision === 'deny') return null;
  let reasons: readonly string[] | null = null;
  for (const { settings, workspace } of names.map((one) => profiles.get(one))) {
    const tool = settings.tools.get(name);
    if (tool === undefined) continue;
    const checked = validateArgs(tool, JSON.stringify(match));
    const assessment = checked.ok ? await tool.assess(checked.args, { workspace }) : undefined;
    if (assessment?.decision !== 'deny') return null;
    reasons ??= assessment.reasons;
  }
  return reasons;
}

const rulesOf = (loaded: LoadedConfig, profile: string) =>
  (loaded.profiles.get(profile) ?? loaded.config).approvals.rules;

/** Names of profiles. Those that leave the rules as they are share them. */
const sharingRules = (loaded: LoadedConfig): readonly string[][] => [
  ...Map.groupBy(loaded.profiles.keys(), (name) => JSON.stringify(rulesOf(loaded, name))).values(),
];

function ruleProblem(
  loaded: LoadedConfig,
  profile: string,
  index: number,
  field: string | null,
  message: string,
): Problem {
  const prefix = profile === 'default' ? [] : ['profiles', profile];
  const path = [...prefix, 'approvals', 'rules', index, ...(field === null ? [] : [field])];
  return loaded.problemAt(path, `${path.join('.')}: ${message}`);
}

/** Where two have to agree, one account cannot stand for two people. */
function peopleProblems(loaded: LoadedConfig): Problem[] {
  const people = Object.entries(loaded.config.access.people);
  return people.flatMap(([name, ids], at) =>
    ids.flatMap((id, index) => {
      const [other] = people.slice(0, at).find(([, theirs]) => theirs.includes(id)) ?? [];
      if (other === undefined) return [];
      const path = ['access', 'people', name, index];
      return [
        loaded.problemAt(path, `${path.join('.')}: ${id} is ${other} already; one account, one person`),
      ];
    }),
  );
}

/** What `approvals` itself asks for, where nobody can give it. */
function termProblems(loaded: LoadedConfig): Problem[] {
  const access = accessOf(loaded);
  const common = loaded.config.approvals;
  return [...loaded.profiles].flatMap(([name, profile]) => {
    const { required, remind_after, expires_after } = profile.approvals;
    const isOwn = (key: keyof typeof common) => name === 'default' || profile.approvals[key] !== common[key];
    const at = (key: keyof typeof common, message: string): Problem => {
      const path = [...(name === 'default' ? [] : ['profiles', name]), 'approvals', key];
      return loaded.problemAt(path, `${path.join('.')}: ${message}`);
    };
    const people = countPeople(
      access,
      approversFor(access, '', { ...termsOf(profile), secondPerson: false }),
    );
    const tooMany = isOwn('required') && required > Math.max(1, people);
    const tooLate = remind_after !== null && remind_after >= expires_after;
    return [
      ...(tooMany
        ? [at('required', `${required} have to approve and only ${people} can, so all requests are denied`)]
        : []),
      ...(tooLate && (isOwn('remind_after') || isOwn('expires_after'))
        ? [at('remind_after', 'never reminds: a request has expired by then (approvals.expires_after)')]
        : []),
    ];
  });
}

function ruleProblems(loaded: LoadedConfig, profiles: Profiles): Problem[] {
  // A rule may be meant for the tools of one of those who share it.
  return sharingRules(loaded).flatMap((names) => {
    const [first = 'default'] = names;
    const profile = loaded.profiles.get(first) ?? loaded.config;
    const servers = names.flatMap((name) => Object.keys(loaded.profiles.get(name)?.tools.mcp.servers ?? {}));
    // Offered only while there is something to review.
    const review =
      servers.length === 0
        ? []
        : [{ name: REVIEW, parameters: { properties: { server: {} } }, risks: ['high' as const] }];
    const known = {
      ...surroundings(loaded, profile),
      tools: [...names.flatMap((name) => toolsOf(profiles.get(name).settings.tools)), ...review],
      servers,
    };
    return lintRules(profile.approvals.rules, known).map(({ index, field, message }) =>
      ruleProblem(loaded, first, index, field, message),
    );
  });
}

const toolsOf = (tools: Tools) =>
  tools.specs().map((spec) => ({ ...spec, risks: tools.get(spec.name)?.risks ?? [] }));

function surroundings(loaded: LoadedConfig, profile: Profile): Omit<RuleSurroundings, 'tools' | 'servers'> {
  const access = accessOf(loaded);
  const listed = { user: access.users, approver: access.approvers, admin: access.admins };
  return {
    channels: Object.entries(loaded.config.channels)
      .filter(([, section]) => section?.enabled === true)
      .map(([name]) => name),
    hasRole: (role) => role === 'user' || listed[role].length > 0,
    mayTalk: (id) => rolesOf(access, { id, kind: 'person' }).length > 0,
    deciders: (rule) =>
      countPeople(
        access,
        approversFor(access, '', {
          ...termsOf(profile),
          approvers: rule.approvers ?? null,
          secondPerson: false,
        }),
      ),
  };
}
