/** What "always" granted: the exact action, for one profile and workspace, until it is revoked or runs out. */
import { createHash } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { Grant } from '../domain/approval.ts';
import { newId } from '../domain/runtime.ts';
import type { Database, Tx } from './database.ts';
import { fromText, toApproval } from './rows.ts';
import type { ApprovalsTable, GrantsTable } from './schema.ts';
import type { ApprovalStore } from './store.ts';

export function createGrants(database: Database): Pick<ApprovalStore, 'grants' | 'findGrant' | 'revoke'> {
  return {
    async grants(now) {
      const rows = await database.read((db) =>
        db
          .selectFrom('grants')
          .selectAll()
          .where('revoked_at', 'is', null)
          .where((of) => of.or([of('expires_at', 'is', null), of('expires_at', '>', now)]))
          .orderBy('created_at')
          .orderBy('id')
          .execute(),
      );
      return rows.map(toGrant);
    },
    async findGrant(key, profile, workspace, now) {
      const row = await database.read((db) =>
        db
          .selectFrom('grants')
          .selectAll()
          .where('fingerprint', '=', fingerprint(key, profile, workspace))
          .where('revoked_at', 'is', null)
          .where((of) => of.or([of('expires_at', 'is', null), of('expires_at', '>', now)]))
          .executeTakeFirst(),
      );
      return row && toGrant(row);
    },
    revoke: (grantId, now) =>
      database.write(async (tx) => {
        const revoked = await tx.db
          .updateTable('grants')
          .set({ revoked_at: now })
          .where('id', '=', grantId)
          .where('revoked_at', 'is', null)
          .executeTakeFirst();
        if (revoked.numUpdatedRows > 0n) tx.changed('approvals');
        return revoked.numUpdatedRows > 0n;
      }),
  };
}

/** Granting the same action twice is one grant, which lasts as the latest one says. */
export async function grant(
  tx: Tx,
  row: Selectable<ApprovalsTable>,
  options: Pick<Parameters<ApprovalStore['decide']>[0], 'by' | 'now' | 'grantExpiresAt'>,
): Promise<void> {
  const { action, alwaysKey } = toApproval(row);
  if (alwaysKey === null || options.by === null) return;
  await tx.db
    .insertInto('grants')
    .values({
      id: newId(options.now),
      fingerprint: fingerprint(alwaysKey, action.profile, action.workspace),
      always_key: JSON.stringify(alwaysKey),
      tool: action.tool,
      args: JSON.stringify(action.args ?? null),
      profile: action.profile,
      workspace: action.workspace,
      granted_by: options.by,
      created_at: options.now,
      expires_at: options.grantExpiresAt ?? null,
      revoked_at: null,
    })
    .onConflict((conflict) =>
      conflict
        .column('fingerprint')
        .where('revoked_at', 'is', null)
        .doUpdateSet((of) => ({
          granted_by: of.ref('excluded.granted_by'),
          created_at: of.ref('excluded.created_at'),
          expires_at: of.ref('excluded.expires_at'),
        })),
    )
    .execute();
}

const fingerprint = (key: string, profile: string, workspace: string): string =>
  createHash('sha256')
    .update(JSON.stringify([key, profile, workspace]))
    .digest('hex');

const toGrant = (row: Selectable<GrantsTable>): Grant => ({
  id: row.id,
  key: fromText(row.always_key) ?? '',
  tool: row.tool,
  args: JSON.parse(row.args),
  profile: row.profile,
  workspace: row.workspace,
  grantedBy: row.granted_by,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
});
