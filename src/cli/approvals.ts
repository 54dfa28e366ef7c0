/** `parley approvals`: what waits for a decision and what is always allowed. */
import { type CommonOptions, isoTime, printJson, printLine, printTable, withStore } from './command-line.ts';

export async function list(options: CommonOptions & { json?: boolean }): Promise<number> {
  return withStore(options, async (store) => {
    const pending = (await store.approvals.pending()).map((one) => ({
      id: one.id,
      kind: 'pending',
      tool: one.action.tool,
      args: one.action.args,
      profile: one.action.profile,
      expiresAt: isoTime(one.expiresAt),
      turn: one.turnId,
      requestedBy: one.requestedBy,
    }));
    const always = (await store.approvals.grants(Date.now())).map((one) => ({
      id: one.id,
      kind: 'always',
      tool: one.tool,
      args: one.args,
      profile: one.profile,
      expiresAt: isoTime(one.expiresAt),
      workspace: one.workspace,
      grantedBy: one.grantedBy,
    }));
    const rows = [...pending, ...always];
    if (options.json) for (const row of rows) printJson(row);
    else if (rows.length === 0) printLine('Nothing waits for approval, and nothing is always allowed.');
    else
      printTable(
        ['id', 'kind', 'tool', 'profile', 'expires', 'arguments'],
        rows.map((row) => [
          row.id,
          row.kind,
          row.tool,
          row.profile,
          row.expiresAt ?? 'never',
          JSON.stringify(row.args),
        ]),
      );
    return 0;
  });
}

export async function revoke(id: string, options: CommonOptions): Promise<number> {
  return withStore(
    options,
    async (store) => {
      const revoked = await store.approvals.revoke(id, Date.now());
      printLine(
        revoked
          ? `Revoked ${id}: the next time it asks again.`
          : `There is no always-grant ${id}; "parley approvals list" shows them.`,
      );
      return revoked ? 0 : 1;
    },
    'share',
  );
}
